//! Reads the retry partitions of newly assigned partitions, beside everything else.

use std::{ops::Range, sync::Arc};

use futures_util::future::try_join_all;
use tokio::sync::mpsc;

use crate::{
    Backoff, BoxError, Broker, Record, RetryOffset, TopicPartition,
    delivery::chain,
    log::RateLimitedLog,
    partition::Partition,
    retries::{
        Retries,
        entry::{self, Mark},
        expected::Waiting,
        restore::{Contents, restore},
    },
};

type Batch = Vec<(Arc<Partition>, Restored)>;

/// Partitions whose retry partitions are being read.
pub(crate) struct Restoring<B> {
    broker: Arc<B>,
    log: Arc<RateLimitedLog>,
    backoff: Backoff,
    sender: mpsc::UnboundedSender<Batch>,
    batches: mpsc::UnboundedReceiver<Batch>,
}

impl<B: Broker> Restoring<B> {
    pub(crate) fn new(broker: Arc<B>, log: Arc<RateLimitedLog>, backoff: Backoff) -> Self {
        let (sender, batches) = mpsc::unbounded_channel();
        Self {
            broker,
            log,
            backoff,
            sender,
            batches,
        }
    }

    /// Begins to read, if there is a retry topic. Until then records of the partitions are held.
    pub(crate) fn begin(&self, mut partitions: Vec<Arc<Partition>>) {
        if !self.broker.has_retry_topic() {
            return;
        }
        // A partition may be mentioned again.
        partitions.retain(|partition| partition.retries().is_none());
        for partition in &partitions {
            partition.state().held.get_or_insert_default();
        }
        let (broker, log) = (self.broker.clone(), self.log.clone());
        let (backoff, sender) = (self.backoff, self.sender.clone());
        tokio::spawn(async move {
            let mut failures = 0;
            loop {
                partitions.retain(|partition| !partition.is_revoked());
                if partitions.is_empty() {
                    return;
                }
                match read(&*broker, &partitions).await {
                    Ok(batch) => {
                        // Fails when the trigger has ended.
                        _ = sender.send(batch);
                        return;
                    }
                    Err(error) => {
                        let text = format!(
                            "not read, retrying; no record is delivered before: {}",
                            chain(&*error)
                        );
                        log.warn("retry topic", &text);
                    }
                }
                failures += 1;
                tokio::time::sleep(backoff.delay(failures, 0.5)).await;
            }
        });
    }

    /// Waits for partitions whose retry partitions were read and that are still assigned.
    pub(crate) async fn next(&mut self) -> Batch {
        let mut batch = self.batches.recv().await.unwrap_or_default();
        batch.retain(|(partition, _)| !partition.is_revoked());
        batch
    }
}

/// Contents of a retry partition that is this member's.
pub(crate) struct Restored {
    retries: Retries,
    /// Records that wait, with the offsets of this owner's entries.
    waiting: Vec<Waiting>,
    done: Vec<Mark>,
    /// Offsets that are going to be read from the source.
    source: Range<i64>,
}

/// Reads the retry partitions, and becomes their owner.
async fn read<B: Broker>(broker: &B, partitions: &[Arc<Partition>]) -> Result<Batch, BoxError> {
    // A rebalance waits for this, so that the number is not committed for another member's
    // partition.
    let running: Vec<_> = partitions
        .iter()
        .filter_map(|partition| Some((partition, partition.begin()?)))
        .collect();
    let own = entry::owner();
    let own = running
        .iter()
        .map(|(partition, _)| broker.write_retry(&partition.id, &own));
    let owners = try_join_all(own).await?;
    let ids = running.iter().map(|(partition, _)| partition.id.clone());
    let until: Vec<_> = ids.zip(owners).collect();
    let logs = broker.read_retries(&until).await?;
    let contents = logs.into_iter().map(restore);
    let taken = until.iter().zip(contents);
    let taken = taken.map(|((id, owner), contents)| take_over(broker, id, *owner, contents));
    let restored = try_join_all(taken).await?;
    let commits: Vec<_> = until
        .into_iter()
        .map(|(source, owner)| RetryOffset {
            source,
            offset: owner + 1,
            owner,
        })
        .collect();
    broker.commit(&[], &commits).await?;
    let partitions = running.iter().map(|(partition, _)| Arc::clone(partition));
    Ok(partitions.zip(restored).collect())
}

/// Writes what is left of a retry partition again, as entries of a new owner.
async fn take_over<B: Broker>(
    broker: &B,
    id: &TopicPartition,
    owner: i64,
    contents: Contents,
) -> Result<Restored, BoxError> {
    let retries = Retries::new(owner, contents.log, contents.source.start);
    let waiting = contents.waiting.into_iter().map(async |waiting| {
        let (former, original, _) = waiting;
        let mark = retries.renew(&former);
        let record = original.clone().record(id, &mark);
        let writing = retries.write();
        let offset = broker
            .write_retry(id, &entry::waiting(&mark, &record))
            .await?;
        writing.waits(offset, None);
        Ok::<_, BoxError>((mark, original, offset))
    });
    let waiting = try_join_all(waiting).await?;
    let done = contents.done.into_iter().map(async |former| {
        let mark = retries.renew(&former);
        let writing = retries.write();
        let offset = broker.write_retry(id, &entry::done(&mark)).await?;
        writing.done(offset, None, mark.offset);
        Ok::<_, BoxError>(mark)
    });
    let done = try_join_all(done).await?;
    Ok(Restored {
        waiting,
        done,
        source: contents.source,
        retries,
    })
}

impl Restored {
    /// Gives a partition what was read. Returns the records of the retry topic to deliver now, and
    /// those that were held.
    pub(crate) fn adopt(self, partition: &Partition) -> (Vec<Waiting>, Vec<Record>) {
        partition.set_retries(Arc::new(self.retries));
        let mut state = partition.state();
        let now = state.expected.add(self.waiting, self.done, &self.source);
        (now, state.held.take().unwrap_or_default())
    }
}
