//! A Kafka record as the trigger holds it.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use rdkafka::message::{BorrowedMessage, Headers, Message};

/// A record, with where it came from. `Debug` shows the place only: keys and values may hold names.
#[derive(Clone)]
pub struct Record {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
    /// Milliseconds since 1970, if the record has a time.
    pub timestamp: Option<i64>,
    /// The key; null and empty are not the same.
    pub key: Option<Bytes>,
    /// The value; null is a tombstone.
    pub value: Option<Bytes>,
    /// The headers in their order; a name may come more than once, a value may be null.
    pub headers: Vec<(String, Option<Bytes>)>,
}

impl Record {
    /// Copies a record out of the client's buffer, so that the buffer can go.
    pub fn copy(message: &BorrowedMessage<'_>, topic: Arc<str>) -> Self {
        let headers = message.headers().map(|headers| {
            let copy = |value: &[u8]| Bytes::copy_from_slice(value);
            let all = headers.iter();
            all.map(|header| (header.key.to_owned(), header.value.map(copy)))
                .collect()
        });
        Self {
            topic,
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis(),
            key: message.key().map(Bytes::copy_from_slice),
            value: message.payload().map(Bytes::copy_from_slice),
            headers: headers.unwrap_or_default(),
        }
    }

    /// Bytes that it takes, about.
    pub fn size(&self) -> usize {
        let of = |part: &Option<Bytes>| part.as_ref().map_or(0, Bytes::len);
        let headers = self.headers.iter();
        let headers: usize = headers.map(|(name, value)| name.len() + of(value)).sum();
        of(&self.key) + of(&self.value) + headers + 256
    }

    /// The last header of a name, if it has a value.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut headers = self.headers.iter().rev();
        let (_, value) = headers.find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        value.as_deref()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]@{}", self.topic, self.partition, self.offset)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A record with this key and value at `storage[3]@42`.
    pub fn record(key: Option<&[u8]>, value: Option<&[u8]>) -> Record {
        Record {
            topic: "storage".into(),
            partition: 3,
            offset: 42,
            timestamp: Some(1_700_000_000_000),
            key: key.map(Bytes::copy_from_slice),
            value: value.map(Bytes::copy_from_slice),
            headers: Vec::new(),
        }
    }

    #[test]
    fn debug_shows_the_place_only() {
        let shown = format!("{:?}", record(Some(b"DOE_JANE"), Some(b"JANE")));
        assert_eq!(shown, "storage[3]@42");
    }

    #[test]
    fn the_last_header_of_a_name_counts() {
        let mut record = record(None, None);
        record.headers = vec![
            ("a".into(), Some(Bytes::from_static(b"1"))),
            ("A".into(), Some(Bytes::from_static(b"2"))),
            ("b".into(), None),
        ];
        assert_eq!(record.header("a"), Some(&b"2"[..]));
        assert_eq!(record.header("b"), None);
    }
}
