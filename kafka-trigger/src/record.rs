//! Records and their positions.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use bytes::Bytes;

use crate::dead_letter::Header;

/// A topic and the number of one of its partitions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Topic name.
    pub topic: Arc<str>,
    /// Partition number.
    pub partition: i32,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}

/// A record with its position. `Debug` shows the position only: keys, values and headers may be
/// confidential.
#[derive(Clone)]
pub struct Record {
    /// Topic name.
    pub topic: Arc<str>,
    /// Partition number.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
    /// Milliseconds since 1970, if the record has a timestamp.
    pub timestamp: Option<i64>,
    /// Key; `None` (null) and empty differ.
    pub key: Option<Bytes>,
    /// Value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in their order. Names may repeat and values may be null.
    pub headers: Vec<Header>,
}

impl Record {
    /// Returns the last header of this name, ignoring case, if its value is not null.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut headers = self.headers.iter().rev();
        let (_, value) = headers.find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        value.as_deref()
    }

    /// Approximates the memory that the record takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        let length = |part: &Option<Bytes>| part.as_ref().map_or(0, Bytes::len);
        let headers: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + length(value))
            .sum();
        length(&self.key) + length(&self.value) + headers + 256
    }

    pub(crate) fn topic_partition(&self) -> TopicPartition {
        TopicPartition {
            topic: self.topic.clone(),
            partition: self.partition,
        }
    }
}

impl Record {
    /// Returns a number that differs for another record at the same position.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.timestamp, &self.key, &self.value).hash(&mut hasher);
        hasher.finish()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]@{}", self.topic, self.partition, self.offset)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns a record with this key and value at `storage[3]@42`.
    pub(crate) fn record(key: Option<&[u8]>, value: Option<&[u8]>) -> Record {
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
    fn record_debug_shows_only_the_position() {
        let shown = format!("{:?}", record(Some(b"DOE_JANE"), Some(b"JANE")));
        assert_eq!(shown, "storage[3]@42");
    }

    #[test]
    fn header_lookup_returns_the_last_of_a_name() {
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
