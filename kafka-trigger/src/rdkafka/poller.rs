//! The thread that polls.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::{BorrowedMessage, Message},
};
use tokio::sync::mpsc;

use super::{
    context::{Context, describe, is_fatal},
    queues::Queue,
    topic_watch::{SharedIds, TopicWatch},
};
use crate::{Event, Record, log::RateLimitedLog};

/// Longest time without a poll, and so the delay with which the thread notices the end.
const POLL: Duration = Duration::from_millis(100);

/// Time in which callbacks of the client are made before the thread goes to sleep. A sleeping
/// thread is only woken by the first event in a queue.
const CALLBACKS: Duration = Duration::from_millis(1);

/// Records that are read from a partition before it is the others' turn.
const TURN: usize = 16;

/// Polls the client's own queue, for its callbacks, and those of the partitions.
pub(super) struct Poller {
    pub(super) consumer: Arc<BaseConsumer<Context>>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) is_closing: Arc<AtomicBool>,
    pub(super) log: Arc<RateLimitedLog>,
    pub(super) topics: Vec<Arc<str>>,
    pub(super) ids: SharedIds,
}

/// The coordinator or the client has ended.
struct Ended;

impl Poller {
    pub(super) fn run(self) {
        let context = self.consumer.context();
        context.queues.set_polling_thread();
        _ = self.poll();
        context.queues.close_all();
    }

    fn poll(&self) -> Result<(), Ended> {
        let mut watch = TopicWatch::new(self.consumer.clone(), &self.topics, self.ids.clone());
        let (mut queues, mut version, mut is_idle) = (Vec::new(), 0, true);
        while !self.is_closing.load(Ordering::Relaxed) {
            if let Some(recreated) = watch.recreated() {
                self.send(recreated)?;
            }
            let begun = Instant::now();
            let wait = if is_idle { CALLBACKS } else { Duration::ZERO };
            let polled = self.consumer.poll(wait);
            // `poll` returns nothing after the callback of a rebalance as well, but early.
            is_idle = polled.is_none() && begun.elapsed() >= wait;
            // At once: a queue that is closed late would take the callback of its successor.
            let own = &self.consumer.context().queues;
            is_idle &= !own.refresh(&mut version, &mut queues);
            if let Some(polled) = polled {
                self.handle(polled, None)?;
            }
            for queue in &queues {
                is_idle &= !self.read(queue)?;
            }
            if is_idle && !wait.is_zero() {
                // Returns at once if a queue has received something since it was polled.
                std::thread::park_timeout(POLL);
                is_idle = false;
            }
        }
        Ok(())
    }

    /// Reads from a partition, unless it is paused. Returns whether there was something.
    fn read(&self, queue: &Queue) -> Result<bool, Ended> {
        for turn in 0..TURN {
            if queue.is_paused() {
                return Ok(turn > 0);
            }
            match queue.messages.poll(Duration::ZERO) {
                None => return Ok(turn > 0),
                Some(polled) => self.handle(polled, Some(queue))?,
            }
        }
        Ok(true)
    }

    fn handle(
        &self,
        polled: KafkaResult<BorrowedMessage<'_>>,
        queue: Option<&Queue>,
    ) -> Result<(), Ended> {
        match polled {
            Ok(message) => {
                let record = self.copy(&message);
                let id = record.topic_partition();
                self.consumer.context().at_end().remove(&id);
                self.send(Event::Record(record))
            }
            Err(KafkaError::PartitionEOF(_)) => {
                let ended = queue.map(|queue| queue.id.clone());
                self.consumer.context().at_end().extend(ended);
                Ok(())
            }
            Err(error) => match self.consumer.client().fatal_error() {
                Some((_, reason)) => {
                    self.send(Event::Fatal(reason.into()))?;
                    Err(Ended)
                }
                None => {
                    self.report(&error);
                    Ok(())
                }
            },
        }
    }

    fn send(&self, event: Event) -> Result<(), Ended> {
        self.events.blocking_send(event).map_err(|_| Ended)
    }

    /// Copies a record out of the client's buffer, so that the buffer can be freed.
    fn copy(&self, message: &BorrowedMessage<'_>) -> Record {
        let mut topics = self.topics.iter();
        let topic = topics.find(|topic| ***topic == *message.topic());
        Record::copy(message, topic.cloned())
    }

    fn report(&self, error: &KafkaError) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::UnknownTopicOrPartition) => {
                let topics = self.topics.join(", ");
                let text = format!("{topics} does not exist yet, waiting for it");
                self.log.warn("topic", &text);
            }
            // The error callback has reported these, with the reason.
            Some(RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure) => {}
            code if is_fatal(code) => {}
            _ => self.log.warn("reading", &describe(error)),
        }
    }
}
