//! Finds topics that were deleted and created again under the same name.
//!
//! The client reads such a topic on from its old position, and skips what lies before it. Two signs
//! tell: the topic's id changes while it is read, or a committed offset carries another id, because
//! it was committed for the topic before. Brokers before Kafka 2.8 have no ids; there only an
//! offset that falls shows it, which the coordinator sees.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, KafkaResult},
};

use super::{
    context::{Context, describe},
    topic_ids::{TopicId, TopicIds},
};
use crate::{Event, TopicPartition};

/// Time between two looks at the ids.
const INTERVAL: Duration = Duration::from_secs(2);

/// Longest time that a request may hold up the polling thread.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Prefix of the metadata of committed offsets.
const METADATA: &str = "topic-id=";

/// Ids of the topics: the newest, and those under which the coordinator commits.
#[derive(Clone, Default)]
pub(super) struct SharedIds(Arc<Mutex<Ids>>);

#[derive(Default)]
struct Ids {
    newest: BTreeMap<String, TopicId>,
    adopted: BTreeMap<String, TopicId>,
}

impl SharedIds {
    fn ids(&self) -> MutexGuard<'_, Ids> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits of these partitions are for the newest topic of their name from now on.
    pub(super) fn adopt<'a>(&self, partitions: impl Iterator<Item = &'a TopicPartition>) {
        let ids = &mut *self.ids();
        for partition in partitions {
            if let Some(id) = ids.newest.get(&*partition.topic) {
                ids.adopted.insert(partition.topic.to_string(), *id);
            }
        }
    }

    /// Returns the metadata of a committed offset: the id of its topic.
    pub(super) fn metadata(&self, partition: &TopicPartition) -> Option<String> {
        let ids = self.ids();
        ids.adopted.get(&*partition.topic).map(text)
    }

    /// Records the id of a topic. Returns true if it had another one before.
    fn see(&self, topic: &str, id: TopicId) -> bool {
        let ids = &mut *self.ids();
        let before = ids.newest.insert(topic.to_owned(), id);
        if before.is_none() {
            ids.adopted.insert(topic.to_owned(), id);
        }
        before.is_some_and(|before| before != id)
    }

    /// Reports whether a committed offset is one of an earlier topic.
    fn is_of_earlier_topic(&self, topic: &str, metadata: &str) -> bool {
        let ids = self.ids();
        let newest = ids.newest.get(topic);
        metadata.starts_with(METADATA) && newest.is_some_and(|id| text(id) != metadata)
    }
}

fn text((high, low): &TopicId) -> String {
    format!("{METADATA}{high:016x}{low:016x}")
}

/// Looks at the ids from time to time, on the polling thread.
pub(super) struct TopicWatch {
    consumer: Arc<BaseConsumer<Context>>,
    requests: TopicIds,
    requested: Option<Instant>,
    /// Partitions that were unchecked at the last request.
    requested_for: BTreeSet<TopicPartition>,
    ids: SharedIds,
    /// Partitions that are still to be read from the beginning.
    stale: Vec<TopicPartition>,
}

impl TopicWatch {
    pub(super) fn new(
        consumer: Arc<BaseConsumer<Context>>,
        topics: &[Arc<str>],
        ids: SharedIds,
    ) -> Self {
        Self {
            requests: TopicIds::new(consumer.clone(), topics),
            consumer,
            requested: None,
            requested_for: BTreeSet::new(),
            ids,
            stale: Vec::new(),
        }
    }

    /// Returns an event if assigned partitions belong to a topic that was created again; the client
    /// reads them from the beginning then. Requests the ids anew when it is time.
    pub(super) fn recreated(&mut self) -> Option<Event> {
        let event = match self.requests.response() {
            Some(topics) => self.look(&topics),
            None => None,
        };
        // After an assignment at once: a commit would hide the id of the earlier topic.
        let unchecked: BTreeSet<_> = self
            .consumer
            .context()
            .unchecked()
            .iter()
            .cloned()
            .collect();
        let is_due = self.requested.is_none_or(|at| at.elapsed() >= INTERVAL);
        if is_due || !unchecked.is_subset(&self.requested_for) {
            self.requests.request();
            self.requested = Some(Instant::now());
            self.requested_for = unchecked;
        }
        event
    }

