//! One record's way against a store in memory that checks signatures and conditions: every row of the table of answers,
//! and every promise about what is stored when.

mod fake;

use fake::{Fake, Fault};
use http::StatusCode;
use xray::{
    error::{Error, Outcome},
    event::{DeliveryStyle, ObjectEvent},
    report::answer::answer,
    report::{Report, Stored},
};

const KEY: &str = "ward/demo_Jane Roe_77_1980-02-03_2020-01-01.png";
const PROCESSED: &str = "ward/demo_Jane Roe_77_1980-02-03_2020-01-01-processed.png";

fn status(style: DeliveryStyle, reports: &[Report]) -> StatusCode {
    let answer = answer(style, reports);
    assert_eq!(
        answer.headers().contains_key("retry-after"),
        answer.status() == 503
    );
    answer.status()
}

/// Runs one event and checks how it is answered to Kafka and to a gateway.
fn check(
    store: &Fake,
    event: &ObjectEvent,
    outcome: Outcome,
    reason: Option<&str>,
    kafka: u16,
    gateway: u16,
) -> Report {
    let report = store.process(event);
    assert_eq!(
        (report.outcome, report.reason),
        (outcome, reason),
        "{:?}",
        report.detail
    );
    let reports = [report.clone()];
    assert_eq!(status(DeliveryStyle::Kafka, &reports), kafka, "{reason:?}");
    assert_eq!(
        status(DeliveryStyle::Gateway, &reports),
        gateway,
        "{reason:?}"
    );
    let line = report.line();
    for secret in ["Jane", "Roe", "1980-02-03", "ward/"] {
        assert!(!line.contains(secret), "{line}");
    }
    report
}

#[test]
fn done_at_high_risk_stores_both_the_anonymized_copy_first() {
    let store = Fake::new(0.97);
    let event = store.upload(KEY, 1);
    let report = check(&store, &event, Outcome::Done, None, 200, 200);
    assert_eq!(
        (report.processed, report.anonymized),
        (Some(Stored::Stored), Some(Stored::Stored))
    );
    assert!(store.has("in-processed", PROCESSED));
    let copies = store.keys("in-anonymized");
    assert_eq!(copies.len(), 1);
    assert!(
        copies[0].starts_with("ward/demo_XXXXXXXX_")
            && copies[0].ends_with("_XXXX-XX-XX_2020-01-01.png")
    );
    assert_eq!(store.puts(), ["in-anonymized", "in-processed"]);
    // Everything on the anonymized object is a keyed digest: neither the source's ETag nor its sequencer is there.
    let metadata = format!("{:?}", store.metadata("in-anonymized", &copies[0]));
    assert!(
        !metadata.contains(event.etag.as_deref().unwrap()) && !metadata.contains("Roe"),
        "{metadata}"
    );
    assert_eq!(
        store.metadata("in-processed", PROCESSED)["xray-source-etag"],
        event.etag.unwrap()
    );
}

#[test]
fn done_under_high_risk_stores_no_copy() {
    for (risk, class) in [(0.1, "Normal"), (0.7, "Unsure")] {
        let store = Fake::new(risk);
        let report = check(&store, &store.upload(KEY, 1), Outcome::Done, None, 200, 200);
        assert_eq!(report.class.unwrap().name(), class);
        assert_eq!(report.anonymized, Some(Stored::NotDue));
        assert_eq!(store.puts(), ["in-processed"]);
    }
}

#[test]
fn nothing_is_claimed_of_a_doubtful_picture() {
    for anonymize in ["pneumonia", "all"] {
        let mut store = Fake::new(0.97);
        store.doubt = 0.9;
        store.set("anonymize", anonymize);
        store.set("overlay", "heatmap");
        let report = check(&store, &store.upload(KEY, 1), Outcome::Done, None, 200, 200);
        assert_eq!(report.class.unwrap().name(), "Unsure");
        assert_eq!(
            (report.doubt.as_deref(), report.risk),
            (Some("inverted-grey"), None)
        );
        assert_eq!(report.anonymized, Some(Stored::NotDue));
        assert_eq!(store.puts(), ["in-processed"]);
    }
}

#[test]
fn the_overlay_is_on_the_processed_picture_only() {
    let [plain, outlined] = ["none", "heatmap"].map(|overlay| {
        let mut store = Fake::new(0.97);
        store.set("overlay", overlay);
        check(&store, &store.upload(KEY, 1), Outcome::Done, None, 200, 200);
        let copies = store.keys("in-anonymized");
        (
            store.body("in-processed", PROCESSED),
            store.body("in-anonymized", &copies[0]),
        )
    });
    assert_ne!(plain.0, outlined.0);
    assert_eq!(plain.1, outlined.1);
}

