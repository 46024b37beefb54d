use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::config::{Folders, Globs};
use crate::store::decide::processed_key;

/// Settings that check every folder and keep the others.
fn checked() -> Naming {
    Naming {
        study_id: StudyId::Keyed,
        exam_date: ExamDate::Keep,
        folders: Folders::Checked,
        keep_folders: Globs::default(),
    }
}

fn pseudonyms() -> Pseudonyms {
    Pseudonyms::new(Secret::new("a key for tests"), checked())
}

/// Returns the folders of the anonymized copy under the settings `folders` and `keep_folders`.
fn folder_of(folders: Folders, keep_folders: &str, key: &str) -> String {
    let keep_folders = Globs::parse(keep_folders).unwrap();
    let naming = Naming {
        folders,
        keep_folders,
        ..checked()
    };
    let names = Pseudonyms::new(Secret::new("a key for tests"), naming).anonymized_keys("in", key);
    let folder = names
        .base
        .rsplit_once('/')
        .map(|(folder, _)| folder.to_owned());
    folder.unwrap_or_default()
}

fn base(key: &str) -> String {
    pseudonyms().anonymized_keys("in", key).base
}

fn dated(exam_date: ExamDate, key: &str) -> String {
    let naming = Naming {
        exam_date,
        ..checked()
    };
    let pseudonyms = Pseudonyms::new(Secret::new("a key for tests"), naming);
    pseudonyms.anonymized_keys("in", key).base
}

#[test]
fn file_name_of_the_pattern_keeps_the_pattern() {
    let name = base("ward/demo_Alberta Owens_8804_1942-01-13_2017-01-26.jpeg");
    let (head, study) = name.split_once("_XXXXXXXX_").unwrap();
    assert_eq!(head, "ward/demo");
    let (study, tail) = study.split_once('_').unwrap();
    assert_eq!(tail, "XXXX-XX-XX_2017-01-26.jpeg");
    assert_eq!(study.len(), 16);
    // Two exams of a patient have the same study id, and those of two patients do not.
    assert!(base("demo_A. Owens_8804_1942-01-13_2018-02-02.png").contains(study));
    assert!(!base("demo_Alberta Owens_8805_1942-01-13_2017-01-26.jpeg").contains(study));
    let other = Pseudonyms::new(Secret::new("another key"), checked());
    assert!(
        !other
            .anonymized_keys("in", "demo_Alberta Owens_8804_1942-01-13_2017-01-26.jpeg")
            .base
            .contains(study)
    );
}

#[test]
fn legacy_study_id_is_four_bytes_of_blake2b() {
    // Python: hashlib.blake2b((8804).to_bytes(2, "big"), digest_size=4).hexdigest()
    let naming = Naming {
        study_id: StudyId::Legacy,
        ..checked()
    };
    let legacy = Pseudonyms::new(Secret::new("k"), naming);
    let name = legacy
        .anonymized_keys("in", "demo_A B_8804_1942-01-13_2017-01-26.jpeg")
        .base;
    assert_eq!(name, "demo_XXXXXXXX_0630837f_XXXX-XX-XX_2017-01-26.jpeg");
}

#[test]
fn folders_with_identifiers_become_digests_and_others_stay() {
    let file = "demo_Jane Roe_PID77_1980-02-03_2020-01-01.png";
    for (folder, stays) in [
        ("ward-3/2020", true),
        ("", true),
        ("a//b", true),
        ("..", true),
        ("ROE, Jane", false),
        ("jane", false),
        ("JaneRoe-scans", false),
        ("pid-77", false),
        ("born 03.02.1980", false),
        ("800203", false),
        ("1980-02-03", false),
    ] {
        let key = if folder.is_empty() {
            file.to_owned()
        } else {
            format!("{folder}/{file}")
        };
        let name = base(&key);
        let kept = name.rsplit_once('/').map_or("", |(f, _)| f) == folder;
        assert_eq!(kept, stays, "{folder}: {name}");
    }
}

