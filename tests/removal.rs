//! Removal of outputs with their source, if `remove_outputs` is set.

mod fake;

use fake::{Fake, Fault};
use xray::{
    error::{Outcome, Reason},
    event::ObjectEvent,
    report::{Report, Stored},
};

const KEY: &str = "ward/demo_Jane Roe_77_1980-02-03_2020-01-01.png";
const PROCESSED: &str = "ward/demo_Jane Roe_77_1980-02-03_2020-01-01-processed.png";
const DELETE: &str = "ObjectRemoved:Delete";

fn following() -> Fake {
    let mut store = Fake::new(0.97);
    store.set("remove_outputs", "true");
    store
}

fn removed(store: &Fake, key: &str, n: u8) -> ObjectEvent {
    store.remove("in", key);
    store.event("in", key, DELETE, n)
}

fn check(store: &Fake, event: &ObjectEvent, outcome: Outcome, reason: Option<&str>) -> Report {
    let report = store.process(event);
    let got = (report.outcome, report.reason.as_ref().map(Reason::as_str));
    assert_eq!(got, (outcome, reason), "{:?}", report.detail);
    report
}

#[test]
fn removal_removes_both_outputs() {
    let names = [
        DELETE,
        "ObjectRemoved:DeleteMarkerCreated",
        "ObjectLifecycle:Expiration:Current",
        "s3:ObjectLifecycle:Expiration:DeleteMarker",
        "s3:LifecycleExpiration:Delete",
    ];
    for name in names {
        let store = following();
        store.process(&store.upload(KEY, 1));
        assert_eq!(store.keys("in-anonymized").len(), 1);
        store.remove("in", KEY);
        let event = store.event("in", KEY, name, 2);
        let report = check(&store, &event, Outcome::Done, None);
        let states = (report.processed, report.anonymized);
        assert_eq!(states, (Some(Stored::Removed), Some(Stored::Removed)));
        assert!(store.keys("in-processed").is_empty() && store.keys("in-anonymized").is_empty());
        check(&store, &event, Outcome::Skipped, Some("no-outputs"));
    }
}

#[test]
fn late_removal_removes_nothing() {
    let store = following();
    store.process(&store.upload(KEY, 1));
    let old = removed(&store, KEY, 2);
    // A new picture exists; its own event is not yet processed.
    let new = store.upload(KEY, 3);
    check(&store, &old, Outcome::Skipped, Some("source-exists"));
    assert!(store.has("in-processed", PROCESSED));
    check(&store, &new, Outcome::Done, None);
    // The new picture is removed too, but the old event is not about it.
    let last = removed(&store, KEY, 4);
    let requests = store.requests();
    check(&store, &old, Outcome::Skipped, Some("stale"));
    assert_eq!(store.requests(), requests + 1, "one HEAD");
    check(&store, &last, Outcome::Done, None);
    assert!(store.keys("in-processed").is_empty());
}

#[test]
fn removal_leaves_outputs_of_other_sources() {
    let store = following();
    let second = KEY.replace("demo_Jane Roe", "demo_J. Roe");
    store.process(&store.upload(KEY, 1));
    store.process(&store.upload_bytes(&second, fake::png(9), 2));
    let copies = store.keys("in-anonymized");
    assert_eq!(copies.len(), 2);
    check(&store, &removed(&store, KEY, 3), Outcome::Done, None);
    assert_eq!(store.keys("in-processed").len(), 1);
    assert_eq!(store.keys("in-anonymized").len(), 1);
    check(&store, &removed(&store, &second, 4), Outcome::Done, None);
    assert!(store.keys("in-anonymized").is_empty());
}

#[test]
fn removal_leaves_foreign_objects() {
    let store = following();
    store.put("in-processed", PROCESSED, b"a letter");
    let event = removed(&store, KEY, 1);
    check(&store, &event, Outcome::Skipped, Some("no-outputs"));
    assert!(store.has("in-processed", PROCESSED));
}

#[test]
fn removal_removes_a_copy_left_by_an_interrupted_attempt() {
    let store = following();
    store.process(&store.upload(KEY, 1));
    store.remove("in-processed", PROCESSED);
    let report = check(&store, &removed(&store, KEY, 2), Outcome::Done, None);
    let states = (report.processed, report.anonymized);
    assert_eq!(states, (Some(Stored::NotDue), Some(Stored::Removed)));
    assert!(store.keys("in-anonymized").is_empty());
}

#[test]
fn removal_without_pseudonym_key_leaves_copies() {
    let mut store = following();
    store.process(&store.upload(KEY, 1));
    store.set("pseudonym_key", "");
    let report = check(&store, &removed(&store, KEY, 2), Outcome::Done, None);
    let states = (report.processed, report.anonymized);
    assert_eq!(states, (Some(Stored::Removed), Some(Stored::NoKey)));
    assert_eq!(store.keys("in-anonymized").len(), 1);
}

#[test]
fn removed_delete_marker_makes_outputs_again() {
    // The source becomes visible again and has no outputs.
    let store = following();
    store.upload(KEY, 1);
    let marker = store.event("in", KEY, DELETE, 2);
    let report = check(&store, &marker, Outcome::Done, None);
    assert_eq!(report.processed, Some(Stored::Stored));
    assert!(store.has("in-processed", PROCESSED));
}

#[test]
fn removal_asks_for_redelivery_if_the_store_is_down() {
    let store = following();
    store.process(&store.upload(KEY, 1));
    let event = removed(&store, KEY, 2);
    store.fail_with(Fault::Status(503));
    check(&store, &event, Outcome::Retry, Some("store"));
    store.heal();
    check(&store, &event, Outcome::Done, None);
}

#[test]
fn failure_after_the_removal_reports_the_removal() {
    let requests = {
        let store = following();
        store.process(&store.upload(KEY, 1));
        let before = store.requests();
        check(&store, &removed(&store, KEY, 2), Outcome::Done, None);
        store.requests() - before
    };
    let store = following();
    store.process(&store.upload(KEY, 1));
    // The last request asks for the source again.
    store.fail_after(requests - 1, Fault::Status(503));
    let event = removed(&store, KEY, 2);
    let report = check(&store, &event, Outcome::Retry, Some("store"));
    let gone = Some(Stored::Removed);
    assert_eq!((report.processed, report.anonymized), (gone, gone));
}

#[test]
fn removals_of_outputs_are_skipped() {
    let store = following();
    let event = store.event("in-processed", PROCESSED, DELETE, 1);
    check(&store, &event, Outcome::Skipped, Some("own-output"));
    assert_eq!(store.requests(), 0);
}
