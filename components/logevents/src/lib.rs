//! An event display: prints one line per incoming event, without patient data unless configured.
//!
//! Point a topic, a Kafka source or a trigger at it before pointing them at the function, or run it
//! beside the function with its own consumer group, to see whether events arrive and in which form.

#[cfg(target_family = "wasm")]
mod component;

use http::{HeaderMap, Method};
use serde_json::{Value, json};
use xray::event::{DeliveryStyle, EventKind, ObjectEvent, intake};

/// CloudEvent type of a plain Kafka record, used by Knative and by the Kafka trigger.
const KAFKA_EVENT: &str = "dev.knative.kafka.event";

/// Level of detail in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// Nothing that could name a patient. For object keys, only length and extension.
    Masked,
    /// Complete object keys.
    Keys,
}

/// Describes a request: one line per record, or a single line for a request without records.
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
        // Partition and offset. IDs of other event types may identify a patient.
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

/// Serializes a line without null fields.
fn line(mut value: Value) -> String {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, value| !value.is_null());
    }
    value.to_string()
}

/// Returns the key's extension if it is that of a picture; any other could be part of a name.
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
    fn describe_masks_patients_names_unless_keys_are_shown() {
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
    fn describe_reports_invalid_bodies() {
        let lines = describe(&Method::POST, &HeaderMap::new(), b"{", Show::Masked);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].contains("not JSON"), "{}", lines[0]);
    }
}
