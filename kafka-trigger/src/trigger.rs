//! Starting and stopping.

use std::sync::Arc;

use tokio::{
    sync::{Semaphore, watch},
    task::JoinHandle,
};

use crate::{
    Broker, Error, Handler, Metrics, Options, OrderingKey, Record,
    assignment::Assignment,
    committer::Committer,
    coordinator::Coordinator,
    delivery::Delivery,
    keyed_queues::{KeyedQueues, OrderingFn},
    log::RateLimitedLog,
    restoring::Restoring,
};

/// A running trigger. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Trigger {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), Error>>,
    /// The task holds the sender as long as it runs.
    running: watch::Receiver<()>,
}

/// Configures a [`Trigger`].
pub struct TriggerBuilder<B, H> {
    broker: B,
    handler: H,
    ordering_key: OrderingFn,
    options: Options,
    metrics: Arc<Metrics>,
}

impl Trigger {
    /// Creates a builder.
    pub fn builder<B: Broker, H: Handler>(broker: B, handler: H) -> TriggerBuilder<B, H> {
        TriggerBuilder {
            broker,
            handler,
            ordering_key: Box::new(OrderingKey::of_record),
            options: Options::default(),
            metrics: Arc::default(),
        }
    }

    /// Waits until the trigger reads no more. If it was not stopped, [`Self::stop`] returns the
    /// reason.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut running = self.running.clone();
        // Nothing is ever sent.
        async move { drop(running.changed().await) }
    }

    /// Reads no more records, waits for running deliveries up to [`Options::drain`], commits, and
    /// leaves the group.
    ///
    /// # Errors
    /// If the trigger had ended before.
    pub async fn stop(self) -> Result<(), Error> {
        self.stop.send_replace(true);
        self.task.await.map_err(Error::Task)?
    }
}

impl<B: Broker, H: Handler> TriggerBuilder<B, H> {
    /// Sets the function that assigns records to ordering keys;
    /// [`OrderingKey::of_record`] by default.
    pub fn ordering_key(
        mut self,
        ordering_key: impl Fn(&Record) -> OrderingKey + Send + Sync + 'static,
    ) -> Self {
        self.ordering_key = Box::new(ordering_key);
        self
    }

    /// Sets the options.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Sets metrics that are shared with other triggers.
    pub fn metrics(mut self, metrics: Arc<Metrics>) -> Self {
        self.metrics = metrics;
        self
    }

    /// Starts to read, in tasks of the current Tokio runtime.
    ///
    /// # Panics
    /// If called outside of a Tokio runtime.
    pub fn start(self) -> Trigger {
        let Self {
            broker,
            handler,
            ordering_key,
            options,
            metrics,
        } = self;
        let (broker, log) = (Arc::new(broker), Arc::new(RateLimitedLog::default()));
        let assignment = Arc::new(Assignment::default());
        let permits = options.in_flight.clamp(1, Semaphore::MAX_PERMITS);
        let jitter = options
            .seed
            .map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        let delivery = Delivery {
            broker: broker.clone(),
            handler,
            options: options.clone(),
            slots: Arc::new(Semaphore::new(permits)),
            assignment: assignment.clone(),
            metrics: metrics.clone(),
            log: log.clone(),
            jitter: jitter.into(),
        };
        let (stop, stopped) = watch::channel(false);
        let (runs, running) = watch::channel(());
        let restoring = Restoring::new(broker.clone(), log.clone(), options.backoff);
        let coordinator = Coordinator {
            queues: KeyedQueues::new(ordering_key, Arc::new(delivery)),
            committer: Arc::new(Committer {
                broker,
                metrics,
                log,
            }),
            assignment,
            options,
            stop: stopped,
            restoring,
            committing: None,
            replaced: Vec::new(),
        };
        let task = tokio::spawn(async move {
            let _runs = runs;
            coordinator.run().await
        });
        Trigger {
            stop,
            task,
            running,
        }
    }
}
