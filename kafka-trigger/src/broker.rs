//! The source of records.

use std::{fmt, ops::Range};

use bytes::Bytes;

use crate::{BoxError, DeadLetter, Header, Record, TopicPartition};

/// A member of a consumer group, and a producer of dead letters.
///
/// The trigger calls [`next_event`](Self::next_event) from one task at a time and the other methods
/// concurrently. No method may block its thread.
///
/// # Contract
///
/// - Each partition is assigned by [`Event::Assigned`], read from its committed offset in ascending
///   order of offsets, and taken away by [`Event::Revoked`].
/// - While a [`Revocation`] is held, the partition is not given to another member unless the
///   revocation says that it is lost already.
/// - A commit for a partition that belongs to another member fails.
/// - If there is a retry topic, it has a partition for each of the source's.
pub trait Broker: Send + Sync + 'static {
    /// Waits for the next event. Must be cancel safe: dropping the future loses no event.
    fn next_event(&self) -> impl Future<Output = Event> + Send;

    /// Stops reading these partitions. Records that are under way may still follow, and failures
    /// are ignored: a partition that is just being revoked needs no pause.
    fn pause(&self, partitions: &[TopicPartition]);

    /// Reads these partitions again.
    fn resume(&self, partitions: &[TopicPartition]);

    /// Commits these offsets, each the one after the last finished record, and those of retry
    /// partitions. Returns when the broker has confirmed.
    ///
    /// # Errors
    /// If it is not certain that the offsets are committed. The trigger commits them again later.
    fn commit(
        &self,
        offsets: &[(TopicPartition, i64)],
        retries: &[RetryOffset],
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Reports whether the assignment was lost, so that other members may have the partitions
    /// already and a commit is of no use.
    fn is_assignment_lost(&self) -> bool;

    /// Writes a dead letter. Returns when enough replicas have it.
    ///
    /// # Errors
    /// If that is not certain. The trigger tries again, and does not commit the record until then.
    fn write_dead_letter(
        &self,
        letter: &DeadLetter<'_>,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Reports whether there is a retry topic.
    fn has_retry_topic(&self) -> bool {
        false
    }

    /// Writes to the retry partition of a partition of the source. Returns the offset when enough
    /// replicas have the record.
    ///
    /// # Errors
    /// If that is not certain. The trigger tries again.
    fn write_retry(
        &self,
        source: &TopicPartition,
        record: &RetryRecord,
    ) -> impl Future<Output = Result<i64, BoxError>> + Send {
        _ = (source, record);
        async { Err("there is no retry topic".into()) }
    }

    /// Reads the retry partitions of these partitions of the source, each from its committed offset
    /// up to the given one, which exists. The logs are in the order of `until`.
    ///
    /// # Errors
    /// If one of them can't be read. The trigger tries again, and delivers nothing of these
    /// partitions before.
    fn read_retries(
        &self,
        until: &[(TopicPartition, i64)],
    ) -> impl Future<Output = Result<Vec<RetryLog>, BoxError>> + Send {
        _ = until;
        async { Err("there is no retry topic".into()) }
    }

    /// Leaves the group and closes connections. Called once, after the last event.
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// A record of the retry topic. `Debug` shows nothing of it.
#[derive(Clone, Default)]
pub struct RetryRecord {
    /// Key of the source's record.
    pub key: Option<Bytes>,
    /// Value of the source's record.
    pub value: Option<Bytes>,
    /// Headers of the trigger, followed by those of the source's record.
    pub headers: Vec<Header>,
}

impl fmt::Debug for RetryRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryRecord").finish_non_exhaustive()
    }
}

/// Offset of a retry partition to commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryOffset {
    /// Partition of the source.
    pub source: TopicPartition,
    /// Offset in its retry partition.
    pub offset: i64,
    /// A number to commit with it, and to return as [`RetryLog::owner`].
    pub owner: i64,
}

/// Contents of a retry partition.
#[derive(Debug)]
pub struct RetryLog {
    /// Its records with the offsets that they have there.
    pub records: Vec<Record>,
    /// Number that was committed with the offset from which it was read.
    pub owner: Option<i64>,
    /// Offsets that are read from the source since its assignment: from the committed one to the
    /// present end.
    pub source: Range<i64>,
}

/// Something that happened at the broker.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// These partitions are read from now on.
    Assigned(Vec<TopicPartition>),
    /// Partitions are taken away.
    Revoked(Revocation),
    /// A record was read.
    Record(Record),
    /// The topic of these partitions was deleted and created again. They are read from the given
    /// offsets, whatever was committed; records of the topic of before are gone.
    Recreated(Vec<(TopicPartition, i64)>),
    /// Number of records after the committed offset, for metrics.
    Lag(Vec<(TopicPartition, i64)>),
    /// Every record before these offsets was an event already, since the last assignment. Only
    /// needed where offsets without a record end a partition, such as the markers of a transaction.
    ReadUpTo(Vec<(TopicPartition, i64)>),
    /// The client cannot go on. No event follows.
    Fatal(BoxError),
}

/// Partitions that are taken away. The rebalance goes on when this is dropped.
pub struct Revocation {
    /// The partitions.
    pub partitions: Vec<TopicPartition>,
    /// Other members may have the partitions already: for example, because this member was silent
    /// for longer than the session timeout.
    pub is_lost: bool,
    on_release: Option<Box<dyn FnOnce() + Send>>,
}

impl Revocation {
    /// Creates a revocation that calls `on_release` when it is dropped.
    pub fn new(
        partitions: Vec<TopicPartition>,
        is_lost: bool,
        on_release: impl FnOnce() + Send + 'static,
    ) -> Self {
        Self {
            partitions,
            is_lost,
            on_release: Some(Box::new(on_release)),
        }
    }
}

impl Drop for Revocation {
    fn drop(&mut self) {
        if let Some(on_release) = self.on_release.take() {
            on_release();
        }
    }
}

impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocation")
            .field("partitions", &self.partitions)
            .field("is_lost", &self.is_lost)
            .finish_non_exhaustive()
    }
}
