//! The retry topic: written by the producer of dead letters, read by a client of its own when
//! partitions are assigned.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

use super::{StartOffset, TokenContext, context::Context, settings::Settings};
use crate::{BoxError, Record, RetryLog, RetryOffset, TopicPartition};

/// Longest time of one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest silence while a partition is read.
const SILENCE: Duration = Duration::from_secs(15);

/// Prefix of the metadata of committed offsets.
const METADATA: &str = "owner=";

/// A reader of retry partitions. Its methods block.
pub(super) struct Reader {
    pub(super) consumer: Arc<BaseConsumer<Context>>,
    pub(super) settings: Settings,
    pub(super) topic: String,
}

/// A retry partition to read.
struct Part {
    source: TopicPartition,
    from: Offset,
    /// Offset of the record up to which it is read.
    until: i64,
    log: RetryLog,
}

impl Reader {
    /// Returns the number of partitions with which the retry topic is to be created, if it does not
    /// exist.
    ///
    /// # Errors
    /// If it has fewer partitions than the source.
    pub(super) fn missing_partitions(&self) -> Result<Option<i32>, BoxError> {
        let count = |topic: &str| {
            let metadata = self.consumer.fetch_metadata(Some(topic), TIMEOUT)?;
            let topic = metadata.topics().first();
            Ok::<_, KafkaError>(topic.map_or(0, |topic| topic.partitions().len()))
        };
        let source = &self.settings.topics[0];
        let (wanted, there) = (count(source)?, count(&self.topic)?);
        if there == 0 {
            return Ok(Some(i32::try_from(wanted)?));
        }
        if there < wanted {
            return Err(format!(
                "{} has {there} partitions and {source} {wanted}; give it as many",
                self.topic
            )
            .into());
        }
        Ok(None)
    }

    /// Reads these retry partitions from their committed offsets.
    pub(super) fn read(&self, until: &[(TopicPartition, i64)]) -> Result<Vec<RetryLog>, BoxError> {
        let mut parts = self.parts(until)?;
        if parts.iter().any(Part::has_records) {
            self.records(&mut parts)?;
        }
        for part in &mut parts {
            if !part.log.records.is_empty() {
                part.log.source = self.source(&part.source)?;
            }
        }
        Ok(parts.into_iter().map(|part| part.log).collect())
    }

    fn parts(&self, until: &[(TopicPartition, i64)]) -> Result<Vec<Part>, BoxError> {
        let mut list = TopicPartitionList::new();
        for (id, _) in until {
            list.add_partition(&self.topic, id.partition);
        }
        let committed = self.consumer.committed_offsets(list, TIMEOUT)?;
        for element in committed.elements() {
            // Not known is something else than never committed.
            element.error()?;
        }
        let part = |(id, until): &(TopicPartition, i64)| {
            let element = committed.find_partition(&self.topic, id.partition);
            let offset = element.as_ref().map(|element| element.offset());
            let is_known = matches!(offset, Some(Offset::Offset(offset)) if offset <= *until);
            let owner = element.and_then(|element| {
                let number = element.metadata().strip_prefix(METADATA)?;
                number.parse().ok()
            });
            Part {
                source: id.clone(),
                // Of a topic that was deleted meanwhile nothing is known.
                from: offset.filter(|_| is_known).unwrap_or(Offset::Beginning),
                until: *until,
                log: RetryLog {
                    records: Vec::new(),
                    owner: owner.filter(|_| is_known),
                    source: 0..0,
                },
            }
        };
        Ok(until.iter().map(part).collect())
    }

    fn records(&self, parts: &mut [Part]) -> Result<(), BoxError> {
        let mut client = self.settings.nameless_consumer();
        client.set("auto.offset.reset", "earliest");
        let reader: BaseConsumer<TokenContext> =
            client.create_with_context(self.settings.security.context())?;
        let mut list = TopicPartitionList::new();
        let mut open = BTreeMap::new();
        for (index, part) in parts
            .iter()
            .enumerate()
            .filter(|(_, part)| part.has_records())
        {
            list.add_partition_offset(&self.topic, part.source.partition, part.from)?;
            open.insert(part.source.partition, index);
        }
        reader.assign(&list)?;
        let mut heard = Instant::now();
        while !open.is_empty() {
            match reader.poll(Duration::from_millis(200)) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    let record = Record::copy(&message, None);
                    let Some(index) = open.get(&record.partition) else {
                        continue;
                    };
                    let part = &mut parts[*index];
                    if record.offset < part.until {
                        part.log.records.push(record);
                    } else {
                        open.remove(&record.partition);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) | None => {
                    if heard.elapsed() > SILENCE {
                        return Err(
                            format!("cannot read {} up to its last record", self.topic).into()
                        );
                    }
                }
                // The client goes on by itself.
                Some(Err(_)) if heard.elapsed() < SILENCE => {}
                Some(Err(error)) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Returns the offsets that the source is read through since its assignment.
    fn source(&self, id: &TopicPartition) -> Result<Range<i64>, BoxError> {
        let mut list = TopicPartitionList::new();
        list.add_partition(&id.topic, id.partition);
        let committed = self.consumer.committed_offsets(list, TIMEOUT)?;
        let element = committed.find_partition(&id.topic, id.partition);
        if let Some(element) = &element {
            element.error()?;
        }
        let (low, high) = self
            .consumer
            .fetch_watermarks(&id.topic, id.partition, TIMEOUT)?;
        let from = match (element.map(|element| element.offset()), self.settings.start) {
            (Some(Offset::Offset(offset)), _) => offset.max(low),
            (_, StartOffset::Earliest) => low,
            (_, StartOffset::Latest) => high,
        };
        Ok(from..high)
    }
}

impl Part {
    /// Reports whether there may be records before the last one.
    fn has_records(&self) -> bool {
        self.until > 0 && self.from != Offset::Offset(self.until)
    }
}

/// Adds an offset of a retry partition to those that are committed.
pub(super) fn add(
    list: &mut TopicPartitionList,
    topic: &str,
    own: &RetryOffset,
) -> Result<(), KafkaError> {
    list.add_partition_offset(topic, own.source.partition, Offset::Offset(own.offset))?;
    if let Some(mut element) = list.find_partition(topic, own.source.partition) {
        element.set_metadata(format!("{METADATA}{}", own.owner));
    }
    Ok(())
}
