//! Burned-in text in whole records: it is covered where it is found, and a copy that may still
//! contain text goes to quarantine.

mod fake;

use fake::{Fake, Finds, png_with};
use image::GenericImageView;
use xray::{
    error::{Outcome, Reason},
    event::{DeliveryStyle, ObjectEvent},
    picture::boxes::Rect,
    report::response::respond,
    report::{Report, Stored},
    review::{self, Job, RESIDUAL_HEADER},
    store::hold::{hold_key, is_hold},
};

const KEY: &str = "ward/demo_Jane Roe_7701_1980-02-03_2020-01-01.png";
const TEXT: u8 = 250;
const MARKER: u8 = 200;
const LOW: u8 = 150;

/// A line of text at the top right, outside all boxes.
const LINE: ([u32; 4], u8) = ([152, 8, 56, 12], TEXT);
/// A side marker at the top left, away from the text.
const SIDE: ([u32; 4], u8) = ([16, 8, 16, 16], MARKER);
/// A place with a score too low to be found as text at first.
const HINT: ([u32; 4], u8) = ([96, 16, 16, 8], LOW);
/// Another one, which scores when the first is covered.
const NEXT: ([u32; 4], u8) = ([152, 40, 16, 8], LOW);

fn store() -> Fake {
    let mut store = Fake::new(0.97);
    store.finds = Some(Finds {
        text: vec![TEXT],
        marker: vec![MARKER],
        low: vec![LOW],
    });
    store
}

fn check(store: &Fake, event: &ObjectEvent, outcome: Outcome, reason: Option<&str>) -> Report {
    let report = store.process(event);
    let got = (report.outcome, report.reason.as_ref().map(Reason::as_str));
    assert_eq!(got, (outcome, reason), "{:?}", report.detail);
    for secret in ["Jane", "Roe", "1980-02-03", "7701", "ward/"] {
        assert!(!report.line().contains(secret), "{}", report.line());
    }
    report
}

fn upload(store: &Fake, rects: &[([u32; 4], u8)], n: u8) -> ObjectEvent {
    store.upload_bytes(KEY, png_with(rects), n)
}

/// Returns the number of anonymized copies and of those in quarantine.
fn copies(store: &Fake) -> [usize; 2] {
    ["in-anonymized", "in-quarantine"].map(|bucket| store.keys(bucket).len())
}

/// Returns the level in the middle of a rectangle on the only object of a bucket.
fn level(store: &Fake, bucket: &str, ([x, y, width, height], _): ([u32; 4], u8)) -> u8 {
    let body = store.body(bucket, &store.keys(bucket)[0]);
    let picture = image::load_from_memory(&body).unwrap();
    picture.get_pixel(x + width / 2, y + height / 2).0[0]
}

#[test]
fn text_is_covered_anywhere_and_side_markers_stay() {
    let store = store();
    let event = upload(&store, &[LINE, SIDE], 1);
    let report = check(&store, &event, Outcome::Done, None);
    assert_eq!(report.anonymized, Some(Stored::Stored));
    assert_eq!(store.puts(), ["in-anonymized", "in-processed"]);
    assert_eq!(level(&store, "in-anonymized", LINE), 0);
    assert_eq!(level(&store, "in-anonymized", SIDE), MARKER);
    let covered = report.redaction.clone().unwrap();
    assert_eq!((covered.boxes, covered.residual_text()), (2, None));
    // To the detector what stays is a shape, and the recognizer names no marker.
    assert_eq!(
        (covered.detected, covered.side_markers()),
        (Some(1), Some(0))
    );
    assert_eq!(covered.detector, Some("2".repeat(64)));
    assert!(report.ms.detect.is_some() && report.ms.verify.is_some());
    // The labeled picture keeps its text.
    assert_eq!(level(&store, "in-processed", LINE), TEXT);
}

