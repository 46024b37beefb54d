//! Records that cannot be delivered, and the headers that explain why.

use std::borrow::Cow;

use bytes::Bytes;

use crate::Record;

/// Name and value of a record's header; a value may be null.
pub type Header = (String, Option<Bytes>);

/// A header that a dead letter gets from its handler: the name without the prefix, and the value.
pub type Added = (&'static str, String);

/// Reason for which a record is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeadLetterReason {
    /// The handler rejected the record.
    Refused,
    /// The record is too large.
    TooLarge,
    /// [`crate::RetryLimit::failures`] was reached.
    Failures,
    /// [`crate::RetryLimit::crashes`] was reached.
    Crashes,
}

impl DeadLetterReason {
    /// Returns the word used in headers and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::TooLarge => "too-large",
            Self::Failures => "failures",
            Self::Crashes => "crashes",
        }
    }
}

/// A record to write to the dead-letter topic.
#[derive(Debug, Clone, Copy)]
pub struct DeadLetter<'a> {
    /// Record as it was read.
    pub record: &'a Record,
    /// Reason for which it is not delivered.
    pub reason: DeadLetterReason,
    /// Status of the last response.
    pub status: u16,
    /// Number of deliveries.
    pub attempts: u32,
    /// Headers of the handler's, see [`crate::Handler::dead_letter_headers`].
    pub added: &'a [Added],
}

/// Headers that a dead letter has in addition to those of its record.
///
/// They are the prefix followed by `reason`, `status`, `attempts`, `topic`, `partition` or
/// `offset`; the last three are the record's original position. A handler may add others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterHeaders {
    prefix: Cow<'static, str>,
}

impl DeadLetterHeaders {
    /// Creates headers with this prefix, such as `my-dead-letter-`.
    pub fn new(prefix: impl Into<Cow<'static, str>>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }

    /// Returns the record's own headers followed by the added ones. The added headers of a record
    /// that was a dead letter before are replaced.
    pub fn write(&self, letter: &DeadLetter<'_>) -> Vec<Header> {
        let record = letter.record;
        let added = [
            ("reason", letter.reason.as_str().to_owned()),
            ("status", letter.status.to_string()),
            ("attempts", letter.attempts.to_string()),
            ("topic", record.topic.to_string()),
            ("partition", record.partition.to_string()),
            ("offset", record.offset.to_string()),
        ];
        let added = added
            .into_iter()
            .chain(letter.added.iter().cloned())
            .map(|(name, value)| (format!("{}{name}", self.prefix), Some(Bytes::from(value))));
        self.original(record).cloned().chain(added).collect()
    }

    /// Returns the headers that a dead letter had as a record.
    pub fn original<'a>(&'a self, letter: &'a Record) -> impl Iterator<Item = &'a Header> {
        letter
            .headers
            .iter()
            .filter(|(name, _)| !self.is_added(name))
    }

    /// Reports whether a header of this name is one of the added ones.
    pub fn is_added(&self, name: &str) -> bool {
        name.starts_with(&*self.prefix)
    }

    /// Returns an added header, for example `reason` or `topic`.
    pub fn get<'a>(&self, letter: &'a Record, name: &str) -> Option<Cow<'a, str>> {
        let value = letter.header(&format!("{}{name}", self.prefix))?;
        Some(String::from_utf8_lossy(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record;

    #[test]
    fn dead_letter_headers_name_position_and_reason() {
        let text = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
        let mut record = record(None, None);
        record.headers = vec![
            ("trace".into(), text("1")),
            ("null".into(), None),
            ("x-reason".into(), text("old")),
        ];
        let headers = DeadLetterHeaders::new("x-");
        let written = headers.write(&DeadLetter {
            record: &record,
            reason: DeadLetterReason::Refused,
            status: 422,
            attempts: 1,
            added: &[("trace", "2".into())],
        });
        let shown: Vec<_> = written
            .iter()
            .map(|(name, value)| {
                let value = value.as_ref().map_or("null".into(), |value| {
                    String::from_utf8_lossy(value).into_owned()
                });
                format!("{name}={value}")
            })
            .collect();
        assert_eq!(
            shown,
            [
                "trace=1",
                "null=null",
                "x-reason=refused",
                "x-status=422",
                "x-attempts=1",
                "x-topic=storage",
                "x-partition=3",
                "x-offset=42",
                "x-trace=2",
            ]
        );

        let letter = Record {
            headers: written,
            ..record.clone()
        };
        assert_eq!(headers.get(&letter, "topic").as_deref(), Some("storage"));
        assert_eq!(headers.get(&letter, "trace").as_deref(), Some("2"));
        assert_eq!(headers.get(&letter, "null"), None);
        assert_eq!(headers.original(&letter).count(), 2);
    }
}
