//! Topics of the real broker: creating them, writing to them, and a group's committed offsets.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::{Message, OwnedHeaders},
    producer::{FutureProducer, FutureRecord, Producer},
};

use crate::wait::until;

const TIMEOUT: Duration = Duration::from_secs(30);

/// A topic of one test.
pub struct Topic {
    pub name: String,
    pub partitions: i32,
    brokers: String,
    producer: FutureProducer,
}

/// Key, value and headers of a record that was read.
pub type Read = (Option<Vec<u8>>, Option<Vec<u8>>, BTreeMap<String, String>);

/// A record to write.
#[derive(Default)]
pub struct Out {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Option<OwnedHeaders>,
}

impl Out {
    pub fn value(value: impl Into<Vec<u8>>) -> Self {
        Self {
            value: Some(value.into()),
            ..Self::default()
        }
    }
}

impl Topic {
    /// Returns a handle of the topic without creating it.
    pub fn named(brokers: &str, name: &str, partitions: i32) -> Self {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("enable.idempotence", "true")
            .set("message.max.bytes", "16777216")
            .set("message.timeout.ms", "120000")
            .create()
            .unwrap();
        Self {
            name: name.to_owned(),
            partitions,
            brokers: brokers.to_owned(),
            producer,
        }
    }

    pub async fn create(brokers: &str, name: &str, partitions: i32) -> Self {
        let topic = Self::named(brokers, name, partitions);
        topic.make(&[]).await;
        topic
    }

    /// Creates it with these settings.
    pub async fn make(&self, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.client("admin").create().unwrap();
        let mut new = NewTopic::new(&self.name, self.partitions, TopicReplication::Fixed(1));
        for (name, value) in [("max.message.bytes", "16777216")].iter().chain(settings) {
            new = new.set(name, value);
        }
        let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
        for result in admin.create_topics([&new], &options).await.unwrap() {
            result.unwrap();
        }
    }

    /// Deletes it, and waits until it is gone.
    pub async fn delete(&self) {
        let admin: AdminClient<DefaultClientContext> = self.client("admin").create().unwrap();
        let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
        let deleted = admin.delete_topics(&[&self.name], &options).await;
        for result in deleted.unwrap() {
            result.unwrap();
        }
    }

    /// Writes values to the first partition in one transaction, which ends with a control record.
    pub async fn send_in_transaction(&self, values: &[Vec<u8>]) {
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("transactional.id", format!("of-{}", self.name))
            .create()
            .unwrap();
        tokio::task::block_in_place(|| producer.init_transactions(TIMEOUT)).unwrap();
        producer.begin_transaction().unwrap();
        for value in values {
            let record: FutureRecord<'_, [u8], [u8]> =
                FutureRecord::to(&self.name).partition(0).payload(value);
            let sent = producer.send(record, TIMEOUT).await;
            sent.map_err(|(error, _)| error).unwrap();
        }
        tokio::task::block_in_place(|| producer.commit_transaction(TIMEOUT)).unwrap();
    }

