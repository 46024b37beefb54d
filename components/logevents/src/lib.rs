//! An event display: prints what is posted to it, without patient data, and says that all is well.
//!
//! Point a topic, a Kafka source or a trigger at it before you point it at the function, to see whether anything arrives and in
//! which form.

#[cfg(target_family = "wasm")]
mod component;

use http::{HeaderMap, Method};
use serde_json::json;
use xray::event::{DeliveryStyle, EventKind, intake};

/// What is printed of one request: a line for the request, then a line for each record. Keys hold names, so of a key only its
/// length and its extension are shown.
pub fn describe(method: &Method, headers: &HeaderMap, body: &[u8]) -> Vec<String> {
    let attribute = |name: &str| {
        headers
            .get(name)
            .map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
    };
    let mut lines = Vec::new();
    let delivery = intake(method, headers, body);
    let request = json!({
        "event": "request",
        "method": method.as_str(),
        "content_type": attribute("content-type"),
        "ce_type": attribute("ce-type"),
        "bytes": body.len(),
        "records": delivery.as_ref().map(|d| d.records.len()).unwrap_or(0),
        "style": delivery.as_ref().ok().map(|d| match d.style {
            DeliveryStyle::Gateway => "gateway",
            DeliveryStyle::Kafka => "kafka",
        }),
        "problem": delivery.as_ref().err().map(ToString::to_string),
    });
    lines.push(request.to_string());
    for record in delivery.map(|d| d.records).unwrap_or_default() {
        let line = match record {
            Ok(event) => json!({
                "event": "record",
                "created": event.kind == EventKind::Created,
                "bucket": event.object.bucket(),
                "key_bytes": event.object.key().len(),
                "extension": extension(event.object.key()),
                "size": event.size,
                "versioned": event.object.version().is_some(),
                "sequencer": event.sequencer.as_ref().map(|s| s.stored().to_owned()),
            }),
            Err(error) => json!({ "event": "record", "problem": error.to_string() }),
        };
        lines.push(line.to_string());
    }
    lines
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
        );
        assert_eq!(lines.len(), 3);
        assert!(
            lines[0].contains(r#""records":2"#) && lines[0].contains(r#""style":"gateway""#),
            "{}",
            lines[0]
        );
        assert!(
            lines[1].contains(r#""extension":"jpeg""#) && lines[1].contains("6B03DB9F08E86540"),
            "{}",
            lines[1]
        );
        assert!(lines[2].contains("s3.bucket.name"), "{}", lines[2]);
        assert!(!lines.concat().contains("Jane") && !lines.concat().contains("Roe"));
    }

    #[test]
    fn shows_what_is_wrong() {
        let lines = describe(&Method::POST, &HeaderMap::new(), b"{");
        assert!(lines[0].contains("not JSON"), "{}", lines[0]);
    }
}
