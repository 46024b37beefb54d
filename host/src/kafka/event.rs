//! A Kafka record as the HTTP request that Knative's `KafkaSource` would make of it.
//!
//! CloudEvents 1.0 in binary mode. A record that is a CloudEvent already, by the Kafka protocol
//! binding, is passed on unchanged.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};

use kafka_trigger::Record;

/// Maximum length of a header's value; longer ones are left out. A guest has to hold all of them,
/// and none that long is meant for routing.
const MAX_HEADER: usize = 8 << 10;

/// Returns the request that delivers a record to a component.
pub fn request(record: &Record, group: &str) -> Request<Bytes> {
    let body = record.value.clone().unwrap_or_default();
    let mut request = Request::new(body);
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = http::Uri::from_static("http://localhost/");
    let length = request.body().len();
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_static("localhost"));
    headers.insert(header::CONTENT_LENGTH, length.into());
    match form(record) {
        Form::Structured(kind) => _ = headers.insert(header::CONTENT_TYPE, kind),
        Form::Binary => binary(record, headers),
        Form::Plain => plain(record, group, headers),
    }
    request
}

/// Form of a record by the CloudEvents binding for Kafka.
enum Form {
    Structured(HeaderValue),
    Binary,
    Plain,
}

fn form(record: &Record) -> Form {
    if let Some(kind) = record.header("content-type")
        && kind
            .to_ascii_lowercase()
            .starts_with(b"application/cloudevents")
        && let Ok(kind) = HeaderValue::from_bytes(kind)
    {
        return Form::Structured(kind);
    }
    // A record that lacks one of these is not a CloudEvent, even if it has the others.
    let required = ["ce_specversion", "ce_id", "ce_source", "ce_type"];
    let has = |name: &&str| record.header(name).is_some_and(|value| !value.is_empty());
    if required.iter().all(has) {
        Form::Binary
    } else {
        Form::Plain
    }
}

fn binary(record: &Record, headers: &mut HeaderMap) {
    for (name, value) in &record.headers {
        let Some(value) = value else { continue };
        let lower = name.to_ascii_lowercase();
        if lower == "content-type" {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.insert(header::CONTENT_TYPE, value);
            }
        } else if let Some(attribute) = lower.strip_prefix("ce_") {
            set(headers, attribute, value);
        }
    }
}

fn plain(record: &Record, group: &str, headers: &mut HeaderMap) {
    let Record {
        topic,
        partition,
        offset,
        ..
    } = record;
    let mut own = |name: &str, value: String| set(headers, name, value.as_bytes());
    own("specversion", "1.0".into());
    own("type", "dev.knative.kafka.event".into());
    own("id", format!("partition:{partition}/offset:{offset}"));
    own("source", format!("/kafka/{group}#{topic}"));
    own("subject", format!("partition:{partition}#{offset}"));
    if let Some(time) = record.timestamp.and_then(time) {
        own("time", time);
    }
    if let Some(key) = &record.key {
        set(headers, "key", key);
        set(headers, "partitionkey", key);
    }
    for (name, value) in &record.headers {
        let Some(value) = value else { continue };
        if name.eq_ignore_ascii_case("content-type") {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.insert(header::CONTENT_TYPE, value);
            }
            continue;
        }
        // Attribute names consist of letters and digits only.
        let plain = name.chars().filter(char::is_ascii_alphanumeric);
        let plain: String = plain.map(|c| c.to_ascii_lowercase()).collect();
        set(headers, &format!("kafkaheader{plain}"), value);
    }
}

fn set(headers: &mut HeaderMap, attribute: &str, value: &[u8]) {
    let value = match std::str::from_utf8(value) {
        Ok(text) => percent_encoded(text),
        Err(_) => STANDARD.encode(value),
    };
    if value.len() > MAX_HEADER {
        return;
    }
    let name = HeaderName::try_from(format!("ce-{attribute}"));
    if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
        headers.insert(name, value);
    }
}

/// Formats milliseconds since 1970 by RFC 3339. Returns `None` beyond the end of the calendar.
fn time(millis: i64) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(millis).ok()?;
    Some(time.to_string())
}

/// Encodes a header's value by the HTTP binding: the bytes of everything but printable ASCII, and
/// space, `"` and `%`, become `%XX`.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, 0x21..=0x7e) && !matches!(byte, b'"' | b'%') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
#[path = "event_tests.rs"]
pub(super) mod tests;
