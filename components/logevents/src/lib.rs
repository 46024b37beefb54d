//! An event display: prints what arrives, one line for each event, without patient data unless asked for it.
//!
//! Let a topic, a Kafka source or a trigger send to it before they send to the function, or beside the function with a
//! consumer group of its own, to see whether anything arrives and in which form.

#[cfg(target_family = "wasm")]
mod component;

use http::{HeaderMap, Method};
use serde_json::{Value, json};
use xray::event::{DeliveryStyle, EventKind, ObjectEvent, intake};

/// The type of an event that was a plain Kafka record: Knative's, which the Kafka trigger uses too.
const KAFKA_EVENT: &str = "dev.knative.kafka.event";

/// What may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// Nothing that could name a patient: of a key, its length and its extension.
    Masked,
    /// Keys as they are.
    Keys,
}

/// One line for each record of a request, or one for a request without any.
pub fn describe(method: &Method, headers: &HeaderMap, body: &[u8], show: Show) -> Vec<String> {
    let text = |name: &str| {
        let value = headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let mut request = json!({
        "event": "request",
        "method": method.as_str(),
        "content_type": text("content-type"),
        "ce_type": text("ce-type"),
        // Partition and offset; another event's may be about a patient.
        "id": text("ce-type").is_some_and(|kind| kind == KAFKA_EVENT).then(|| text("ce-id")),
        "bytes": body.len(),
    });
    let delivery = match intake(method, headers, body) {
        Ok(delivery) => delivery,
        Err(error) => {
            request["problem"] = error.to_string().into();
            return vec![line(request)];
        }
    };
    request["style"] = match delivery.style {
        DeliveryStyle::Gateway => "gateway".into(),
        DeliveryStyle::Kafka => "kafka".into(),
    };
    if delivery.records.is_empty() {
        return vec![line(request)];
    }
    let records = delivery.records.into_iter().map(|record| {
        let mut shown = request.clone();
        shown["event"] = "record".into();
        match record {
            Ok(event) => merge(&mut shown, object(&event, show)),
            Err(error) => shown["problem"] = error.to_string().into(),
        }
        line(shown)
    });
    records.collect()
}

fn object(event: &ObjectEvent, show: Show) -> Value {
    let key = event.object.key();
    json!({
        "created": event.kind == EventKind::Created,
        "bucket": event.object.bucket(),
        "key": (show == Show::Keys).then_some(key),
        "key_bytes": key.len(),
        "extension": extension(key),
        "size": event.size,
        "versioned": event.object.version().is_some(),
        "sequencer": event.sequencer.as_ref().map(|s| s.stored().to_owned()),
    })
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

/// What is not known is not shown.
fn line(mut value: Value) -> String {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, value| !value.is_null());
    }
    value.to_string()
}

/// The key's extension, if it is one of a picture; any other could be a part of a name.
fn extension(key: &str) -> Option<&str> {
    let (_, extension) = key.rsplit_once('.')?;
    ["jpg", "jpeg", "png", "dcm", "tif", "tiff"]
        .into_iter()
        .find(|known| extension.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_arrives_and_not_whose_it_is() {
        let body = json!({ "Records": [
            { "eventName": "ObjectCreated:Put", "eventSource": "ceph:s3", "s3": {
                "bucket": { "name": "in" },
                "object": { "key": "Jane Roe/scan of Jane.JPEG", "size": 7, "sequencer": "9FDB036B4065E808" } } },
            { "eventName": "ObjectCreated:Put" },
        ]});
        let lines = describe(
            &Method::POST,
            &HeaderMap::new(),
            body.to_string().as_bytes(),
            Show::Masked,
        );
        assert_eq!(lines.len(), 2);
        let parts = [
            r#""style":"gateway""#,
            r#""extension":"jpeg""#,
            "6B03DB9F08E86540",
        ];
        for part in parts {
            assert!(lines[0].contains(part), "{}", lines[0]);
        }
        assert!(lines[1].contains("s3.bucket.name"), "{}", lines[1]);
        assert!(!lines.concat().contains("Jane") && !lines.concat().contains("Roe"));

        let text = body.to_string();
        let lines = describe(
            &Method::POST,
            &HeaderMap::new(),
            text.as_bytes(),
            Show::Keys,
        );
        let key = r#""key":"Jane Roe/scan of Jane.JPEG""#;
        assert!(lines[0].contains(key), "{}", lines[0]);
    }

    #[test]
    fn shows_what_is_wrong() {
        let lines = describe(&Method::POST, &HeaderMap::new(), b"{", Show::Masked);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].contains("not JSON"), "{}", lines[0]);
    }
}
