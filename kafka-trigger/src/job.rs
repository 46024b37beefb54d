//! A unit of work.

use std::sync::Arc;

use crate::{
    partition::Partition,
    record::Record,
    retries::{Ids, expected::Waiting},
    retry::Failures,
};

/// A record to deliver, with the assignment it was read under.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) record: Record,
    pub(crate) partition: Arc<Partition>,
    pub(crate) failures: Failures,
    /// Set from the first write to the retry topic on.
    pub(crate) parked: Option<Parked>,
}

/// Entries of a record on the retry topic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parked {
    pub(crate) ids: Ids,
    /// Offset of the last entry. The record's offset in the source is finished then. `None` while
    /// it is not certain that there is one.
    pub(crate) offset: Option<i64>,
}

impl Job {
    /// Creates the job of a record that was read from the source.
    pub(crate) fn new(record: Record, partition: Arc<Partition>) -> Self {
        Self {
            record,
            partition,
            failures: Failures::default(),
            parked: None,
        }
    }

    /// Creates the job of a record that waits on the retry topic.
    pub(crate) fn restored(partition: Arc<Partition>, (mark, original, offset): Waiting) -> Self {
        Self {
            record: original.record(&partition.id, &mark),
            partition,
            failures: mark.failures,
            parked: Some(Parked {
                ids: Ids {
                    id: mark.id,
                    log: mark.log,
                },
                offset: Some(offset),
            }),
        }
    }

    /// Reports whether the record is on the retry topic.
    pub(crate) fn is_parked(&self) -> bool {
        self.parked.is_some_and(|parked| parked.offset.is_some())
    }
}