#[test]
fn a_redelivery_does_no_work() {
    let store = Fake::new(0.97);
    let event = store.upload(KEY, 1);
    check(&store, &event, Outcome::Done, None, 200, 200);
    let requests = store.requests();
    check(
        &store,
        &event,
        Outcome::Skipped,
        Some("duplicate"),
        200,
        200,
    );
    assert_eq!(store.requests(), requests + 1, "one HEAD");
}

#[test]
fn another_model_or_other_settings_do_the_work_again() {
    let mut store = Fake::new(0.1);
    let event = store.upload(KEY, 1);
    check(&store, &event, Outcome::Done, None, 200, 200);
    store.set("label_size", "40");
    check(&store, &event, Outcome::Done, None, 200, 200);
    store.set_model("1".repeat(64));
    check(&store, &event, Outcome::Done, None, 200, 200);
    check(
        &store,
        &event,
        Outcome::Skipped,
        Some("duplicate"),
        200,
        200,
    );
}

#[test]
fn an_older_event_changes_nothing() {
    let store = Fake::new(0.1);
    let old = store.upload(KEY, 1);
    let new = store.upload(KEY, 2);
    check(&store, &new, Outcome::Done, None, 200, 200);
    check(&store, &old, Outcome::Skipped, Some("stale"), 200, 200);
    assert_eq!(store.puts(), ["in-processed"]);
}

#[test]
fn an_object_that_changed_is_left_to_its_own_event() {
    let store = Fake::new(0.1);
    let old = store.upload(KEY, 1);
    store.upload(KEY, 2);
    check(&store, &old, Outcome::Skipped, Some("changed"), 200, 200);
}

#[test]
fn a_source_that_is_gone_is_skipped() {
    let store = Fake::new(0.1);
    let event = store.upload(KEY, 1);
    store.remove("in", KEY);
    check(&store, &event, Outcome::Skipped, Some("gone"), 200, 200);
    assert!(store.puts().is_empty());
}

#[test]
fn removals_and_own_outputs_are_skipped_without_a_request() {
    let store = Fake::new(0.97);
    for (bucket, name, reason) in [
        ("in", "ObjectRemoved:Delete", "not-a-creation"),
        ("in-processed", "ObjectCreated:Put", "own-output"),
        ("in-anonymized", "ObjectCreated:Put", "own-output"),
    ] {
        let event = store.event(bucket, KEY, name, 1);
        check(&store, &event, Outcome::Skipped, Some(reason), 200, 200);
    }
    assert_eq!(store.requests(), 0);
}

#[test]
fn what_never_works_is_rejected_and_a_gateway_is_told_all_is_well() {
    let store = Fake::new(0.1);
    for (what, bytes, reason, kafka) in [
        ("text", b"hello".to_vec(), "not-an-image", 422),
        (
            "DICOM",
            [vec![0; 128], b"DICM".to_vec()].concat(),
            "not-an-image",
            422,
        ),
        ("damaged", fake::png(2)[..60].to_vec(), "damaged", 422),
        ("heavy", vec![0xFF; 70_000], "too-large", 413),
        ("wide", fake::png_of(1000, 200), "too-large", 413),
    ] {
        let event = store.upload_bytes(KEY, bytes, 1);
        let report = check(&store, &event, Outcome::Rejected, Some(reason), kafka, 200);
        assert!(report.detail.is_some(), "{what}");
    }
    assert!(store.puts().is_empty());
    // The size in the event spares the fetch.
    let heavy = store.upload_bytes(KEY, vec![0xFF; 70_000], 1);
    let requests = store.requests();
    store.process(&heavy);
    assert_eq!(store.requests(), requests + 1, "HEAD, no GET");
}

#[test]
fn an_unusable_record_is_rejected() {
    let reports = |error: Error| [Fake::new(0.1).process_record(&Err(error))];
    let unusable = reports(Error::Reference("the key is empty".into()));
    assert_eq!(status(DeliveryStyle::Kafka, &unusable), 422);
    assert_eq!(status(DeliveryStyle::Gateway, &unusable), 200);
    let no_event = reports(Error::NotAnEvent("no key".into()));
    assert_eq!(status(DeliveryStyle::Kafka, &no_event), 400);
    assert_eq!(status(DeliveryStyle::Gateway, &no_event), 200);
}