    /// Returns the metadata of the group's committed offset of the first partition.
    pub fn committed_metadata(&self, group: &str) -> String {
        let consumer: BaseConsumer = self.client(group).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.name, 0);
        let committed = consumer.committed_offsets(list, TIMEOUT).unwrap();
        committed.elements()[0].metadata().to_owned()
    }

    /// Commits an offset of the first partition for a group without members.
    pub fn commit(&self, group: &str, offset: i64, metadata: &str) {
        let consumer: BaseConsumer = self.client(group).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, 0, Offset::Offset(offset))
            .unwrap();
        let mut element = list.find_partition(&self.name, 0).unwrap();
        element.set_metadata(metadata);
        // A topic that was just created may not be known everywhere yet.
        until("the offset is committed", || {
            consumer.commit(&list, CommitMode::Sync).is_ok()
        });
    }

    /// Writes records to the partitions in turn, and returns when all are stored.
    pub async fn send(&self, records: Vec<Out>) {
        let records: Vec<_> = records.into_iter().enumerate().collect();
        let one = async |(index, out): &(usize, Out)| {
            let mut record: FutureRecord<'_, [u8], [u8]> =
                FutureRecord::to(&self.name).partition(*index as i32 % self.partitions);
            record.key = out.key.as_deref();
            record.payload = out.value.as_deref();
            record.headers = out.headers.clone();
            self.producer.send(record, TIMEOUT).await
        };
        for result in join_all(records.iter().map(one)).await {
            if let Err((error, _)) = result {
                panic!("a record was not written: {error}");
            }
        }
    }

    /// Writes a record with its key to a partition.
    pub async fn put(&self, partition: i32, out: &Out) {
        let mut record: FutureRecord<'_, [u8], [u8]> =
            FutureRecord::to(&self.name).partition(partition);
        record.key = out.key.as_deref();
        record.payload = out.value.as_deref();
        record.headers = out.headers.clone();
        let sent = self.producer.send(record, TIMEOUT).await;
        sent.map_err(|(error, _)| error).unwrap();
    }

    /// Writes one record to a partition.
    pub async fn send_to(&self, partition: i32, value: &[u8]) {
        let record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(&self.name)
            .partition(partition)
            .payload(value);
        self.producer
            .send(record, TIMEOUT)
            .await
            .map_err(|(error, _)| error)
            .unwrap();
    }

    fn client(&self, group: &str) -> ClientConfig {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", group);
        client
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true");
        client
    }

    /// Returns the group's committed offset of each partition.
    pub fn committed(&self, group: &str) -> Vec<i64> {
        let consumer: BaseConsumer = self.client(group).create().unwrap();
        let mut list = TopicPartitionList::new();
        (0..self.partitions).for_each(|p| _ = list.add_partition(&self.name, p));
        let committed = consumer.committed_offsets(list, TIMEOUT).unwrap();
        let offset = |offset| {
            if let Offset::Offset(offset) = offset {
                offset
            } else {
                0
            }
        };
        committed
            .elements()
            .iter()
            .map(|e| offset(e.offset()))
            .collect()
    }

    /// Returns the end offset of each partition.
    pub fn ends(&self) -> Vec<i64> {
        let consumer: BaseConsumer = self.client("ends").create().unwrap();
        let end = |p| consumer.fetch_watermarks(&self.name, p, TIMEOUT).unwrap().1;
        (0..self.partitions).map(end).collect()
    }

    /// Reports whether the group has committed everything.
    pub fn is_done(&self, group: &str) -> bool {
        self.committed(group) == self.ends()
    }

    /// Returns every record, with its headers as text.
    pub fn read(&self) -> Vec<Read> {
        use rdkafka::message::Headers;
        let mut all = Vec::new();
        self.each(|message| {
            let headers = message.headers().map(|headers| {
                let text = |value: Option<&[u8]>| {
                    String::from_utf8_lossy(value.unwrap_or(b"null")).into_owned()
                };
                headers
                    .iter()
                    .map(|h| (h.key.to_owned(), text(h.value)))
                    .collect()
            });
            let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
            all.push((
                owned(message.key()),
                owned(message.payload()),
                headers.unwrap_or_default(),
            ));
        });
        all
    }

    /// Reads what the topic has at the start of the call. Waiting for the client's end of a
    /// partition would not do: it may never come while somebody writes.
    fn each(&self, mut see: impl FnMut(&rdkafka::message::BorrowedMessage<'_>)) {
        let consumer: BaseConsumer = self.client("read").create().unwrap();
        let mut list = TopicPartitionList::new();
        let mut open = BTreeMap::new();
        for partition in 0..self.partitions {
            list.add_partition_offset(&self.name, partition, Offset::Beginning)
                .unwrap();
            let watermarks = consumer.fetch_watermarks(&self.name, partition, TIMEOUT);
            open.insert(partition, watermarks.unwrap().1);
        }
        consumer.assign(&list).unwrap();
        while !open.is_empty() {
            match consumer.poll(TIMEOUT).expect("the broker responds") {
                Ok(message) => {
                    let (partition, offset) = (message.partition(), message.offset());
                    if open.get(&partition).is_some_and(|end| offset < *end) {
                        see(&message);
                    }
                    open.retain(|own, end| *own != partition || offset + 1 < *end);
                }
                Err(KafkaError::PartitionEOF(partition)) => _ = open.remove(&partition),
                // On a busy machine a connection may take too long; the client goes on.
                Err(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure,
                )) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Returns the number of commits of the group, after a check that no commit ever went back,
    /// except to another topic of this name, which the metadata tell.
    pub fn commits(&self, group: &str) -> usize {
        let offsets = Topic::named(&self.brokers, "__consumer_offsets", 1);
        let mut last: BTreeMap<i32, (i64, Vec<u8>)> = BTreeMap::new();
        let mut count = 0;
        offsets.each(|message| {
            let (Some(key), Some(value)) = (message.key(), message.payload()) else {
                return;
            };
            let Some((own_group, topic, partition)) = offset_key(key) else {
                return;
            };
            if own_group != group || topic != self.name {
                return;
            }
            // A version, the offset, an epoch, the length of the metadata and they themselves.
            let offset = i64::from_be_bytes(value[2..10].try_into().unwrap());
            let (length, start) = match value[1] {
                // Two bytes up to version 3, then a number of variable length, one too large.
                ..4 => (usize::from(value[15]), 16),
                _ => (usize::from(value[14]) - 1, 15),
            };
            let metadata = value[start..][..length].to_vec();
            let before = last.insert(partition, (offset, metadata.clone()));
            let (before, of) = before.unwrap_or((0, metadata.clone()));
            assert!(
                before <= offset || of != metadata,
                "{topic}[{partition}] went from {before} back to {offset}"
            );
            count += 1;
        });
        count
    }
}

/// Returns group, topic and partition of a commit; other records of that topic have other versions.
fn offset_key(key: &[u8]) -> Option<(&str, &str, i32)> {
    let text = |bytes: &'_ [u8]| -> Option<usize> {
        let length = u16::from_be_bytes(bytes.get(..2)?.try_into().ok()?);
        Some(usize::from(length))
    };
    if !matches!(key.get(..2)?, [0, 0 | 1]) {
        return None;
    }
    let rest = &key[2..];
    let length = text(rest)?;
    let (group, rest) = (
        std::str::from_utf8(rest.get(2..2 + length)?).ok()?,
        &rest[2 + length..],
    );
    let length = text(rest)?;
    let (topic, rest) = (
        std::str::from_utf8(rest.get(2..2 + length)?).ok()?,
        &rest[2 + length..],
    );
    Some((
        group,
        topic,
        i32::from_be_bytes(rest.get(..4)?.try_into().ok()?),
    ))
}
