//! An assigned partition, shared by the coordinator and the deliveries.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    Options, Record, TopicPartition,
    offsets::OffsetTracker,
    retries::{Retries, expected::Expected},
};

/// A partition from its assignment to its revocation. Each assignment creates a new `Partition`, so
/// late completions from an earlier assignment cannot affect it.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) id: TopicPartition,
    revoked: watch::Sender<bool>,
    state: Mutex<State>,
    /// Notified when no delivery is running any more.
    idle: Notify,
    /// Set when the retry partition was read, if there is one.
    retries: OnceLock<Arc<Retries>>,
}

/// The changing part of a partition.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) offsets: OffsetTracker,
    /// The broker was told to stop reading it.
    pub(crate) is_paused: bool,
    /// Number of running deliveries and dead-letter writes.
    running: usize,
    /// Number of records that wait for their next delivery.
    waiting: usize,
    /// Records that were read before the retry partition; `None` unless that is still to be read.
    pub(crate) held: Option<Vec<Record>>,
    /// Records of the retry topic that the source is going to deliver again.
    pub(crate) expected: Expected,
}

/// A running delivery. Draining the partition waits until it is dropped.
pub(crate) struct Running<'a>(&'a Partition);

/// A record that waits for its next delivery.
pub(crate) struct Waiting<'a>(&'a Partition);

impl Partition {
    pub(crate) fn new(id: TopicPartition) -> Self {
        Self {
            id,
            revoked: watch::Sender::new(false),
            state: Mutex::default(),
            idle: Notify::new(),
            retries: OnceLock::new(),
        }
    }

    /// Creates the partition of a log that replaces the one of `self` and is read from `offset`.
    pub(crate) fn starting_over(&self, offset: i64) -> Self {
        let new = Self::new(self.id.clone());
        new.state().offsets = OffsetTracker::starting_at(offset);
        if let Some(retries) = self.retries.get() {
            // The new log's offsets are others.
            retries.begin_log();
            new.set_retries(retries.clone());
        }
        new
    }

    /// Returns what is known of the retry partition, if there is one.
    pub(crate) fn retries(&self) -> Option<&Retries> {
        self.retries.get().map(|retries| &**retries)
    }

    /// Sets the state of the retry partition, which is read once.
    pub(crate) fn set_retries(&self, retries: Arc<Retries>) {
        _ = self.retries.set(retries);
    }

    /// Returns the number of records on the retry topic.
    pub(crate) fn parked(&self) -> usize {
        self.retries().map_or(0, |retries| retries.offsets().live())
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_revoked(&self) -> bool {
        *self.revoked.borrow()
    }

    /// Waits until the partition is revoked.
    pub(crate) async fn until_revoked(&self) {
        // The sender lives as long as `self`, so this does not fail.
        _ = self.revoked.subscribe().wait_for(|revoked| *revoked).await;
    }

    /// Lets no further delivery begin.
    pub(crate) fn revoke(&self) {
        self.revoked.send_replace(true);
    }

    /// Begins a delivery, unless the partition is revoked.
    pub(crate) fn begin(&self) -> Option<Running<'_>> {
        let mut state = self.state();
        if self.is_revoked() {
            return None;
        }
        state.running += 1;
        Some(Running(self))
    }

    /// Begins to wait for the next delivery of a record.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        self.state().waiting += 1;
        Waiting(self)
    }

    /// Waits until no delivery is running. Returns false if one still is at `deadline`.
    pub(crate) async fn drain(&self, deadline: Instant) -> bool {
        loop {
            // Before the check, so that a notification in between is not missed.
            let idle = self.idle.notified();
            if self.state().running == 0 {
                return true;
            }
            if tokio::time::timeout_at(deadline, idle).await.is_err() {
                return self.state().running == 0;
            }
        }
    }
}

impl State {
    /// Reports whether the broker should stop reading the partition: until its retry partition is
    /// read; while too many of its records wait for a retry, which is a sign that all would fail;
    /// while the oldest unfinished record is too far behind, since everything after it would be
    /// delivered again after a crash; while as many are `parked` on the retry topic; and while a
    /// window of records is unfinished. A paused partition resumes when half of the window is free,
    /// so that it does not flap.
    pub(crate) fn should_pause(&self, options: &Options, parked: usize) -> bool {
        let (open, window) = (self.offsets.unfinished(), options.window());
        let ahead = options.max_ahead.max(window);
        self.held.is_some()
            || self.waiting >= options.max_waiting.max(1)
            || self.offsets.span() >= ahead
            || parked >= ahead
            || open >= window
            || (self.is_paused && open > window / 2)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.running -= 1;
        if state.running == 0 {
            self.0.idle.notify_waiters();
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;

    fn partition() -> Partition {
        Partition::new(TopicPartition {
            topic: "t".into(),
            partition: 0,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn drain_waits_for_running_deliveries_and_none_begins() {
        let partition = Arc::new(partition());
        let running = partition.begin().unwrap();
        partition.revoke();
        assert!(partition.begin().is_none());
        assert!(!partition.drain(Instant::now()).await);
        let other = partition.clone();
        let drained =
            tokio::spawn(
                async move { other.drain(Instant::now() + Duration::from_secs(60)).await },
            );
        tokio::task::yield_now().await;
        assert!(!drained.is_finished());
        drop(running);
        assert!(drained.await.unwrap());
    }

    fn options() -> Options {
        Options {
            in_flight: 1,
            max_waiting: 2,
            max_ahead: 100,
            ..Options::default()
        }
    }

    #[test]
    fn partition_pauses_at_a_full_window() {
        let partition = partition();
        let window = i64::try_from(options().window()).unwrap();
        let pauses = || partition.state().should_pause(&options(), 0);
        for offset in 0..window {
            assert!(!pauses());
            partition.state().offsets.begin(offset, 0);
        }
        assert!(pauses());
        partition.state().is_paused = true;
        partition.state().offsets.finish(0);
        assert!(pauses(), "not before half of it is free");
        for offset in 1..=window / 2 {
            partition.state().offsets.finish(offset);
        }
        assert!(!pauses());
    }

    #[test]
    fn partition_pauses_when_too_many_records_wait() {
        let partition = partition();
        let pauses = || partition.state().should_pause(&options(), 0);
        let one = partition.wait();
        assert!(!pauses(), "one record that waits holds up no other");
        let two = partition.wait();
        assert!(pauses());
        drop(two);
        assert!(!pauses());
        drop(one);
    }

    #[test]
    fn partition_pauses_far_ahead_of_its_oldest_unfinished_record() {
        let partition = partition();
        let pauses = || partition.state().should_pause(&options(), 0);
        partition.state().offsets.begin(0, 0);
        for offset in 1..100 {
            assert!(!pauses(), "{offset}");
            partition.state().offsets.begin(offset, 0);
            partition.state().offsets.finish(offset);
        }
        assert!(pauses());
        partition.state().offsets.finish(0);
        assert!(!pauses());
    }

    #[test]
    fn partition_pauses_until_its_retry_partition_is_read() {
        let partition = partition();
        let pauses = |parked| partition.state().should_pause(&options(), parked);
        partition.state().held = Some(Vec::new());
        assert!(pauses(0));
        partition.state().held = None;
        assert!(!pauses(99));
        assert!(pauses(100), "as many records on the retry topic");
    }
}