#[test]
fn side_marker_is_covered_if_it_could_be_a_name() {
    for (file, stays) in [
        ("demo_Jane Roe_7701_1980-02-03_2020-01-01.png", true),
        ("unknown pattern.png", true),
        ("demo_Li Wu_7701_1980-02-03_2020-01-01.png", false),
        // The only marker that the recognizer knows is an L.
        ("demo_Jane L. Roe_7701_1980-02-03_2020-01-01.png", false),
        ("demo_Jane R. Roe_7701_1980-02-03_2020-01-01.png", true),
        ("demo_Jane-Li Roe_7701_1980-02-03_2020-01-01.png", false),
        ("demo_山田 太郎_7701_1980-02-03_2020-01-01.png", false),
        ("demo_Jane Roe_L7_1980-02-03_2020-01-01.png", false),
    ] {
        let store = store();
        let event = store.upload_bytes(&format!("ward/{file}"), png_with(&[SIDE]), 1);
        let report = store.process(&event);
        assert_eq!(report.outcome, Outcome::Done, "{file}");
        let found = report.redaction.unwrap();
        assert_eq!(found.detected, Some(usize::from(!stays)), "{file}");
        let there = level(&store, "in-anonymized", SIDE) == MARKER;
        assert_eq!(there, stays, "{file}");
    }
}

#[test]
fn residual_text_is_covered_on_the_copy() {
    for redact_processed in ["false", "true"] {
        let mut store = store();
        store.set("redact_processed", redact_processed);
        let report = check(
            &store,
            &upload(&store, &[LINE, HINT], 1),
            Outcome::Done,
            None,
        );
        let redaction = report.redaction.unwrap();
        assert_eq!(
            (redaction.residual_text(), redaction.detected),
            (None, Some(2))
        );
        assert_eq!(copies(&store), [1, 0]);
        assert_eq!(level(&store, "in-anonymized", HINT), 0);
        let is_covered = level(&store, "in-processed", HINT) == 0;
        assert_eq!(is_covered, redact_processed == "true");
    }
}

#[test]
fn copy_with_possible_residual_text_goes_to_quarantine() {
    let store = store();
    let event = upload(&store, &[LINE, HINT, NEXT], 1);
    let report = check(&store, &event, Outcome::Quarantined, Some("text-left"));
    let states = (report.processed, report.anonymized);
    assert_eq!(states, (Some(Stored::Stored), Some(Stored::Quarantined)));
    let redaction = report.redaction.as_ref().unwrap();
    assert_eq!(
        (redaction.residual_text(), redaction.detected),
        (Some(1), Some(2))
    );
    assert_eq!(store.puts(), ["in-quarantine", "in-processed"]);
    assert_eq!(copies(&store), [0, 1]);
    // It is the redacted one, under a name without the patient.
    let levels = [LINE, HINT, NEXT].map(|place| level(&store, "in-quarantine", place));
    assert_eq!(levels, [0, 0, LOW]);
    let key = &store.keys("in-quarantine")[0];
    assert!(
        key.contains("/demo_XXXXXXXX_") && !key.contains("ward"),
        "{key}"
    );
    let metadata = store.metadata("in-quarantine", key);
    assert!(metadata.contains_key("xray-source"));
    assert_eq!(metadata["xray-reason"], "text-left");
    for style in [DeliveryStyle::Kafka, DeliveryStyle::Gateway] {
        assert_eq!(respond(style, std::slice::from_ref(&report)).status(), 200);
    }
    check(&store, &event, Outcome::Skipped, Some("duplicate"));
}

/// Two pictures of one patient and day have one name. Moving a copy out of quarantine must not
/// replace the other's.
#[test]
fn copy_in_quarantine_has_a_name_of_its_own() {
    let store = store();
    let other = KEY.replace("Jane Roe", "Roe Jane");
    let clean = upload(&store, &[LINE], 1);
    check(&store, &clean, Outcome::Done, None);
    let unclean = store.upload_bytes(&other, png_with(&[LINE, HINT, NEXT]), 2);
    check(&store, &unclean, Outcome::Quarantined, Some("text-left"));
    assert_eq!(copies(&store), [1, 1]);
    let [clean, kept] = ["in-anonymized", "in-quarantine"].map(|b| store.keys(b)[0].clone());
    let stem = clean.strip_suffix(".png").unwrap();
    assert!(kept.starts_with(&format!("{stem}_")), "{kept}");

    // The other one may contain text now too: each has its own name in quarantine.
    let unclean = upload(&store, &[LINE, HINT, NEXT, SIDE], 3);
    check(&store, &unclean, Outcome::Quarantined, Some("text-left"));
    assert_eq!(copies(&store), [0, 2]);
    // Clean again, it takes its base name and leaves the other copy alone.
    let clean_again = upload(&store, &[LINE], 4);
    check(&store, &clean_again, Outcome::Done, None);
    assert_eq!(copies(&store), [1, 1]);
    assert_eq!(store.keys("in-quarantine"), [kept]);
    assert_eq!(store.keys("in-anonymized"), [clean]);
}

