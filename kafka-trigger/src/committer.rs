//! Commits of finished offsets.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{
    Broker, Metrics, RetryOffset, delivery::chain, log::RateLimitedLog, partition::Partition,
};

/// Commits offsets.
pub(crate) struct Committer<B> {
    pub(crate) broker: Arc<B>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) log: Arc<RateLimitedLog>,
}

/// Offsets that are finished and not committed.
#[derive(Default)]
pub(crate) struct Due {
    source: Vec<(Arc<Partition>, i64)>,
    retries: Vec<(Arc<Partition>, RetryOffset)>,
}

impl Due {
    /// Finds the offsets of these partitions.
    pub(crate) fn of(partitions: &[Arc<Partition>]) -> Self {
        let mut due = Self::default();
        for partition in partitions {
            // The retry partition's first: what moves there meanwhile is in neither then, and
            // afterwards in both.
            if let Some(retries) = partition.retries()
                && let Some(offset) = retries.offsets().due()
            {
                let source = partition.id.clone();
                let offset = RetryOffset {
                    source,
                    offset,
                    owner: retries.owner(),
                };
                due.retries.push((partition.clone(), offset));
            }
            if let Some(offset) = partition.state().offsets.due() {
                due.source.push((partition.clone(), offset));
            }
        }
        due
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.source.is_empty() && self.retries.is_empty()
    }

    fn committed(self) {
        for (partition, offset) in self.source {
            partition.state().offsets.committed(offset);
            if let Some(retries) = partition.retries() {
                retries.offsets().source_committed(offset);
            }
        }
        for (partition, own) in self.retries {
            if let Some(retries) = partition.retries() {
                retries.offsets().committed(own.offset);
            }
        }
    }
}

impl<B: Broker> Committer<B> {
    pub(crate) async fn commit(&self, due: Due) {
        if due.is_empty() {
            return;
        }
        let source = due.source.iter();
        let source: Vec<_> = source
            .map(|(partition, offset)| (partition.id.clone(), *offset))
            .collect();
        let retries: Vec<_> = due.retries.iter().map(|(_, own)| own.clone()).collect();
        let started = Instant::now();
        let result = self.broker.commit(&source, &retries).await;
        self.metrics
            .record_commit(result.is_ok(), started.elapsed());
        match result {
            Ok(()) => due.committed(),
            // The offsets stay due, and the next commit contains them.
            Err(error) => {
                let text = format!("failed, retrying: {}", chain(&*error));
                self.log.warn("commit", &text);
            }
        }
    }
}