#[test]
fn folders_with_variants_of_identifiers_become_digests() {
    for (folder, name, id) in [
        ("mueller", "Müller", "9001"),
        ("muller", "Müller", "9001"),
        ("Mu\u{308}ller", "Müller", "9001"),
        ("M%C3%BCller", "Müller", "9001"),
        ("smith", "JohnSmith", "9001"),
        ("alex", "Alexander Roe", "9001"),
        ("wuli", "Li Wu", "9001"),
        ("患者山田様", "山田 太郎", "9001"),
        ("jr", "Jane Roe", "9001"),
        ("7123", "Jane Roe", "007123"),
        ("1234", "Jane Roe", "MRN1234"),
        ("p7", "Jane Roe", "7"),
        ("1970", "Jane Roe", "9001"),
        ("1970-01", "Jane Roe", "9001"),
        ("1970-1-2", "Jane Roe", "9001"),
        ("2.1.70", "Jane Roe", "9001"),
        ("2 Jan 1970", "Jane Roe", "9001"),
    ] {
        let made = base(&format!(
            "{folder}/demo_{name}_{id}_1970-01-02_2020-05-06.jpg"
        ));
        assert!(!made.contains(folder), "{folder} identifies {name}: {made}");
    }
    for folder in ["ward-3", "2020", "Säle", "station 12", "raw"] {
        assert!(
            base(&format!(
                "{folder}/demo_Jane Roe_9001_1970-01-02_2020-05-06.jpg"
            ))
            .starts_with(folder),
            "{folder}"
        );
    }
}

#[test]
fn every_folder_becomes_a_digest_by_default() {
    let key = "ward-3/../raw//demo_Jane Roe_PID77_1980-02-03_2020-01-01.png";
    let folder = folder_of(Folders::Digest, "", key);
    let segments: Vec<&str> = folder.split('/').collect();
    assert_eq!(segments.len(), 4, "{folder}");
    for (i, segment) in segments.iter().enumerate() {
        assert_eq!(segment.len(), if i == 3 { 0 } else { 16 }, "{folder}");
    }
    // Pictures of one folder stay together.
    let other = "ward-3/demo_John Doe_PID78_1981-02-03_2020-01-01.png";
    assert_eq!(folder_of(Folders::Digest, "", other), segments[0]);
}

#[test]
fn named_folders_stay_unless_they_identify_the_patient() {
    let kept = |folder: &str| {
        let key = format!("{folder}/demo_Jane Roe_PID77_1980-02-03_2020-01-01.png");
        folder_of(Folders::Digest, "ward-*,20??,*roe*", &key)
    };
    for (folder, stays) in [
        ("ward-3", true),
        ("2020", true),
        ("station", false),
        ("ward-jane", false),
        ("x-roe-x", false),
        ("ward-77", false),
    ] {
        assert_eq!(kept(folder) == folder, stays, "{folder}: {}", kept(folder));
    }
    let both = kept("ward-3/jane");
    assert!(
        both.starts_with("ward-3/") && !both.contains("jane"),
        "{both}"
    );
    // Nothing can be checked against a name that is not understood.
    let unknown = folder_of(Folders::Digest, "ward-*", "ward-3/scan.png");
    assert_eq!(unknown.len(), 16, "{unknown}");
}

#[test]
fn folders_with_abbreviations_parts_and_ages_become_digests() {
    for (folder, name, id) in [
        // Abbreviations of the name.
        ("robt", "Robert Miles", "9001"),
        ("wm", "William Miles", "9001"),
        ("mllr", "Jane Müller", "9001"),
        ("al", "Alberta Owens", "9001"),
        ("jaro", "Jane Roe", "9001"),
        ("roja", "Jane Roe", "9001"),
        ("ward-smij", "Jane Smith", "9001"),
        ("JanR", "Jane Roe", "9001"),
        // Initials.
        ("J.R.", "Jane Roe", "9001"),
        ("r. j", "Jane Roe", "9001"),
        ("j_r_chest", "Jane Roe", "9001"),
        ("ward 3 J-M-R", "Jane Mary Roe", "9001"),
        ("R", "Jane Roe", "9001"),
        ("JMR", "Jane Mary Roe", "9001"),
        // The id with a prefix, its parts and last digits.
        ("MRN9001", "Jane Roe", "9001"),
        ("pat-88-04", "Jane Roe", "8804"),
        ("xx4123", "Jane Roe", "8804123"),
        ("123", "Jane Roe", "8804123"),
        ("no 23", "Jane Roe", "8804123"),
        ("z8y7", "Jane Roe", "A9Z8Y7"),
        ("330", "Jane Roe", "P-330-77"),
        // Parts of the birth date, 1957-11-25.
        ("57-11", "Jane Roe", "9001"),
        ("57", "Jane Roe", "9001"),
        ("1157", "Jane Roe", "9001"),
        ("25.11.", "Jane Roe", "9001"),
        ("november", "Jane Roe", "9001"),
        ("Nov57", "Jane Roe", "9001"),
        ("born 57", "Jane Roe", "9001"),
        // The age at the exam on 2020-05-06: 62 years, 749 months.
        ("62", "Jane Roe", "9001"),
        ("062Y", "Jane Roe", "9001"),
        ("F 62", "Jane Roe", "9001"),
        ("age_62", "Jane Roe", "9001"),
        ("60s", "Jane Roe", "9001"),
        ("62 Jahre", "Jane Roe", "9001"),
        ("749 months", "Jane Roe", "9001"),
        // Escapes hide letters.
        ("J%61ne", "Jane Roe", "9001"),
        ("J=61ne", "Jane Roe", "9001"),
        ("J\\x61ne", "Jane Roe", "9001"),
        ("&#74;ane", "Jane Roe", "9001"),
        ("U+004A", "Jane Roe", "9001"),
        ("_x004A_ane", "Jane Roe", "9001"),
        ("xn--mller-kva", "Jane Roe", "9001"),
    ] {
        let key = format!("{folder}/demo_{name}_{id}_1957-11-25_2020-05-06.jpg");
        for folders in [Folders::Checked, Folders::Digest] {
            let made = folder_of(folders, "*", &key);
            assert!(made != folder, "{folder} identifies {name}, {id}");
        }
    }
    for folder in [
        "ward-3", "ward 12", "chest", "ICU", "2020-05", "export_7", "room 62",
    ] {
        let key = format!("{folder}/demo_Jane Roe_9001_1957-11-25_2020-05-06.jpg");
        assert_eq!(folder_of(Folders::Digest, "*", &key), folder);
    }
}

