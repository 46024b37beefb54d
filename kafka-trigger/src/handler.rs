//! The receiver of records.

use bytes::Bytes;

use crate::{Record, dead_letter::Added};

/// Receives records.
pub trait Handler: Send + Sync + 'static {
    /// State of a record from its arrival until it is finished, such as its trace; `()` for none.
    /// Dropped earlier when the partition is revoked.
    type State: Default + Send + Sync + 'static;

    /// Called when a record has been read, before it waits for its turn.
    fn received(&self, record: &Record) -> Self::State {
        _ = record;
        Self::State::default()
    }

    /// Delivers a record once.
    ///
    /// The same record may be delivered again, also after [`Verdict::Done`]: implementations must
    /// be idempotent. The future is dropped when [`crate::Options::timeout`] elapses. A panic
    /// counts as [`Verdict::Crashed`].
    fn handle(
        &self,
        record: &Record,
        state: &mut Self::State,
    ) -> impl Future<Output = Response> + Send;

    /// Called when no further delivery of the record follows: it is done, or is about to be
    /// written to the dead letters. `attempts` is the number of deliveries.
    fn settled(
        &self,
        record: &Record,
        state: &mut Self::State,
        response: &Response,
        attempts: u32,
    ) {
        _ = (record, state, response, attempts);
    }

    /// Returns headers that the record's dead letter gets in addition, without their prefix.
    fn dead_letter_headers(&self, record: &Record, state: &Self::State) -> Vec<Added> {
        _ = (record, state);
        Vec::new()
    }

    /// Called when the record is finished: done, or its dead letter is written.
    fn finished(&self, record: &Record, state: &mut Self::State) {
        _ = (record, state);
    }
}

/// Result of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Decides what happens to the record.
    pub verdict: Verdict,
    /// HTTP status code, recorded in metrics and in dead letters.
    pub status: u16,
    /// Body, passed to [`Handler::settled`] and not interpreted.
    pub body: Bytes,
}

impl Response {
    /// Returns a response without a body and with [`Verdict::from_status`].
    pub fn from_status(status: u16) -> Self {
        Self {
            verdict: Verdict::from_status(status),
            status,
            body: Bytes::new(),
        }
    }
}

/// Meaning of a response for its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The record is done.
    Done,
    /// Another attempt may succeed: for example, a store is unreachable.
    Retry,
    /// As [`Verdict::Retry`], but the record is never given up: what it waits for is expected to
    /// come, for example a bucket that is missing. Does not count for [`crate::RetryLimit`].
    Blocked,
    /// The handler itself failed, and may fail every time. Retried up to
    /// [`crate::RetryLimit::crashes`].
    Crashed,
    /// No attempt will succeed.
    Rejected,
    /// No attempt will succeed because the record is too large.
    TooLarge,
}

impl Verdict {
    /// Interprets an HTTP status code as Knative's `KafkaSource` does, with two exceptions: 404 and
    /// 409 are not retried.
    ///
    /// | status | verdict |
    /// |---|---|
    /// | 2xx | `Done` |
    /// | 500 | `Crashed` (hosts respond with it when a function traps) |
    /// | 408, 429, other 5xx | `Retry` |
    /// | 413 | `TooLarge` |
    /// | others | `Rejected`; redirects are not followed |
    pub fn from_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Done,
            500 => Self::Crashed,
            408 | 429 | 501..=599 => Self::Retry,
            413 => Self::TooLarge,
            _ => Self::Rejected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdict_follows_the_status() {
        let cases = [
            (200, Verdict::Done),
            (204, Verdict::Done),
            (301, Verdict::Rejected),
            (400, Verdict::Rejected),
            (404, Verdict::Rejected),
            (408, Verdict::Retry),
            (409, Verdict::Rejected),
            (413, Verdict::TooLarge),
            (422, Verdict::Rejected),
            (429, Verdict::Retry),
            (500, Verdict::Crashed),
            (502, Verdict::Retry),
            (503, Verdict::Retry),
            (599, Verdict::Retry),
        ];
        for (status, expected) in cases {
            assert_eq!(Verdict::from_status(status), expected, "{status}");
        }
    }
}
