//! The dead-letter topic from its beginning to where it ends now.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use kafka_trigger::{
    Record,
    rdkafka::{Settings, TokenContext},
};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::Place;

/// Longest silence of Kafka before the command gives up.
const SILENCE: Duration = Duration::from_secs(15);

/// Returns the partitions of a topic; none if it does not exist.
fn partitions(consumer: &BaseConsumer<TokenContext>, topic: &str) -> Result<Vec<i32>> {
    let metadata = consumer
        .fetch_metadata(Some(topic), SILENCE)
        .context("no response")?;
    let Some(topic) = metadata.topics().first() else {
        return Ok(Vec::new());
    };
    match topic.error().map(RDKafkaErrorCode::from) {
        None => Ok(topic.partitions().iter().map(|one| one.id()).collect()),
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            Ok(Vec::new())
        }
        Some(error) => bail!("{error}"),
    }
}

/// A reader of the topic. Its group, which has no other members, records what was sent back.
pub(super) struct Letters {
    pub(super) consumer: BaseConsumer<TokenContext>,
    topic: Arc<str>,
    partitions: Vec<i32>,
}

impl Letters {
    /// Finds the topic; `None` if it does not exist, but a source does, from which no record was
    /// given up.
    ///
    /// # Errors
    /// When Kafka does not respond or refuses, or no source exists either.
    pub(super) fn open(config: &Settings) -> Result<Option<Self>> {
        let mut client = config.nameless_consumer();
        client.set("group.id", format!("{}-redrive", config.group));
        client.set("enable.partition.eof", "true");
        let consumer: BaseConsumer<_> = client
            .create_with_context(config.security.context())
            .context("the Kafka client")?;
        // The client asks for its access token when it is polled.
        drop(consumer.poll(Duration::ZERO));
        let name = &config.dead_letter_topic;
        let partitions = |topic: &str| {
            partitions(&consumer, topic).with_context(|| format!("{topic} at {}", config.brokers))
        };
        let own = partitions(name)?;
        if own.is_empty() {
            for source in &config.topics {
                if !partitions(source)?.is_empty() {
                    return Ok(None);
                }
            }
            bail!(
                "there is no topic {} at {}, and no {name}; check --topic",
                config.topics.join(", "),
                config.brokers
            );
        }
        Ok(Some(Self {
            consumer,
            topic: name.as_str().into(),
            partitions: own,
        }))
    }

    /// The offset behind what was sent back, for each partition where something was.
    pub(super) fn sent_back(&self) -> Result<BTreeMap<i32, i64>> {
        let mut list = TopicPartitionList::new();
        for partition in &self.partitions {
            list.add_partition(&self.topic, *partition);
        }
        let committed = self.consumer.committed_offsets(list, SILENCE);
        let committed = committed.context("asking what was sent back")?;
        let elements = committed.elements();
        let known = elements.iter().filter_map(|e| match e.offset() {
            Offset::Offset(offset) => Some((e.partition(), offset)),
            _ => None,
        });
        Ok(known.collect())
    }

    /// The list that says that everything up to this record was sent back.
    pub(super) fn next(&self, record: &Record) -> Result<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(
            &self.topic,
            record.partition,
            Offset::Offset(record.offset + 1),
        )?;
        Ok(list)
    }

    /// The record at this place.
    pub(super) fn one(&self, place: Place) -> Result<Record> {
        let mut found = None;
        self.read(
            &[(place.partition, Offset::Offset(place.offset))],
            |record| {
                found = Some(record);
                Ok(false)
            },
        )?;
        let found = found.filter(|record| record.offset == place.offset);
        found.with_context(|| format!("there is no record at {}:{}", place.partition, place.offset))
    }

    /// Calls `see` with every record, from these offsets where they are given.
    pub(super) fn each(
        &self,
        from: &BTreeMap<i32, i64>,
        mut see: impl FnMut(Record) -> Result<()>,
    ) -> Result<()> {
        let offset = |partition| {
            from.get(partition)
                .map_or(Offset::Beginning, |o| Offset::Offset(*o))
        };
        let places: Vec<_> = self.partitions.iter().map(|p| (*p, offset(p))).collect();
        self.read(&places, |record| see(record).map(|()| true))
    }

    /// Reads these partitions to where they end now, or until `see` says false. Records written
    /// meanwhile are left: one that is sent back may become a dead letter again at once.
    fn read(
        &self,
        places: &[(i32, Offset)],
        mut see: impl FnMut(Record) -> Result<bool>,
    ) -> Result<()> {
        let mut list = TopicPartitionList::new();
        let mut ends = BTreeMap::new();
        for (partition, offset) in places {
            list.add_partition_offset(&self.topic, *partition, *offset)?;
            let watermarks = self
                .consumer
                .fetch_watermarks(&self.topic, *partition, SILENCE);
            let (_, end) = watermarks.context("asking where the dead letters end")?;
            ends.insert(*partition, end);
        }
        self.consumer
            .assign(&list)
            .context("reading dead letters")?;
        let mut heard = Instant::now();
        while !ends.is_empty() {
            match self.consumer.poll(Duration::from_millis(200)) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    let record = Record::copy(&message, Some(self.topic.clone()));
                    let (partition, next) = (record.partition, record.offset + 1);
                    let is_due = ends.get(&partition).is_some_and(|end| next <= *end);
                    if is_due && !see(record)? {
                        break;
                    }
                    ends.retain(|own, end| *own != partition || next < *end);
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => _ = ends.remove(&partition),
                Some(Err(error)) => return Err(error).context("reading dead letters"),
                None if heard.elapsed() > SILENCE => bail!("Kafka does not respond"),
                None => {}
            }
        }
        self.consumer.unassign().context("reading dead letters")?;
        Ok(())
    }
}