#[test]
fn without_a_pseudonym_key_nothing_is_anonymized() {
    let mut store = Fake::new(0.97);
    store.set("pseudonym_key", "");
    let event = store.upload(KEY, 1);
    let report = check(
        &store,
        &event,
        Outcome::Quarantined,
        Some("no-pseudonym-key"),
        200,
        200,
    );
    assert_eq!(
        (report.processed, report.anonymized),
        (Some(Stored::Stored), Some(Stored::NoKey))
    );
    assert!(store.keys("in-anonymized").is_empty());
    // Once there is a key the same event makes up for it.
    store.set("pseudonym_key", "k");
    check(&store, &event, Outcome::Done, None, 200, 200);
    assert_eq!(store.keys("in-anonymized").len(), 1);
}

#[test]
fn a_copy_on_which_nothing_is_covered_is_withheld() {
    let mut store = Fake::new(0.97);
    store.set("redact_boxes", "bottom-left 300x100+5000+0");
    let report = check(
        &store,
        &store.upload(KEY, 1),
        Outcome::Quarantined,
        Some("nothing-covered"),
        200,
        200,
    );
    assert_eq!(
        (report.processed, report.anonymized),
        (Some(Stored::Stored), Some(Stored::Withheld))
    );
    assert!(store.keys("in-anonymized").is_empty());
}

#[test]
fn what_may_work_later_asks_to_be_delivered_again() {
    for fault in [
        Fault::Down,
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(403),
        Fault::Status(429),
        Fault::Status(301),
        Fault::WrongSecret,
    ] {
        let store = Fake::new(0.97);
        let event = store.upload(KEY, 1);
        store.fail_with(fault);
        check(&store, &event, Outcome::Retry, Some("store"), 503, 503);
        store.heal();
        check(&store, &event, Outcome::Done, None, 200, 200);
    }
}

#[test]
fn a_missing_output_bucket_is_named() {
    for bucket in ["in-processed", "in-anonymized"] {
        let store = Fake::new(0.97);
        let event = store.upload(KEY, 1);
        store.drop_bucket(bucket);
        let report = check(&store, &event, Outcome::Retry, Some("store"), 503, 503);
        assert!(
            report
                .detail
                .unwrap()
                .contains(&format!("the bucket {bucket} does not exist"))
        );
    }
}

#[test]
fn a_model_that_fails_asks_to_be_delivered_again() {
    let store = Fake::new(f32::NAN);
    check(
        &store,
        &store.upload(KEY, 1),
        Outcome::Retry,
        Some("model"),
        503,
        503,
    );
    assert!(store.puts().is_empty());
}

#[test]
fn an_overwrite_that_is_no_longer_at_risk_removes_the_copy() {
    let mut store = Fake::new(0.97);
    let event = store.upload(KEY, 1);
    store.process(&event);
    assert_eq!(store.keys("in-anonymized").len(), 1);
    store.set_risk(0.1);
    let event = store.upload(KEY, 2);
    let report = check(&store, &event, Outcome::Done, None, 200, 200);
    assert_eq!(report.anonymized, Some(Stored::Removed));
    assert!(store.keys("in-anonymized").is_empty());
}

#[test]
fn two_sources_of_one_name_never_overwrite_each_other() {
    let mut store = Fake::new(0.97);
    let second = KEY.replace("demo_Jane Roe", "demo_J. Roe");
    let events = [
        store.upload(KEY, 1),
        store.upload_bytes(&second, fake::png(9), 2),
    ];
    for event in &events {
        check(&store, event, Outcome::Done, None, 200, 200);
    }
    let copies = store.keys("in-anonymized");
    assert_eq!(copies.len(), 2, "{copies:?}");
    // An overwrite of either goes to its own copy.
    for key in [KEY, &second] {
        check(
            &store,
            &store.upload_bytes(key, fake::png(17), 3),
            Outcome::Done,
            None,
            200,
            200,
        );
    }
    assert_eq!(store.keys("in-anonymized"), copies);
    // And the removal of one leaves the other's.
    store.set_risk(0.1);
    check(
        &store,
        &store.upload_bytes(&second, fake::png(33), 4),
        Outcome::Done,
        None,
        200,
        200,
    );
    assert_eq!(store.keys("in-anonymized").len(), 1);
    // Once on its alternative name, a source stays there, even when the plain one is free.
    store.set_risk(0.97);
    check(
        &store,
        &store.upload_bytes(&second, fake::png(34), 5),
        Outcome::Done,
        None,
        200,
        200,
    );
    assert_eq!(store.keys("in-anonymized"), copies);
}

#[test]
fn a_lost_race_looks_again_and_settles() {
    for bucket in ["in-processed", "in-anonymized"] {
        let store = Fake::new(0.97);
        let event = store.upload(KEY, 1);
        store.lose_races(bucket, 2);
        check(&store, &event, Outcome::Done, None, 200, 200);
    }
}

