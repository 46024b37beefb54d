//! What a removal does with the outputs, where `remove_outputs` says that they follow their source.

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
fn both_outputs_go_with_their_source() {
    let names = [
        DELETE,
        "ObjectRemoved:DeleteMarkerCreated",
        "ObjectLifecycle:Expiration:Current",
        "s3:LifecycleExpiration:Delete",
    ];
    for name in names {
        let store = following();
        store.process(&store.upload(KEY, 1));
        assert_eq!(store.keys("in-anonymized").len(), 1);
        store.remove("in", KEY);
        let event = store.event("in", KEY, name, 2);
        let report = check(&store, &event, Outcome::Done, None);
        let said = (report.processed, report.anonymized);
        assert_eq!(said, (Some(Stored::Removed), Some(Stored::Removed)));
        assert!(store.keys("in-processed").is_empty() && store.keys("in-anonymized").is_empty());
        check(&store, &event, Outcome::Skipped, Some("no-outputs"));
    }
}

#[test]
fn a_removal_that_comes_late_removes_nothing() {
    let store = following();
    store.process(&store.upload(KEY, 1));
    let old = removed(&store, KEY, 2);
    // A new picture is there, its own event not yet handled.
    let new = store.upload(KEY, 3);
    check(&store, &old, Outcome::Skipped, Some("source-exists"));
    assert!(store.has("in-processed", PROCESSED));
    check(&store, &new, Outcome::Done, None);
    // Now that is gone too, but the old event is not about it.
    let last = removed(&store, KEY, 4);
    let requests = store.requests();
    check(&store, &old, Outcome::Skipped, Some("stale"));
    assert_eq!(store.requests(), requests + 1, "one HEAD");
    check(&store, &last, Outcome::Done, None);
    assert!(store.keys("in-processed").is_empty());
}

#[test]
fn only_what_was_made_from_it_goes() {
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
fn what_somebody_else_put_there_stays() {
    let store = following();
    store.put("in-processed", PROCESSED, b"a letter");
    let event = removed(&store, KEY, 1);
    check(&store, &event, Outcome::Skipped, Some("no-outputs"));
    assert!(store.has("in-processed", PROCESSED));
}

#[test]
fn a_copy_left_by_broken_work_goes_too() {
    let store = following();
    store.process(&store.upload(KEY, 1));
    store.remove("in-processed", PROCESSED);
    let report = check(&store, &removed(&store, KEY, 2), Outcome::Done, None);
    let said = (report.processed, report.anonymized);
    assert_eq!(said, (Some(Stored::NotDue), Some(Stored::Removed)));
    assert!(store.keys("in-anonymized").is_empty());
}

#[test]
fn without_the_key_copies_are_not_found() {
    let mut store = following();
    store.process(&store.upload(KEY, 1));
    store.set("pseudonym_key", "");
    let report = check(&store, &removed(&store, KEY, 2), Outcome::Done, None);
    let said = (report.processed, report.anonymized);
    assert_eq!(said, (Some(Stored::Removed), Some(Stored::NoKey)));
    assert_eq!(store.keys("in-anonymized").len(), 1);
}

#[test]
fn a_source_that_comes_back_to_light_is_processed() {
    // As when a delete marker is removed: the source is there, and nothing that was made of it.
    let store = following();
    store.upload(KEY, 1);
    let marker = store.event("in", KEY, DELETE, 2);
    let report = check(&store, &marker, Outcome::Done, None);
    assert_eq!(report.processed, Some(Stored::Stored));
    assert!(store.has("in-processed", PROCESSED));
}

#[test]
fn a_store_that_is_down_is_asked_again() {
    let store = following();
    store.process(&store.upload(KEY, 1));
    let event = removed(&store, KEY, 2);
    store.fail_with(Fault::Status(503));
    check(&store, &event, Outcome::Retry, Some("store"));
    store.heal();
    check(&store, &event, Outcome::Done, None);
}

#[test]
fn removals_among_our_own_outputs_do_nothing() {
    let store = following();
    let event = store.event("in-processed", PROCESSED, DELETE, 1);
    check(&store, &event, Outcome::Skipped, Some("own-output"));
    assert_eq!(store.requests(), 0);
}
