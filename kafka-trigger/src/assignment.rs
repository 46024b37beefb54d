//! The assigned partitions, and the notification that wakes the coordinator.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

use crate::{TopicPartition, partition::Partition};

type Partitions = BTreeMap<TopicPartition, Arc<Partition>>;

/// The assigned partitions of one trigger.
#[derive(Debug, Default)]
pub(crate) struct Assignment {
    partitions: Mutex<Partitions>,
    held_bytes: AtomicUsize,
    /// Wakes the coordinator when a partition may have to be paused or resumed.
    pub(crate) wake: Notify,
}

impl Assignment {
    /// Returns the partition, and creates it if this is the first mention since its assignment.
    pub(crate) fn get_or_insert(&self, id: TopicPartition) -> Arc<Partition> {
        let mut partitions = self.partitions();
        partitions
            .entry(id)
            .or_insert_with_key(|id| Arc::new(Partition::new(id.clone())))
            .clone()
    }

    /// Puts a new partition in the place of an assigned one, and returns that.
    pub(crate) fn replace(&self, id: &TopicPartition, offset: i64) -> Option<Arc<Partition>> {
        let mut partitions = self.partitions();
        let place = partitions.get_mut(id)?;
        let new = Arc::new(place.starting_over(offset));
        Some(std::mem::replace(place, new))
    }

    /// Reports whether this is the present assignment of its partition.
    pub(crate) fn has(&self, partition: &Arc<Partition>) -> bool {
        let partitions = self.partitions();
        let own = partitions.get(&partition.id);
        own.is_some_and(|own| Arc::ptr_eq(own, partition))
    }

    pub(crate) fn all(&self) -> Vec<Arc<Partition>> {
        self.partitions().values().cloned().collect()
    }

    /// Returns those of `ids` that are assigned.
    pub(crate) fn select(&self, ids: &[TopicPartition]) -> Vec<Arc<Partition>> {
        let partitions = self.partitions();
        ids.iter()
            .filter_map(|id| partitions.get(id).cloned())
            .collect()
    }

    pub(crate) fn remove(&self, list: &[Arc<Partition>]) {
        let mut partitions = self.partitions();
        for partition in list {
            partitions.remove(&partition.id);
        }
    }

    /// Counts the bytes of a record that is held from now on.
    pub(crate) fn hold(&self, bytes: usize) {
        self.held_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Reverses [`Self::hold`].
    pub(crate) fn release(&self, bytes: usize) {
        self.held_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes.load(Ordering::Relaxed)
    }

    fn partitions(&self) -> MutexGuard<'_, Partitions> {
        self.partitions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
