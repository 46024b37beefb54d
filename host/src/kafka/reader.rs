//! The thread that reads: it takes records, hands them to their lanes, pauses and resumes partitions, and commits.
//!
//! A thread of its own, because the client calls back from inside of `recv`, and a rebalance blocks there until the
//! deliveries of the partitions that go are at their end.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use rdkafka::{
    consumer::{Consumer, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Message},
};
use tokio::{sync::watch, task::JoinHandle};

use super::{
    book::{self, Book},
    config::Config,
    context::{Context, describe, is_hopeless},
    job::Job,
    lanes::Lanes,
    partition::Partition,
    record::Record,
};

/// Bytes of records that may be held before all partitions pause.
const MOST_HELD: usize = 64 << 20;

/// Reads one trigger's topics.
pub struct Reader {
    pub consumer: Arc<StreamConsumer<Context>>,
    pub lanes: Arc<Lanes>,
    pub book: Arc<Book>,
    pub config: Config,
    /// Records of one partition that may be unfinished before it pauses.
    pub window: usize,
    pub stop: watch::Receiver<bool>,
    /// The last commit, which may be under way.
    pub committing: Option<JoinHandle<()>>,
}

impl Reader {
    /// Reads until it is told to stop, waits for what is running, commits, and leaves the group.
    ///
    /// # Errors
    /// When the subscription is refused, or the client ends for good: another member took its name, say.
    pub fn run(mut self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let runtime = runtime.context("the thread of a Kafka trigger")?;
        runtime.block_on(self.read())?;
        // What is finished is safe at once: whoever ends us may not wait for the rest.
        let entered = runtime.enter();
        self.commit();
        drop(entered);
        let context = self.consumer.context().clone();
        context.release(&*self.consumer, &self.book.all());
        Ok(())
    }

    async fn read(&mut self) -> Result<()> {
        let topics: Vec<_> = self.config.topics.iter().map(String::as_str).collect();
        self.consumer.subscribe(&topics).context("subscribing")?;
        let mut stop = self.stop.clone();
        let mut tick = tokio::time::interval(self.config.commit);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // The sender is gone when nobody wants this any more.
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                _ = tick.tick() => self.commit(),
                () = self.book.bell.notified() => {}
                taken = self.consumer.recv() => match taken {
                    Ok(message) => {
                        if let Some(partition) = self.take(&message) {
                            self.adjust(&[partition]);
                        }
                        continue;
                    }
                    Err(error) => {
                        if let Some((_, reason)) = self.consumer.client().fatal_error() {
                            bail!("{reason}");
                        }
                        self.complain(&error);
                    }
                },
            }
            self.adjust(&self.book.all());
        }
    }

    fn take(&self, message: &BorrowedMessage<'_>) -> Option<Arc<Partition>> {
        let partition = self.book.partition(message.topic(), message.partition());
        if !partition.state().prefix.begin(message.offset()) {
            return None;
        }
        let record = Record::copy(message, partition.topic.clone());
        self.lanes.push(Job {
            record,
            partition: partition.clone(),
        });
        Some(partition)
    }

    /// Pauses and resumes these partitions as their state wants.
    fn adjust(&self, partitions: &[Arc<Partition>]) {
        let too_much = self.book.held() > MOST_HELD;
        let (mut pause, mut resume) = (Vec::new(), Vec::new());
        for partition in partitions {
            let mut state = partition.state();
            let should =
                too_much && state.prefix.unfinished() > 0 || state.should_pause(self.window);
            if should == state.is_paused || partition.is_revoked() {
                continue;
            }
            state.is_paused = should;
            if should { &mut pause } else { &mut resume }.push(partition.clone());
        }
        // It fails for a partition that is just being revoked, and then it does not matter.
        if !pause.is_empty() {
            _ = self.consumer.pause(&book::list(&pause));
        }
        if !resume.is_empty() {
            _ = self.consumer.resume(&book::list(&resume));
        }
    }

    /// Commits what is finished, one commit at a time.
    ///
    /// A thread waits for the broker's word: for a commit that does not wait, the client never calls back
    /// (rust-rdkafka's issue 856).
    fn commit(&mut self) {
        if self
            .committing
            .as_ref()
            .is_some_and(|task| !task.is_finished())
        {
            return;
        }
        let due = book::due(&self.book.all());
        if due.count() == 0 {
            return;
        }
        let consumer = self.consumer.clone();
        let commit = move || consumer.context().commit(&*consumer, &due);
        self.committing = Some(tokio::task::spawn_blocking(commit));
    }

    fn complain(&self, error: &KafkaError) {
        let context = self.consumer.context();
        let code = error.rdkafka_error_code();
        match code {
            Some(RDKafkaErrorCode::UnknownTopicOrPartition) => {
                let topics = self.config.topics.join(", ");
                context.notices.say(
                    "topic",
                    &format!("{topics} is not there yet; waiting for it"),
                );
            }
            // Said by `error`, with the reason.
            Some(RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure) => {}
            code if is_hopeless(code) => {}
            _ => context.notices.say("reading", &describe(error)),
        }
    }
}
