//! Checks of the broker as the function sees it, and a tail of a topic while a record arrives.

use std::{
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};
use kafka_trigger::rdkafka::{Settings, TokenContext, unreachable_reason};
use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    message::Message,
};

use super::line::Finding;

/// Time limit for the broker's response.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Keeps the first reason for a failed connection: the client itself only reports a timeout.
#[derive(Clone, Default)]
struct Reasons {
    first: Arc<Mutex<Option<String>>>,
    tokens: TokenContext,
}

impl Reasons {
    fn note(&self, reason: &str) {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| reason.to_owned());
    }
}

impl ClientContext for Reasons {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        // The client reports no error for a connection that the broker closes.
        if facility == "FAIL"
            && matches!(level, RDKafkaLogLevel::Info | RDKafkaLogLevel::Warning)
            && let Some(reason) = unreachable_reason(text)
        {
            self.note(reason);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            return;
        }
        let line = reason.lines().next().unwrap_or_default();
        self.note(line.split(" (after ").next().unwrap_or(line).trim());
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.tokens.generate_oauth_token(config)
    }
}

impl ConsumerContext for Reasons {}

/// Topics of the broker with their numbers of partitions.
pub type Topics = Vec<(String, usize)>;

/// Reads the broker's topics.
pub async fn metadata(config: &Settings) -> Result<Topics> {
    let config = config.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let reasons = Reasons {
            tokens: config.security.context(),
            ..Reasons::default()
        };
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
                    // The client reports reasons only while it is polled.
                    drop(consumer.poll(Duration::ZERO));
                    let reason = reasons.first.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(reason) = reason.clone() {
                        return Err(anyhow!(reason));
                    }
                    drop(reason);
                    if begun.elapsed() > TIMEOUT {
                        return Err(anyhow!("no response: {error}"));
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

/// Checks that the broker lets the function in.
pub fn broker(config: &Settings, metadata: &Result<Topics>) -> Finding {
    match metadata {
        Ok(topics) => Finding::ok(format!(
            "{} responds, {} topics",
            config.brokers,
            topics.len()
        )),
        Err(error) => Finding::failed(
            format!("{error:#}"),
            "check --kafka, TLS and SASL (--kafka-option), and the broker's advertised.listeners",
        ),
    }
}

/// Checks that the function's topics exist.
pub fn topics(config: &Settings, metadata: &Result<Topics>) -> Finding {
    let Ok(all) = metadata else {
        return Finding::skipped("no broker");
    };
    for wanted in &config.topics {
        let found = all.iter().find(|(name, _)| name == wanted);
        if found.is_none_or(|(_, partitions)| *partitions == 0) {
            return Finding::failed(
                format!("{wanted} does not exist"),
                format!(
                    "create it with kafka-topics.sh --create --topic {wanted} --partitions 16; or as a KafkaTopic of Strimzi"
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

/// Checks the retry topic, if one is configured.
pub fn retry_topic(config: &Settings, metadata: &Result<Topics>) -> Option<Finding> {
    let name = config.retry_topic.as_ref()?;
    let Ok(all) = metadata else {
        return Some(Finding::skipped("no broker"));
    };
    let count = |topic: &String| {
        let found = all.iter().find(|(name, _)| name == topic);
        found.map_or(0, |(_, partitions)| *partitions)
    };
    let (own, source) = (count(name), config.topics.iter().map(count).sum::<usize>());
    Some(if own == 0 {
        Finding::ok(format!(
            "{name} does not exist yet; xray up creates it if it may"
        ))
    } else if own < source {
        Finding::failed(
            format!("{name} has {own} partitions, and its source {source}"),
            format!(
                "add partitions with kafka-topics.sh --alter --topic {name} --partitions {source}; or in the KafkaTopic of Strimzi"
            ),
        )
    } else {
        Finding::ok(format!("{name} with {own} partitions"))
    })
}

/// A tail of topics from now on.
pub struct Tail(BaseConsumer<Reasons>);

impl Tail {
    /// Starts at the current end of the topics.
    ///
    /// # Errors
    /// Returns an error if the broker does not report the end offsets.
    pub fn begin(config: &Settings) -> Result<Self> {
        let reasons = Reasons {
            tokens: config.security.context(),
            ..Reasons::default()
        };
        let consumer = consumer(config, reasons)?;
        // The client asks for its access token when it is polled.
        drop(consumer.poll(Duration::ZERO));
        let metadata = consumer.fetch_metadata(None, TIMEOUT)?;
        let mut list = TopicPartitionList::new();
        for topic in metadata.topics() {
            if !config.topics.iter().any(|name| name == topic.name()) {
                continue;
            }
            for partition in topic.partitions() {
                let (_, end) = consumer.fetch_watermarks(topic.name(), partition.id(), TIMEOUT)?;
                list.add_partition_offset(topic.name(), partition.id(), Offset::Offset(end))?;
            }
        }
        consumer.assign(&list)?;
        Ok(Self(consumer))
    }

    /// Reports whether a record containing this text has arrived by now.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_topic_needs_the_partitions_of_its_source() {
        let mut config = Settings::new("b", "g", vec!["t".into()], "t-dead-letters");
        let topics = |own: usize| Ok(vec![("t".to_owned(), 4), ("r".to_owned(), own)]);
        assert!(retry_topic(&config, &topics(4)).is_none());
        config.retry_topic = Some("r".into());
        for (own, expected) in [(0, true), (3, false), (4, true), (5, true)] {
            let finding = retry_topic(&config, &topics(own)).unwrap();
            let shown = format!("{finding:?}");
            assert_eq!(shown.contains("state: Ok"), expected, "{shown}");
        }
    }
}
