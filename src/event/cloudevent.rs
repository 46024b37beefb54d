//! CloudEvents 1.0 over HTTP: the sender and the data.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderMap;
use serde_json::Value;

use super::{DeliveryStyle, json};
use crate::error::Error;

/// A CloudEvent's data and the delivery style of its sender.
pub struct CloudEvent {
    pub style: DeliveryStyle,
    pub data: Value,
}

/// Reads the attributes of binary mode. Attributes may be raw UTF-8, as RGW's subject is, so none
/// need be ASCII.
pub fn binary(headers: &HeaderMap) -> Result<DeliveryStyle, Error> {
    let attribute = |name: &str| {
        headers
            .get(name)
            .map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
            .unwrap_or_default()
    };
    version(&attribute("ce-specversion"))?;
    Ok(style(&attribute("ce-type"), &attribute("ce-source")))
}

/// Reads an event in structured mode.
pub fn structured(event: &Value) -> Result<CloudEvent, Error> {
    let attribute = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
    version(attribute("specversion"))?;
    let style = style(attribute("type"), attribute("source"));
    let data = match (
        event.get("data"),
        event.get("data_base64").and_then(Value::as_str),
    ) {
        // Some senders encode the JSON as a string.
        (Some(Value::String(text)), _) => json(text.as_bytes())?,
        (Some(data), _) => data.clone(),
        (None, Some(text)) => {
            let bytes = STANDARD
                .decode(text)
                .map_err(|_| Error::NotAnEvent("`data_base64` is not base64".into()))?;
            json(&bytes)?
        }
        (None, None) => return Err(Error::NotAnEvent("the CloudEvent has no data".into())),
    };
    Ok(CloudEvent { style, data })
}

fn version(text: &str) -> Result<(), Error> {
    if text.starts_with("1.") {
        return Ok(());
    }
    Err(Error::NotAnEvent(
        "the CloudEvent's specversion is not 1.0".into(),
    ))
}

/// RGW's own CloudEvents come from its push endpoint, which retries as aggressively as for bare
/// notifications.
fn style(kind: &str, source: &str) -> DeliveryStyle {
    if kind.starts_with("com.amazonaws.") || source.starts_with("ceph:s3") {
        DeliveryStyle::Gateway
    } else {
        DeliveryStyle::Kafka
    }
}
