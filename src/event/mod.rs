//! Parsing of requests into object events: notifications, bare records and CloudEvents.
//!
//! Formats: the S3 event message structure 2.1 and later as Ceph's gateway, AWS and MinIO send it,
//! and the HTTP protocol binding of CloudEvents 1.0 in binary, structured and batch mode.

mod cloudevent;
#[cfg(test)]
mod mutations;
mod object;
mod record;
mod sequencer;
#[cfg(test)]
mod tests;
mod trace;

use http::{HeaderMap, Method, header};
use serde_json::Value;

pub use object::{MAX_KEY_BYTES, ObjectRef};
pub use sequencer::Sequencer;
pub use trace::{TRACEPARENT, TraceParent};

use crate::error::Error;

/// Limit on a request body, in bytes: some ten thousand records.
pub const MAX_EVENT_BYTES: u64 = 8 << 20;

/// Kind of the sender. The kinds act differently on the status of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryStyle {
    /// A gateway's own push, which repeats everything but a success, immediately and forever.
    Gateway,
    /// A Kafka source or trigger, which tells retries from dead letters.
    Kafka,
}

/// Kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// The object was created or overwritten.
    Created,
    /// The object, a version of it or its delete marker was removed, or a delete marker was added.
    Removed,
    /// Anything else.
    Other,
}

/// One event of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEvent {
    /// Object.
    pub object: ObjectRef,
    /// Kind of the event.
    pub kind: EventKind,
    /// ETag of the object, without quotes.
    pub etag: Option<String>,
    /// Size of the object in bytes.
    pub size: Option<u64>,
    /// Position in the order of events of this key.
    pub sequencer: Option<Sequencer>,
}

/// A parsed record, or the reason why it is unusable.
pub type Record = Result<ObjectEvent, Error>;

/// Contents of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Kind of the sender.
    pub style: DeliveryStyle,
    /// Records in order; an unusable one does not affect the others.
    pub records: Vec<Record>,
}

/// Parses a request to the function.
///
/// # Errors
/// [`Error::Method`], [`Error::MediaType`], [`Error::TooLarge`] or [`Error::NotAnEvent`], each
/// naming the expected input.
pub fn intake(method: &Method, headers: &HeaderMap, body: &[u8]) -> Result<Delivery, Error> {
    if method != Method::POST {
        return Err(Error::Method);
    }
    if body.len() as u64 > MAX_EVENT_BYTES {
        return Err(Error::TooLarge {
            what: "the event, in bytes,",
            limit: MAX_EVENT_BYTES,
        });
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .map(|v| String::from_utf8_lossy(v.as_bytes()).to_ascii_lowercase())
        .unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    match media_type {
        "application/cloudevents+json" => {
            let event = cloudevent::structured(&json(body)?)?;
            Ok(Delivery { style: event.style, records: records(&event.data)? })
        }
        "application/cloudevents-batch+json" => batch(&json(body)?),
        // The body of a CloudEvent in binary mode is its data, whatever the content type; those
        // from Kafka have none.
        _ if headers.contains_key("ce-specversion") => {
            let style = cloudevent::binary(headers)?;
            match (style, json(body).and_then(|value| records(&value))) {
                (style, Ok(records)) => Ok(Delivery { style, records }),
                // The gateway would repeat a refused request forever, so it counts as a delivery of
                // one unusable record.
                (DeliveryStyle::Gateway, Err(error)) => Ok(Delivery { style, records: vec![Err(error)] }),
                (DeliveryStyle::Kafka, Err(error)) => Err(error),
            }
        }
        "" | "application/json" | "text/json" | "text/plain" | "application/octet-stream"
        | "application/x-www-form-urlencoded" => bare(body),
        other if other.ends_with("+json") => bare(body),
        _ => Err(Error::MediaType(
            "send application/json, application/cloudevents+json or application/cloudevents-batch+json".into(),
        )),
    }
}

/// Parses a notification or record without an envelope. RGW writes keys as they are, and a key need
/// not be UTF-8: such a record is unusable, but its neighbors are not, and a refused request would
/// be repeated forever.
fn bare(body: &[u8]) -> Result<Delivery, Error> {
    let text = String::from_utf8_lossy(body);
    let mut records = records(&json(text.as_bytes())?)?;
    if std::str::from_utf8(body).is_err() {
        for record in &mut records {
            if record
                .as_ref()
                .is_ok_and(|event| event.object.key().contains('\u{FFFD}'))
            {
                *record = Err(Error::Reference("the key is not UTF-8".into()));
            }
        }
    }
    Ok(Delivery {
        style: DeliveryStyle::Gateway,
        records,
    })
}

fn batch(value: &Value) -> Result<Delivery, Error> {
    let events = value
        .as_array()
        .ok_or_else(|| Error::NotAnEvent("a CloudEvents batch is a JSON array".into()))?;
    let mut style = DeliveryStyle::Gateway;
    let mut all = Vec::new();
    for event in events {
        match cloudevent::structured(event).and_then(|e| Ok((e.style, records(&e.data)?))) {
            Ok((s, records)) => {
                if s == DeliveryStyle::Kafka {
                    style = s;
                }
                all.extend(records);
            }
            Err(error) => all.push(Err(error)),
        }
    }
    Ok(Delivery {
        style,
        records: all,
    })
}

/// Parses the body as JSON. Errors name line and column, never the text.
fn json(body: &[u8]) -> Result<Value, Error> {
    if body.is_empty() {
        return Err(Error::NotAnEvent(
            "the body is empty; send a notification as JSON".into(),
        ));
    }
    serde_json::from_slice(body).map_err(|e| {
        Error::NotAnEvent(format!(
            "the body is not JSON: error at line {} column {}",
            e.line(),
            e.column()
        ))
    })
}

/// Parses the records of a notification (`{"Records": […]}`) or a bare record.
fn records(value: &Value) -> Result<Vec<Record>, Error> {
    let is_test = value
        .get("Event")
        .and_then(Value::as_str)
        .is_some_and(|e| e.ends_with(":TestEvent"));
    if is_test {
        // AWS sends this when a notification is set up, and expects a success.
        return Ok(Vec::new());
    }
    match value.get("Records") {
        Some(Value::Array(list)) => Ok(list.iter().map(record::read).collect()),
        Some(_) => Err(Error::NotAnEvent("`Records` is not a list".into())),
        None if value.get("s3").is_some() => Ok(vec![record::read(value)]),
        None => Err(Error::NotAnEvent(
            "it has neither `Records` nor `s3`; send a bucket notification, one of its records, or a CloudEvent with either as data".into(),
        )),
    }
}