#[test]
fn former_keys_are_those_of_other_settings_and_releases() {
    let of = |folders, keep: &str| {
        let keep_folders = Globs::parse(keep).unwrap();
        let naming = Naming {
            folders,
            keep_folders,
            ..checked()
        };
        Pseudonyms::new(Secret::new("a key for tests"), naming)
    };
    let key = "ward-3/demo_Jane Roe_9001_1970-01-02_2020-05-06.png";
    let [checked, digest] = [(Folders::Checked, ""), (Folders::Digest, "")]
        .map(|(folders, keep)| of(folders, keep).anonymized_keys("in", key));
    assert!(checked.base.starts_with("ward-3/") && !digest.base.contains("ward"));
    let both = |keys: AnonymizedKeys| vec![keys.base, keys.alternative];
    let former = of(Folders::Digest, "").former_keys("in", key);
    assert_eq!(former, both(checked));
    let former = of(Folders::Digest, "ward-*").former_keys("in", key);
    assert_eq!(former, both(digest));
    // An earlier release kept a folder in which today's check finds initials.
    let key = "jr/demo_Jane Roe_9001_1970-01-02_2020-05-06.png";
    let former = of(Folders::Digest, "").former_keys("in", key);
    assert!(former[0].starts_with("jr/demo_XXXXXXXX_"), "{former:?}");
    // Without a folder all agree.
    let file = "demo_Jane Roe_9001_1970-01-02_2020-05-06.png";
    assert!(of(Folders::Digest, "").former_keys("in", file).is_empty());
}

#[test]
fn name_outside_the_pattern_is_replaced_entirely() {
    for key in [
        "Jane Roe.png",
        "Jane Roe/scan.png",
        "demo_Jane Roe_77_1980-02-03.png",
        "demo_Jane Roe_77_1980-02-30_2020-01-01.png",
        "demo_Jane Roe_77_03.02.1980_2020-01-01.png",
        "demo__77_1980-02-03_2020-01-01.png",
        "Roe",
        ".Roe",
        "x/Roe.Jane",
    ] {
        let name = base(key);
        assert!(name.contains("unnamed_"), "{key}: {name}");
        assert!(
            !name.to_lowercase().contains("roe") && !name.contains("1980"),
            "{key}: {name}"
        );
    }
    // Two of them never share a name, and neither do two buckets.
    assert_ne!(base("Jane Roe.png"), base("John Roe.png"));
    assert_ne!(
        base("Roe.png"),
        pseudonyms().anonymized_keys("other", "Roe.png").base
    );
}

#[test]
fn prefix_that_may_be_a_name_is_replaced() {
    assert!(base("Roe_Jane_77_1980-02-03_2020-01-01.png").starts_with("xray_XXXXXXXX_"));
    assert!(base("roe_Jane Roe_77_1980-02-03_2020-01-01.png").starts_with("xray_XXXXXXXX_"));
    assert!(
        base("chest-ap_Jane Roe_77_1980-02-03_2020-01-01.png").starts_with("chest-ap_XXXXXXXX_")
    );
}

