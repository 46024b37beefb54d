//! Whole records against a store in memory that checks signatures and conditions: every row of the
//! table of responses, and every promise about the stored outputs.

mod fake;

use fake::{Fake, Fault};
use http::StatusCode;
use xray::{
    error::{Error, Outcome, Reason},
    event::{DeliveryStyle, ObjectEvent},
    report::response::respond,
    report::{Report, Stored},
};

const KEY: &str = "ward/demo_Jane Roe_77_1980-02-03_2020-01-01.png";
const PROCESSED: &str = "ward/demo_Jane Roe_77_1980-02-03_2020-01-01-processed.png";

fn status(style: DeliveryStyle, reports: &[Report]) -> StatusCode {
    let response = respond(style, reports);
    assert_eq!(
        response.headers().contains_key("retry-after"),
        response.status() == 503
    );
    response.status()
}

/// Expected report of a record and statuses of the responses.
#[derive(Debug, Clone, Copy)]
struct Expect {
    outcome: Outcome,
    reason: Option<&'static str>,
    kafka: u16,
    gateway: u16,
}

const DONE: Expect = Expect {
    outcome: Outcome::Done,
    reason: None,
    kafka: 200,
    gateway: 200,
};

fn skipped(reason: &'static str) -> Expect {
    Expect {
        outcome: Outcome::Skipped,
        reason: Some(reason),
        ..DONE
    }
}

fn quarantined(reason: &'static str) -> Expect {
    Expect {
        outcome: Outcome::Quarantined,
        reason: Some(reason),
        ..DONE
    }
}

fn rejected(reason: &'static str, kafka: u16) -> Expect {
    Expect {
        outcome: Outcome::Rejected,
        reason: Some(reason),
        kafka,
        gateway: 200,
    }
}

fn retry(reason: &'static str) -> Expect {
    Expect {
        outcome: Outcome::Retry,
        reason: Some(reason),
        kafka: 503,
        gateway: 503,
    }
}

/// Processes one event and checks the report and the responses to Kafka and to a gateway.
fn check(store: &Fake, event: &ObjectEvent, expect: Expect) -> Report {
    let report = store.process(event);
    assert_eq!(
        (report.outcome, report.reason.as_ref().map(Reason::as_str)),
        (expect.outcome, expect.reason),
        "{:?}",
        report.detail
    );
    let reports = [report.clone()];
    for (style, want) in [
        (DeliveryStyle::Kafka, expect.kafka),
        (DeliveryStyle::Gateway, expect.gateway),
    ] {
        assert_eq!(status(style, &reports), want, "{style:?} {expect:?}");
    }
    let line = report.line();
    for secret in ["Jane", "Roe", "1980-02-03", "ward/"] {
        assert!(!line.contains(secret), "{line}");
    }
    report
}

