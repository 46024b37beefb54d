//! A record from its first delivery until it is done or dead-lettered.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use crate::{
    Broker, DeadLetter, DeadLetterReason, Handler, Metrics, Options, Record, Response, Verdict,
    assignment::Assignment, job::Job, log::RateLimitedLog, partition::Partition,
};

/// Everything that a delivery needs.
pub(crate) struct Delivery<B, H> {
    pub(crate) broker: Arc<B>,
    pub(crate) handler: H,
    pub(crate) options: Options,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) assignment: Arc<Assignment>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) log: Arc<RateLimitedLog>,
    pub(crate) jitter: Mutex<fastrand::Rng>,
}

/// Outcome of one delivery.
enum Attempt {
    Done,
    Retry,
    DeadLetter {
        reason: DeadLetterReason,
        status: u16,
    },
}

/// Failed deliveries of one record.
#[derive(Default)]
struct Failures {
    all: u32,
    /// Those that count for the limit.
    counted: u32,
    /// Those of the handler itself.
    crashes: u32,
}

impl<B: Broker, H: Handler> Delivery<B, H> {
    /// Delivers a record until it succeeds or is dead-lettered. If the partition is revoked first,
    /// returns without completing it; the new owner will receive it again.
    pub(crate) async fn process(&self, job: &mut Job<H::State>) {
        let mut failures = Failures::default();
        loop {
            let Some(slot) = self.slot(&job.partition).await else {
                return;
            };
            let partition = job.partition.clone();
            let Some(running) = partition.begin() else {
                return;
            };
            match self.attempt(job, &mut failures).await {
                Attempt::Done => return self.complete(job),
                Attempt::DeadLetter { reason, status } => {
                    drop((slot, running));
                    return self.dead_letter(job, reason, status, failures.all).await;
                }
                Attempt::Retry => drop((slot, running)),
            }
            self.metrics.record_retry(&job.record.topic);
            if !self.wait_for_retry(&partition, failures.all).await {
                return;
            }
        }
    }

    async fn attempt(&self, job: &mut Job<H::State>, failures: &mut Failures) -> Attempt {
        let Job { record, state, .. } = job;
        let response = self.deliver(record, state).await;
        failures.all += 1;
        failures.counted += u32::from(response.verdict != Verdict::Blocked);
        failures.crashes += u32::from(response.verdict == Verdict::Crashed);
        let attempt = self.judge(&response, failures);
        if !matches!(attempt, Attempt::Retry) {
            self.handler.settled(record, state, &response, failures.all);
        }
        attempt
    }

    fn judge(&self, response: &Response, failures: &Failures) -> Attempt {
        let limit = self.options.retry_limit;
        let reason = match response.verdict {
            Verdict::Done => return Attempt::Done,
            Verdict::Blocked => return Attempt::Retry,
            Verdict::TooLarge => DeadLetterReason::TooLarge,
            Verdict::Rejected => DeadLetterReason::Refused,
            Verdict::Retry | Verdict::Crashed => {
                if !limit.is_reached(failures.counted, failures.crashes) {
                    return Attempt::Retry;
                } else if limit.is_reached(failures.counted, 0) {
                    DeadLetterReason::Failures
                } else {
                    DeadLetterReason::Crashes
                }
            }
        };
        Attempt::DeadLetter {
            reason,
            status: response.status,
        }
    }

    async fn deliver(&self, record: &Record, state: &mut H::State) -> Response {
        let size = record.value.as_ref().map_or(0, Bytes::len);
        if self.options.max_value_bytes.is_some_and(|max| size > max) {
            return Response::from_status(413);
        }
        let started = Instant::now();
        let delivery = AssertUnwindSafe(self.handler.handle(record, state)).catch_unwind();
        let response = match self.options.timeout {
            Some(timeout) => tokio::time::timeout(timeout, delivery).await,
            None => Ok(delivery.await),
        };
        let response = match response {
            Ok(Ok(response)) => response,
            // The panic hook has reported it.
            Ok(Err(_)) => Response::from_status(500),
            Err(_) => Response::from_status(504),
        };
        self.metrics
            .record_delivery(response.status, started.elapsed());
        response
    }

    /// Writes a dead letter, repeatedly if necessary: its record is not finished before.
    async fn dead_letter(
        &self,
        job: &mut Job<H::State>,
        reason: DeadLetterReason,
        status: u16,
        attempts: u32,
    ) {
        let added = self.handler.dead_letter_headers(&job.record, &job.state);
        let mut failures = 0;
        loop {
            let partition = job.partition.clone();
            let Some(running) = partition.begin() else {
                return;
            };
            let letter = DeadLetter {
                record: &job.record,
                reason,
                status,
                attempts,
                added: &added,
            };
            match self.broker.write_dead_letter(&letter).await {
                Ok(()) => {
                    self.metrics.record_dead_letter(&job.record.topic, reason);
                    return self.complete(job);
                }
                Err(error) => {
                    let text = format!("not written, retrying: {}", chain(&*error));
                    self.log.warn("dead letter", &text);
                }
            }
            failures += 1;
            drop(running);
            if !self.wait_for_retry(&partition, failures).await {
                return;
            }
        }
    }

    fn complete(&self, job: &mut Job<H::State>) {
        self.handler.finished(&job.record, &mut job.state);
        self.metrics.record_handled(&job.record.topic);
        let mut state = job.partition.state();
        state.offsets.finish(job.record.offset);
        if state.is_paused {
            self.assignment.wake.notify_one();
        }
    }

    /// Waits for one of the concurrent deliveries; returns `None` if the partition is revoked.
    async fn slot(&self, partition: &Partition) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = partition.until_revoked() => None,
            // The semaphore is never closed.
            slot = self.slots.clone().acquire_owned() => slot.ok(),
        }
    }

    /// Waits before the next attempt, without a slot. Returns false if the partition is revoked.
    async fn wait_for_retry(&self, partition: &Partition, failures: u32) -> bool {
        let waiting = partition.wait();
        self.assignment.wake.notify_one();
        let random = {
            let mut jitter = self.jitter.lock().unwrap_or_else(PoisonError::into_inner);
            jitter.f64()
        };
        let delay = self.options.backoff.delay(failures, random);
        let is_assigned = tokio::select! {
            biased;
            () = partition.until_revoked() => false,
            () = tokio::time::sleep(delay.max(Duration::from_millis(1))) => true,
        };
        drop(waiting);
        self.assignment.wake.notify_one();
        is_assigned
    }
}

/// Returns an error and its causes in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
