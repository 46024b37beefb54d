//! Records in their lanes: one task for each lane that has any.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::runtime::Handle;

use super::{deliver::Delivery, job::Job, lane::lane};

/// Lanes with something in them; the first of a lane's records is with its task, not in its queue.
pub struct Lanes {
    queues: Mutex<HashMap<u64, VecDeque<Job>>>,
    delivery: Arc<Delivery>,
    handle: Handle,
}

impl Lanes {
    /// Lanes whose tasks run on `handle`.
    pub fn new(delivery: Arc<Delivery>, handle: Handle) -> Arc<Self> {
        Arc::new(Self {
            queues: Mutex::default(),
            delivery,
            handle,
        })
    }

    /// Puts a record at the end of its lane. How many there may be is for the reader to limit, by pausing.
    pub fn push(self: &Arc<Self>, job: Job) {
        let lane = lane(&job.record);
        self.delivery.book.hold(job.record.size());
        self.delivery.metrics.dispatched(1);
        let mut queues = self.queues();
        if let Some(queue) = queues.get_mut(&lane) {
            queue.push_back(job);
            return;
        }
        queues.insert(lane, VecDeque::new());
        drop(queues);
        self.handle.spawn(self.clone().run(lane, job));
    }

    async fn run(self: Arc<Self>, lane: u64, mut job: Job) {
        loop {
            self.delivery.see_through(&job).await;
            self.delivery.book.release(job.record.size());
            self.delivery.metrics.dispatched(-1);
            let mut queues = self.queues();
            match queues.get_mut(&lane).and_then(VecDeque::pop_front) {
                Some(next) => job = next,
                None => {
                    queues.remove(&lane);
                    return;
                }
            }
        }
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<u64, VecDeque<Job>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