#[test]
fn long_keys_are_shortened() {
    let key = format!("{}/demo_A B_77_1980-02-03_2020-01-01.png", "é".repeat(480));
    let names = pseudonyms().anonymized_keys("in", &key);
    assert!(names.base.len() <= 1024 && names.alternative.len() <= 1024);
    assert!(processed_key(&format!("{}.png", "é".repeat(509))).len() <= 1024);
    let (a, b) = (
        format!("{}a.png", "x".repeat(1019)),
        format!("{}b.png", "x".repeat(1019)),
    );
    assert_ne!(processed_key(&a), processed_key(&b));
}

#[test]
fn processed_keys_follow_the_original() {
    for (key, expect) in [
        ("a.jpeg", "a-processed.jpeg"),
        ("in/ward 3/a.b.PNG", "in/ward 3/a.b-processed.PNG"),
        ("noext", "noext-processed"),
        (".hidden", ".hidden-processed"),
        ("a.b/c", "a.b/c-processed"),
    ] {
        assert_eq!(processed_key(key), expect);
    }
}

#[test]
fn exam_date_setting_decides_what_of_the_date_stays() {
    let key = "2018/demo_Jane Roe_9001_1970-01-02_2018-03-02.jpg";
    assert!(dated(ExamDate::Keep, key).ends_with("_XXXX-XX-XX_2018-03-02.jpg"));
    let year = dated(ExamDate::Year, key);
    assert!(year.starts_with("2018/demo_") && year.ends_with("_XXXX-XX-XX_2018-XX-XX.jpg"));
    let shifted = dated(ExamDate::Shift, key);
    assert!(
        !shifted.starts_with("2018/") && shifted.len() > 40,
        "{shifted}"
    );
}

#[test]
fn folders_with_the_exam_date_become_digests_unless_it_is_kept() {
    for (folder, year_stays, shift_stays) in [
        ("ward-3", true, true),
        ("raw", true, true),
        ("2018", true, false),
        ("2018-03", false, false),
        ("2018-03-02", false, false),
        ("20180302", false, false),
        ("02.03.2018", false, false),
        ("2.3.18", false, false),
        ("180302", false, false),
        ("2 March 2018", false, false),
        ("03022018-ap", false, false),
    ] {
        let key = format!("{folder}/demo_Jane Roe_9001_1970-01-02_2018-03-02.jpg");
        let stays = |exam_date| dated(exam_date, &key).starts_with(&format!("{folder}/"));
        assert!(stays(ExamDate::Keep), "{folder}");
        assert_eq!(stays(ExamDate::Year), year_stays, "{folder}");
        assert_eq!(stays(ExamDate::Shift), shift_stays, "{folder}");
    }
}

/// Returns the exam date at the end of a name.
fn exam(name: &str) -> jiff::civil::Date {
    let date = name
        .strip_suffix(".png")
        .unwrap()
        .rsplit_once('_')
        .unwrap()
        .1;
    date.parse().unwrap()
}

