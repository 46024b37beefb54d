//! Records that cannot be delivered, written to a topic of their own as they are, with the reason in headers.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::StatusCode;
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use tokio::sync::OnceCell;

use super::{config::Config, record::Record};

/// What the headers of a dead letter begin with, besides those that its record had.
pub const PREFIX: &str = "xray-dead-letter-";

/// The largest record that a dead-letter topic of our making takes, in bytes.
const LARGEST: &str = "67108864";

/// Why a record is dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// A word: `refused`, `failures`, `crashes`, `too-large`.
    pub reason: &'static str,
    /// The last answer's status.
    pub status: StatusCode,
    /// How often it was delivered.
    pub attempts: u32,
}

/// Writes dead letters.
pub struct DeadLetters {
    producer: FutureProducer,
    topic: String,
    config: Config,
    topic_is_there: OnceCell<()>,
}

impl DeadLetters {
    /// Connects when the first one is written.
    ///
    /// # Errors
    /// When the client does not take its settings.
    pub fn new(config: &Config) -> Result<Self> {
        let producer = config.producer().create();
        Ok(Self {
            producer: producer.context("the Kafka client for dead letters")?,
            topic: config.dead_letter_topic.clone(),
            config: config.clone(),
            topic_is_there: OnceCell::new(),
        })
    }

    /// Writes one; when this returns, enough brokers have it.
    ///
    /// # Errors
    /// When it is not certain that they have.
    pub async fn write(&self, record: &Record, death: &Death) -> Result<()> {
        let topic = || make_topic(&self.config, &self.topic, 1);
        self.topic_is_there.get_or_try_init(topic).await?;
        let mut out: FutureRecord<'_, [u8], [u8]> =
            FutureRecord::to(&self.topic).headers(headers(record, death));
        out.key = record.key.as_deref();
        out.payload = record.value.as_deref();
        // The error would bring the record along, and nothing may print that.
        let sent = self.producer.send(out, Duration::from_secs(10)).await;
        sent.map_err(|(error, _)| error)?;
        Ok(())
    }
}

/// Makes a topic if it is not there. Who may not make topics makes it beforehand.
///
/// # Errors
/// When it is neither there nor can be made.
pub async fn make_topic(config: &Config, name: &str, partitions: i32) -> Result<()> {
    let admin: AdminClient<_> = config.client().create()?;
    let new = NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
    let new = new.set("max.message.bytes", LARGEST);
    let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(10)));
    let results = admin.create_topics([&new], &options).await;
    let results = results.with_context(|| format!("cannot make the topic {name}"))?;
    match results.into_iter().next() {
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) | Some(Ok(_)) | None => Ok(()),
        // It may be there all the same; if not, writing says so.
        Some(Err((_, RDKafkaErrorCode::TopicAuthorizationFailed))) => Ok(()),
        Some(Err((_, code))) => {
            Err(KafkaError::AdminOp(code)).with_context(|| format!("cannot make the topic {name}"))
        }
    }
}

/// The record's own headers and ours. One that died before keeps its first place and loses its earlier reason.
fn headers(record: &Record, death: &Death) -> OwnedHeaders {
    let own = record.headers.iter();
    let own = own.filter(|(name, _)| !name.starts_with(PREFIX));
    let mut headers = OwnedHeaders::new();
    for (key, value) in own {
        headers = headers.insert(Header {
            key,
            value: value.as_ref().map(Bytes::as_ref),
        });
    }
    let ours = [
        ("reason", death.reason.to_owned()),
        ("status", death.status.as_u16().to_string()),
        ("attempts", death.attempts.to_string()),
        ("topic", record.topic.to_string()),
        ("partition", record.partition.to_string()),
        ("offset", record.offset.to_string()),
    ];
    for (key, value) in ours {
        let key = &format!("{PREFIX}{key}");
        headers = headers.insert(Header {
            key,
            value: Some(value.as_bytes()),
        });
    }
    headers
}

#[cfg(test)]
mod tests {
    use rdkafka::message::Headers;

    use super::*;
    use crate::kafka::record::tests::record;

    #[test]
    fn a_dead_letter_says_where_it_is_from_and_why() {
        let mut record = record(None, None);
        let text = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
        record.headers = vec![
            ("trace".into(), text("1")),
            ("null".into(), None),
            (format!("{PREFIX}reason"), text("old")),
        ];
        let death = Death {
            reason: "refused",
            status: StatusCode::UNPROCESSABLE_ENTITY,
            attempts: 1,
        };
        let headers = headers(&record, &death);
        let shown: Vec<_> = headers
            .iter()
            .map(|header| {
                let value = header.value.map_or("null".into(), String::from_utf8_lossy);
                format!("{}={value}", header.key.trim_start_matches(PREFIX))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "trace=1",
                "null=null",
                "reason=refused",
                "status=422",
                "attempts=1",
                "topic=storage",
                "partition=3",
                "offset=42",
            ]
        );
    }
}