#[test]
fn high_risk_stores_both_outputs_and_the_anonymized_copy_first() {
    let store = Fake::new(0.97);
    let event = store.upload(KEY, 1);
    let report = check(&store, &event, DONE);
    assert_eq!(
        (report.processed, report.anonymized),
        (Some(Stored::Stored), Some(Stored::Stored))
    );
    assert!(store.has("in-processed", PROCESSED));
    let copies = store.keys("in-anonymized");
    assert_eq!(copies.len(), 1);
    assert!(
        copies[0].contains("/demo_XXXXXXXX_")
            && !copies[0].contains("ward")
            && copies[0].ends_with("_XXXX-XX-XX_2020-01-01.png")
    );
    assert_eq!(store.puts(), ["in-anonymized", "in-processed"]);
    // All metadata of the anonymized object is keyed digests, without the source's ETag or
    // sequencer.
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
fn lower_risk_stores_no_copy() {
    for (risk, class) in [(0.1, "Normal"), (0.7, "Unsure")] {
        let store = Fake::new(risk);
        let report = check(&store, &store.upload(KEY, 1), DONE);
        assert_eq!(report.class.unwrap().name(), class);
        assert_eq!(report.anonymized, Some(Stored::NotDue));
        assert_eq!(store.puts(), ["in-processed"]);
    }
}

#[test]
fn failed_input_check_reports_no_risk_and_stores_no_copy() {
    for anonymize in ["pneumonia", "all"] {
        let mut store = Fake::new(0.97);
        store.doubt = 0.9;
        store.set("anonymize", anonymize);
        store.set("overlay", "heatmap");
        let report = check(&store, &store.upload(KEY, 1), DONE);
        assert_eq!(report.class.unwrap().name(), "Unsure");
        assert_eq!(
            (report.input_check(), report.risk),
            (Some("inverted-gray"), None)
        );
        assert_eq!(report.anonymized, Some(Stored::NotDue));
        assert_eq!(store.puts(), ["in-processed"]);
    }
}

#[test]
fn overlay_is_on_the_processed_picture_only() {
    let [plain, outlined] = ["none", "heatmap"].map(|overlay| {
        let mut store = Fake::new(0.97);
        store.set("overlay", overlay);
        check(&store, &store.upload(KEY, 1), DONE);
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
fn redelivery_costs_one_head_request() {
    let store = Fake::new(0.97);
    let event = store.upload(KEY, 1);
    check(&store, &event, DONE);
    let requests = store.requests();
    check(&store, &event, skipped("duplicate"));
    assert_eq!(store.requests(), requests + 1, "one HEAD");
}

#[test]
fn other_model_or_settings_make_outputs_again() {
    let mut store = Fake::new(0.1);
    let event = store.upload(KEY, 1);
    check(&store, &event, DONE);
    store.set("label_size", "40");
    check(&store, &event, DONE);
    store.set_model("1".repeat(64));
    check(&store, &event, DONE);
    check(&store, &event, skipped("duplicate"));
}

#[test]
fn older_event_is_stale() {
    let store = Fake::new(0.1);
    let old = store.upload(KEY, 1);
    let new = store.upload(KEY, 2);
    check(&store, &new, DONE);
    check(&store, &old, skipped("stale"));
    assert_eq!(store.puts(), ["in-processed"]);
}

#[test]
fn overwritten_source_is_left_to_its_own_event() {
    let store = Fake::new(0.1);
    let old = store.upload(KEY, 1);
    store.upload(KEY, 2);
    check(&store, &old, skipped("changed"));
}

#[test]
fn missing_source_is_skipped() {
    let store = Fake::new(0.1);
    let event = store.upload(KEY, 1);
    store.remove("in", KEY);
    check(&store, &event, skipped("gone"));
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
        check(&store, &event, skipped(reason));
    }
    assert_eq!(store.requests(), 0);
}

#[test]
fn permanent_failure_is_rejected_but_success_to_a_gateway() {
    let store = Fake::new(0.1);
    for (what, bytes, reason, kafka) in [
        ("text", b"hello".to_vec(), "not-an-image", 422),
        (
            "DICOM",
            [vec![0; 128], b"DICM".to_vec()].concat(),
            "damaged",
            422,
        ),
        ("damaged", fake::png(2)[..60].to_vec(), "damaged", 422),
        ("heavy", vec![0xFF; 70_000], "too-large", 413),
        ("wide", fake::png_of(1000, 200), "too-large", 413),
    ] {
        let event = store.upload_bytes(KEY, bytes, 1);
        let report = check(&store, &event, rejected(reason, kafka));
        assert!(report.detail.is_some(), "{what}");
    }
    assert!(store.puts().is_empty());
    // The size in the event saves the GET.
    let heavy = store.upload_bytes(KEY, vec![0xFF; 70_000], 1);
    let requests = store.requests();
    store.process(&heavy);
    assert_eq!(store.requests(), requests + 1, "HEAD, no GET");
}

#[test]
fn unusable_record_is_rejected() {
    let reports = |error: Error| [Fake::new(0.1).process_record(&Err(error))];
    let unusable = reports(Error::Reference("the key is empty".into()));
    assert_eq!(status(DeliveryStyle::Kafka, &unusable), 422);
    assert_eq!(status(DeliveryStyle::Gateway, &unusable), 200);
    let no_event = reports(Error::NotAnEvent("no key".into()));
    assert_eq!(status(DeliveryStyle::Kafka, &no_event), 400);
    assert_eq!(status(DeliveryStyle::Gateway, &no_event), 200);
}

#[test]
fn missing_pseudonym_key_withholds_the_copy() {
    let mut store = Fake::new(0.97);
    store.set("pseudonym_key", "");
    let event = store.upload(KEY, 1);
    let report = check(&store, &event, quarantined("no-pseudonym-key"));
    assert_eq!(
        (report.processed, report.anonymized),
        (Some(Stored::Stored), Some(Stored::NoKey))
    );
    assert!(store.keys("in-anonymized").is_empty());
    // With a key, the same event stores the copy.
    store.set("pseudonym_key", "k");
    check(&store, &event, DONE);
    assert_eq!(store.keys("in-anonymized").len(), 1);
}

#[test]
fn copy_with_nothing_covered_is_withheld() {
    let mut store = Fake::new(0.97);
    store.set("redact_boxes", "bottom-left 300x100+5000+0");
    let report = check(
        &store,
        &store.upload(KEY, 1),
        quarantined("nothing-covered"),
    );
    assert_eq!(
        (report.processed, report.anonymized),
        (Some(Stored::Stored), Some(Stored::Withheld))
    );
    assert!(store.keys("in-anonymized").is_empty());
}

#[test]
fn store_failure_asks_for_redelivery() {
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
        check(&store, &event, retry("store"));
        store.heal();
        check(&store, &event, DONE);
    }
}

#[test]
fn missing_output_bucket_is_named() {
    for bucket in ["in-processed", "in-anonymized"] {
        let store = Fake::new(0.97);
        let event = store.upload(KEY, 1);
        store.drop_bucket(bucket);
        let report = check(&store, &event, retry("store"));
        assert!(
            report
                .detail
                .unwrap()
                .contains(&format!("the bucket {bucket} does not exist"))
        );
        // A copy that was stored before the failure is reported.
        let is_stored = bucket == "in-processed";
        assert_eq!(report.anonymized, is_stored.then_some(Stored::Stored));
    }
}

#[test]
fn model_failure_asks_for_redelivery() {
    let store = Fake::new(f32::NAN);
    check(&store, &store.upload(KEY, 1), retry("model"));
    assert!(store.puts().is_empty());
}

#[test]
fn overwrite_at_lower_risk_removes_the_copy() {
    let mut store = Fake::new(0.97);
    let event = store.upload(KEY, 1);
    store.process(&event);
    assert_eq!(store.keys("in-anonymized").len(), 1);
    store.set_risk(0.1);
    let event = store.upload(KEY, 2);
    let report = check(&store, &event, DONE);
    assert_eq!(report.anonymized, Some(Stored::Removed));
    assert!(store.keys("in-anonymized").is_empty());
}

#[test]
fn two_sources_of_one_name_keep_their_own_copies() {
    let mut store = Fake::new(0.97);
    let second = KEY.replace("demo_Jane Roe", "demo_J. Roe");
    let events = [
        store.upload(KEY, 1),
        store.upload_bytes(&second, fake::png(9), 2),
    ];
    for event in &events {
        check(&store, event, DONE);
    }
    let copies = store.keys("in-anonymized");
    assert_eq!(copies.len(), 2, "{copies:?}");
    // An overwrite of either replaces its own copy.
    for key in [KEY, &second] {
        check(&store, &store.upload_bytes(key, fake::png(17), 3), DONE);
    }
    assert_eq!(store.keys("in-anonymized"), copies);
    // Removing one leaves the other.
    store.set_risk(0.1);
    check(&store, &store.upload_bytes(&second, fake::png(33), 4), DONE);
    assert_eq!(store.keys("in-anonymized").len(), 1);
    // A source stays on its alternative name even when the base name is free.
    store.set_risk(0.97);
    check(&store, &store.upload_bytes(&second, fake::png(34), 5), DONE);
    assert_eq!(store.keys("in-anonymized"), copies);
}

#[test]
fn conflict_is_resolved_by_another_round() {
    for bucket in ["in-processed", "in-anonymized"] {
        let store = Fake::new(0.97);
        let event = store.upload(KEY, 1);
        store.lose_races(bucket, 2);
        check(&store, &event, DONE);
    }
}

#[test]
fn repeated_conflicts_ask_for_redelivery() {
    let store = Fake::new(0.97);
    let event = store.upload(KEY, 1);
    store.lose_races("in-processed", 100);
    check(&store, &event, retry("store"));
}

#[test]
fn later_event_that_finishes_first_wins() {
    let store = Fake::new(0.97);
    let (old, new) = (
        store.upload(KEY, 1),
        store.event("in", KEY, "ObjectCreated:Put", 2),
    );
    // The later event completes during the inference of the earlier one.
    store.process_while_inferring(&new);
    let report = check(&store, &old, skipped("duplicate"));
    assert_eq!(report.processed, Some(Stored::Unchanged));
    assert_eq!(store.keys("in-anonymized").len(), 1);
}

#[test]
fn overwrite_works_in_versioned_output_buckets() {
    let mut store = Fake::new(0.97);
    for bucket in ["in-processed", "in-anonymized"] {
        store.version(bucket);
    }
    check(&store, &store.upload(KEY, 1), DONE);
    check(&store, &store.upload(KEY, 2), DONE);
    assert_eq!(store.puts().len(), 4);
}

#[test]
fn sse_c_and_sse_kms_failures_are_told_apart() {
    // Responses of RGW 16.2.15.
    let ssec = "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.";
    let kms = "Failed to retrieve the actual key, kms-keyid: Jane Roe";
    let invalid = "InvalidAccessKeyId";
    for (status, code, message, expect, says) in [
        (
            400,
            "InvalidArgument",
            ssec,
            rejected("encrypted", 422),
            "SSE-C",
        ),
        (403, invalid, kms, retry("store"), "key service"),
        (403, invalid, "", retry("store"), "check s3_access_key"),
    ] {
        let store = Fake::new(0.97);
        let event = store.upload(KEY, 1);
        store.refuse_get(status, code, message);
        let detail = check(&store, &event, expect).detail.unwrap();
        assert!(detail.contains(says), "{detail}");
    }
}

#[test]
fn worst_outcome_that_can_be_helped_decides_the_status_of_a_batch() {
    let failed = |error: Error| Report::new(Outcome::Done).failed(&error);
    let done = Report::new(Outcome::Done);
    let rejected = failed(Error::NotAnEvent("x".into()));
    let retry = failed(Error::Store("x".into()));
    let quarantined = Report::new(Outcome::Quarantined);
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
            serde_json::from_slice(respond(DeliveryStyle::Kafka, &reports).body()).unwrap();
        assert_eq!(body["outcome"], outcome);
        assert_eq!(body["records"].as_array().unwrap().len(), reports.len());
    }
}

#[test]
fn signatures_of_unusual_keys_verify() {
    // The fake recomputes each signature from the request; a wrong one would be a 403 in every test
    // above.
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