proptest! {
    /// Only the part of the exam date that the setting keeps is left, and the time between a
    /// patient's exams is unchanged.
    #[test]
    fn exam_date_never_reveals_more_than_the_setting_keeps(
        id in "[A-Z]{1,2}[0-9]{4,9}",
        (y, m, d) in (1990i16..2026, 1i8..13, 1i8..29),
        apart in 0i64..2000,
        form in 0usize..6,
    ) {
        let date = jiff::civil::date(y, m, d);
        let forms = ["%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "%y%m%d", "%d-%m-%y", "scans %B %Y"];
        let folder = date.strftime(forms[form]).to_string();
        prop_assume!(!folder.contains("1899"));
        let key = |exam: jiff::civil::Date| format!("{folder}/demo_Jane Roe_{id}_1899-01-02_{exam}.png");
        let texts = |name: &str| name.replace(|c: char| !c.is_ascii_digit(), "");
        let packed = texts(&date.to_string());

        let year = dated(ExamDate::Year, &key(date));
        let end = format!("_{y}-XX-XX.png");
        prop_assert!(year.ends_with(&end), "{}", year);
        prop_assert!(!texts(&year).contains(&packed) && !year.contains(&folder), "{}", year);

        let shifted = dated(ExamDate::Shift, &key(date));
        prop_assert!(!shifted.contains(&date.to_string()) && !shifted.contains(&folder), "{}", shifted);
        let by = (date - exam(&shifted)).get_days();
        prop_assert!((1..=365).contains(&by), "{}", by);
        // All exams of a patient are shifted by the same number of days.
        let later = date.checked_add(jiff::Span::new().days(apart)).unwrap();
        let other = dated(ExamDate::Shift, &key(later));
        prop_assert_eq!((later - exam(&other)).get_days(), by);
    }
}

proptest! {
    /// No part of the name, the id or the birth date is left, whatever its case.
    #[test]
    fn anonymized_keys_never_contain_identifiers(
        // Every part has a vowel, like nearly every name, so that no digest can spell one by
        // chance.
        name in "[A-Z][a-z]{0,4}[aeiouéü][a-zA-Zéüßñ]{1,8}( [A-Z]?[a-z]{0,3}[aeiouéü][a-zéüß]{2,9}){0,3}",
        id in "[A-Z]{0,2}[0-9]{3,9}",
        (y, m, d) in (1900i16..2025, 1i8..13, 1i8..29),
        exam in "20[012][0-9]-0[1-9]-1[0-9]",
        folder in 0usize..5,
        known in any::<bool>(),
    ) {
        let birth = format!("{y:04}-{m:02}-{d:02}");
        prop_assume!(birth != exam && !exam.replace('-', "").contains(&id.replace(char::is_alphabetic, "")));
        let folders = [
            String::new(), format!("{name}/"), format!("x/{}/", name.replace(' ', "").to_uppercase()),
            format!("{id}/{birth}/"), format!("born{}/", birth.replace('-', "")),
        ];
        let file = if known { format!("demo_{name}_{id}_{birth}_{exam}.png") } else { format!("{name} {id} {birth}.png") };
        let names = pseudonyms().anonymized_keys("in", &format!("{}{file}", folders[folder]));
        for made in [names.base, names.alternative] {
            let lower = made.to_lowercase().replace("xxxxxxxx", "").replace("unnamed", "").replace("demo", "");
            for part in name.split(' ') {
                prop_assert!(!lower.contains(&part.to_lowercase()), "{part} in {made}");
            }
            prop_assert!(!lower.contains(&id.to_lowercase()), "{id} in {made}");
            prop_assert!(!made.contains(&birth) && !made.replace('-', "").contains(&birth.replace('-', "")), "{birth} in {made}");
            prop_assert!(made.len() <= 1024);
        }
    }

    #[test]
    fn any_key_has_anonymized_keys(key in "[^\0]{1,300}") {
        let names = pseudonyms().anonymized_keys("in", &key);
        prop_assert!(!names.base.is_empty() && names.base != names.alternative);
        prop_assert!(processed_key(&key).len() <= 1024);
    }
}

#[test]
fn short_names_and_ids_may_look_like_markers() {
    for (name, short, any) in [
        ("Li Chen", "li", false),
        ("J. Smith", "j", false),
        ("Anne-Li Berg", "li", false),
        ("JoSmith", "jo", false),
        ("Zoe\u{301} Lé", "le", false),
        ("王 小明", "王小明", true),
        ("ली वर्मा", "ली", true),
        ("Jane Roe", "", false),
        ("विवेक शर्मा", "", false),
        ("Célestine Zoé", "", false),
        ("Ce\u{301}lestine Zoe\u{301}", "", false),
    ] {
        let key = format!("demo_{name}_4711_1970-01-02_2018-03-04.jpeg");
        assert_eq!(may_look_like_a_marker(&key), any, "{name}");
        let letters: BTreeSet<char> = short_letters(&key).into_iter().collect();
        assert_eq!(letters, short.chars().collect(), "{name}");
    }
    assert!(may_look_like_a_marker(
        "demo_Jane Roe_47_1970-01-02_2018-03-04.jpeg"
    ));
    assert!(!may_look_like_a_marker("a.jpeg"));
    assert_eq!(short_letters("a.jpeg"), []);
}

#[test]
fn initials_are_those_of_all_words() {
    for (name, expect) in [
        ("Anna Peters", "ap"),
        ("Peters^Anna", "pa"),
        ("Tom Jon Lang-Ångström", "tjla"),
        ("PetersAnna", "pa"),
        ("Émile Zoe\u{301}", "ez"),
        ("विवेक शर्मा", "वश"),
    ] {
        let key = format!("in/demo_{name}_4711_1970-01-02_2018-03-04.jpeg");
        assert_eq!(initials(&key), expect.chars().collect::<Vec<_>>(), "{name}");
    }
    assert_eq!(initials("a.jpeg"), []);
}
