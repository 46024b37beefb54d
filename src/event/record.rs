//! Parsing of one record of a notification.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use s3::etag;
use serde_json::Value;

use super::{EventKind, ObjectEvent, ObjectRef, Record, Sequencer};
use crate::error::Error;

/// Prefixes of the names of creations: by a request, and in another zone of a multisite gateway by
/// synchronization, as RGW names it up to and from 20.
const CREATIONS: [&str; 3] = [
    "ObjectCreated:",
    "ObjectSynced:Create",
    "Replication:Create",
];

/// Prefixes of the names of removals: by a request, by a lifecycle rule as RGW and as AWS name it,
/// and in another zone.
const REMOVALS: [&str; 5] = [
    "ObjectRemoved:",
    "ObjectLifecycle:Expiration:",
    "LifecycleExpiration:",
    "ObjectSynced:Delet",
    "Replication:Delet",
];

/// Parses a record. Errors name a missing field and never show a present one.
pub fn read(record: &Value) -> Record {
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str);
    let missing = |what: &str| Error::NotAnEvent(format!("the record has no `{what}`"));
    let name = text("/eventName").ok_or_else(|| missing("eventName"))?;
    let source = text("/eventSource").unwrap_or_default();
    let bucket = text("/s3/bucket/name").ok_or_else(|| missing("s3.bucket.name"))?;
    let key = text("/s3/object/key").ok_or_else(|| missing("s3.object.key"))?;
    // AWS and MinIO send keys form-encoded; RGW sends them raw, so a `+` or `%20` is part of the
    // key.
    let encoded = matches!(source, "aws:s3" | "minio:s3");
    let key = if encoded {
        form_decode(key)?
    } else {
        key.to_owned()
    };
    let object = ObjectRef::new(bucket, &key, text("/s3/object/versionId"))?;
    let kind = match name.strip_prefix("s3:").unwrap_or(name) {
        name if CREATIONS.iter().any(|start| name.starts_with(start)) => EventKind::Created,
        name if REMOVALS.iter().any(|start| name.starts_with(start)) => EventKind::Removed,
        _ => EventKind::Other,
    };
    Ok(ObjectEvent {
        object,
        kind,
        etag: text("/s3/object/eTag")
            .or(text("/s3/object/etag"))
            .map(etag)
            .filter(|e| !e.is_empty()),
        size: record.pointer("/s3/object/size").and_then(Value::as_u64),
        sequencer: text("/s3/object/sequencer").and_then(|s| Sequencer::parse(s, source)),
    })
}

/// Decodes `application/x-www-form-urlencoded`, strictly: an unusual key must not become another
/// one.
fn form_decode(text: &str) -> Result<String, Error> {
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_escape) {
        return Err(Error::Reference("the key is not form-encoded".into()));
    }
    let text = text.replace('+', " ");
    let key = percent_decode_str(&text).decode_utf8();
    key.map(Cow::into_owned)
        .map_err(|_| Error::Reference("the key is not UTF-8".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_decode_is_strict() {
        for (text, expect) in [
            ("a+b%2Bc%20d%C3%A9", Some("a b+c d\u{e9}")),
            ("a%2", None),
            ("a%", None),
            ("a%zz", None),
            ("a%\u{e9}", None),
            ("a%ff", None),
        ] {
            assert_eq!(form_decode(text).ok().as_deref(), expect, "{text}");
        }
    }
}