#[test]
fn copy_with_too_much_text_goes_to_quarantine() {
    // Above the configured box, which by itself covers more than that.
    let much: [_; 1] = [([0, 0, 200, 40], TEXT)];
    for (share, outcome, reason) in [
        ("0.20", Outcome::Quarantined, Some("too-much-text")),
        ("0.40", Outcome::Done, None),
    ] {
        let mut store = store();
        store.set("max_redacted", share);
        check(&store, &upload(&store, &much, 1), outcome, reason);
        assert_eq!(
            copies(&store),
            if reason.is_some() { [0, 1] } else { [1, 0] }
        );
        check(&store, &upload(&store, &[], 2), Outcome::Done, None);
        assert_eq!(copies(&store), [1, 0]);
    }
}

#[test]
fn copy_is_withheld_without_a_quarantine() {
    let mut store = store();
    store.set("quarantine_suffix", "");
    store.drop_bucket("in-quarantine");
    let event = upload(&store, &[HINT, NEXT], 1);
    let report = check(&store, &event, Outcome::Quarantined, Some("text-left"));
    assert_eq!(report.anonymized, Some(Stored::Withheld));
    assert_eq!(store.puts(), ["in-processed"]);
    assert!(store.keys("in-anonymized").is_empty());
}

#[test]
fn copy_moves_between_buckets_with_each_overwrite() {
    for rounds in [[0, 1, 0], [1, 0, 1]] {
        let store = store();
        for (n, unclean) in rounds.into_iter().enumerate() {
            let rects: &[_] = if unclean == 1 { &[HINT, NEXT] } else { &[LINE] };
            store.process(&upload(&store, rects, n as u8 + 1));
            let expect = if unclean == 1 { [0, 1] } else { [1, 0] };
            assert_eq!(copies(&store), expect, "{rounds:?} {n}");
        }
    }
}

#[test]
fn copy_in_quarantine_is_removed_when_none_is_due() {
    let mut store = store();
    store.process(&upload(&store, &[HINT, NEXT], 1));
    assert_eq!(copies(&store), [0, 1]);
    store.set_risk(0.1);
    let report = check(&store, &upload(&store, &[LINE], 2), Outcome::Done, None);
    assert_eq!(report.anonymized, Some(Stored::Removed));
    assert_eq!(copies(&store), [0, 0]);
}

#[test]
fn two_sources_of_one_name_have_two_names_in_quarantine() {
    let store = store();
    let second = KEY.replace("demo_Jane Roe", "demo_J.B. Roe");
    store.process(&upload(&store, &[HINT, NEXT], 1));
    store.process(&store.upload_bytes(&second, png_with(&[HINT, NEXT, LINE]), 2));
    assert_eq!(copies(&store), [0, 2]);
    store.process(&store.upload_bytes(&second, png_with(&[LINE]), 3));
    assert_eq!(copies(&store), [1, 1]);
}

#[test]
fn quarantine_costs_a_first_event_one_request_for_an_anonymized_copy() {
    let requests = |risk: f32, suffix: &str| {
        let mut store = store();
        store.set_risk(risk);
        store.set("quarantine_suffix", suffix);
        check(&store, &upload(&store, &[LINE], 1), Outcome::Done, None);
        store.requests()
    };
    assert_eq!(requests(0.1, "-quarantine"), requests(0.1, ""));
    assert_eq!(requests(0.97, "-quarantine"), requests(0.97, "") + 1);
}

#[test]
fn missing_quarantine_bucket_is_named() {
    let store = store();
    store.drop_bucket("in-quarantine");
    let event = upload(&store, &[HINT, NEXT], 1);
    let report = check(&store, &event, Outcome::Retry, Some("store"));
    let detail = report.detail.unwrap();
    assert!(
        detail.contains("the bucket in-quarantine does not exist")
            && detail.contains("set quarantine_suffix to nothing"),
        "{detail}"
    );
    assert_eq!(store.puts(), [""; 0]);
}

#[test]
fn missing_text_detector_asks_for_redelivery() {
    for risk in [0.1, 0.97] {
        let mut store = Fake::new(risk);
        store.finds = None;
        let event = upload(&store, &[], 1);
        check(&store, &event, Outcome::Retry, Some("model"));
        assert_eq!(store.puts(), [""; 0]);
        store.set("text_detector", "");
        let report = check(&store, &event, Outcome::Done, None);
        assert_eq!(report.redaction.and_then(|r| r.detected), None);
    }
}

