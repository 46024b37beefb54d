//! A unit of work.

use std::sync::Arc;

use crate::{partition::Partition, record::Record};

/// A record to deliver, with the assignment it was read under.
pub(crate) struct Job<S> {
    pub(crate) record: Record,
    pub(crate) partition: Arc<Partition>,
    /// State that the handler keeps of the record.
    pub(crate) state: S,
}
