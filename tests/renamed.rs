//! Copies under names of other settings are found by their `xray-source` metadata and removed.

mod fake;

use fake::{Fake, Finds, png_with};
use xray::error::Outcome;

const KEY: &str = "ward-7/demo_Jane Roe_7701_1980-02-03_2020-01-01.png";

#[track_caller]
fn done(store: &Fake, n: u8) -> String {
    let report = store.process(&store.upload(KEY, n));
    assert_eq!(report.outcome, Outcome::Done, "{:?}", report.detail);
    let copies = store.keys("in-anonymized");
    assert_eq!(copies.len(), 1, "{copies:?}");
    copies[0].clone()
}

#[test]
fn copy_in_a_folder_of_before_is_removed_when_it_is_made_again() {
    let mut store = Fake::new(0.97);
    store.set("folders", "checked");
    let before = done(&store, 1);
    assert!(before.starts_with("ward-7/"), "{before}");
    store.set("folders", "digest");
    let digest = done(&store, 1);
    assert!(!digest.contains("ward"), "{digest}");
    store.set("keep_folders", "ward-*");
    assert_eq!(done(&store, 1), before);
    store.set("keep_folders", "");
    // Also if the copy is no longer due.
    store.set_risk(0.1);
    let report = store.process(&store.upload(KEY, 2));
    assert_eq!(report.outcome, Outcome::Done);
    assert!(store.keys("in-anonymized").is_empty());
}

#[test]
fn copy_of_before_in_quarantine_is_removed_too() {
    let mut store = Fake::new(0.97);
    store.set("folders", "checked");
    store.finds = Some(Finds {
        low: vec![150],
        ..Finds::default()
    });
    let places = [[96, 16, 16, 8], [152, 40, 16, 8]];
    let event = store.upload_bytes(KEY, png_with(&places.map(|place| (place, 150))), 1);
    store.process(&event);
    assert!(store.keys("in-quarantine")[0].starts_with("ward-7/"));
    store.set("folders", "digest");
    store.process(&event);
    let kept = store.keys("in-quarantine");
    assert!(kept.len() == 1 && !kept[0].contains("ward"), "{kept:?}");
}

#[test]
fn copies_of_other_sources_at_a_name_of_before_stay() {
    let mut store = Fake::new(0.97);
    store.set("folders", "checked");
    let before = done(&store, 1);
    store.remove("in-anonymized", &before);
    store.put("in-anonymized", &before, b"a letter");
    store.set("folders", "digest");
    store.process(&store.upload(KEY, 1));
    assert!(store.has("in-anonymized", &before));
    assert_eq!(store.keys("in-anonymized").len(), 2);
}

#[test]
fn removal_finds_copies_of_before() {
    let mut store = Fake::new(0.97);
    store.set("remove_outputs", "true");
    store.set("folders", "checked");
    done(&store, 1);
    store.set("folders", "digest");
    store.remove("in", KEY);
    store.process(&store.event("in", KEY, "ObjectRemoved:Delete", 2));
    assert!(store.keys("in-anonymized").is_empty());
}

#[test]
fn names_of_before_cost_requests_only_under_other_settings() {
    let cost = |key: &str, change: bool| {
        let mut store = Fake::new(0.97);
        store.process(&store.upload(key, 1));
        if change {
            store.set("label_size", "40");
        }
        let before = store.requests();
        store.process(&store.upload(key, 2));
        store.requests() - before
    };
    assert!(cost(KEY, true) > cost(KEY, false));
    let file = KEY.rsplit_once('/').unwrap().1;
    assert_eq!(
        cost(file, true),
        cost(file, false),
        "without a folder all names agree"
    );
}
