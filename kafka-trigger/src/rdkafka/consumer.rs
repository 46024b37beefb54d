//! The member of a group.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::KafkaError,
    message::{Headers, Message},
};
use tokio::sync::{OnceCell, mpsc};

use super::{
    Settings,
    context::{Context, describe},
    orphans::OrphanWatch,
    poller::Poller,
    retries::{Reader, add},
    topic_watch::SharedIds,
    writer::Writer,
};
use crate::{
    BoxError, Broker, DeadLetter, Event, Header, Record, RetryLog, RetryOffset, RetryRecord,
    TopicPartition,
};

/// Time that [`RdKafkaBroker::connect`] waits for a broker before it goes on without one.
const FIRST_RESPONSE: Duration = Duration::from_secs(10);

/// Events between the polling thread and the coordinator. A partition that pauses may have as many
/// records under way.
const EVENTS: usize = 16;

/// A [`Broker`] over librdkafka.
pub struct RdKafkaBroker {
    /// `None` after [`Broker::close`].
    consumer: Mutex<Option<Arc<BaseConsumer<Context>>>>,
    writer: Writer,
    settings: Settings,
    /// Set when the retry topic was seen with all its partitions.
    retry_topic: OnceCell<()>,
    events: tokio::sync::Mutex<mpsc::Receiver<Event>>,
    /// The polling thread, and the one that looks at the group.
    threads: Mutex<Vec<JoinHandle<()>>>,
    is_closing: Arc<AtomicBool>,
    ids: SharedIds,
}