#[test]
fn text_is_searched_only_if_something_is_to_be_covered() {
    for (risk, redact_processed, searched) in [
        (0.1, "false", false),
        (0.1, "true", true),
        (0.97, "false", true),
    ] {
        let mut store = store();
        store.set_risk(risk);
        store.set("redact_processed", redact_processed);
        let report = check(&store, &upload(&store, &[LINE], 1), Outcome::Done, None);
        assert_eq!(
            store.searches.get() > 0,
            searched,
            "{risk} {redact_processed}"
        );
        assert_eq!(report.ms.detect.is_some(), searched);
    }
}

#[test]
fn redact_processed_covers_the_labeled_picture() {
    for risk in [0.1, 0.97] {
        let mut store = store();
        store.set_risk(risk);
        store.set("redact_processed", "true");
        store.set("label_size", "10");
        let low: ([u32; 4], u8) = ([8, 120, 56, 12], TEXT);
        check(
            &store,
            &upload(&store, &[LINE, low], 1),
            Outcome::Done,
            None,
        );
        for rect in [LINE, low] {
            assert_eq!(level(&store, "in-processed", rect), 0);
        }
    }
}

#[test]
fn label_of_an_anonymized_copy_is_not_residual_text() {
    // The label is white, and white scores as possible text here.
    let mut store = store();
    store.set("anonymized_label", "true");
    store.finds.as_mut().unwrap().low.push(255);
    check(&store, &upload(&store, &[LINE], 1), Outcome::Done, None);
    assert_eq!(copies(&store), [1, 0]);
    // Text under the label is still found, and covered.
    let under = ([0, 0, 8, 8], LOW);
    let report = check(&store, &upload(&store, &[under], 2), Outcome::Done, None);
    assert_eq!(report.redaction.unwrap().detected, Some(1));
}

#[test]
fn picture_without_text_and_boxes_is_unchanged() {
    let mut store = store();
    store.set("redact_boxes", "none");
    let event = upload(&store, &[SIDE], 1);
    let report = check(&store, &event, Outcome::Done, None);
    assert_eq!(report.redaction.map(|r| (r.boxes, r.area)), Some((0, 0.0)));
    let body = store.body("in-anonymized", &store.keys("in-anonymized")[0]);
    let [made, source] =
        [&body[..], &png_with(&[SIDE])].map(|file| image::load_from_memory(file).unwrap());
    assert_eq!(made, source);
}

#[test]
fn other_detector_makes_outputs_again() {
    let mut store = store();
    let event = upload(&store, &[LINE], 1);
    check(&store, &event, Outcome::Done, None);
    check(&store, &event, Outcome::Skipped, Some("duplicate"));
    store.detector = "3".repeat(64);
    check(&store, &event, Outcome::Done, None);
}

#[test]
fn events_in_quarantine_are_skipped() {
    let store = store();
    let event = store.event("in-quarantine", KEY, "ObjectCreated:Put", 1);
    check(&store, &event, Outcome::Skipped, Some("own-output"));
    assert_eq!(store.requests(), 0);
}

#[test]
fn removal_removes_the_quarantined_copy() {
    let mut store = store();
    store.set("remove_outputs", "true");
    store.process(&upload(&store, &[HINT, NEXT], 1));
    assert_eq!(copies(&store), [0, 1]);
    store.remove("in", KEY);
    let removal = store.event("in", KEY, "ObjectRemoved:Delete", 2);
    let report = check(&store, &removal, Outcome::Done, None);
    assert_eq!(report.anonymized, Some(Stored::Removed));
    assert_eq!(copies(&store), [0, 0]);
    assert!(store.keys("in-processed").is_empty());
}

/// Does as the page when a reviewer rejects the copy in quarantine, or has covered more of it and
/// released the result.
fn hold(store: &Fake) -> String {
    let copies = store.keys("in-quarantine");
    let copy = copies.iter().find(|key| !is_hold(key)).unwrap();
    let source = store.metadata("in-quarantine", copy)["xray-source"].clone();
    store.put("in-quarantine", &hold_key(&source), b"rejected");
    store.remove("in-quarantine", copy);
    hold_key(&source)
}

