//! The Kafka trigger: records of topics become requests to a component, at least once, in the order of each object.
//!
//! ```text
//! reader thread: take -> pause, resume, commit the finished prefix, rebalance
//!      |                                ^
//!      v                                | finished
//!    lanes: one after the other for each object -> deliver -> runtime, in process
//!                                         |   ^ later: wait, with the partition paused
//!                                         +-> dead letters, then finished
//! ```
//!
//! Pure, with their own tests: `prefix` (what may be committed), `lane`, `backoff`, `verdict`, `event`.

mod backoff;
mod book;
pub mod config;
mod context;
pub mod dead_letter;
mod deliver;
mod event;
mod job;
pub mod lane;
mod lanes;
pub mod metrics;
mod notices;
mod partition;
mod prefix;
mod reader;
pub mod record;
mod verdict;

use std::{
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use futures_util::FutureExt;
use rdkafka::consumer::{Consumer, StreamConsumer};
use tokio::sync::{Semaphore, watch};

pub use self::deliver::Observer;
use self::{
    book::Book, config::Config, context::Context, dead_letter::DeadLetters, deliver::Delivery,
    lanes::Lanes, metrics::KafkaMetrics, notices::Notices, reader::Reader,
};
use crate::serve::runtime::Runtime;

/// How long the start waits for a broker before it goes on without.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// A running trigger.
pub struct Trigger {
    stop: watch::Sender<bool>,
    thread: JoinHandle<Result<()>>,
    /// The thread holds the sender as long as it runs.
    running: watch::Receiver<()>,
}

impl Trigger {
    /// Starts to read. Brokers that do not answer are waited for, in the background.
    ///
    /// # Errors
    /// When the client does not take its settings, or a broker refuses us for good: a wrong password, say.
    pub async fn start(
        runtime: Runtime,
        config: Config,
        metrics: Arc<KafkaMetrics>,
        observer: Option<Observer>,
    ) -> Result<Self> {
        let names = (config.topics.join(", "), config.brokers.clone());
        let started = Self::connect(runtime, config, metrics, observer).await;
        started.with_context(|| format!("the Kafka trigger of {} at {}", names.0, names.1))
    }

    async fn connect(
        runtime: Runtime,
        config: Config,
        metrics: Arc<KafkaMetrics>,
        observer: Option<Observer>,
    ) -> Result<Self> {
        if !runtime
            .manifest()
            .components
            .contains_key(&config.component)
        {
            bail!("there is no component {:?}", config.component);
        }
        let book = Arc::new(Book::default());
        let context = Context {
            book: book.clone(),
            metrics: metrics.clone(),
            notices: Notices::default(),
            group: config.group.clone(),
            drain: config.drain,
            hopeless: Mutex::default(),
        };
        let consumer = config.consumer().create_with_context(context);
        let consumer: StreamConsumer<Context> = consumer.context("the Kafka client")?;
        let consumer = tokio::task::spawn_blocking(move || first_answer(consumer))
            .await
            .context("the Kafka client")??;
        let in_flight = config
            .in_flight
            .unwrap_or(runtime.options().max_concurrency)
            .max(1);
        let delivery = Delivery {
            runtime,
            config: config.clone(),
            slots: Arc::new(Semaphore::new(in_flight.min(Semaphore::MAX_PERMITS))),
            book: book.clone(),
            dead_letters: DeadLetters::new(&config)?,
            metrics,
            notices: Notices::default(),
            observer,
        };
        let (stop, stopped) = watch::channel(false);
        let (runs, running) = watch::channel(());
        let reader = Reader {
            consumer: Arc::new(consumer),
            lanes: Lanes::new(Arc::new(delivery), tokio::runtime::Handle::current()),
            book,
            config,
            // Enough to keep every place busy, also when only one partition has records.
            window: (8 * in_flight).max(64),
            stop: stopped,
            committing: None,
        };
        let thread = std::thread::Builder::new().name("kafka".into());
        let thread = thread
            .spawn(move || {
                let _runs = runs;
                reader.run()
            })
            .context("the thread of a Kafka trigger")?;
        Ok(Self {
            stop,
            thread,
            running,
        })
    }

    /// Ready when the trigger does not read any more. If nobody stopped it, [`Self::stop`] says why.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut running = self.running.clone();
        // Nothing is ever sent.
        async move { drop(running.changed().await) }
    }

    /// Takes no more records, waits for what is running as long as a rebalance would, and commits.
    ///
    /// # Errors
    /// With what ended the thread before.
    pub async fn stop(self) -> Result<()> {
        self.stop.send_replace(true);
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await;
        match joined.context("ending a Kafka trigger")? {
            Ok(result) => result,
            Err(_) => bail!("the thread of a Kafka trigger failed"),
        }
    }
}

/// Asks a broker for anything, to learn now what would go wrong for ever.
fn first_answer(consumer: StreamConsumer<Context>) -> Result<StreamConsumer<Context>> {
    let begun = Instant::now();
    let notices = &consumer.context().clone().notices;
    notices.mute(true);
    loop {
        let answer = consumer.fetch_metadata(None, Duration::from_millis(500));
        if answer.is_ok() {
            notices.mute(false);
            return Ok(consumer);
        }
        // Errors are told when the client is polled; it has no subscription yet and so no records.
        drop(consumer.recv().now_or_never());
        if let Some(reason) = consumer.context().hopeless() {
            bail!("{reason}");
        }
        if begun.elapsed() > FIRST_ANSWER {
            notices.mute(false);
            notices.say("start", "no broker has answered yet; trying on");
            return Ok(consumer);
        }
    }
}
