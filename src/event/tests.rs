use http::{HeaderName, HeaderValue, StatusCode};
use proptest::prelude::*;
use serde_json::json;

use super::*;

const CAPTURED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/notifications");

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(n, v)| {
            (
                n.parse::<HeaderName>().unwrap(),
                HeaderValue::from_bytes(v.as_bytes()).unwrap(),
            )
        })
        .collect()
}

fn post(pairs: &[(&str, &str)], body: &str) -> Delivery {
    intake(&Method::POST, &headers(pairs), body.as_bytes()).unwrap()
}

fn record_of(source: &str, key: &str) -> Value {
    json!({
        "eventSource": source, "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": "in" }, "object": { "key": key, "size": 7, "eTag": "e", "versionId": "", "sequencer": "01" } },
    })
}

fn notification(records: &[Value]) -> String {
    json!({ "Records": records }).to_string()
}

/// Returns the key of the only record.
fn key(delivery: &Delivery) -> String {
    let [Ok(event)] = delivery.records.as_slice() else {
        panic!("{delivery:?}")
    };
    event.object.key().to_owned()
}

/// Returns every request that real gateways sent: the raw head and body.
fn captured() -> Vec<(String, HeaderMap, String)> {
    let mut all = Vec::new();
    for version in ["16.2.15", "18.2.7"] {
        for entry in std::fs::read_dir(format!("{CAPTURED}/{version}")).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path)
                .unwrap()
                .replace("\r\n", "\n");
            let (head, body) = text.split_once("\n\n").unwrap();
            let pairs: Vec<(&str, &str)> = head
                .lines()
                .skip(1)
                .filter_map(|l| l.split_once(": "))
                .collect();
            all.push((path.display().to_string(), headers(&pairs), body.to_owned()));
        }
    }
    all
}

#[test]
fn kind_follows_the_name_of_the_event() {
    for (name, expect) in [
        ("ObjectCreated:Put", EventKind::Created),
        (
            "s3:ObjectCreated:CompleteMultipartUpload",
            EventKind::Created,
        ),
        ("ObjectSynced:Create", EventKind::Created),
        ("s3:ObjectSynced:Create", EventKind::Created),
        ("s3:Replication:Create", EventKind::Created),
        ("ObjectRemoved:Delete", EventKind::Removed),
        ("ObjectLifecycle:Expiration:Current", EventKind::Removed),
        (
            "s3:ObjectLifecycle:Expiration:DeleteMarker",
            EventKind::Removed,
        ),
        ("ObjectSynced:Delete", EventKind::Removed),
        ("s3:ObjectSynced:DeletionMarkerCreated", EventKind::Removed),
        ("Replication:Delete", EventKind::Removed),
        ("ObjectLifecycle:Transition:Current", EventKind::Other),
        ("Replication:OperationFailedReplication", EventKind::Other),
        ("ObjectTagging:Put", EventKind::Other),
    ] {
        let record = json!({
            "eventSource": "ceph:s3", "eventName": name,
            "s3": { "bucket": { "name": "in" }, "object": { "key": "a.png" } },
        });
        let body = record.to_string();
        let delivery = intake(&Method::POST, &HeaderMap::new(), body.as_bytes()).unwrap();
        let [Ok(event)] = delivery.records.as_slice() else {
            unreachable!()
        };
        assert_eq!(event.kind, expect, "{name}");
    }
}

#[test]
fn captured_notifications_parse_with_keys_exactly_as_sent() {
    let captured = captured();
    assert_eq!(captured.len(), 20);
    for (name, headers, body) in captured {
        let delivery = intake(&Method::POST, &headers, body.as_bytes()).unwrap();
        assert_eq!(delivery.style, DeliveryStyle::Gateway, "{name}");
        let sent: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            key(&delivery),
            sent["Records"][0]["s3"]["object"]["key"],
            "{name}"
        );
        let [Ok(event)] = delivery.records.as_slice() else {
            unreachable!()
        };
        let created = name.contains("ObjectCreated");
        assert_eq!(event.kind == EventKind::Created, created, "{name}");
        let version = sent["Records"][0]["s3"]["object"]["versionId"]
            .as_str()
            .filter(|v| !v.is_empty());
        assert_eq!(event.object.version(), version, "{name}");
        assert!(event.sequencer.is_some(), "{name}");
        assert!(
            !created || event.etag.as_ref().is_some_and(|e| !e.contains('"')),
            "{name}"
        );
    }
}

