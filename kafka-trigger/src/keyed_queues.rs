//! One queue for each ordering key that has records, and one task for each queue.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::Notify, time::Instant};

use crate::{
    Broker, Handler, OrderingKey, Record,
    delivery::{Delivery, Next},
    job::Job,
    partition::Partition,
};

/// Assigns records to queues.
pub(crate) type OrderingFn = Box<dyn Fn(&Record) -> OrderingKey + Send + Sync>;

type Queues<H> = HashMap<OrderingKey, Queue<<H as Handler>::State>>;

/// Queues by ordering key. The first record of a queue is with its task, not in the map.
pub(crate) struct KeyedQueues<B, H: Handler> {
    queues: Mutex<Queues<H>>,
    ordering_key: OrderingFn,
    delivery: Arc<Delivery<B, H>>,
}

/// Records behind the first one of a key.
struct Queue<S> {
    /// With the states that the handler keeps of them.
    jobs: VecDeque<(Job, S)>,
    /// Notified when a record is added.
    arrived: Arc<Notify>,
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
    pub(crate) fn push(self: &Arc<Self>, job: Job) {
        let key = (self.ordering_key)(&job.record);
        self.delivery.assignment.hold(job.record.size());
        let state = self.delivery.handler.received(&job.record);
        self.delivery.metrics.add_in_flight(1);
        let mut queues = self.queues();
        if let Some(queue) = queues.get_mut(&key) {
            queue.jobs.push_back((job, state));
            queue.arrived.notify_one();
            return;
        }
        let arrived = Arc::new(Notify::new());
        let queue = Queue {
            jobs: VecDeque::new(),
            arrived: arrived.clone(),
        };
        queues.insert(key, queue);
        drop(queues);
        tokio::spawn(self.clone().run(key, job, state, arrived));
    }

    async fn run(
        self: Arc<Self>,
        key: OrderingKey,
        mut job: Job,
        mut state: H::State,
        arrived: Arc<Notify>,
    ) {
        loop {
            while self.delivery.process(&mut job, &mut state).await == Next::Retry {
                self.wait(key, &job, &arrived).await;
            }
            self.delivery.assignment.release(job.record.size());
            self.delivery.metrics.add_in_flight(-1);
            let mut queues = self.queues();
            match queues
                .get_mut(&key)
                .and_then(|queue| queue.jobs.pop_front())
            {
                Some(next) => (job, state) = next,
                None => {
                    queues.remove(&key);
                    return;
                }
            }
        }
    }

    /// Waits for the next delivery of a record, or until its partition is revoked. While it is on
    /// the retry topic, the records behind it move there too: their offsets must not wait for it.
    async fn wait(&self, key: OrderingKey, job: &Job, arrived: &Notify) {
        let wake = &self.delivery.assignment.wake;
        let waiting = job.partition.wait();
        wake.notify_one();
        let until = Instant::now() + self.delivery.delay(job.failures.all);
        loop {
            if job.is_parked() {
                self.park_followers(key, &job.partition).await;
            }
            tokio::select! {
                biased;
                () = job.partition.until_revoked() => break,
                () = tokio::time::sleep_until(until) => break,
                () = arrived.notified(), if job.is_parked() => {}
            }
        }
        drop(waiting);
        wake.notify_one();
    }

    /// Moves the records of a queue to the retry topic, in their order.
    async fn park_followers(&self, key: OrderingKey, first: &Partition) {
        let mut index = 0;
        while !first.is_revoked()
            && let Some(mut job) = self.follower(key, index)
        {
            let partition = job.partition.clone();
            if !job.is_parked()
                && let Some(_running) = partition.begin()
            {
                let is_parked = self.delivery.park(&mut job).await;
                // Only this task removes records, so it is still there.
                if let Some(queue) = self.queues().get_mut(&key) {
                    queue.jobs[index].0.parked = job.parked;
                }
                if !is_parked {
                    return;
                }
            }
            index += 1;
        }
    }

    fn follower(&self, key: OrderingKey, index: usize) -> Option<Job> {
        let queues = self.queues();
        let (job, _) = queues.get(&key)?.jobs.get(index)?;
        Some(job.clone())
    }

    fn queues(&self) -> MutexGuard<'_, Queues<H>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
