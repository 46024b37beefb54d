//! The producer of dead letters and retries.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use bytes::Bytes;
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};

use super::{
    TokenContext,
    settings::{MAX_MESSAGE_BYTES, Settings},
};
use crate::{BoxError, DeadLetter, DeadLetterHeaders, RetryRecord};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Writes dead letters and retries.
pub(super) struct Writer {
    producer: FutureProducer<TokenContext>,
    settings: Settings,
    headers: DeadLetterHeaders,
    /// A dead letter was written.
    topic_exists: AtomicBool,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot create the topic {topic}; create it by hand or allow this client to")]
struct CreateTopicError {
    topic: String,
    source: KafkaError,
}

impl Writer {
    /// Creates a producer, which connects when the first record is written.
    pub(super) fn new(settings: &Settings) -> Result<Self, KafkaError> {
        Ok(Self {
            producer: settings
                .producer()
                .create_with_context(settings.security.context())?,
            settings: settings.clone(),
            headers: DeadLetterHeaders::new(settings.dead_letter_prefix.clone()),
            topic_exists: AtomicBool::new(false),
        })
    }

    /// Writes a dead letter. Returns when all in-sync replicas have it.
    ///
    /// Without a success so far, creates the topic first. A failure of that counts only if writing
    /// fails too: the topic may exist, and librdkafka's in-process broker, which does not respond
    /// to the request, creates topics when they are written to.
    pub(super) async fn dead_letter(&self, letter: &DeadLetter<'_>) -> Result<(), BoxError> {
        let topic = &self.settings.dead_letter_topic;
        let created = match self.topic_exists.load(Ordering::Relaxed) {
            true => Ok(()),
            false => self.create_topic(topic, 1).await,
        };
        let headers = headers(&self.headers.write(letter));
        let mut record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(topic).headers(headers);
        record.key = letter.record.key.as_deref();
        record.payload = letter.record.value.as_deref();
        let sent = self.producer.send(record, TIMEOUT).await;
        if let Err((error, _)) = sent {
            // A topic that could not be created is the likely reason. The other half of the error
            // is the record, which must not be logged.
            created?;
            return Err(error.into());
        }
        self.topic_exists.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Writes to a partition of the retry topic. Returns the offset when all in-sync replicas have
    /// the record.
    pub(super) async fn retry(
        &self,
        topic: &str,
        partition: i32,
        record: &RetryRecord,
    ) -> Result<i64, BoxError> {
        let headers = headers(&record.headers);
        let mut own: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(topic)
            .partition(partition)
            .headers(headers);
        own.key = record.key.as_deref();
        own.payload = record.value.as_deref();
        match self.producer.send(own, TIMEOUT).await {
            // The response to a repeated request may have no offset, if the broker was restarted
            // in between. The entry is written once more then: which one counts makes no
            // difference.
            Ok(written) if written.offset < 0 => Err("the broker did not return its offset".into()),
            Ok(written) => Ok(written.offset),
            Err((error, _)) => Err(error.into()),
        }
    }

    /// Creates a topic if it does not exist.
    pub(super) async fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), BoxError> {
        if self.settings.security.tokens().is_some() {
            // An administrative client of rdkafka never asks for a token: only its own queue is
            // polled, not the one with the requests for tokens.
            return Err(format!(
                "topics can't be created with OAUTHBEARER; create {topic} by hand if it is missing"
            )
            .into());
        }
        let error = |source| CreateTopicError {
            topic: topic.to_owned(),
            source,
        };
        let admin: AdminClient<_> = self.settings.client().create()?;
        // The broker knows best how many replicas it keeps.
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(-1))
            .set("max.message.bytes", MAX_MESSAGE_BYTES)
            // The records of retries that are finished have no key.
            .set("cleanup.policy", "delete");
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
            Err((_, code)) => Err(error(KafkaError::AdminOp(code)).into()),
        }
    }
}

fn headers(all: &[crate::Header]) -> OwnedHeaders {
    all.iter()
        .fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: value.as_ref().map(Bytes::as_ref),
            })
        })
}
