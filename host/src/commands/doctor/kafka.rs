//! The broker, as the function sees it, and a look at a topic while something arrives in it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};
use kafka_trigger::rdkafka::Settings;
use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    message::Message,
};

use super::line::Finding;

/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Keeps the first reason why a connection failed: the client's own answer is only that it timed out.
#[derive(Clone, Default)]
struct Reasons(Arc<Mutex<Option<String>>>);

impl ClientContext for Reasons {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            return;
        }
        let line = reason.lines().next().unwrap_or_default();
        let line = line.split(" (after ").next().unwrap_or(line).trim();
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| line.to_owned());
    }
}

impl ConsumerContext for Reasons {}

/// Topics of the broker with their numbers of partitions.
pub type Topics = Vec<(String, usize)>;

/// Asks the broker for its topics.
pub async fn metadata(config: &Settings) -> Result<Topics> {
    let config = config.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let reasons = Reasons::default();
        let consumer = consumer(&config, reasons.clone())?;
        let begun = Instant::now();
        loop {
            match consumer.fetch_metadata(None, Duration::from_millis(500)) {
                Ok(metadata) => {
                    let topics = metadata.topics().iter();
                    return Ok(topics
                        .map(|topic| (topic.name().to_owned(), topic.partitions().len()))
                        .collect());
                }
                Err(error) => {
                    // Reasons come when the client is polled.
                    drop(consumer.poll(Duration::ZERO));
                    let reason = reasons.0.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(reason) = reason.clone() {
                        return Err(anyhow!(reason));
                    }
                    drop(reason);
                    if begun.elapsed() > PATIENCE {
                        return Err(anyhow!("no answer: {error}"));
                    }
                }
            }
        }
    });
    asked.await.context("asking the broker")?
}

fn consumer(config: &Settings, reasons: Reasons) -> Result<BaseConsumer<Reasons>> {
    let mut client = config.client();
    client.set("group.id", "xray-doctor");
    client.set("enable.auto.commit", "false");
    client.set("allow.auto.create.topics", "false");
    client
        .create_with_context(reasons)
        .context("the Kafka client")
}

/// Whether the broker lets the function in.
pub fn broker(config: &Settings, metadata: &Result<Topics>) -> Finding {
    match metadata {
        Ok(topics) => Finding::ok(format!(
            "{} answers, {} topics",
            config.brokers,
            topics.len()
        )),
        Err(error) => Finding::failed(
            format!("{error:#}"),
            "check --kafka, TLS and SASL (--kafka-option), and the broker's advertised.listeners",
        ),
    }
}

/// Whether the topics that the function reads are there.
pub fn topics(config: &Settings, metadata: &Result<Topics>) -> Finding {
    let Ok(all) = metadata else {
        return Finding::skipped("no broker");
    };
    for wanted in &config.topics {
        let found = all.iter().find(|(name, _)| name == wanted);
        if found.is_none_or(|(_, partitions)| *partitions == 0) {
            return Finding::failed(
                format!("{wanted} is not there"),
                format!(
                    "kafka-topics.sh --create --topic {wanted} --partitions 16; or a KafkaTopic of Strimzi"
                ),
            );
        }
    }
    let describe = |topic: &String| {
        let partitions = all.iter().find(|(name, _)| name == topic);
        format!("{topic} with {} partitions", partitions.map_or(0, |p| p.1))
    };
    Finding::ok(
        config
            .topics
            .iter()
            .map(describe)
            .collect::<Vec<_>>()
            .join(", "),
    )
}

/// A look at topics from now on.
pub struct Tail(BaseConsumer<Reasons>);

impl Tail {
    /// Begins where the topics end now.
    ///
    /// # Errors
    /// When the broker does not say where that is.
    pub fn begin(config: &Settings) -> Result<Self> {
        let consumer = consumer(config, Reasons::default())?;
        let metadata = consumer.fetch_metadata(None, PATIENCE)?;
        let mut list = TopicPartitionList::new();
        for topic in metadata.topics() {
            if !config.topics.iter().any(|name| name == topic.name()) {
                continue;
            }
            for partition in topic.partitions() {
                let (_, end) = consumer.fetch_watermarks(topic.name(), partition.id(), PATIENCE)?;
                list.add_partition_offset(topic.name(), partition.id(), Offset::Offset(end))?;
            }
        }
        consumer.assign(&list)?;
        Ok(Self(consumer))
    }

    /// Whether a record with this text in it has come by now.
    pub fn has_seen(&self, text: &str) -> bool {
        while let Some(polled) = self.0.poll(Duration::from_millis(100)) {
            let Ok(message) = polled else { continue };
            let payload = message.payload().unwrap_or_default();
            if payload
                .windows(text.len())
                .any(|part| part == text.as_bytes())
            {
                return true;
            }
        }
        false
    }
}
