//! DICOM objects as whole records: their three outputs, overwriting, removal and limits.

mod fake;

#[path = "fake/dicom.rs"]
mod object;

use fake::{Fake, Fault, Finds};
use xray::{
    error::{Outcome, Reason},
    picture::boxes::Rect,
    picture::sniff::{Format, is_dicom},
    report::Stored,
    review::{self, Job, RESIDUAL_HEADER},
};

const KEY: &str = "ward/CR 1.dcm";
const PROCESSED: &str = "ward/CR 1-processed.dcm";
const STATE: &str = "ward/CR 1-processed.gsps.dcm";
const REPORT: &str = "ward/CR 1-processed.sr.dcm";

fn dx(age: &str, shade: u16) -> Vec<u8> {
    object::object(220, 160, age, |x, y| ((x + y) as u16 * 8 + shade) & 0xFFF)
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

fn fake(risk: f32) -> Fake {
    let mut fake = Fake::new(risk);
    fake.set("max_bytes_dicom", "100000");
    fake
}

#[test]
fn dicom_object_gets_capture_report_and_copy() {
    let fake = fake(0.97);
    let report = fake.process(&fake.upload_bytes(KEY, dx("003Y", 0), 1));
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert_eq!(report.format, Some(Format::Dicom));
    assert_eq!(report.anonymized, Some(Stored::Stored));
    assert_eq!(fake.keys("in-processed"), [PROCESSED, REPORT]);
    let copies = fake.keys("in-anonymized");
    assert_eq!(copies.len(), 1);
    // A digest for the folder and one for the name: nothing of either stays.
    assert!(
        copies[0].contains("/unnamed_") && copies[0].ends_with(".dcm") && !copies[0].contains("CR"),
        "{copies:?}"
    );
    let copy = fake.body("in-anonymized", &copies[0]);
    assert!(is_dicom(&copy));
    for text in [
        "Quizzenburg",
        "Xaverine",
        "4711",
        "20200304",
        "20170102",
        "1.2.3.4",
    ] {
        assert!(!holds(&copy, text), "{text}");
    }
    let capture = fake.body("in-processed", PROCESSED);
    assert!(is_dicom(&capture) && holds(&capture, object::NAME) && holds(&capture, object::ID));
    let structured = fake.body("in-processed", REPORT);
    assert!(is_dicom(&structured) && holds(&structured, "97.0"));
    // The report in the log holds nothing of the patient.
    assert!(!report.line().contains("Quizzenburg") && !report.line().contains("4711"));
}

#[test]
fn redelivery_of_a_dicom_object_does_nothing() {
    let fake = fake(0.97);
    let event = fake.upload_bytes(KEY, dx("003Y", 0), 1);
    fake.process(&event);
    let before = fake.body("in-processed", REPORT);
    assert_eq!(fake.process(&event).reason, Some(Reason::Duplicate));
    assert!(before == fake.body("in-processed", REPORT));
}

#[test]
fn age_outside_the_contract_is_unsure() {
    let fake = fake(0.97);
    let report = fake.process(&fake.upload_bytes(KEY, dx("044Y", 0), 1));
    assert_eq!(report.input_check(), Some("age"));
    assert_eq!(
        (report.risk, report.anonymized),
        (None, Some(Stored::NotDue))
    );
    assert!(fake.keys("in-anonymized").is_empty());
    assert!(holds(&fake.body("in-processed", REPORT), "Unsure, age"));
}

#[test]
fn overwriting_replaces_or_removes_the_structured_report() {
    let fake = fake(0.97);
    fake.process(&fake.upload_bytes(KEY, dx("003Y", 0), 1));
    let first = fake.body("in-processed", REPORT);
    let report = fake.process(&fake.upload_bytes(KEY, dx("044Y", 5), 2));
    assert_eq!(report.anonymized, Some(Stored::Removed));
    assert!(first != fake.body("in-processed", REPORT));
    // A picture under the same name has no structured report.
    let report = fake.process(&fake.upload(KEY, 3));
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert_eq!(fake.keys("in-processed"), [PROCESSED]);
}

#[test]
fn removal_removes_the_structured_report() {
    let mut fake = fake(0.97);
    fake.set("remove_outputs", "true");
    fake.process(&fake.upload_bytes(KEY, dx("003Y", 0), 1));
    fake.remove("in", KEY);
    let report = fake.process(&fake.event("in", KEY, "ObjectRemoved:Delete", 2));
    assert_eq!(report.processed, Some(Stored::Removed));
    for bucket in ["in-processed", "in-anonymized"] {
        assert!(fake.keys(bucket).is_empty(), "{bucket}");
    }
}

#[test]
fn presentation_state_comes_and_goes_with_its_setting() {
    let mut fake = fake(0.97);
    let event = fake.upload_bytes(KEY, dx("003Y", 0), 1);
    fake.set("dicom_result", "both");
    fake.process(&event);
    assert_eq!(fake.keys("in-processed"), [PROCESSED, STATE, REPORT]);
    let state = fake.body("in-processed", STATE);
    assert!(is_dicom(&state) && holds(&state, "PNEUMONIA_RISK") && holds(&state, "risk=97.0%"));
    // In place of the capture there is no other one beside it.
    fake.set("dicom_result", "gsps");
    let report = fake.process(&event);
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert_eq!(fake.keys("in-processed"), [PROCESSED, REPORT]);
    assert!(holds(
        &fake.body("in-processed", PROCESSED),
        "PNEUMONIA_RISK"
    ));
    fake.set("dicom_result", "both");
    fake.set("remove_outputs", "true");
    fake.process(&event);
    assert_eq!(fake.keys("in-processed").len(), 3);
    fake.remove("in", KEY);
    fake.process(&fake.event("in", KEY, "ObjectRemoved:Delete", 2));
    assert!(fake.keys("in-processed").is_empty());
}

#[test]
fn processed_object_of_dicom_is_stored_last() {
    let mut fake = fake(0.97);
    fake.set("dicom_result", "both");
    let event = fake.upload_bytes(KEY, dx("003Y", 0), 1);
    let mut reported_alone = false;
    for sound in 1..16 {
        fake.fail_after(sound, Fault::Down);
        let report = fake.process(&event);
        if fake.has("in-processed", PROCESSED) {
            assert!(reported_alone && fake.has("in-processed", REPORT));
            assert!(fake.has("in-processed", STATE));
            assert_eq!(fake.keys("in-anonymized").len(), 1);
            return;
        }
        reported_alone |= fake.has("in-processed", REPORT);
        assert_eq!(report.outcome, Outcome::Retry, "{sound}: {report:?}");
    }
    panic!("it was never stored");
}

#[test]
fn dicom_objects_have_a_limit_of_their_own() {
    // The limit of pictures here is 60,000 bytes.
    let fake = fake(0.97);
    let large = dx("003Y", 0);
    assert!(large.len() > 60_000);
    assert_eq!(
        fake.process(&fake.upload_bytes(KEY, large.clone(), 1))
            .outcome,
        Outcome::Done
    );
    let named_as_a_picture = fake.upload_bytes("a.png", large.clone(), 2);
    assert_eq!(
        fake.process(&named_as_a_picture).reason,
        Some(Reason::TooLarge)
    );
    let mut fake = Fake::new(0.97);
    fake.set("max_bytes_dicom", "65000");
    let report = fake.process(&fake.upload_bytes(KEY, large, 1));
    assert_eq!(report.reason, Some(Reason::TooLarge));
    let mut png = fake::png(1);
    png.resize(62_000, 0);
    let report = fake.process(&fake.upload_bytes("no extension", png, 2));
    assert_eq!(report.reason, Some(Reason::TooLarge), "{report:?}");
}

#[test]
fn dicom_without_a_pseudonym_key_is_labeled_only() {
    let mut fake = fake(0.97);
    fake.set("pseudonym_key", "");
    let report = fake.process(&fake.upload_bytes(KEY, dx("003Y", 0), 1));
    assert_eq!(report.reason, Some(Reason::NoPseudonymKey));
    assert_eq!(fake.keys("in-processed"), [PROCESSED, REPORT]);
    assert!(fake.keys("in-anonymized").is_empty());
}

/// Copies in quarantine are shown as pictures, and covered further by people who see these.
#[test]
fn reviewer_sees_a_dicom_copy_and_covers_more_of_it() {
    let mut fake = fake(0.97);
    fake.set("anonymize", "all");
    fake.finds = Some(Finds {
        low: vec![149, 150, 151],
        ..Finds::default()
    });
    // A level that no other place has in any view, inverted ones included. One place is covered
    // when the copy is verified.
    let is_text =
        |x, y| (100..116).contains(&x) && ((24..32).contains(&y) || (48..56).contains(&y));
    let source = object::object(
        220,
        160,
        "003Y",
        |x, y| {
            if is_text(x, y) { 2409 } else { 800 }
        },
    );
    let report = fake.process(&fake.upload_bytes(KEY, source, 1));
    assert_eq!(report.outcome, Outcome::Quarantined, "{report:?}");
    let copy = fake.body("in-quarantine", &fake.keys("in-quarantine")[0]);
    let run = |job: &Job, bytes: &[u8]| review::run(&fake, &fake.config(), job, bytes).unwrap();
    let show = |bytes: &[u8]| {
        let shown = run(&Job::Show, bytes);
        assert_eq!(shown.headers()["content-type"], "image/png");
        let picture = image::load_from_memory(shown.body()).unwrap().into_luma8();
        assert_eq!(picture.dimensions(), (220, 160));
        picture
    };
    let before = show(&copy);
    let [covered, left] = [28, 52].map(|y| before.get_pixel(105, y).0[0]);
    assert_eq!((covered, left), (0, 150));

    let around = Rect {
        x: 96,
        y: 44,
        width: 24,
        height: 16,
    };
    let elsewhere = Rect { x: 10, ..around };
    for (rect, left, burned_in) in [(elsewhere, false, "YES"), (around, true, "NO")] {
        let response = run(&Job::Cover(vec![rect]), &copy);
        assert_eq!(response.headers()["content-type"], "application/dicom");
        assert_eq!(response.headers()[RESIDUAL_HEADER] == "0", left, "{rect:?}");
        let body = response.body();
        // Burned In Annotation (0028,0301).
        let tag = [
            &[0x28, 0, 1, 3][..],
            b"CS",
            &[burned_in.len().next_multiple_of(2) as u8, 0],
        ];
        assert!(
            body.windows(8).any(|part| part == tag.concat()),
            "{burned_in}"
        );
        for (x, y, level) in show(body).enumerate_pixels() {
            let expect = match rect.contains(x, y) {
                true => 0,
                false => before.get_pixel(x, y).0[0],
            };
            assert_eq!(level.0[0], expect, "{x},{y}");
        }
    }
}

/// Settings of two archives.
fn archiving(risk: f32) -> Fake {
    let mut fake = fake(risk);
    for (name, value) in [
        ("dicomweb_url", "https://results.archive/web"),
        ("dicomweb_credentials", "clinic:secret"),
        ("dicomweb_research_url", "https://research.archive/web/"),
        ("dicomweb_research_credentials", "Bearer token"),
    ] {
        fake.set(name, value);
    }
    fake
}

#[test]
fn results_and_copy_go_to_their_archives_before_the_processed_object() {
    let mut fake = archiving(0.97);
    fake.set("dicom_result", "both");
    let report = fake.process(&fake.upload_bytes(KEY, dx("003Y", 0), 1));
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    let results = fake.archives.instances("results.archive");
    let stored: Vec<_> = [REPORT, STATE, PROCESSED]
        .iter()
        .map(|key| fake.body("in-processed", key))
        .collect();
    assert!(
        results
            .iter()
            .map(|r| &r.bytes[..])
            .eq(stored.iter().map(|s| &s[..]))
    );
    let copies = fake.archives.instances("research.archive");
    let copy = fake.body("in-anonymized", &fake.keys("in-anonymized")[0]);
    assert!(copies.iter().map(|c| &c.bytes[..]).eq([&copy[..]]));
    for (instances, authorization) in [
        (results, "Basic Y2xpbmljOnNlY3JldA=="),
        (copies, "Bearer token"),
    ] {
        for instance in instances {
            assert_eq!(instance.authorization.as_deref(), Some(authorization));
            assert!(!instance.had_processed);
        }
    }
}

#[test]
fn copy_that_is_not_clean_never_goes_to_an_archive() {
    let mut fake = archiving(0.97);
    fake.set("max_redacted", "0");
    fake.finds = Some(Finds {
        text: vec![149, 150, 151],
        ..Finds::default()
    });
    let source = object::object(220, 160, "003Y", |x, y| match (x, y) {
        (20..=60, 20..=40) => 2409,
        _ => 800,
    });
    let report = fake.process(&fake.upload_bytes(KEY, source, 1));
    assert_eq!(report.outcome, Outcome::Quarantined, "{report:?}");
    assert_eq!(fake.keys("in-quarantine").len(), 1);
    assert!(fake.archives.instances("research.archive").is_empty());
    assert_eq!(fake.archives.instances("results.archive").len(), 2);
}

#[test]
fn archive_that_fails_is_retried_and_one_that_has_the_instance_is_done() {
    const PATIENT: &str =
        r#"{"00081198": {"Value": [{"00081197": {"Value": [43264]}}]}, "x": "DOE"}"#;
    const DUPLICATE: &str = r#"{"00081198": {"Value": [{"00081197": {"Value": [273]}}]}}"#;
    let fake = archiving(0.97);
    let event = fake.upload_bytes(KEY, dx("003Y", 0), 1);
    fake.archives.respond_with(Some((409, PATIENT)));
    let report = fake.process(&event);
    assert_eq!(
        (report.outcome, report.reason),
        (Outcome::Retry, Some(Reason::Archive))
    );
    let detail = report.detail.unwrap();
    assert_eq!(
        detail,
        "archive: dicomweb_url: status 409, failure reason A900"
    );
    // Nothing says that the event is complete, so it is not taken for a duplicate.
    assert!(!fake.has("in-processed", PROCESSED));
    let first = fake.archives.instances("results.archive");

    fake.archives.respond_with(Some((409, DUPLICATE)));
    let report = fake.process(&event);
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    // The same instance again.
    let all = fake.archives.instances("results.archive");
    assert_eq!((first.len(), all.len()), (1, 3));
    assert!(all[1].bytes == first[0].bytes);
    assert_eq!(fake.process(&event).reason, Some(Reason::Duplicate));
    assert_eq!(fake.archives.instances("results.archive").len(), 3);
}

#[test]
fn writers_that_meet_send_every_output_once() {
    let fake = archiving(0.97);
    fake.lose_races("in-processed", 3);
    let report = fake.process(&fake.upload_bytes(KEY, dx("003Y", 0), 1));
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    assert_eq!(fake.archives.instances("results.archive").len(), 2);
    assert_eq!(fake.archives.instances("research.archive").len(), 1);
}

#[test]
fn pictures_that_are_no_dicom_objects_stay_out_of_archives() {
    let fake = archiving(0.97);
    let report = fake.process(&fake.upload("chest.png", 1));
    assert_eq!(report.outcome, Outcome::Done, "{report:?}");
    for host in ["results.archive", "research.archive"] {
        assert!(fake.archives.instances(host).is_empty());
    }
}