/// Error of [`RdKafkaBroker::connect`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The client rejected a setting.
    #[error("cannot create the Kafka client")]
    Client(#[source] KafkaError),
    /// A broker rejected the client, and retrying is useless: for example, the password is wrong.
    #[error("{0}")]
    Rejected(String),
    /// The subscription was rejected.
    #[error("cannot subscribe")]
    Subscribe(#[source] KafkaError),
    /// A retry topic has the partitions of one source.
    #[error("a retry topic serves one topic; start a trigger for each of {}", .0.join(", "))]
    RetryTopic(Vec<String>),
    /// A thread could not be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// The runtime is shutting down.
    #[error("connecting was canceled")]
    Canceled,
}

impl RdKafkaBroker {
    /// Joins the group. Brokers that are unreachable are waited for, after ten seconds in the
    /// background.
    ///
    /// # Errors
    /// If the client rejects a setting, or a broker rejects the client for good.
    pub async fn connect(settings: &Settings) -> Result<Self, ConnectError> {
        if settings.retry_topic.is_some() && settings.topics.len() != 1 {
            return Err(ConnectError::RetryTopic(settings.topics.clone()));
        }
        let (sender, events) = mpsc::channel(EVENTS);
        let context = Context::new(settings, sender);
        Self::join(settings, &settings.consumer(), context, events).await
    }

    async fn join(
        settings: &Settings,
        client: &ClientConfig,
        context: Context,
        events: mpsc::Receiver<Event>,
    ) -> Result<Self, ConnectError> {
        let waker = context.queues.waker();
        let sender = context.events.clone();
        let mut consumer: BaseConsumer<Context> = client
            .create_with_context(context)
            .map_err(ConnectError::Client)?;
        consumer.set_nonempty_callback(move || waker.wake());
        let writer = Writer::new(settings).map_err(ConnectError::Client)?;
        let is_wanted = Arc::new(());
        let wanted = Arc::downgrade(&is_wanted);
        let probe = tokio::task::spawn_blocking(move || {
            probe(&consumer, || wanted.strong_count() > 0).map(|()| consumer)
        });
        let consumer = Arc::new(probe.await.map_err(|_| ConnectError::Canceled)??);
        drop(is_wanted);
        consumer.context().queues.set_consumer(&consumer);
        let topics: Vec<_> = settings.topics.iter().map(String::as_str).collect();
        consumer
            .subscribe(&topics)
            .map_err(ConnectError::Subscribe)?;
        let is_closing = Arc::new(AtomicBool::new(false));
        let ids = SharedIds::default();
        let poller = Poller {
            log: consumer.context().log.clone(),
            consumer: consumer.clone(),
            events: sender,
            is_closing: is_closing.clone(),
            topics: topics.iter().map(|topic| Arc::from(*topic)).collect(),
            ids: ids.clone(),
        };
        let thread = std::thread::Builder::new().name("kafka".into());
        let poller = thread
            .spawn(move || poller.run())
            .map_err(ConnectError::Thread)?;
        let broker = Self {
            consumer: Some(consumer.clone()).into(),
            writer,
            settings: settings.clone(),
            retry_topic: OnceCell::new(),
            events: events.into(),
            threads: vec![poller].into(),
            is_closing: is_closing.clone(),
            ids,
        };
        // Without this thread the broker is dropped, which ends the first.
        let watch = OrphanWatch::start(&consumer, settings, &is_closing);
        broker
            .threads()
            .extend(watch.map_err(ConnectError::Thread)?);
        Ok(broker)
    }

    #[cfg(test)]
    pub(super) async fn connect_tested(
        settings: &Settings,
        test: super::context::Test,
    ) -> Result<Self, ConnectError> {
        let (sender, events) = mpsc::channel(EVENTS);
        let mut client = settings.consumer();
        for (name, value) in &test.properties {
            client.set(*name, *value);
        }
        let context = Context {
            test,
            ..Context::new(settings, sender)
        };
        Self::join(settings, &client, context, events).await
    }

    /// Returns the bytes of values that the client has fetched.
    #[cfg(test)]
    pub(super) fn fetched(&self) -> usize {
        let consumer = self.consumer().unwrap();
        consumer.context().test.fetched.load(Ordering::Relaxed)
    }

    fn reader(&self) -> Result<Reader, BoxError> {
        let topic = self.settings.retry_topic.clone();
        Ok(Reader {
            consumer: self.consumer().ok_or("the client is closed")?,
            settings: self.settings.clone(),
            topic: topic.ok_or("there is no retry topic")?,
        })
    }

    /// Creates the retry topic if it is missing.
    async fn prepare_retry_topic(&self, reader: Reader) -> Result<(), BoxError> {
        let topic = reader.topic.clone();
        let missing = tokio::task::spawn_blocking(move || reader.missing_partitions());
        match missing.await?? {
            Some(partitions) => self.writer.create_topic(&topic, partitions).await,
            None => Ok(()),
        }
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the threads end, without waiting for them.
    fn end_threads(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
        for thread in &*self.threads() {
            thread.thread().unpark();
        }
    }

    fn consumer(&self) -> Option<Arc<BaseConsumer<Context>>> {
        let consumer = self.consumer.lock();
        consumer.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Broker for RdKafkaBroker {
    async fn next_event(&self) -> Event {
        let event = self.events.lock().await.recv().await;
        if let Some(Event::Recreated(partitions)) = &event {
            self.ids.adopt(partitions.iter().map(|(id, _)| id));
        }
        event.unwrap_or_else(|| Event::Fatal("the polling thread ended".into()))
    }

    fn pause(&self, partitions: &[TopicPartition]) {
        if let Some(consumer) = self.consumer() {
            consumer.context().queues.set_paused(partitions, true);
        }
    }

    fn resume(&self, partitions: &[TopicPartition]) {
        if let Some(consumer) = self.consumer() {
            consumer.context().queues.set_paused(partitions, false);
        }
    }

    async fn commit(
        &self,
        offsets: &[(TopicPartition, i64)],
        retries: &[RetryOffset],
    ) -> Result<(), BoxError> {
        let consumer = self.consumer().ok_or("the client is closed")?;
        let mut list = TopicPartitionList::new();
        for (id, offset) in offsets {
            list.add_partition_offset(&id.topic, id.partition, Offset::Offset(*offset))?;
            if let Some(metadata) = self.ids.metadata(id)
                && let Some(mut element) = list.find_partition(&id.topic, id.partition)
            {
                element.set_metadata(metadata);
            }
        }
        if let Some(topic) = &self.settings.retry_topic {
            for own in retries {
                add(&mut list, topic, own)?;
            }
        }
        // A blocking thread waits: for an asynchronous commit the client never calls back
        // (rust-rdkafka's issue 856).
        let commit = move || consumer.commit(&list, CommitMode::Sync);
        match tokio::task::spawn_blocking(commit).await? {
            Ok(()) => Ok(()),
            Err(error) => Err(describe(&error).into()),
        }
    }

    fn is_assignment_lost(&self) -> bool {
        self.consumer()
            .is_none_or(|consumer| consumer.assignment_lost())
    }

    async fn write_dead_letter(&self, letter: &DeadLetter<'_>) -> Result<(), BoxError> {
        self.writer.dead_letter(letter).await
    }

    fn has_retry_topic(&self) -> bool {
        self.settings.retry_topic.is_some()
    }

    async fn write_retry(
        &self,
        source: &TopicPartition,
        record: &RetryRecord,
    ) -> Result<i64, BoxError> {
        let reader = self.reader()?;
        let topic = reader.topic.clone();
        let prepare = || self.prepare_retry_topic(reader);
        self.retry_topic.get_or_try_init(prepare).await?;
        self.writer.retry(&topic, source.partition, record).await
    }

    async fn read_retries(
        &self,
        until: &[(TopicPartition, i64)],
    ) -> Result<Vec<RetryLog>, BoxError> {
        let (reader, until) = (self.reader()?, until.to_owned());
        tokio::task::spawn_blocking(move || reader.read(&until)).await?
    }

    async fn close(&self) {
        self.end_threads();
        {
            // Unblocks the polling thread. A revocation in the channel would hold up its callback.
            let mut events = self.events.lock().await;
            events.close();
            // Unlike `try_recv`, this also waits for a send that has begun.
            while events.recv().await.is_some() {}
        }
        let threads = std::mem::take(&mut *self.threads());
        let consumer = self.consumer.lock();
        let consumer = consumer.unwrap_or_else(PoisonError::into_inner).take();
        let leave = move || {
            for thread in threads {
                _ = thread.join();
            }
            // Dropping the last reference leaves the group, which blocks.
            drop(consumer);
        };
        _ = tokio::task::spawn_blocking(leave).await;
    }
}

impl Drop for RdKafkaBroker {
    fn drop(&mut self) {
        self.end_threads();
    }
}

impl Record {
    /// Copies a record out of the client's buffer. `topic` is its topic, if it is at hand.
    pub fn copy(message: &impl Message, topic: Option<Arc<str>>) -> Self {
        let headers = message.headers().map(|headers| {
            let copy = |value: &[u8]| Bytes::copy_from_slice(value);
            let headers = headers.iter();
            headers
                .map(|header| (header.key.to_owned(), header.value.map(copy)))
                .collect::<Vec<Header>>()
        });
        Self {
            topic: topic.unwrap_or_else(|| message.topic().into()),
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis(),
            key: message.key().map(Bytes::copy_from_slice),
            value: message.payload().map(Bytes::copy_from_slice),
            headers: headers.unwrap_or_default(),
        }
    }
}

/// Asks a broker for its metadata, to report now an error that would last. Ends early if nobody
/// waits for it any more, because the end of the process waits for blocking threads.
fn probe(
    consumer: &BaseConsumer<Context>,
    is_wanted: impl Fn() -> bool,
) -> Result<(), ConnectError> {
    let started = Instant::now();
    let context = consumer.context();
    let log = &context.log;
    log.mute(true);
    loop {
        if consumer
            .fetch_metadata(None, Duration::from_millis(500))
            .is_ok()
        {
            log.mute(false);
            return Ok(());
        }
        // Errors are reported when the client is polled. Without a subscription there are no
        // records.
        drop(consumer.poll(Duration::ZERO));
        if let Some(reason) = context.fatal() {
            return Err(ConnectError::Rejected(reason));
        }
        if !is_wanted() {
            return Err(ConnectError::Canceled);
        }
        if started.elapsed() > FIRST_RESPONSE {
            log.mute(false);
            context.warn_unreachable("connection", "no broker is reachable yet, retrying");
            return Ok(());
        }
    }
}
