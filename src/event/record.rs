//! One record of a notification.

use s3::etag;
use serde_json::Value;

use super::{EventKind, ObjectEvent, ObjectRef, Record, Sequencer};
use crate::error::Error;

/// How the names of removals begin: asked for by somebody, or by a lifecycle rule as RGW and as AWS call it.
const REMOVALS: [&str; 3] = [
    "ObjectRemoved:",
    "ObjectLifecycle:Expiration:",
    "LifecycleExpiration:",
];

/// Reads a record. What is missing is named, what is there is not shown.
pub fn read(record: &Value) -> Record {
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str);
    let missing = |what: &str| Error::NotAnEvent(format!("the record has no `{what}`"));
    let name = text("/eventName").ok_or_else(|| missing("eventName"))?;
    let source = text("/eventSource").unwrap_or_default();
    let bucket = text("/s3/bucket/name").ok_or_else(|| missing("s3.bucket.name"))?;
    let key = text("/s3/object/key").ok_or_else(|| missing("s3.object.key"))?;
    // AWS and MinIO send keys form-encoded; RGW sends them raw, where a `+` or `%20` is the key's own.
    let encoded = matches!(source, "aws:s3" | "minio:s3");
    let key = if encoded {
        form_decode(key)?
    } else {
        key.to_owned()
    };
    let object = ObjectRef::new(bucket, &key, text("/s3/object/versionId"))?;
    let kind = match name.strip_prefix("s3:").unwrap_or(name) {
        name if name.starts_with("ObjectCreated:") => EventKind::Created,
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

/// Undoes `application/x-www-form-urlencoded`.
fn form_decode(text: &str) -> Result<String, Error> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'+' => out.push(b' '),
            b'%' => {
                let digits = bytes.get(i + 1..i + 3).unwrap_or_default();
                let mut byte = [0];
                hex::decode_to_slice(digits, &mut byte)
                    .map_err(|_| Error::Reference("the key is not form-encoded".into()))?;
                out.push(byte[0]);
                i += 2;
            }
            other => out.push(other),
        }
        i += 1;
    }
    String::from_utf8(out).map_err(|_| Error::Reference("the key is not UTF-8".into()))
}
