//! Keys by which records are ordered.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::Record;

/// Identifies the queue of a record: records with equal keys are delivered one after the other, in
/// the order in which they were read, also across partitions.
///
/// Only a hash is stored. Two keys that collide share a queue, which costs an occasional wait and
/// nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderingKey(u64);

impl OrderingKey {
    /// Returns the key for any hashable value.
    pub fn new(value: impl Hash) -> Self {
        // With fixed keys, so that simulations are repeatable.
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        Self(hasher.finish())
    }

    /// Returns the key that Kafka itself would order by: topic and record key. A record without a
    /// key gets an ordering key of its own, so it waits for no other.
    pub fn of_record(record: &Record) -> Self {
        match &record.key {
            Some(key) => Self::new((&record.topic, key)),
            None => Self::new((&record.topic, record.partition, record.offset)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record;

    #[test]
    fn ordering_key_follows_the_record_key_then_the_position() {
        let at = |key: Option<&[u8]>, offset: i64| {
            let mut record = record(key, None);
            record.offset = offset;
            OrderingKey::of_record(&record)
        };
        assert_eq!(at(Some(b"k"), 1), at(Some(b"k"), 2));
        assert_ne!(at(Some(b"k"), 1), at(Some(b"l"), 1));
        assert_eq!(at(None, 1), at(None, 1));
        assert_ne!(at(None, 1), at(None, 2));
    }
}
