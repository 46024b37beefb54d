//! From a record to its end: delivered, delivered again, or written to the dead letters.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    book::Book,
    config::Config,
    dead_letter::{DeadLetters, Death},
    event,
    job::Job,
    metrics::KafkaMetrics,
    notices::Notices,
    partition::Partition,
    record::Record,
    verdict::{Verdict, verdict},
};
use crate::serve::runtime::Runtime;

/// Told how each delivered record ended: the record, the last answer, and how often it was delivered.
pub type Observer = Arc<dyn Fn(&Record, &Response<Bytes>, u32) + Send + Sync>;

/// Everything that a delivery needs.
pub struct Delivery {
    pub runtime: Runtime,
    pub config: Config,
    pub slots: Arc<Semaphore>,
    pub book: Arc<Book>,
    pub dead_letters: DeadLetters,
    pub metrics: Arc<KafkaMetrics>,
    pub notices: Notices,
    pub observer: Option<Observer>,
}

/// How a try ended.
enum Tried {
    /// The record is at its end, one way or the other.
    Finished,
    /// It has to wait.
    Again,
    /// It has to go to the dead letters.
    Dies(Death),
}

impl Delivery {
    /// Sees a record to its end. If its partition is revoked meanwhile, it ends unfinished, and comes again for
    /// whoever has the partition then.
    pub async fn see_through(&self, job: &Job) {
        let Job { record, partition } = job;
        let (mut failures, mut crashes) = (0, 0);
        loop {
            let Some(slot) = self.slot(partition).await else {
                return;
            };
            let Some(running) = partition.run() else {
                return;
            };
            let tried = self.attempt(record, &mut failures, &mut crashes).await;
            if let Tried::Finished = tried {
                self.finish(job);
                return;
            }
            drop((slot, running));
            if let Tried::Dies(death) = tried {
                return self.bury(job, &death).await;
            }
            self.metrics.retried(&record.topic);
            if !self.pause(partition, failures).await {
                return;
            }
        }
    }

    async fn attempt(&self, record: &Record, failures: &mut u32, crashes: &mut u32) -> Tried {
        let answer = self.deliver(record).await;
        let status = answer.status();
        *failures += 1;
        *crashes += u32::from(verdict(status) == Verdict::Broke);
        let tried = self.judge(status, *failures, *crashes);
        if let (Some(observer), Tried::Finished | Tried::Dies(_)) = (&self.observer, &tried) {
            observer(record, &answer, *failures);
        }
        tried
    }

    fn judge(&self, status: StatusCode, failures: u32, crashes: u32) -> Tried {
        let patience = &self.config.patience;
        let reason = match verdict(status) {
            Verdict::Done => return Tried::Finished,
            Verdict::Refused if status == StatusCode::PAYLOAD_TOO_LARGE => "too-large",
            Verdict::Refused => "refused",
            _ if !patience.is_over(failures, crashes) => return Tried::Again,
            _ if patience.is_over(failures, 0) => "failures",
            _ => "crashes",
        };
        Tried::Dies(Death {
            reason,
            status,
            attempts: failures,
        })
    }

    /// One delivery, within the limits that a request over HTTP has.
    async fn deliver(&self, record: &Record) -> Response<Bytes> {
        let request = event::request(record, &self.config.group);
        if request.body().len() > self.runtime.options().max_body {
            self.runtime.metrics().rejected("too-large");
            return answer(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let begun = Instant::now();
        let call = self.runtime.call_component(&self.config.component, request);
        let answered = match self.config.timeout {
            Some(timeout) => tokio::time::timeout(timeout, call).await,
            None => Ok(call.await),
        };
        let answer = answered.unwrap_or_else(|_| answer(StatusCode::GATEWAY_TIMEOUT));
        self.metrics.delivered(answer.status(), begun.elapsed());
        answer
    }

    /// Writes the dead letter, again and again if need be: until it is written, its record is not finished.
    async fn bury(&self, job: &Job, death: &Death) {
        let mut failures = 0;
        loop {
            let Some(running) = job.partition.run() else {
                return;
            };
            match self.dead_letters.write(&job.record, death).await {
                Ok(()) => {
                    self.metrics.dead_lettered(&job.record.topic, death);
                    self.finish(job);
                    return;
                }
                Err(error) => self
                    .notices
                    .say("dead letter", &format!("{error:#}; trying on")),
            }
            failures += 1;
            drop(running);
            if !self.pause(&job.partition, failures).await {
                return;
            }
        }
    }

    fn finish(&self, job: &Job) {
        self.metrics.handled(&job.record.topic);
        let mut state = job.partition.state();
        state.prefix.finish(job.record.offset);
        if state.is_paused {
            self.book.bell.notify_one();
        }
    }

    /// A place among the deliveries at a time; none when the partition is revoked.
    async fn slot(&self, partition: &Partition) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = partition.until_revoked() => None,
            // The semaphore is never closed.
            slot = self.slots.clone().acquire_owned() => slot.ok(),
        }
    }

    /// Waits before the next try, while the partition is paused and holds no place; false when it is revoked.
    async fn pause(&self, partition: &Partition, failures: u32) -> bool {
        let waiting = partition.wait();
        self.book.bell.notify_one();
        let pause = self.config.backoff.pause(failures, rand::random());
        let is_ours = tokio::select! {
            biased;
            () = partition.until_revoked() => false,
            () = tokio::time::sleep(pause.max(Duration::from_millis(1))) => true,
        };
        drop(waiting);
        self.book.bell.notify_one();
        is_ours
    }
}

fn answer(status: StatusCode) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = status;
    answer
}
