//! An assigned partition, shared by the coordinator and the deliveries.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{Options, TopicPartition, offsets::OffsetTracker};

/// A partition from its assignment to its revocation. Each assignment creates a new `Partition`, so
/// late completions from an earlier assignment cannot affect it.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) id: TopicPartition,
    revoked: watch::Sender<bool>,
    state: Mutex<State>,
    /// Notified when no delivery is running any more.
    idle: Notify,
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
        }
    }

    /// Creates the partition of a log that replaces the one of before and is read from `offset`.
    pub(crate) fn starting_at(id: TopicPartition, offset: i64) -> Self {
        let partition = Self::new(id);
        partition.state().offsets = OffsetTracker::starting_at(offset);
        partition
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
    /// Reports whether the broker should stop reading the partition: while too many of its records
    /// wait for a retry, which is a sign that all would fail; while the oldest unfinished record is
    /// too far behind, since everything after it would be delivered again after a crash; and while
    /// a window of records is unfinished. A paused partition resumes when half of the window is
    /// free, so that it does not flap.
    pub(crate) fn should_pause(&self, options: &Options) -> bool {
        let (open, window) = (self.offsets.unfinished(), options.window());
        self.waiting >= options.max_waiting.max(1)
            || self.offsets.span() >= options.max_ahead.max(window)
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
        let pauses = || partition.state().should_pause(&options());
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
        let pauses = || partition.state().should_pause(&options());
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
        let pauses = || partition.state().should_pause(&options());
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
}
