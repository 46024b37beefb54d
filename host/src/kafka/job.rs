//! A record on its way, with the assignment that it came by.

use std::sync::Arc;

use super::{partition::Partition, record::Record};

/// A record on its way.
pub struct Job {
    /// The record.
    pub record: Record,
    /// The assignment that it came by.
    pub partition: Arc<Partition>,
}