#[test]
fn held_copy_goes_to_quarantine_though_it_is_clean_now() {
    let mut store = store();
    store.set("max_redacted", "0.01");
    let mut event = upload(&store, &[LINE], 1);
    check(&store, &event, Outcome::Quarantined, Some("too-much-text"));
    let hold = hold(&store);
    // As `xray reprocess` under other settings: the copy is clean, also under another name.
    store.set("max_redacted", "0.20");
    for (n, (name, value)) in [
        ("max_redacted", "0.20"),
        ("exam_date", "year"),
        ("folders", "checked"),
        ("study_id", "legacy"),
    ]
    .into_iter()
    .enumerate()
    {
        store.set(name, value);
        let report = check(&store, &event, Outcome::Quarantined, Some("held"));
        assert_eq!(report.anonymized, Some(Stored::Quarantined));
        assert_eq!(store.keys("in-anonymized"), [""; 0], "{name}");
        let copies = store.keys("in-quarantine");
        let copy = copies.iter().rfind(|key| !is_hold(key)).unwrap();
        assert_eq!(store.metadata("in-quarantine", copy)["xray-reason"], "held");
        assert!(store.has("in-quarantine", &hold), "{name}");
        check(&store, &event, Outcome::Skipped, Some("duplicate"));
        // So does one that a new event is about.
        event = upload(&store, &[LINE], n as u8 + 2);
        check(&store, &event, Outcome::Quarantined, Some("held"));
    }
    // The memory outlives a time in which no copy is due.
    store.set_risk(0.1);
    check(&store, &upload(&store, &[LINE], 7), Outcome::Done, None);
    store.set_risk(0.97);
    let event = upload(&store, &[LINE], 8);
    check(&store, &event, Outcome::Quarantined, Some("held"));
    // And so does the loss of the processed object.
    store.remove("in-processed", &store.keys("in-processed")[0]);
    check(&store, &event, Outcome::Quarantined, Some("held"));
    assert_eq!(store.keys("in-anonymized"), [""; 0]);
    // Another picture is not held.
    let other = KEY.replace("Jane Roe", "Roe Jane");
    let other = store.upload_bytes(&other, png_with(&[LINE]), 9);
    check(&store, &other, Outcome::Done, None);

    // The hold ends with the release of such a copy, or with its source.
    store.remove("in-quarantine", &hold);
    check(&store, &upload(&store, &[LINE], 10), Outcome::Done, None);
    store.put("in-quarantine", &hold, b"covered");
    store.set("remove_outputs", "true");
    store.remove("in", KEY);
    let removal = store.event("in", KEY, "ObjectRemoved:Delete", 11);
    check(&store, &removal, Outcome::Done, None);
    assert!(!store.has("in-quarantine", &hold));
}

#[test]
fn reviewer_covers_more_of_a_copy_and_it_is_verified_again() {
    let store = store();
    let event = upload(&store, &[LINE, HINT, NEXT], 1);
    check(&store, &event, Outcome::Quarantined, Some("text-left"));
    let copy = store.body("in-quarantine", &store.keys("in-quarantine")[0]);
    let before = image::load_from_memory(&copy).unwrap();
    let cover = |x, y, width, height| {
        let rect = Rect {
            x,
            y,
            width,
            height,
        };
        review::run(&store, &store.config(), &Job::Cover(vec![rect]), &copy)
    };
    let ([x, y, width, height], _) = NEXT;
    for (covered, left) in [
        // Elsewhere; the place itself; all around it, beyond the picture.
        ((8, 60, 20, 10), "1"),
        ((x, y, width, height), "0"),
        ((x - 8, y - 4, 1000, height + 8), "0"),
    ] {
        let (x, y, width, height) = covered;
        let response = cover(x, y, width, height).unwrap();
        assert_eq!(response.headers()["content-type"], "image/png");
        assert_eq!(response.headers()[RESIDUAL_HEADER], left, "{covered:?}");
        let after = image::load_from_memory(response.body()).unwrap();
        for (column, row, pixel) in after.pixels() {
            let is_inside = (x..x + width).contains(&column) && (y..y + height).contains(&row);
            let expect = match is_inside {
                true => 0,
                false => before.get_pixel(column, row).0[0],
            };
            assert_eq!(pixel.0[0], expect, "{column},{row}");
        }
    }
    // Without a box on the picture nothing is made.
    assert!(cover(220, 0, 10, 10).is_err());
    // Pictures are shown as they are.
    let shown = review::run(&store, &store.config(), &Job::Show, &copy).unwrap();
    assert_eq!(shown.status(), 204);
    assert!(review::run(&store, &store.config(), &Job::Show, b"no picture").is_err());
}
