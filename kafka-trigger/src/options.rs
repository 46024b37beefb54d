//! Settings of a trigger that do not depend on its broker.

use std::time::Duration;

use crate::{Backoff, RetryLimit};

/// Settings of a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Consumer group, as a label of metrics.
    pub group: String,
    /// Concurrent deliveries; at least 1.
    pub in_flight: usize,
    /// Longest time one delivery may take. After it the delivery is dropped and counts as
    /// [`crate::Verdict::Retry`] with status 504.
    pub timeout: Option<Duration>,
    /// Largest value that is delivered, in bytes. Records with larger ones are dead-lettered with
    /// status 413 without a delivery.
    pub max_value_bytes: Option<usize>,
    /// Delays between deliveries of one record, and between attempts to write its dead letter.
    pub backoff: Backoff,
    /// Number of deliveries after which a record is dead-lettered.
    pub retry_limit: RetryLimit,
    /// Longest time that a rebalance or the end of the trigger waits for running deliveries.
    pub drain: Duration,
    /// Time between commits.
    pub commit_interval: Duration,
    /// Records of one partition that may wait for their next delivery while others of it are read.
    /// With more of them the partition pauses.
    pub max_waiting: usize,
    /// Number of records that are read from a partition beyond its oldest unfinished one. After a
    /// crash they are delivered again.
    pub max_ahead: usize,
    /// Memory that undelivered records may take, in bytes, before all partitions pause.
    pub max_held_bytes: usize,
    /// Seed of the backoff's jitter, for simulations; random if it is `None`.
    pub seed: Option<u64>,
}

impl Options {
    /// Returns the number of unfinished records at which a partition pauses. It is enough to keep
    /// every delivery slot busy even when only one partition has records.
    pub fn window(&self) -> usize {
        self.in_flight.saturating_mul(8).max(64)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            group: String::new(),
            in_flight: 8,
            timeout: None,
            max_value_bytes: None,
            backoff: Backoff::default(),
            retry_limit: RetryLimit::default(),
            drain: Duration::from_secs(30),
            commit_interval: Duration::from_millis(200),
            max_waiting: 16,
            max_ahead: 10_000,
            max_held_bytes: 64 << 20,
            seed: None,
        }
    }
}
