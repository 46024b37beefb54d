//! What is known of an assigned partition, shared by the thread that reads it and the tasks that deliver.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::watch;

use super::prefix::Prefix;

/// A partition from its assignment to its revocation. A later assignment makes a new one, so what is late for this
/// one does not count for that.
#[derive(Debug)]
pub struct Partition {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition's number.
    pub id: i32,
    revoked: watch::Sender<bool>,
    state: Mutex<State>,
    /// Told when nothing runs any more.
    idle: Condvar,
}

/// What changes while it is assigned.
#[derive(Debug, Default)]
pub struct State {
    /// Offsets.
    pub prefix: Prefix,
    /// Whether the client is told to fetch nothing from it.
    pub is_paused: bool,
    /// Deliveries and dead-letter writes under way.
    running: usize,
    /// Records that wait for their next delivery.
    waiting: usize,
}

/// A delivery under way. The drain of a rebalance waits for it.
pub struct Running<'a>(&'a Partition);

/// A record that waits for its next delivery, which holds up its partition.
pub struct Waiting<'a>(&'a Partition);

impl Partition {
    /// A partition that was assigned just now.
    pub fn new(topic: Arc<str>, id: i32) -> Self {
        Self {
            topic,
            id,
            revoked: watch::Sender::new(false),
            state: Mutex::default(),
            idle: Condvar::new(),
        }
    }

    /// Its state.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is somebody else's by now, or about to be.
    pub fn is_revoked(&self) -> bool {
        *self.revoked.borrow()
    }

    /// Ready when it is revoked.
    pub async fn until_revoked(&self) {
        // The sender lives as long as this.
        _ = self.revoked.subscribe().wait_for(|revoked| *revoked).await;
    }

    /// From now on nothing begins.
    pub fn revoke(&self) {
        self.revoked.send_replace(true);
    }

    /// Begins a delivery, unless it is revoked.
    pub fn run(&self) -> Option<Running<'_>> {
        let mut state = self.state();
        if self.is_revoked() {
            return None;
        }
        state.running += 1;
        Some(Running(self))
    }

    /// Begins to wait.
    pub fn wait(&self) -> Waiting<'_> {
        self.state().waiting += 1;
        Waiting(self)
    }

    /// Blocks until nothing runs; false if something still does at `deadline`.
    pub fn drain(&self, deadline: Instant) -> bool {
        let mut state = self.state();
        while state.running > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.idle.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl State {
    /// Whether the client should fetch from it: not while one of its records waits, nor while a window of them is not
    /// finished. Once paused, it goes on when half of the window is free, so that it does not flutter.
    pub fn should_pause(&self, window: usize) -> bool {
        let open = self.prefix.unfinished();
        self.waiting > 0 || open >= window || (self.is_paused && open > window / 2)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.running -= 1;
        if state.running == 0 {
            self.0.idle.notify_all();
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
    use std::time::Duration;

    use super::*;

    fn partition() -> Partition {
        Partition::new("t".into(), 0)
    }

    #[test]
    fn a_drain_waits_for_what_runs_and_nothing_begins_any_more() {
        let partition = Arc::new(partition());
        let other = partition.clone();
        let running = partition.run().unwrap();
        partition.revoke();
        assert!(partition.run().is_none());
        assert!(!partition.drain(Instant::now()));
        let drained =
            std::thread::spawn(move || other.drain(Instant::now() + Duration::from_secs(60)));
        drop(running);
        assert!(drained.join().unwrap());
    }

    #[test]
    fn a_partition_pauses_for_a_retry_and_at_a_full_window() {
        let partition = partition();
        let pauses = || partition.state().should_pause(4);
        for offset in 0..4 {
            assert!(!pauses());
            partition.state().prefix.begin(offset);
        }
        assert!(pauses());
        partition.state().is_paused = true;
        partition.state().prefix.finish(0);
        assert!(pauses(), "not before half of it is free");
        partition.state().prefix.finish(3);
        assert!(!pauses());
        let waiting = partition.wait();
        assert!(pauses());
        drop(waiting);
        assert!(!pauses());
    }
}