#[test]
fn captured_kafka_records_parse_as_a_kafka_source_delivers_them() {
    for n in 0..2 {
        let text = std::fs::read_to_string(format!("{CAPTURED}/kafka-18.2.7/xk-broker-0-{n}.txt"))
            .unwrap();
        let value = text.split_once("value:\n").unwrap().1.trim();
        let delivery = post(
            &[
                ("ce-specversion", "1.0"),
                ("ce-type", "dev.knative.kafka.event"),
                ("ce-id", "partition:0/offset:0"),
                ("ce-source", "/apis/v1/namespaces/x/kafkasources/y#storage"),
            ],
            value,
        );
        assert_eq!(delivery.style, DeliveryStyle::Kafka);
        assert!(!key(&delivery).is_empty());
    }
}

#[test]
fn key_decoding_depends_on_the_sender() {
    for (source, sent, meant) in [
        ("ceph:s3", "a+b%20c d é&#?.png", "a+b%20c d é&#?.png"),
        ("", "a+b%20c", "a+b%20c"),
        ("aws:s3", "a+b%2Bc%20d%C3%A9", "a b+c dé"),
        ("minio:s3", "x%2Fy+z", "x/y z"),
    ] {
        assert_eq!(
            key(&post(&[], &notification(&[record_of(source, sent)]))),
            meant,
            "{source}"
        );
    }
}

#[test]
fn every_envelope_is_parsed() {
    let bare = record_of("ceph:s3", "k");
    let list = notification(std::slice::from_ref(&bare));
    let ce = |kind: &str, rest: Value| {
        let mut event = json!({ "specversion": "1.0", "id": "1", "type": kind, "source": "s" });
        event
            .as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        event
    };
    let kafka = "dev.knative.kafka.event";
    let base64 = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(&list)
    };
    let binary: &[(&str, &str)] = &[
        ("ce-specversion", "1.0"),
        ("ce-type", kafka),
        ("ce-source", "s"),
    ];
    let structured: &[(&str, &str)] = &[(
        "content-type",
        "application/cloudevents+json; charset=utf-8",
    )];
    let batch: &[(&str, &str)] = &[("content-type", "application/cloudevents-batch+json")];
    for (what, headers, body, style) in [
        (
            "bare record",
            &[][..],
            bare.to_string(),
            DeliveryStyle::Gateway,
        ),
        (
            "notification",
            &[("content-type", "application/json")],
            list.clone(),
            DeliveryStyle::Gateway,
        ),
        ("binary", binary, list.clone(), DeliveryStyle::Kafka),
        (
            "binary, bare",
            binary,
            bare.to_string(),
            DeliveryStyle::Kafka,
        ),
        (
            "structured",
            structured,
            ce(kafka, json!({ "data": bare })).to_string(),
            DeliveryStyle::Kafka,
        ),
        (
            "structured, text",
            structured,
            ce(kafka, json!({ "data": list })).to_string(),
            DeliveryStyle::Kafka,
        ),
        (
            "structured, base64",
            structured,
            ce(kafka, json!({ "data_base64": base64 })).to_string(),
            DeliveryStyle::Kafka,
        ),
        (
            "batch",
            batch,
            json!([ce(kafka, json!({ "data": bare }))]).to_string(),
            DeliveryStyle::Kafka,
        ),
        (
            "rgw's own",
            structured,
            ce("com.amazonaws.ObjectCreated:Put", json!({ "data": bare })).to_string(),
            DeliveryStyle::Gateway,
        ),
    ] {
        let delivery = post(headers, &body);
        assert_eq!(key(&delivery), "k", "{what}");
        assert_eq!(delivery.style, style, "{what}");
    }
}

