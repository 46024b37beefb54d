//! The producer of dead letters.

use std::time::Duration;

use bytes::Bytes;
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use tokio::sync::OnceCell;

use super::settings::{MAX_MESSAGE_BYTES, Settings};
use crate::{BoxError, DeadLetter, DeadLetterHeaders};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Writes dead letters.
pub(super) struct DeadLetterProducer {
    producer: FutureProducer,
    settings: Settings,
    headers: DeadLetterHeaders,
    topic_exists: OnceCell<()>,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot create the topic {topic}; create it by hand or allow this client to")]
struct CreateTopicError {
    topic: String,
    source: KafkaError,
}

impl DeadLetterProducer {
    /// Creates a producer, which connects when the first dead letter is written.
    pub(super) fn new(settings: &Settings) -> Result<Self, KafkaError> {
        Ok(Self {
            producer: settings.producer().create()?,
            settings: settings.clone(),
            headers: DeadLetterHeaders::new(settings.dead_letter_prefix.clone()),
            topic_exists: OnceCell::new(),
        })
    }

    /// Writes a dead letter. Returns when all in-sync replicas have it.
    pub(super) async fn write(&self, letter: &DeadLetter<'_>) -> Result<(), BoxError> {
        self.topic_exists
            .get_or_try_init(|| self.create_topic())
            .await?;
        let mut headers = OwnedHeaders::new();
        for (key, value) in &self.headers.write(letter) {
            headers = headers.insert(Header {
                key,
                value: value.as_ref().map(Bytes::as_ref),
            });
        }
        let mut record: FutureRecord<'_, [u8], [u8]> =
            FutureRecord::to(&self.settings.dead_letter_topic).headers(headers);
        record.key = letter.record.key.as_deref();
        record.payload = letter.record.value.as_deref();
        let sent = self.producer.send(record, TIMEOUT).await;
        // The other half of the error is the record, which must not be logged.
        sent.map_err(|(error, _)| error)?;
        Ok(())
    }

    /// Creates the topic if it does not exist.
    async fn create_topic(&self) -> Result<(), BoxError> {
        let topic = &self.settings.dead_letter_topic;
        let error = |source| CreateTopicError {
            topic: topic.clone(),
            source,
        };
        let admin: AdminClient<_> = self.settings.client().create()?;
        // The broker knows best how many replicas it keeps.
        let new = NewTopic::new(topic, 1, TopicReplication::Fixed(-1))
            .set("max.message.bytes", MAX_MESSAGE_BYTES);
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
        let result = match admin.create_topics([&new], &options).await {
            Ok(results) => results.into_iter().next().unwrap_or(Ok(String::new())),
            Err(KafkaError::AdminOp(code)) => Err((String::new(), code)),
            Err(other) => return Err(error(other).into()),
        };
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ok(()),
            // It may exist all the same; if not, writing fails and says so.
            Err((_, RDKafkaErrorCode::TopicAuthorizationFailed)) => Ok(()),
            // librdkafka's in-process broker creates topics when they are written to.
            Err((_, RDKafkaErrorCode::UnsupportedFeature)) => Ok(()),
            Err((_, code)) => Err(error(KafkaError::AdminOp(code)).into()),
        }
    }
}
