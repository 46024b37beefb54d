use proptest::prelude::*;

use super::*;

/// Returns a record with this key and value at `storage[3]@42`.
pub(in crate::kafka) fn record(key: Option<&[u8]>, value: Option<&[u8]>) -> Record {
    Record {
        topic: "storage".into(),
        partition: 3,
        offset: 42,
        timestamp: Some(1_700_000_000_000),
        key: key.map(Bytes::copy_from_slice),
        value: value.map(Bytes::copy_from_slice),
        headers: Vec::new(),
    }
}

fn headers(request: &Request<Bytes>) -> Vec<String> {
    let headers = request.headers().iter();
    let mut lines: Vec<_> = headers
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    lines
}

#[test]
fn gateway_record_becomes_the_event_that_kafka_source_makes() {
    let request = request(&record(None, Some(b"{}")), "g");
    assert_eq!(
        (request.method().as_str(), request.uri().path()),
        ("POST", "/")
    );
    assert_eq!(request.body(), "{}");
    assert_eq!(
        headers(&request),
        [
            "ce-id: partition:3/offset:42",
            "ce-source: /kafka/g#storage",
            "ce-specversion: 1.0",
            "ce-subject: partition:3#42",
            "ce-time: 2023-11-14T22:13:20Z",
            "ce-type: dev.knative.kafka.event",
            "content-length: 2",
            "host: localhost",
        ]
    );
}

#[test]
fn record_key_and_headers_become_extensions() {
    let mut record = record(Some("Jane é".as_bytes()), None);
    record.headers = vec![
        ("X-Trace_Id".into(), Some(Bytes::from_static(b"a b"))),
        ("null".into(), None),
        ("raw".into(), Some(Bytes::from_static(b"\xff\xfe"))),
        (
            "Content-Type".into(),
            Some(Bytes::from_static(b"text/plain")),
        ),
        ("long".into(), Some(Bytes::from(vec![b'x'; MAX_HEADER + 1]))),
    ];
    let request = request(&record, "g");
    assert!(request.body().is_empty(), "a tombstone has no body");
    let lines = headers(&request);
    for expected in [
        "ce-key: Jane%20%C3%A9",
        "ce-partitionkey: Jane%20%C3%A9",
        "ce-kafkaheaderxtraceid: a%20b",
        "ce-kafkaheaderraw: //4=",
        "content-type: text/plain",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}: {lines:?}"
        );
    }
    assert!(
        !lines
            .iter()
            .any(|line| line.contains("null") || line.contains("long"))
    );
}

#[test]
fn cloud_event_passes_unchanged() {
    let mut binary = record(Some(b"k"), Some(b"data"));
    let attributes = [
        ("ce_specversion", "1.0"),
        ("ce_id", "7"),
        ("ce_source", "ceph:s3"),
        ("ce_type", "t"),
        ("other", "x"),
    ];
    binary.headers = attributes
        .map(|(name, value)| (name.to_owned(), Some(Bytes::from_static(value.as_bytes()))))
        .to_vec();
    let lines = headers(&request(&binary, "g"));
    assert_eq!(
        lines,
        [
            "ce-id: 7",
            "ce-source: ceph:s3",
            "ce-specversion: 1.0",
            "ce-type: t",
            "content-length: 4",
            "host: localhost"
        ]
    );
    binary.headers.remove(1);
    assert!(
        headers(&request(&binary, "g")).contains(&"ce-type: dev.knative.kafka.event".to_owned())
    );

    let mut structured = record(None, Some(b"{}"));
    let kind = Bytes::from_static(b"application/cloudevents+json; charset=utf-8");
    structured.headers = vec![("content-type".into(), Some(kind))];
    let lines = headers(&request(&structured, "g"));
    assert!(
        lines.contains(&"content-type: application/cloudevents+json; charset=utf-8".to_owned())
    );
    assert!(!lines.iter().any(|line| line.starts_with("ce-")));
}

proptest! {
    #[test]
    fn request_is_made_of_any_record(
        key: Option<Vec<u8>>, value: Option<Vec<u8>>, time: i64,
        named in prop::collection::vec((any::<String>(), any::<Option<Vec<u8>>>()), 0..6),
    ) {
        let mut record = record(key.as_deref(), value.as_deref());
        record.timestamp = Some(time);
        record.headers = named.into_iter().map(|(name, value)| (name, value.map(Bytes::from))).collect();
        let request = request(&record, "g");
        prop_assert_eq!(&request.body()[..], value.as_deref().unwrap_or_default());
        prop_assert!(request.headers().contains_key("content-length"));
    }
}
