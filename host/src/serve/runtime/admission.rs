//! How many requests run, how many wait, and how long.

use std::{sync::Arc, time::Duration};

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A bounded number of places, and a bounded queue for them.
#[derive(Debug)]
pub struct Admission {
    places: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    wait: Duration,
    in_flight: Gauge,
    queued: Gauge,
}

/// A place; it is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
    in_flight: Gauge,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// As many wait as may.
    QueueFull,
    /// Waited as long as one may.
    WaitedTooLong,
}

impl Admission {
    /// `places` at a time, `queue` waiting, each at most for `wait`.
    pub fn new(
        places: usize,
        queue: usize,
        wait: Duration,
        in_flight: Gauge,
        queued: Gauge,
    ) -> Self {
        let semaphore = |size: usize| Arc::new(Semaphore::new(size.min(Semaphore::MAX_PERMITS)));
        Self {
            places: semaphore(places),
            queue: semaphore(queue),
            wait,
            in_flight,
            queued,
        }
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// When the queue is full or moves too slowly.
    pub async fn enter(&self) -> Result<Place, Turned> {
        let permit = match self.places.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.queue().await?,
        };
        self.in_flight.inc();
        Ok(Place {
            _permit: permit,
            in_flight: self.in_flight.clone(),
        })
    }

    async fn queue(&self) -> Result<OwnedSemaphorePermit, Turned> {
        let _waiting = self.queue.try_acquire().map_err(|_| Turned::QueueFull)?;
        let _counted = Counted::new(&self.queued);
        let place = tokio::time::timeout(self.wait, self.places.clone().acquire_owned()).await;
        // The semaphore is never closed, so the inner error does not happen.
        place
            .map_err(|_| Turned::WaitedTooLong)?
            .map_err(|_| Turned::QueueFull)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.in_flight.dec();
    }
}

/// Counts also when the client goes away while waiting.
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

    fn admission(places: usize, queue: usize, wait: u64) -> Arc<Admission> {
        let wait = Duration::from_millis(wait);
        Arc::new(Admission::new(
            places,
            queue,
            wait,
            Gauge::default(),
            Gauge::default(),
        ))
    }

    #[tokio::test]
    async fn places_and_queue_are_bounded() {
        let admission = admission(1, 1, 5_000);
        let first = admission.enter().await.unwrap();
        let waiting = tokio::spawn({
            let admission = admission.clone();
            async move { admission.enter().await.map(drop) }
        });
        while admission.queued.get() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(admission.enter().await.err(), Some(Turned::QueueFull));
        assert_eq!(admission.in_flight.get(), 1);
        drop(first);
        assert_eq!(waiting.await.unwrap(), Ok(()));
        assert_eq!((admission.in_flight.get(), admission.queued.get()), (0, 0));
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let admission = admission(1, 1, 20);
        let _first = admission.enter().await.unwrap();
        assert_eq!(admission.enter().await.err(), Some(Turned::WaitedTooLong));
        assert_eq!(admission.queued.get(), 0);
    }
}
