//! Responses that look as if an object were gone: only the store's own document is believed.

mod fake;

use fake::Fake;
use http::Response;
use xray::{
    error::{Outcome, Reason},
    event::DeliveryStyle,
    report::{
        Report,
        response::{respond, retries_without_limit},
    },
};

const KEY: &str = "ward/demo_Jane Roe_77_1980-02-03_2020-01-01.png";
const PROCESSED: &str = "ward/demo_Jane Roe_77_1980-02-03_2020-01-01-processed.png";
const INGRESS: &str = "<html><body><h1>default backend - 404</h1></body></html>";

fn document(code: &str, bucket: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message></Message>\
         <BucketName>{bucket}</BucketName><RequestId>tx0</RequestId></Error>"
    )
}

#[track_caller]
fn check(report: &Report, outcome: Outcome, reason: Option<&str>) {
    let got = (report.outcome, report.reason.as_ref().map(Reason::as_str));
    assert_eq!(got, (outcome, reason), "{:?}", report.detail);
}

/// Responses of 404 that do not say that the object is gone.
fn elsewhere() -> Vec<String> {
    vec![
        String::new(),
        INGRESS.to_owned(),
        "NoSuchKey".to_owned(),
        document("NoSuchBucket", "in"),
        document("NoSuchTenant", "in"),
        // `rgw_dns_name` is another one, so that the gateway took the host for the bucket.
        document("NoSuchBucket", "rgw.example.com"),
        document("NoSuchKey", "ward"),
    ]
}

#[test]
fn source_is_gone_only_by_the_document_of_the_store() {
    for code in ["NoSuchKey", "NoSuchVersion"] {
        for body in [
            document(code, "in"),
            format!("<Error><Code>{code}</Code></Error>"),
        ] {
            let store = Fake::new(0.97);
            let event = store.upload(KEY, 1);
            store.page("in", 404, &body);
            check(&store.process(&event), Outcome::Skipped, Some("gone"));
        }
    }
    for body in elsewhere() {
        let store = Fake::new(0.97);
        let event = store.upload(KEY, 1);
        store.page("in", 404, &body);
        let report = store.process(&event);
        check(&report, Outcome::Retry, Some("store"));
        let detail = report.detail.unwrap();
        assert!(
            detail.contains(" in") && !detail.contains("Roe"),
            "{detail}"
        );
        assert!(store.keys("in-processed").is_empty());
    }
}

#[test]
fn delete_marker_is_gone_only_as_a_version() {
    let store = Fake::new(0.97);
    let event = store.upload(KEY, 1);
    store.page("in", 405, &document("MethodNotAllowed", "in"));
    check(&store.process(&event), Outcome::Retry, Some("store"));
    let object = xray::event::ObjectRef::new("in", KEY, Some("a-version")).unwrap();
    let of_version = xray::event::ObjectEvent { object, ..event };
    check(&store.process(&of_version), Outcome::Skipped, Some("gone"));
    store.page("in", 405, "");
    check(&store.process(&of_version), Outcome::Retry, Some("store"));
}

#[test]
fn missing_bucket_is_retried_without_a_limit() {
    let no_limit = |report: Report| -> (u16, bool) {
        let response: Response<_> = respond(DeliveryStyle::Kafka, &[report]);
        (response.status().as_u16(), retries_without_limit(&response))
    };
    for bucket in ["in", "in-processed", "in-anonymized"] {
        let store = Fake::new(0.97);
        let event = store.upload(KEY, 1);
        store.drop_bucket(bucket);
        let report = store.process(&event);
        let detail = report.detail.clone().unwrap();
        assert!(
            detail.contains(&format!("the bucket {bucket} does not exist")),
            "{detail}"
        );
        assert_eq!(no_limit(report), (503, true), "{bucket}");
    }
    let store = Fake::new(0.97);
    let event = store.upload(KEY, 1);
    store.page("in", 404, INGRESS);
    assert_eq!(no_limit(store.process(&event)), (503, true));
    store.page("in", 500, "");
    assert_eq!(no_limit(store.process(&event)), (503, false));
}

#[test]
fn removal_needs_the_document_of_the_store() {
    for body in elsewhere() {
        let mut store = Fake::new(0.97);
        store.set("remove_outputs", "true");
        store.process(&store.upload(KEY, 1));
        let event = store.event("in", KEY, "ObjectRemoved:Delete", 2);
        store.page("in", 404, &body);
        let report = store.process(&event);
        check(&report, Outcome::Retry, Some("store"));
        assert!(store.has("in-processed", PROCESSED), "{body}");
        assert_eq!(store.keys("in-anonymized").len(), 1, "{body}");
    }
    let mut store = Fake::new(0.97);
    store.set("remove_outputs", "true");
    store.process(&store.upload(KEY, 1));
    let event = store.event("in", KEY, "ObjectRemoved:Delete", 2);
    // The processed object seems to be missing, but only to a HEAD through an ingress.
    store.page("in-processed", 404, INGRESS);
    store.remove("in", KEY);
    check(&store.process(&event), Outcome::Retry, Some("store"));
    assert_eq!(store.keys("in-anonymized").len(), 1);
}

#[test]
fn copy_that_seems_missing_is_not_left_behind() {
    let mut store = Fake::new(0.97);
    store.process(&store.upload(KEY, 1));
    store.set_risk(0.1);
    let event = store.upload(KEY, 2);
    store.page("in-anonymized", 404, INGRESS);
    check(&store.process(&event), Outcome::Retry, Some("store"));
    assert_eq!(
        store.metadata("in-processed", PROCESSED)["xray-sequencer"],
        "0000000100000000",
        "no processed object says that the copy is gone"
    );
}

#[test]
fn response_without_an_etag_is_no_success() {
    let mut store = Fake::new(0.97);
    store.set("remove_outputs", "true");
    let event = store.upload(KEY, 1);
    store.leave_etags_out();
    let report = store.process(&event);
    check(&report, Outcome::Retry, Some("store"));
    assert!(report.detail.unwrap().contains("no ETag"));
    let removed = store.event("in", KEY, "ObjectRemoved:Delete", 2);
    check(&store.process(&removed), Outcome::Retry, Some("store"));
}

#[test]
fn anonymized_bucket_may_be_missing_if_nothing_is_anonymized() {
    let mut store = Fake::new(0.97);
    store.set("anonymize", "none");
    store.drop_bucket("in-anonymized");
    check(&store.process(&store.upload(KEY, 1)), Outcome::Done, None);
    check(&store.process(&store.upload(KEY, 2)), Outcome::Done, None);
}

#[test]
fn bucket_without_a_host_name_is_named() {
    let mut store = Fake::new(0.97);
    store.set("s3_style", "virtual");
    store.set("s3_endpoint", "http://rgw.example.com");
    let event = store.event("in", KEY, "ObjectCreated:Put", 1);
    store.fail_with(fake::Fault::Down);
    let detail = store.process(&event).detail.unwrap();
    assert!(detail.contains("in-processed.rgw.example.com"), "{detail}");
}
