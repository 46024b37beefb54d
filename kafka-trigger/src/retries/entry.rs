//! The form of the retry topic's records: headers of ours, followed by those of the record.

use std::{str::FromStr, sync::Arc};

use bytes::Bytes;

use crate::{Header, Record, RetryRecord, TopicPartition, retry::Failures};

/// Prefix of the headers that are added.
const PREFIX: &str = "retry-";

/// Names of the headers that are added, in their order.
const NAMES: [&str; 9] = [
    "state",
    "owner",
    "id",
    "log",
    "attempts",
    "failures",
    "crashes",
    "offset",
    "timestamp",
];

/// A record of the retry topic.
#[derive(Debug, PartialEq)]
pub(crate) enum Entry {
    /// Another member owns the partition from here on.
    Owner,
    /// A record that waits. Its position is the one in the source.
    Waiting(Mark, Original),
    /// The record is finished.
    Done(Mark),
}

/// Position and failures of a record that is on the retry topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Number of the owner who wrote the entry.
    pub(crate) owner: i64,
    /// Number that all entries of a record have.
    pub(crate) id: i64,
    /// Number of the source's log. A topic that is created again has a larger one.
    pub(crate) log: i64,
    pub(crate) failures: Failures,
    /// Offset in the source.
    pub(crate) offset: i64,
    /// Timestamp in the source: another one is a record of another topic of the same name.
    pub(crate) timestamp: Option<i64>,
}

/// Contents of a record in the source.
#[derive(Clone, PartialEq)]
pub(crate) struct Original {
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) headers: Vec<Header>,
}

impl std::fmt::Debug for Original {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Original")
    }
}

impl Original {
    /// Returns the record at its position in the source.
    pub(crate) fn record(self, source: &TopicPartition, mark: &Mark) -> Record {
        Record {
            topic: Arc::clone(&source.topic),
            partition: source.partition,
            offset: mark.offset,
            timestamp: mark.timestamp,
            key: self.key,
            value: self.value,
            headers: self.headers,
        }
    }
}

/// Returns the first record of an owner.
pub(crate) fn owner() -> RetryRecord {
    RetryRecord {
        headers: vec![header("state", "owner")],
        ..RetryRecord::default()
    }
}

/// Returns the entry of a record that waits.
pub(crate) fn waiting(mark: &Mark, record: &Record) -> RetryRecord {
    let mut headers = marked("waiting", mark);
    headers.extend(record.headers.iter().cloned());
    RetryRecord {
        key: record.key.clone(),
        value: record.value.clone(),
        headers,
    }
}

/// Returns the entry of a record that is finished. It holds nothing of the record.
pub(crate) fn done(mark: &Mark) -> RetryRecord {
    RetryRecord {
        headers: marked("done", mark),
        ..RetryRecord::default()
    }
}

fn marked(state: &str, mark: &Mark) -> Vec<Header> {
    let Failures {
        all,
        counted,
        crashes,
    } = mark.failures;
    let timestamp = mark.timestamp.map(|time| time.to_string());
    let values = [
        state.to_owned(),
        mark.owner.to_string(),
        mark.id.to_string(),
        mark.log.to_string(),
        all.to_string(),
        counted.to_string(),
        crashes.to_string(),
        mark.offset.to_string(),
        timestamp.unwrap_or_default(),
    ];
    let named = NAMES.iter().zip(values);
    named.map(|(name, value)| header(name, value)).collect()
}

fn header(name: &str, value: impl Into<String>) -> Header {
    (format!("{PREFIX}{name}"), Some(Bytes::from(value.into())))
}

impl Entry {
    /// Reads a record of the topic; `None` if it is not one of ours.
    pub(crate) fn read(record: Record) -> Option<Self> {
        let state = text(record.headers.first()?, "state")?;
        if state == "owner" {
            return Some(Self::Owner);
        }
        let value = |index: usize| text(record.headers.get(index)?, NAMES[index]);
        let time = value(8)?;
        let mark = Mark {
            owner: number(value(1)?)?,
            id: number(value(2)?)?,
            log: number(value(3)?)?,
            failures: Failures {
                all: number(value(4)?)?,
                counted: number(value(5)?)?,
                crashes: number(value(6)?)?,
            },
            offset: number(value(7)?)?,
            timestamp: match time {
                "" => None,
                time => Some(number(time)?),
            },
        };
        match state {
            "done" => Some(Self::Done(mark)),
            "waiting" => {
                let mut headers = record.headers;
                headers.drain(..NAMES.len());
                let original = Original {
                    key: record.key,
                    value: record.value,
                    headers,
                };
                Some(Self::Waiting(mark, original))
            }
            _ => None,
        }
    }
}

fn text<'a>((name, value): &'a Header, expected: &str) -> Option<&'a str> {
    let is_named = name.strip_prefix(PREFIX) == Some(expected);
    let value = value.as_deref().filter(|_| is_named)?;
    std::str::from_utf8(value).ok()
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record;

    fn mark() -> Mark {
        Mark {
            owner: 5,
            id: 9,
            log: 2,
            failures: Failures {
                all: 7,
                counted: 3,
                crashes: 2,
            },
            offset: 42,
            timestamp: Some(1_700_000_000_000),
        }
    }

    fn written(entry: RetryRecord) -> Record {
        Record {
            key: entry.key,
            value: entry.value,
            headers: entry.headers,
            ..record(None, None)
        }
    }

    #[test]
    fn waiting_record_is_restored_as_it_was() {
        let text = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
        for (key, value) in [(Some(&b"k"[..]), Some(&b""[..])), (None, None)] {
            let mut source = record(key, value);
            // As one that was copied from a retry topic.
            source.headers = vec![("retry-state".into(), text("done")), ("n".into(), None)];
            let entry = Entry::read(written(waiting(&mark(), &source)));
            let Some(Entry::Waiting(restored, original)) = entry else {
                panic!("{entry:?}");
            };
            assert_eq!(restored, mark());
            let again = original.record(&source.topic_partition(), &restored);
            assert_eq!(
                (again.topic, again.partition, again.offset, again.timestamp),
                (source.topic, 3, 42, source.timestamp)
            );
            assert_eq!(
                (again.key, again.value, again.headers),
                (source.key, source.value, source.headers)
            );
        }
    }

    #[test]
    fn finished_record_leaves_nothing_of_it() {
        let mark = Mark {
            timestamp: None,
            ..mark()
        };
        let entry = done(&mark);
        assert_eq!((&entry.key, &entry.value), (&None, &None));
        assert_eq!(Entry::read(written(entry)), Some(Entry::Done(mark)));
        assert_eq!(Entry::read(written(owner())), Some(Entry::Owner));
    }

    #[test]
    fn record_of_another_program_is_no_entry() {
        assert_eq!(Entry::read(record(Some(b"k"), Some(b"v"))), None);
        let mut short = done(&mark());
        short.headers.pop();
        assert_eq!(Entry::read(written(short)), None);
        let mut odd = done(&mark());
        odd.headers[4].1 = Some(Bytes::from_static(b"-1"));
        assert_eq!(Entry::read(written(odd)), None);
    }
}
