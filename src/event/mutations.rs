//! Mutated requests: intake never panics, and neither accepts an unusable key nor repeats one.

use http::{HeaderMap, HeaderValue, Method, header};

use super::{Delivery, MAX_KEY_BYTES, ObjectRef, intake};
use crate::mutate::{Rng, mutate, rounds};

const KEY: &str = "ward/xray_Quizzenburg_4711_1950-01-02_2020-03-04.jpeg";
const RECORD: &str = r#"{"eventVersion":"2.2","eventSource":"ceph:s3","awsRegion":"","eventTime":"2026-01-01T00:00:00Z","eventName":"ObjectCreated:Put","s3":{"s3SchemaVersion":"1.0","configurationId":"xray","bucket":{"name":"xray-data-in","ownerIdentity":{"principalId":"o"},"arn":"arn:aws:s3:::xray-data-in","id":"1"},"object":{"key":"KEY","size":1024,"eTag":"0123456789abcdef","versionId":"","sequencer":"A1B2C3D4E5F60708","metadata":[{"key":"a","val":"b"}],"tags":[]}},"eventId":"1","opaqueData":""}"#;
const WORDS: [&str; 38] = [
    "\"Records\"",
    "\"s3\"",
    "\"bucket\"",
    "\"object\"",
    "\"key\"",
    "\"name\"",
    "\"eventName\"",
    "\"eventSource\"",
    "\"sequencer\"",
    "\"eTag\"",
    "\"versionId\"",
    "\"size\"",
    "null",
    "true",
    "-1",
    "1e309",
    "18446744073709551616",
    "[]",
    "{}",
    "[[[[[[[[",
    "\"\"",
    "\\u0000",
    "\\ud800",
    "ceph:s3",
    "aws:s3",
    "minio:s3",
    "%00",
    "%2",
    "%ff",
    "+",
    "ObjectRemoved:Delete",
    "ObjectCreated:",
    "s3:TestEvent",
    "\"Event\"",
    "../",
    "/",
    ",",
    ":",
];

fn seeds() -> Vec<String> {
    let record = RECORD.replace("KEY", KEY);
    let notification = format!(r#"{{"Records":[{record},{record}]}}"#);
    let structured = format!(
        r#"{{"specversion":"1.0","id":"1","source":"ceph:s3","type":"com.amazonaws.ObjectCreated","datacontenttype":"application/json","data":{notification}}}"#
    );
    vec![
        notification,
        record.replace("ceph:s3", "aws:s3"),
        record,
        format!("[{structured}]"),
        structured,
    ]
}

fn headers(rng: &mut Rng) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let media = rng.pick(&[
        "",
        "application/json",
        "application/cloudevents+json",
        "text/plain; charset=utf-8",
        "application/cloudevents-batch+json",
        "application/octet-stream",
        "image/png",
    ]);
    if !media.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    }
    if rng.below(3) == 0 {
        headers.insert(
            "ce-specversion",
            HeaderValue::from_static(rng.pick(&["1.0", "0.3", ""])),
        );
        headers.insert("ce-id", HeaderValue::from_static("partition:0/offset:1"));
        let kind = rng.pick(&["dev.knative.kafka.event", "com.amazonaws.ObjectCreated", ""]);
        headers.insert("ce-type", HeaderValue::from_static(kind));
        headers.insert("ce-source", HeaderValue::from_static("/apis/v1#storage"));
    }
    headers
}

fn check(delivery: &Delivery) {
    for record in &delivery.records {
        match record {
            Ok(event) => {
                let object = &event.object;
                assert!(!object.key().is_empty() && object.key().len() <= MAX_KEY_BYTES);
                assert!(!object.key().contains('\0') && object.version() != Some(""));
                let again = ObjectRef::new(object.bucket(), object.key(), object.version());
                assert_eq!(again.as_ref(), Ok(object));
                assert!(!format!("{object:?}").contains("Quizzenburg"));
            }
            Err(error) => assert!(!error.to_string().contains("Quizzenburg")),
        }
    }
}

#[test]
fn intake_survives_mutated_requests() {
    let seeds = seeds();
    let (mut read, mut refused) = (0, 0);
    rounds(20_000, |rng| {
        let seed = &seeds[rng.below(seeds.len())];
        let body = mutate(rng, seed.clone().into_bytes(), &WORDS);
        match intake(&Method::POST, &headers(rng), &body) {
            Ok(delivery) => {
                read += delivery.records.iter().filter(|r| r.is_ok()).count();
                check(&delivery);
            }
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().contains("Quizzenburg"));
            }
        }
    });
    // Both paths are exercised, unless a single round was asked for.
    assert!(read + refused > 0);
}

#[test]
fn intake_reads_every_unmutated_seed() {
    let media = |body: &str| match body.as_bytes() {
        [b'[', ..] => "application/cloudevents-batch+json",
        _ if body.contains("specversion") => "application/cloudevents+json",
        _ => "application/json",
    };
    for body in seeds() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media(&body)));
        let delivery = intake(&Method::POST, &headers, body.as_bytes()).expect("a delivery");
        assert!(!delivery.records.is_empty());
        for record in delivery.records {
            assert_eq!(record.expect("a record").object.key(), KEY);
        }
    }
}
