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
    assignment::Assignment,
    job::{Job, Parked},
    log::RateLimitedLog,
    partition::{Partition, Running},
    retries::entry,
    retry::Failures,
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

/// Consequence of a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: the record is finished, or its partition was revoked and the new owner will receive
    /// it again.
    Nothing,
    /// Another delivery, after a backoff.
    Retry,
}

impl<B: Broker, H: Handler> Delivery<B, H> {
    /// Delivers a record once. Finishes it if it succeeded or is dead-lettered.
    pub(crate) async fn process(&self, job: &mut Job, state: &mut H::State) -> Next {
        let partition = job.partition.clone();
        let Some(slot) = self.slot(&partition).await else {
            return Next::Nothing;
        };
        let Some(running) = partition.begin() else {
            return Next::Nothing;
        };
        let attempt = self.attempt(job, state).await;
        drop(slot);
        match attempt {
            Attempt::Done => self.complete(job, state, running).await,
            Attempt::DeadLetter { reason, status } => {
                let letter = DeadLetter {
                    record: &job.record,
                    reason,
                    status,
                    attempts: job.failures.all,
                    added: &self.handler.dead_letter_headers(&job.record, state),
                };
                self.dead_letter(job, state, &letter, running).await;
            }
            Attempt::Retry => {
                self.park(job).await;
                self.metrics.record_retry(&job.record.topic);
                return Next::Retry;
            }
        }
        Next::Nothing
    }

    /// Writes a record and its failures to the retry topic, if there is one, and finishes its
    /// offset in the source. Returns false if that failed: then the source keeps the record, and
    /// the next failure is another try.
    ///
    /// The caller has begun to work on the partition.
    pub(crate) async fn park(&self, job: &mut Job) -> bool {
        let Some(retries) = job.partition.retries() else {
            return false;
        };
        let former = job.parked.and_then(|parked| parked.offset);
        let ids = match job.parked {
            Some(parked) => parked.ids,
            None => retries.new_ids(),
        };
        let mark = retries.mark(ids, &job.record, job.failures);
        let entry = entry::waiting(&mark, &job.record);
        let writing = retries.write();
        let written = self.broker.write_retry(&job.partition.id, &entry).await;
        let mut parked = Parked {
            ids,
            offset: former,
        };
        match &written {
            Ok(offset) => {
                writing.waits(*offset, former);
                parked.offset = Some(*offset);
                if former.is_none() {
                    self.finish(&job.partition, job.record.offset);
                }
            }
            Err(error) => {
                let text = format!("not written, retrying: {}", chain(&**error));
                self.log.warn("retry topic", &text);
            }
        }
        job.parked = Some(parked);
        written.is_ok()
    }

    async fn attempt(&self, job: &mut Job, state: &mut H::State) -> Attempt {
        let Job {
            record, failures, ..
        } = job;
        let response = self.deliver(record, state).await;
        failures.all += 1;
        failures.counted += u32::from(response.verdict != Verdict::Blocked);
        failures.crashes += u32::from(response.verdict == Verdict::Crashed);
        let attempt = self.judge(&response, failures);
        if !matches!(attempt, Attempt::Retry) {
            let attempts = failures.all;
            self.handler.settled(record, state, &response, attempts);
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
        job: &Job,
        state: &mut H::State,
        letter: &DeadLetter<'_>,
        mut running: Running<'_>,
    ) {
        let mut failures = 0;
        loop {
            match self.broker.write_dead_letter(letter).await {
                Ok(()) => {
                    self.metrics
                        .record_dead_letter(&job.record.topic, letter.reason);
                    return self.complete(job, state, running).await;
                }
                Err(error) => {
                    let text = format!("not written, retrying: {}", chain(&*error));
                    self.log.warn("dead letter", &text);
                }
            }
            failures += 1;
            drop(running);
            running = match self.begin_again(&job.partition, failures).await {
                Some(running) => running,
                None => return,
            };
        }
    }

    /// Finishes a record. On the retry topic that is written first, repeatedly if necessary: the
    /// next record of its key may come from the source, and must not be followed by this one.
    async fn complete<'a>(&self, job: &'a Job, state: &mut H::State, mut running: Running<'a>) {
        let mut failures = 0;
        while let Some((parked, retries)) = job.parked.zip(job.partition.retries()) {
            let writing = retries.write();
            let mark = retries.mark(parked.ids, &job.record, job.failures);
            let done = entry::done(&mark);
            match self.broker.write_retry(&job.partition.id, &done).await {
                Ok(offset) => {
                    writing.done(offset, parked.offset, job.record.offset);
                    break;
                }
                Err(error) => {
                    let text = format!("not written, retrying: {}", chain(&*error));
                    self.log.warn("retry topic", &text);
                }
            }
            failures += 1;
            drop((writing, running));
            running = match self.begin_again(&job.partition, failures).await {
                Some(running) => running,
                None => return,
            };
        }
        self.handler.finished(&job.record, state);
        self.metrics.record_handled(&job.record.topic);
        if !job.is_parked() {
            self.finish(&job.partition, job.record.offset);
        }
        drop(running);
    }

    /// Finishes an offset of the source.
    fn finish(&self, partition: &Partition, offset: i64) {
        let mut state = partition.state();
        state.offsets.finish(offset);
        if state.is_paused {
            self.assignment.wake.notify_one();
        }
    }

    /// Waits after a failed write. Returns `None` if the partition is revoked.
    async fn begin_again<'a>(
        &self,
        partition: &'a Partition,
        failures: u32,
    ) -> Option<Running<'a>> {
        let delay = self.delay(failures);
        let waiting = partition.wait();
        self.assignment.wake.notify_one();
        tokio::select! {
            biased;
            () = partition.until_revoked() => {}
            () = tokio::time::sleep(delay) => {}
        }
        drop(waiting);
        self.assignment.wake.notify_one();
        partition.begin()
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

    /// Returns the time until the next attempt.
    pub(crate) fn delay(&self, failures: u32) -> Duration {
        let random = {
            let mut jitter = self.jitter.lock().unwrap_or_else(PoisonError::into_inner);
            jitter.f64()
        };
        let delay = self.options.backoff.delay(failures, random);
        delay.max(Duration::from_millis(1))
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
