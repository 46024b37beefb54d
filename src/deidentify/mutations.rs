//! Mutated object keys: no part of the patient's name, id or birth date is in the anonymized name.
//!
//! The search is written apart from the code under test: it squashes both texts to lower-case
//! letters and digits and looks for substrings.

use super::{AnonymizedKeys, Pseudonyms};
use crate::{
    config::{ExamDate, Folders, Globs, Naming, StudyId},
    event::MAX_KEY_BYTES,
    mutate::{Rng, mutate_text, rounds},
    secret::Secret,
};

const NAMES: [&str; 8] = [
    "Quizzenburg",
    "Ana-Maria_Lopez",
    "Müller",
    "O'Brien",
    "JohnSmith",
    "Weiß_Łukasz",
    "Æthelred",
    "dos Santos",
];
const IDS: [&str; 6] = [
    "4711",
    "00081547",
    "P-330-77",
    "A9Z8Y7",
    "123456789012",
    "x77-42",
];
const BIRTHS: [(&str, &str); 3] = [
    ("1950-01-02", "1950"),
    ("1987-12-31", "1987"),
    ("1931-10-09", "1931"),
];
const EXAMS: [&str; 2] = ["2020-03-04", "2018-11-30"];
const PLAIN: [&str; 6] = ["ward7", "thorax", "ICU", "upload", "pediatrics", "room-12"];

/// Lower-case ASCII letters and digits, with accents and ligatures spelled out.
fn squash(text: &str) -> String {
    let spelled = |c: char| match c {
        'ü' | 'Ü' => "u".to_owned(),
        'ß' => "ss".to_owned(),
        'ł' | 'Ł' => "l".to_owned(),
        'æ' | 'Æ' => "ae".to_owned(),
        c => c.to_lowercase().to_string(),
    };
    let text: String = text.chars().map(spelled).collect();
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn words(name: &str) -> Vec<String> {
    let parts = name.split(|c: char| !c.is_alphanumeric()).map(squash);
    parts.filter(|w| w.len() >= 3).collect()
}

/// Returns a folder that may hold a part of the patient, disguised.
fn segment(rng: &mut Rng, identifiers: &[String]) -> String {
    if rng.below(3) == 0 {
        return rng.pick(&PLAIN).to_owned();
    }
    let identifier = &identifiers[rng.below(identifiers.len())];
    let disguised = match rng.below(5) {
        0 => identifier.to_uppercase(),
        1 => identifier.to_lowercase(),
        2 => identifier.chars().flat_map(|c| [c, '\u{301}']).collect(),
        3 => identifier.chars().flat_map(|c| [c, '-']).collect(),
        _ => identifier.clone(),
    };
    match rng.below(3) {
        0 => disguised,
        1 => format!("{}-{disguised}", rng.pick(&PLAIN)),
        _ => format!("{disguised}.{}", rng.pick(&PLAIN)),
    }
}

fn pseudonyms(rng: &mut Rng) -> Pseudonyms {
    let exam = [ExamDate::Keep, ExamDate::Year, ExamDate::Shift][rng.below(3)];
    let naming = Naming {
        study_id: StudyId::Keyed,
        exam_date: exam,
        folders: [Folders::Digest, Folders::Checked][rng.below(2)],
        keep_folders: Globs::parse(["", "*", "ward*"][rng.below(3)]).expect("valid patterns"),
    };
    Pseudonyms::new(Secret::new("a key of the test".to_owned()), naming)
}

fn check_form(keys: &AnonymizedKeys) {
    for key in [&keys.base, &keys.alternative] {
        assert!(
            !key.is_empty() && key.len() <= MAX_KEY_BYTES,
            "{} bytes",
            key.len()
        );
    }
    assert_ne!(keys.base, keys.alternative);
}

#[test]
fn anonymized_name_holds_no_identifier_of_a_generated_patient() {
    rounds(10_000, |rng| {
        let name = rng.pick(&NAMES);
        let id = rng.pick(&IDS);
        let (birth, year) = BIRTHS[rng.below(BIRTHS.len())];
        let exam = rng.pick(&EXAMS);
        let mut identifiers = words(name);
        identifiers.extend([name, id, birth].map(str::to_owned));
        identifiers.push(birth.replace('-', ""));
        let folders: Vec<String> = (0..rng.below(4))
            .map(|_| segment(rng, &identifiers))
            .collect();
        let prefix = if rng.below(2) == 0 {
            "xray".to_owned()
        } else {
            segment(rng, &identifiers)
        };
        let prefix = prefix.replace('_', "");
        let file = format!("{prefix}_{name}_{id}_{birth}_{exam}.jpeg");
        let key = [folders, vec![file]].concat().join("/");

        let keys = pseudonyms(rng).anonymized_keys("xray-data-in", &key);
        check_form(&keys);
        for out in [&keys.base, &keys.alternative] {
            // The exam date may stay; nothing else of the last part comes from the source.
            let (kept, rest) = out.split_once("_XXXXXXXX_").expect("the form of the name");
            let found = squash(kept);
            for word in words(name) {
                assert!(!found.contains(&word), "{key} became {out}");
            }
            let digits = squash(id);
            assert!(!found.contains(&digits), "{key} became {out}");
            assert!(!found.contains(year), "{key} became {out}");
            assert!(rest.contains("_XXXX-XX-XX_"), "{key} became {out}");
            let study = rest.split('_').next().expect("the study id");
            assert_ne!(squash(study), digits);
        }
        let again = pseudonyms(&mut Rng::new(0)).anonymized_keys("xray-data-in", &key);
        assert_eq!(
            again,
            pseudonyms(&mut Rng::new(0)).anonymized_keys("xray-data-in", &key)
        );
    });
}

#[test]
fn anonymized_name_survives_mutated_keys() {
    const WORDS: [&str; 18] = [
        "_",
        "__",
        "/",
        "//",
        ".",
        "..",
        ".jpeg",
        ".png",
        "-",
        "%20",
        "\u{301}",
        "Quizzenburg",
        "4711",
        "1950-01-02",
        "0000-00-00",
        "-9999-12-31",
        "XXXXXXXX",
        "İ",
    ];
    let seed = "ward/xray_Quizzenburg_4711_1950-01-02_2020-03-04.jpeg";
    rounds(20_000, |rng| {
        let key = mutate_text(rng, seed, &WORDS);
        let keys = pseudonyms(rng).anonymized_keys("xray-data-in", &key);
        check_form(&keys);
        // A name that is not understood is replaced whole, with every folder.
        if let Some((folders, _)) = keys.base.split_once("unnamed_") {
            let out = squash(folders);
            assert!(
                !out.contains("quizzenburg") && !out.contains("ward"),
                "{key} became {out}"
            );
            let name = keys.base.rsplit('/').next().expect("a name");
            assert!(!squash(name).contains("quizzenburg"), "{key} became {name}");
        }
    });
}