    fn look(&mut self, topics: &[(String, TopicId)]) -> Option<Event> {
        let assigned = self.assigned();
        for (topic, id) in topics {
            if self.ids.see(topic, *id) {
                let own = assigned.iter().filter(|own| *own.topic == **topic);
                self.stale.extend(own.cloned());
            }
        }
        self.check_committed(&assigned, topics);
        self.stale.retain(|id| assigned.contains(id));
        self.stale.sort_unstable();
        self.stale.dedup();
        if self.stale.is_empty() {
            return None;
        }
        match self.rewind() {
            Ok(offsets) => {
                self.stale.clear();
                Some(Event::Recreated(offsets))
            }
            Err(error) => {
                let text = format!(
                    "cannot read a topic from its beginning that was created again, retrying: {}",
                    describe(&error)
                );
                self.consumer.context().log.warn("topic", &text);
                None
            }
        }
    }

    fn assigned(&self) -> Vec<TopicPartition> {
        let list = self.consumer.assignment();
        list.map(|list| super::context::ids(&list))
            .unwrap_or_default()
    }

    /// Adds newly assigned partitions whose committed offset is one of an earlier topic.
    fn check_committed(&mut self, assigned: &[TopicPartition], topics: &[(String, TopicId)]) {
        let unchecked = self.consumer.context().unchecked().clone();
        let is_known = |id: &TopicPartition| topics.iter().any(|(topic, _)| *topic == *id.topic);
        let due: Vec<_> = unchecked
            .into_iter()
            .filter(|id| is_known(id) && assigned.contains(id))
            .collect();
        if due.is_empty() {
            return;
        }
        let mut list = TopicPartitionList::new();
        for id in &due {
            list.add_partition(&id.topic, id.partition);
        }
        // A failure is tried again with the next response.
        let Ok(committed) = self.consumer.committed_offsets(list, TIMEOUT) else {
            return;
        };
        let stale = committed.elements().into_iter().filter(|element| {
            self.ids
                .is_of_earlier_topic(element.topic(), element.metadata())
        });
        let stale = stale.map(|element| TopicPartition {
            topic: element.topic().into(),
            partition: element.partition(),
        });
        self.stale.extend(stale);
        let mut unchecked = self.consumer.context().unchecked();
        unchecked.retain(|id| !due.contains(id));
    }

    /// Reads the stale partitions from their beginning. Returns their first offsets.
    fn rewind(&self) -> KafkaResult<Vec<(TopicPartition, i64)>> {
        let mut list = TopicPartitionList::new();
        let mut offsets = Vec::new();
        for id in &self.stale {
            let (low, _) = self
                .consumer
                .fetch_watermarks(&id.topic, id.partition, TIMEOUT)?;
            list.add_partition_offset(&id.topic, id.partition, Offset::Offset(low))?;
            offsets.push((id.clone(), low));
        }
        let sought = self.consumer.seek_partitions(list, TIMEOUT)?;
        let mut at_end = self.consumer.context().at_end();
        at_end.retain(|id| !self.stale.contains(id));
        drop(at_end);
        for element in sought.elements() {
            element.error()?;
        }
        Ok::<_, KafkaError>(offsets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_id_is_a_topic_created_again() {
        let ids = SharedIds::default();
        let partition = TopicPartition {
            topic: "t".into(),
            partition: 0,
        };
        assert_eq!(ids.metadata(&partition), None);
        assert!(!ids.see("t", (1, 2)), "the first id changes nothing");
        assert!(!ids.see("t", (1, 2)));
        let before = ids.metadata(&partition).unwrap();
        assert_eq!(before, "topic-id=00000000000000010000000000000002");
        assert!(ids.see("t", (1, -3)));
        // Until the coordinator knows, it commits offsets of the topic before.
        assert_eq!(ids.metadata(&partition), Some(before.clone()));
        assert!(ids.is_of_earlier_topic("t", &before));
        ids.adopt([&partition].into_iter());
        let after = ids.metadata(&partition).unwrap();
        assert_eq!(after, "topic-id=0000000000000001fffffffffffffffd");
        assert!(!ids.is_of_earlier_topic("t", &after));
        for foreign in ["", "written by another client"] {
            assert!(!ids.is_of_earlier_topic("t", foreign));
        }
    }
}
