//! All assigned partitions, and the bell by which deliveries wake the thread that reads.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::Notify;

use super::partition::Partition;

type Partitions = BTreeMap<(Arc<str>, i32), Arc<Partition>>;

/// The assigned partitions.
#[derive(Debug, Default)]
pub struct Book {
    partitions: Mutex<Partitions>,
    /// Bytes of the records that are held.
    held: AtomicUsize,
    /// Rung when a partition may have to be paused or resumed.
    pub bell: Notify,
}

impl Book {
    fn partitions(&self) -> MutexGuard<'_, Partitions> {
        self.partitions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The partition, made new if this is the first that is heard of it since its assignment.
    pub fn partition(&self, topic: &str, id: i32) -> Arc<Partition> {
        let mut partitions = self.partitions();
        let topic: Arc<str> = topic.into();
        let new = || Arc::new(Partition::new(topic.clone(), id));
        partitions
            .entry((topic.clone(), id))
            .or_insert_with(new)
            .clone()
    }

    /// The partition, if it is assigned.
    pub fn get(&self, topic: &str, id: i32) -> Option<Arc<Partition>> {
        self.partitions().get(&(topic.into(), id)).cloned()
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Partition>> {
        self.partitions().values().cloned().collect()
    }

    /// Takes these out.
    pub fn forget(&self, list: &[Arc<Partition>]) {
        let mut partitions = self.partitions();
        for partition in list {
            partitions.remove(&(partition.topic.clone(), partition.id));
        }
    }

    /// Those of a list that are known.
    pub fn of(&self, list: &TopicPartitionList) -> Vec<Arc<Partition>> {
        let partitions = self.partitions();
        let elements = list.elements();
        let keys = elements.iter().map(|e| (e.topic().into(), e.partition()));
        keys.filter_map(|key| partitions.get(&key).cloned())
            .collect()
    }

    /// Bytes of records are held from now on, or not any more.
    pub fn hold(&self, bytes: usize) -> usize {
        self.held.fetch_add(bytes, Ordering::Relaxed) + bytes
    }

    /// The opposite of [`Self::hold`].
    pub fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes of records that are held.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

/// The offsets of these partitions that are finished and not committed.
pub fn due(partitions: &[Arc<Partition>]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        if let Some(offset) = partition.state().prefix.due() {
            // It only fails for offsets below zero.
            _ = list.add_partition_offset(&partition.topic, partition.id, Offset::Offset(offset));
        }
    }
    list
}

/// These partitions without offsets.
pub fn list(partitions: &[Arc<Partition>]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(&partition.topic, partition.id);
    }
    list
}
