//! Output buckets whose versioning is suspended: a removed object leaves a null delete marker.

mod fake;

use fake::Fake;
use xray::{
    error::Outcome,
    report::{Report, Stored},
};

const KEY: &str = "ward/demo_Jane Roe_77_1980-02-03_2020-01-01.png";
const PROCESSED: &str = "ward/demo_Jane Roe_77_1980-02-03_2020-01-01-processed.png";

fn suspended() -> Fake {
    let mut store = Fake::new(0.97);
    store.set("remove_outputs", "true");
    for bucket in ["in-processed", "in-anonymized", "in-quarantine"] {
        store.suspend(bucket);
    }
    store
}

#[track_caller]
fn done(report: &Report) {
    assert_eq!(report.outcome, Outcome::Done, "{:?}", report.detail);
}

#[test]
fn outputs_are_stored_again_after_a_removal() {
    let store = suspended();
    done(&store.process(&store.upload(KEY, 1)));
    store.remove("in", KEY);
    done(&store.process(&store.event("in", KEY, "ObjectRemoved:Delete", 2)));
    assert!(store.keys("in-processed").is_empty() && store.keys("in-anonymized").is_empty());
    // Each once more: both names of the copy have a marker by then.
    for n in [3, 5, 7] {
        let report = store.process(&store.upload(KEY, n));
        done(&report);
        assert_eq!(report.anonymized, Some(Stored::Stored));
        assert!(store.has("in-processed", PROCESSED));
        assert_eq!(store.keys("in-anonymized").len(), 1);
        store.remove("in", KEY);
        done(&store.process(&store.event("in", KEY, "ObjectRemoved:Delete", n + 1)));
        assert!(store.keys("in-anonymized").is_empty());
    }
}

#[test]
fn base_name_with_a_marker_is_left_to_no_race() {
    let store = suspended();
    // Two sources share the base name, which has a marker: both get a name of their own.
    let other = KEY.replace("Jane Roe", "J. Roe");
    done(&store.process(&store.upload(KEY, 1)));
    let base = store.keys("in-anonymized")[0].clone();
    store.delete("in-anonymized", &base);
    store.delete("in-processed", PROCESSED);
    done(&store.process(&store.upload(KEY, 2)));
    done(&store.process(&store.upload(&other, 3)));
    let copies = store.keys("in-anonymized");
    assert!(copies.len() == 2 && !copies.contains(&base), "{copies:?}");
}

#[test]
fn older_event_that_replaced_a_newer_one_at_a_marker_makes_it_again() {
    let store = suspended();
    done(&store.process(&store.upload(KEY, 1)));
    store.delete("in-processed", PROCESSED);
    let older = store.upload(KEY, 2);
    // The source is overwritten right after the older event's outputs took the marker's place; the
    // newer event's outputs may be the ones that they replaced.
    store.overwrite_after_put(KEY, 3);
    done(&store.process(&older));
    let now = store.event("in", KEY, "ObjectCreated:Put", 3);
    assert_eq!(
        store.metadata("in-processed", PROCESSED)["xray-source-etag"],
        now.etag.unwrap()
    );
}

#[test]
fn object_that_appears_at_a_marker_is_not_replaced_by_an_older_event() {
    let store = suspended();
    done(&store.process(&store.upload(KEY, 1)));
    store.delete("in-processed", PROCESSED);
    let older = store.upload(KEY, 2);
    let newer = store.event("in", KEY, "ObjectCreated:Put", 4);
    store.process_while_inferring(&newer);
    let report = store.process(&older);
    assert_eq!(report.outcome, Outcome::Skipped, "{:?}", report.detail);
    let stored = store.metadata("in-processed", PROCESSED);
    assert_eq!(stored["xray-sequencer"], "0000000400000000");
}
