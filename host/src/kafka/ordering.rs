//! The order of records: by the object that a notification is about.
//!
//! Records of the gateway have no key, so two events of one object can lie in two partitions.

use std::borrow::Cow;

use kafka_trigger::{OrderingKey, Record};
use serde::Deserialize;

/// Returns bucket and key of the object that a notification is about: of its first record, if it
/// has several.
pub fn object(value: &[u8]) -> Option<(String, String)> {
    let read = |bytes: &[u8]| -> Option<(String, String)> {
        let body: Body<'_> = serde_json::from_slice(bytes).ok()?;
        let entry = body.entry().or_else(|| body.data.as_ref()?.entry())?;
        let (bucket, key) = (&entry.bucket.name, &entry.object.key);
        Some((bucket.clone().into_owned(), key.clone().into_owned()))
    };
    // Keys need not be UTF-8, and events of such an object must not overtake each other either.
    read(value).or_else(|| match String::from_utf8_lossy(value) {
        Cow::Owned(text) => read(text.as_bytes()),
        Cow::Borrowed(_) => None,
    })
}

/// Returns the ordering key of a record: by its object, else by its own key, else its own.
pub fn ordering_key(record: &Record) -> OrderingKey {
    match record.value.as_deref().and_then(object) {
        Some(object) => OrderingKey::new(object),
        None => OrderingKey::of_record(record),
    }
}

/// A notification, one of its records, or a CloudEvent with either as data.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, rename = "Records")]
    records: Option<Vec<Entry<'a>>>,
    #[serde(borrow)]
    s3: Option<S3<'a>>,
    #[serde(borrow)]
    data: Option<Data<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, rename = "Records")]
    records: Option<Vec<Entry<'a>>>,
    #[serde(borrow)]
    s3: Option<S3<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    s3: S3<'a>,
}

#[derive(Deserialize)]
struct S3<'a> {
    #[serde(borrow)]
    bucket: Bucket<'a>,
    #[serde(borrow)]
    object: Object<'a>,
}

#[derive(Deserialize)]
struct Bucket<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
}

impl<'a> Body<'a> {
    fn entry(&self) -> Option<&S3<'a>> {
        first(self.records.as_deref(), self.s3.as_ref())
    }
}

impl<'a> Data<'a> {
    fn entry(&self) -> Option<&S3<'a>> {
        first(self.records.as_deref(), self.s3.as_ref())
    }
}

fn first<'b, 'a>(records: Option<&'b [Entry<'a>]>, s3: Option<&'b S3<'a>>) -> Option<&'b S3<'a>> {
    let record = records.and_then(<[_]>::first).map(|entry| &entry.s3);
    record.or(s3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kafka::event::tests::record;

    #[test]
    fn object_is_found_in_every_form_of_notification() {
        let s3 = r#"{"s3":{"bucket":{"name":"in"},"object":{"key":"a\u00e9 b","size":1}},"eventName":"x"}"#;
        let records = format!(r#"{{"Records":[{s3}]}}"#);
        let cases = [
            s3.to_owned(),
            records.clone(),
            format!(r#"{{"specversion":"1.0","data":{records}}}"#),
            format!(r#"{{"specversion":"1.0","data":{s3}}}"#),
        ];
        for case in cases {
            let expected = Some(("in".to_owned(), "aé b".to_owned()));
            assert_eq!(object(case.as_bytes()), expected, "{case}");
        }
        for case in ["", "{}", "null", r#"{"Records":[]}"#, r#"{"s3":1}"#] {
            assert_eq!(object(case.as_bytes()), None, "{case}");
        }
    }

    #[test]
    fn object_with_a_key_that_is_not_utf8_is_found() {
        let value = b"{\"s3\":{\"bucket\":{\"name\":\"in\"},\"object\":{\"key\":\"\xff\"}}}";
        assert!(object(value).is_some());
    }

    #[test]
    fn ordering_key_follows_object_then_record_key_then_position() {
        let value = |key: &str| {
            format!(r#"{{"s3":{{"bucket":{{"name":"in"}},"object":{{"key":"{key}"}}}}}}"#)
        };
        let key = |key: Option<&str>, value: &str, offset: i64| {
            let mut record = record(key.map(str::as_bytes), Some(value.as_bytes()));
            (record.partition, record.offset) = (offset as i32 % 16, offset);
            ordering_key(&record)
        };
        assert_eq!(key(None, &value("a"), 1), key(Some("k"), &value("a"), 2));
        assert_ne!(key(None, &value("a"), 1), key(None, &value("b"), 1));
        assert_eq!(key(Some("k"), "no", 1), key(Some("k"), "no", 2));
        assert_ne!(key(None, "no", 1), key(None, "no", 2));
    }

    proptest! {
        #[test]
        fn ordering_key_exists_for_any_bytes(value: Vec<u8>, key: Option<Vec<u8>>) {
            let record = record(key.as_deref(), Some(&value));
            prop_assert_eq!(ordering_key(&record), ordering_key(&record.clone()));
        }

        #[test]
        fn object_keeps_bucket_and_key(bucket: String, key: String) {
            let s3 = serde_json::json!({"bucket": {"name": bucket}, "object": {"key": key}});
            let value = serde_json::json!({"Records": [{"s3": s3}]});
            prop_assert_eq!(object(value.to_string().as_bytes()), Some((bucket, key)));
        }
    }
}
