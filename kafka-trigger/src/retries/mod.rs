//! The retry topic: records that failed, with their attempts, outside of the source's way.
//!
//! A record whose delivery failed is written there, and so are the records of its key behind it.
//! Their offsets in the source are finished with that. The deliveries go on from memory; the topic
//! is a log that is only read when a partition is assigned. Each partition of the source has the
//! partition of the same number:
//!
//! ```text
//!   owner     a new owner's first record; its offset is the owner's number
//!   waiting   a record and its failures; replaces the former entry of the same id
//!   done      the record of this id is delivered or dead-lettered
//! ```
//!
//! Only the entries of one owner count: of the one that was committed last, together with the
//! offset from which they are read. A new owner reads them up to its first record, writes them
//! again as its own, and then commits its number. The group rejects the commit of a member that was
//! expelled, so what such a member still writes counts for nobody.

pub(crate) mod entry;
pub(crate) mod expected;
pub(crate) mod offsets;
pub(crate) mod restore;

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use self::{entry::Mark, offsets::RetryOffsets};
use crate::{Record, retry::Failures};

/// The retry partition of one assigned partition.
#[derive(Debug)]
pub(crate) struct Retries {
    /// Offset of the record with which this member became the owner.
    owner: i64,
    next_id: AtomicI64,
    /// Number of the source's log.
    log: AtomicI64,
    offsets: Mutex<RetryOffsets>,
}

/// Numbers by which the entries of a record are recognized.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids {
    pub(crate) id: i64,
    pub(crate) log: i64,
}

/// A write to the retry partition that has begun.
pub(crate) struct Writing<'a> {
    retries: &'a Retries,
    bound: i64,
}

impl Retries {
    /// Creates the state of an owner. `log` is the number of the source's log, and `source` its
    /// committed offset.
    pub(crate) fn new(owner: i64, log: i64, source: i64) -> Self {
        Self {
            owner,
            next_id: AtomicI64::new(log + 1),
            log: log.into(),
            offsets: RetryOffsets::new(owner + 1, source).into(),
        }
    }

    pub(crate) fn owner(&self) -> i64 {
        self.owner
    }

    /// Returns the ids that this owner writes with a record that has no entry yet.
    pub(crate) fn new_ids(&self) -> Ids {
        Ids {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            log: self.log.load(Ordering::Relaxed),
        }
    }

    /// Returns the mark of a record.
    pub(crate) fn mark(&self, ids: Ids, record: &Record, failures: Failures) -> Mark {
        Mark {
            owner: self.owner,
            id: ids.id,
            log: ids.log,
            failures,
            offset: record.offset,
            timestamp: record.timestamp,
        }
    }

    /// Returns the mark under which this owner keeps a record of a former one.
    pub(crate) fn renew(&self, former: &Mark) -> Mark {
        Mark {
            owner: self.owner,
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            ..*former
        }
    }

    /// Begins another log of the source, with offsets of its own.
    pub(crate) fn begin_log(&self) {
        let next = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.log.store(next, Ordering::Relaxed);
        self.offsets().source_replaced();
    }

    pub(crate) fn offsets(&self) -> MutexGuard<'_, RetryOffsets> {
        self.offsets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a write. Until it ends, nothing that it may write is committed.
    pub(crate) fn write(&self) -> Writing<'_> {
        let bound = self.offsets().begin();
        Writing {
            retries: self,
            bound,
        }
    }
}

impl Writing<'_> {
    /// Ends a write of `waiting` that is confirmed, in place of a former entry.
    pub(crate) fn waits(self, offset: i64, former: Option<i64>) {
        self.retries.offsets().waits(offset, former);
    }

    /// Ends a write of `done` that is confirmed. `source` is the record's offset in the source.
    pub(crate) fn done(self, offset: i64, former: Option<i64>, source: i64) {
        self.retries.offsets().done(offset, former, source);
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.retries.offsets().end(self.bound);
    }
}
