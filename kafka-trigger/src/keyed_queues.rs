//! One queue for each ordering key that has records, and one task for each queue.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    Broker, Handler, OrderingKey, Record, delivery::Delivery, job::Job, partition::Partition,
};

/// Assigns records to queues.
pub(crate) type OrderingFn = Box<dyn Fn(&Record) -> OrderingKey + Send + Sync>;

type Queues<H> = HashMap<OrderingKey, VecDeque<Job<<H as Handler>::State>>>;

/// Queues by ordering key. The first record of a queue is with its task, not in the map.
pub(crate) struct KeyedQueues<B, H: Handler> {
    queues: Mutex<Queues<H>>,
    ordering_key: OrderingFn,
    delivery: Arc<Delivery<B, H>>,
}

impl<B: Broker, H: Handler> KeyedQueues<B, H> {
    pub(crate) fn new(ordering_key: OrderingFn, delivery: Arc<Delivery<B, H>>) -> Arc<Self> {
        Arc::new(Self {
            queues: Mutex::default(),
            ordering_key,
            delivery,
        })
    }

    /// Appends a record to its queue. The queues are unbounded: the coordinator limits them by
    /// pausing partitions.
    pub(crate) fn push(self: &Arc<Self>, record: Record, partition: Arc<Partition>) {
        let key = (self.ordering_key)(&record);
        self.delivery.assignment.hold(record.size());
        let state = self.delivery.handler.received(&record);
        let job = Job {
            record,
            partition,
            state,
        };
        self.delivery.metrics.add_in_flight(1);
        let mut queues = self.queues();
        if let Some(queue) = queues.get_mut(&key) {
            queue.push_back(job);
            return;
        }
        queues.insert(key, VecDeque::new());
        drop(queues);
        tokio::spawn(self.clone().run(key, job));
    }

    async fn run(self: Arc<Self>, key: OrderingKey, mut job: Job<H::State>) {
        loop {
            self.delivery.process(&mut job).await;
            self.delivery.assignment.release(job.record.size());
            self.delivery.metrics.add_in_flight(-1);
            let mut queues = self.queues();
            match queues.get_mut(&key).and_then(VecDeque::pop_front) {
                Some(next) => job = next,
                None => {
                    queues.remove(&key);
                    return;
                }
            }
        }
    }

    fn queues(&self) -> MutexGuard<'_, Queues<H>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