#[test]
fn unusable_record_does_not_affect_the_others() {
    let mut nameless = record_of("ceph:s3", "x");
    nameless["s3"]["object"]
        .as_object_mut()
        .unwrap()
        .remove("key");
    let long = record_of("ceph:s3", &"k".repeat(1025));
    let body = notification(&[
        record_of("ceph:s3", "a"),
        nameless,
        long,
        json!(3),
        record_of("ceph:s3", "b"),
    ]);
    let fine: Vec<bool> = post(&[], &body).records.iter().map(Result::is_ok).collect();
    assert_eq!(fine, [true, false, false, false, true]);
}

#[test]
fn empty_notification_is_accepted() {
    for body in [
        r#"{"Records":[]}"#,
        r#"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#,
    ] {
        assert!(post(&[], body).records.is_empty(), "{body}");
    }
}

#[test]
fn other_requests_are_refused_as_problem_details() {
    let body = notification(&[record_of("ceph:s3", "k")]);
    let json_type = ("content-type", "application/json");
    for (what, method, pairs, body, status) in [
        (
            "GET",
            Method::GET,
            &[][..],
            "",
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        (
            "PUT",
            Method::PUT,
            &[json_type],
            body.as_str(),
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        (
            "a picture",
            Method::POST,
            &[("content-type", "image/png")],
            "x",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            "empty",
            Method::POST,
            &[json_type],
            "",
            StatusCode::BAD_REQUEST,
        ),
        (
            "no JSON",
            Method::POST,
            &[json_type],
            "{",
            StatusCode::BAD_REQUEST,
        ),
        (
            "other JSON",
            Method::POST,
            &[json_type],
            r#"{"a":1}"#,
            StatusCode::BAD_REQUEST,
        ),
        (
            "old CloudEvent",
            Method::POST,
            &[("ce-specversion", "0.3")],
            body.as_str(),
            StatusCode::BAD_REQUEST,
        ),
        (
            "no batch",
            Method::POST,
            &[("content-type", "application/cloudevents-batch+json")],
            "{}",
            StatusCode::BAD_REQUEST,
        ),
        (
            "no data",
            Method::POST,
            &[("content-type", "application/cloudevents+json")],
            r#"{"specversion":"1.0"}"#,
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let error = intake(&method, &headers(pairs), body.as_bytes()).unwrap_err();
        assert_eq!(error.status(), status, "{what}: {error}");
        let response = crate::report::response::problem(&error);
        assert_eq!(response.status(), status);
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        assert_eq!(
            response.headers().contains_key("allow"),
            status == StatusCode::METHOD_NOT_ALLOWED
        );
        let details: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(details["status"], status.as_u16());
    }
    let huge = vec![b' '; MAX_EVENT_BYTES as usize + 1];
    let error = intake(&Method::POST, &HeaderMap::new(), &huge).unwrap_err();
    assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[test]
fn errors_and_debug_hide_keys() {
    let secret = "Jane Roe";
    let body = notification(&[record_of("ceph:s3", secret)]);
    assert!(!format!("{:?}", post(&[], &body)).contains(secret));
    for broken in [
        &body[..body.len() - 3],
        &body.replace("eventName", "other"),
        &body.replace(r#""Records""#, "\"R\""),
    ] {
        let shown = format!(
            "{:?}",
            intake(&Method::POST, &HeaderMap::new(), broken.as_bytes())
        );
        assert!(!shown.contains(secret), "{shown}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let name = prop_oneof![
            Just("Records".to_owned()),
            Just("s3".to_owned()),
            Just("object".to_owned()),
            Just("bucket".to_owned()),
            Just("key".to_owned()),
            Just("name".to_owned()),
            Just("eventName".to_owned()),
            Just("data".to_owned()),
            Just("data_base64".to_owned()),
            Just("specversion".to_owned()),
            Just("sequencer".to_owned()),
            ".{0,5}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn intake_never_panics(body in prop::collection::vec(any::<u8>(), 0..300), json in any_json(), kind in 0usize..4) {
        let kinds = ["application/json", "application/cloudevents+json", "application/cloudevents-batch+json", "x/y"];
        let headers = headers(&[("content-type", kinds[kind])]);
        let _ = intake(&Method::POST, &headers, &body);
        if let Ok(delivery) = intake(&Method::POST, &headers, json.to_string().as_bytes()) {
            for event in delivery.records.into_iter().flatten() {
                let ObjectEvent { object, .. } = event;
                prop_assert!(!object.key().is_empty());
            }
        }
    }
}
