//! The client's queue of each assigned partition.
//!
//! A partition that is paused is not polled: its queue fills up to a limit, and then the client
//! fetches no more of it. `rd_kafka_pause_partitions` would throw away what is fetched already, at
//! each pause. And librdkafka drops the operation of a thread that was preempted between numbering
//! and queuing it, if another thread's overtook it. At a rebalance its own thread starts and
//! resumes partitions, so a pause or a resume in that moment left a partition that was never read
//! (librdkafka's issue 5591).

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::Thread,
};

use rdkafka::consumer::{BaseConsumer, base_consumer::PartitionQueue};

use super::context::Context;
use crate::TopicPartition;

/// The queues of a member's partitions.
#[derive(Default)]
pub(super) struct Queues {
    open: Mutex<BTreeMap<TopicPartition, Arc<Queue>>>,
    /// Number of changes of `open`.
    version: AtomicUsize,
    consumer: OnceLock<Weak<BaseConsumer<Context>>>,
    waker: Arc<Waker>,
}

/// A partition's queue, from its assignment to its revocation.
pub(super) struct Queue {
    pub(super) id: TopicPartition,
    pub(super) messages: PartitionQueue<Context>,
    is_paused: AtomicBool,
}

/// Wakes the polling thread.
#[derive(Default)]
pub(super) struct Waker(OnceLock<Thread>);

impl Waker {
    pub(super) fn wake(&self) {
        if let Some(thread) = self.0.get() {
            thread.unpark();
        }
    }
}

impl Queue {
    pub(super) fn is_paused(&self) -> bool {
        self.is_paused.load(Ordering::Acquire)
    }
}

impl Queues {
    pub(super) fn waker(&self) -> Arc<Waker> {
        self.waker.clone()
    }

    /// Sets the client, which does not exist yet when its context is made.
    pub(super) fn set_consumer(&self, consumer: &Arc<BaseConsumer<Context>>) {
        _ = self.consumer.set(Arc::downgrade(consumer));
    }

    /// Makes this the thread that is woken when a queue may have to be polled.
    pub(super) fn set_polling_thread(&self) {
        _ = self.waker.0.set(std::thread::current());
    }

    /// Opens queues. Called before the client begins to fetch, so that it puts no record elsewhere.
    /// Those for which `is_read` is false stay paused.
    pub(super) fn open(
        &self,
        partitions: &[TopicPartition],
        is_read: impl Fn(&TopicPartition) -> bool,
    ) {
        let consumer = self.consumer.get().and_then(Weak::upgrade);
        let Some(consumer) = consumer else {
            return;
        };
        for id in partitions {
            let messages = consumer.split_partition_queue(&id.topic, id.partition);
            let Some(mut messages) = messages else {
                continue;
            };
            let waker = self.waker.clone();
            messages.set_nonempty_callback(move || waker.wake());
            let queue = Queue {
                id: id.clone(),
                messages,
                is_paused: AtomicBool::new(!is_read(id)),
            };
            self.queues().insert(id.clone(), Arc::new(queue));
        }
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Closes queues; what is left in them is fetched again by the next owner.
    pub(super) fn close(&self, partitions: &[TopicPartition]) {
        self.queues().retain(|id, _| !partitions.contains(id));
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Closes all queues. They keep the client alive, which keeps them.
    pub(super) fn close_all(&self) {
        drop(std::mem::take(&mut *self.queues()));
        self.version.fetch_add(1, Ordering::Release);
    }

    pub(super) fn set_paused(&self, partitions: &[TopicPartition], is_paused: bool) {
        let queues = self.queues();
        for queue in partitions.iter().filter_map(|id| queues.get(id)) {
            queue.is_paused.store(is_paused, Ordering::Release);
        }
        drop(queues);
        if !is_paused {
            self.waker.wake();
        }
    }

    /// Copies the queues if they are not those of `version`. Returns whether it did.
    pub(super) fn refresh(&self, version: &mut usize, copy: &mut Vec<Arc<Queue>>) -> bool {
        let current = self.version.load(Ordering::Acquire);
        if *version == current {
            return false;
        }
        *version = current;
        copy.clear();
        copy.extend(self.queues().values().cloned());
        true
    }

    fn queues(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, Arc<Queue>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