#[test]
fn races_lost_again_and_again_ask_to_be_delivered_again() {
    let store = Fake::new(0.97);
    let event = store.upload(KEY, 1);
    store.lose_races("in-processed", 100);
    check(&store, &event, Outcome::Retry, Some("store"), 503, 503);
}

#[test]
fn a_later_event_that_finishes_first_wins() {
    let store = Fake::new(0.97);
    let (old, new) = (
        store.upload(KEY, 1),
        store.event("in", KEY, "ObjectCreated:Put", 2),
    );
    // The later event is done with while the earlier one's picture is with the model.
    store.process_while_inferring(&new);
    let report = check(&store, &old, Outcome::Skipped, Some("duplicate"), 200, 200);
    assert_eq!(report.processed, Some(Stored::Unchanged));
    assert_eq!(store.keys("in-anonymized").len(), 1);
}

#[test]
fn an_overwrite_works_where_outputs_have_versions() {
    let mut store = Fake::new(0.97);
    for bucket in ["in-processed", "in-anonymized"] {
        store.version(bucket);
    }
    check(&store, &store.upload(KEY, 1), Outcome::Done, None, 200, 200);
    check(&store, &store.upload(KEY, 2), Outcome::Done, None, 200, 200);
    assert_eq!(store.puts().len(), 4);
}

#[test]
fn what_the_store_keeps_under_keys_is_told_apart() {
    // What RGW 16.2.15 answered.
    let ssec = "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.";
    let kms = "Failed to retrieve the actual key, kms-keyid: Jane Roe";
    for (status, code, message, outcome, reason, says) in [
        (
            400,
            "InvalidArgument",
            ssec,
            Outcome::Rejected,
            "encrypted",
            "SSE-C",
        ),
        (
            403,
            "InvalidAccessKeyId",
            kms,
            Outcome::Retry,
            "store",
            "key service",
        ),
        (
            403,
            "InvalidAccessKeyId",
            "",
            Outcome::Retry,
            "store",
            "check s3_access_key",
        ),
    ] {
        let store = Fake::new(0.97);
        let event = store.upload(KEY, 1);
        store.refuse_get(status, code, message);
        let (kafka, gateway) = match outcome {
            Outcome::Rejected => (422, 200),
            _ => (503, 503),
        };
        let report = check(&store, &event, outcome, Some(reason), kafka, gateway);
        assert!(
            report.detail.as_ref().unwrap().contains(says),
            "{:?}",
            report.detail
        );
    }
}

#[test]
fn a_batch_is_answered_by_the_worst_that_can_be_helped() {
    let report = |outcome, error: Option<Error>| {
        let mut report = Report::new(outcome);
        report.error = error;
        report
    };
    let done = report(Outcome::Done, None);
    let rejected = report(Outcome::Rejected, Some(Error::NotAnEvent("x".into())));
    let retry = report(Outcome::Retry, Some(Error::Store("x".into())));
    let quarantined = report(Outcome::Quarantined, None);
    for (reports, outcome, kafka, gateway) in [
        (vec![], "skipped", 200, 200),
        (
            vec![done.clone(), quarantined.clone()],
            "quarantined",
            200,
            200,
        ),
        (vec![done.clone(), rejected.clone()], "rejected", 422, 200),
        (
            vec![rejected.clone(), retry.clone(), done.clone()],
            "retry",
            503,
            503,
        ),
        (vec![rejected], "rejected", 400, 200),
    ] {
        assert_eq!(status(DeliveryStyle::Kafka, &reports), kafka);
        assert_eq!(status(DeliveryStyle::Gateway, &reports), gateway);
        let body: serde_json::Value =
            serde_json::from_slice(answer(DeliveryStyle::Kafka, &reports).body()).unwrap();
        assert_eq!(body["outcome"], outcome);
        assert_eq!(body["records"].as_array().unwrap().len(), reports.len());
    }
}

#[test]
fn every_signed_request_verifies() {
    // The fake recomputes each signature from what it was sent; a wrong one would have been a 403 in every test above.
    let mut store = Fake::new(0.97);
    store.set("s3_session_token", "token+/=");
    for key in [
        "a b+c%20d&e=f?g#h é日本.png",
        "..",
        "/lead",
        "a//b",
        "x%2Fy",
        "~-_.!*'()",
    ] {
        let event = store.upload_bytes(key, fake::png(5), 1);
        assert_eq!(store.process(&event).outcome, Outcome::Done, "{key}");
    }
}
