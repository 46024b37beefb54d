//! Limits on concurrent and on waiting requests, with load shedding beyond them.

use std::{sync::Arc, time::Duration};

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A limit on concurrent requests, with a bounded queue.
#[derive(Debug)]
pub struct ConcurrencyLimit {
    running: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    max_wait: Duration,
    in_flight: Gauge,
    queued: Gauge,
}

/// Permission to process one request, returned when dropped.
#[derive(Debug)]
pub struct Permit {
    _permit: OwnedSemaphorePermit,
    in_flight: Gauge,
}

/// Reason for shedding a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overload {
    /// The queue is full.
    QueueFull,
    /// The request waited for the maximum time.
    QueueTimeout,
}

impl ConcurrencyLimit {
    /// Allows `concurrency` requests at a time and `queue` more to wait, each for at most
    /// `max_wait`.
    pub fn new(
        concurrency: usize,
        queue: usize,
        max_wait: Duration,
        in_flight: Gauge,
        queued: Gauge,
    ) -> Self {
        let semaphore = |size: usize| Arc::new(Semaphore::new(size.min(Semaphore::MAX_PERMITS)));
        Self {
            running: semaphore(concurrency),
            queue: semaphore(queue),
            max_wait,
            in_flight,
            queued,
        }
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// When the queue is full or the wait takes too long.
    pub async fn acquire(&self) -> Result<Permit, Overload> {
        let permit = match self.running.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait().await?,
        };
        self.in_flight.inc();
        Ok(Permit {
            _permit: permit,
            in_flight: self.in_flight.clone(),
        })
    }

    async fn wait(&self) -> Result<OwnedSemaphorePermit, Overload> {
        let _queued = self.queue.try_acquire().map_err(|_| Overload::QueueFull)?;
        let _counted = Counted::new(&self.queued);
        let permit = tokio::time::timeout(self.max_wait, self.running.clone().acquire_owned())
            .await
            .map_err(|_| Overload::QueueTimeout)?;
        // The semaphore is never closed, so this error does not occur.
        permit.map_err(|_| Overload::QueueFull)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.in_flight.dec();
    }
}

/// Counts a waiting request, even if its client disconnects.
struct Counted<'a>(&'a Gauge);

impl<'a> Counted<'a> {
    fn new(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(concurrency: usize, queue: usize, max_wait_ms: u64) -> Arc<ConcurrencyLimit> {
        Arc::new(ConcurrencyLimit::new(
            concurrency,
            queue,
            Duration::from_millis(max_wait_ms),
            Gauge::default(),
            Gauge::default(),
        ))
    }

    #[tokio::test]
    async fn concurrency_and_queue_are_bounded() {
        let limit = limit(1, 1, 5_000);
        let first = limit.acquire().await.unwrap();
        let waiting = tokio::spawn({
            let limit = limit.clone();
            async move { limit.acquire().await.map(drop) }
        });
        while limit.queued.get() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(limit.acquire().await.err(), Some(Overload::QueueFull));
        assert_eq!(limit.in_flight.get(), 1);
        drop(first);
        assert_eq!(waiting.await.unwrap(), Ok(()));
        assert_eq!((limit.in_flight.get(), limit.queued.get()), (0, 0));
    }

    #[tokio::test]
    async fn waiting_time_is_bounded() {
        let limit = limit(1, 1, 20);
        let _first = limit.acquire().await.unwrap();
        assert_eq!(limit.acquire().await.err(), Some(Overload::QueueTimeout));
        assert_eq!(limit.queued.get(), 0);
    }
}
