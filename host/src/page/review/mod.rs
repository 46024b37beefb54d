//! The review of copies in quarantine: a queue, claims, and decisions that are carried out after a
//! time in which they can be undone.
//!
//! ```text
//! quarantine/KEY ----GET, PUT If-None-Match, HEAD, DELETE----> anonymized/KEY     release
//!        `-----------STOW-RS, of a DICOM object, before the DELETE
//!        `-----------DELETE                                                       reject
//! quarantine/xray-review/ID    the record: claim, decision, history; PUT If-Match
//! ```
//!
//! All state is in the store: a decision is recorded before it is confirmed to its person, so a
//! crash loses none, and any page on the same buckets carries it out. Each decision, and each
//! effect of one, is in the audit log before it happens. A record outlives its copy, as a
//! tombstone: the same bytes, made again by `xray reprocess`, are decided as before.

mod bucket;
mod cover;
mod queue;
mod record;
mod research;
mod steps;
#[cfg(test)]
mod tests;
mod work;

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use s3::{Client, Object};
use xray::{config::Buckets, store::metadata};

use self::{bucket::Bucket, queue::Queue, record::Stage};
pub use self::{
    bucket::{FOLDER as RECORDS, is_id},
    cover::{COVERED, COVERED_TEXT_LEFT},
    queue::{Entry, Facts, Format},
    record::{Act, Millis, Verdict},
    research::Research,
    steps::{Refusal, Step},
};
use super::{audit::Audit, figures::Figures};

/// A listing is used for this long.
const FRESH: Duration = Duration::from_secs(3);
/// Time between looks for decisions of other processes that ended.
const SWEEP: Duration = Duration::from_secs(30);
/// Pause after a decision could not be carried out.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Requests at a time.
const AT_A_TIME: usize = 8;

/// Reviews the copies of one input bucket.
pub struct Review {
    bucket: Bucket,
    audit: Audit,
    figures: Figures,
    research: Option<Research>,
    queue: Mutex<Queue>,
    listed: tokio::sync::Mutex<Option<Instant>>,
    /// Copies that this process has decided about, by their id.
    own: Mutex<HashMap<String, Own>>,
}

/// A copy that this process has decided about.
struct Own {
    /// Time to carry it out.
    due: Millis,
    /// The copy as it was then.
    entry: Arc<Entry>,
}

/// Returns the time in milliseconds since 1970.
pub fn now() -> Millis {
    Timestamp::now().as_millisecond()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Review {
    /// Reviews with this client's keys, and logs all of it in the audit bucket.
    ///
    /// # Errors
    /// When copies are not kept in quarantine.
    pub fn new(client: Client, buckets: Buckets) -> Result<Self> {
        Ok(Self {
            audit: Audit::new(client.clone(), buckets.audit.clone()),
            bucket: Bucket::new(client, buckets)?,
            figures: Figures::default(),
            research: None,
            queue: Mutex::default(),
            listed: tokio::sync::Mutex::default(),
            own: Mutex::default(),
        })
    }

    /// Sends released copies of DICOM objects to this archive.
    pub fn with_research(self, research: Option<Research>) -> Self {
        Self { research, ..self }
    }

    /// Returns the audit log.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Returns the figures for Prometheus.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Carries decisions out until the process ends.
    pub fn start(self: &Arc<Self>) {
        self.figures.watch(self);
        let this = self.clone();
        tokio::spawn(async move {
            let mut swept = None::<Instant>;
            loop {
                if swept.is_none_or(|swept| swept.elapsed() >= SWEEP) {
                    swept = Some(Instant::now());
                    if let Err(error) = this.refresh(Duration::ZERO).await {
                        tracing::warn!("the review can't read the quarantine: {error:#}");
                    }
                }
                let pause = match this.work(now()).await {
                    true => Duration::from_millis(500),
                    false => AFTER_FAILURE,
                };
                tokio::time::sleep(pause).await;
            }
        });
    }

    /// Lists the quarantine again unless that was done a moment ago.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn refresh(&self, fresh: Duration) -> Result<()> {
        let mut listed = self.listed.lock().await;
        if listed.is_some_and(|listed| listed.elapsed() < fresh) {
            return Ok(());
        }
        let begun = Instant::now();
        let listing = self.bucket.list().await?;
        let (queue, stale) = Queue::of(listing, &locked(&self.queue));
        let read = |id: String| async move {
            let record = self.bucket.record(&id).await?;
            anyhow::Ok((id, record))
        };
        let records = stream::iter(stale).map(read).buffer_unordered(AT_A_TIME);
        let records: Vec<_> = records.try_collect().await?;
        let mut own = locked(&self.queue);
        *own = queue;
        for (id, record) in records {
            own.set_record(&id, record);
        }
        let is_waiting = |entry: &&Arc<Entry>| entry.decision().is_none();
        let mut waiting = own.entries().iter().filter(is_waiting);
        let oldest = waiting.next().map(|entry| entry.since);
        let count = waiting.count() + usize::from(oldest.is_some());
        self.figures.wait(count, oldest);
        *listed = Some(begun);
        Ok(())
    }

    /// Returns the copies without a decision, the oldest first, and the number of those with one
    /// that is still to be carried out.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn waiting(&self) -> Result<(Vec<Arc<Entry>>, usize)> {
        self.refresh(FRESH).await?;
        let queue = locked(&self.queue);
        let all = queue.entries().iter().cloned();
        let (decided, waiting): (Vec<_>, Vec<_>) =
            all.partition(|entry| entry.decision().is_some());
        Ok((waiting, decided.len()))
    }

    /// Lists the quarantine again after a change; if that fails, the next look does it.
    async fn look_again(&self) {
        if let Err(error) = self.refresh(Duration::ZERO).await {
            tracing::warn!("the quarantine is not listed again: {error:#}");
        }
    }

    /// Returns a person's decisions that can still be undone, the last one first.
    pub fn undoable(&self, who: &str, now: Millis) -> Vec<Arc<Entry>> {
        let queue = locked(&self.queue);
        let is_undoable = |entry: &&Arc<Entry>| {
            entry.decision().is_some_and(|decision| {
                decision.by == who && decision.stage == Stage::Taken && decision.due > now
            })
        };
        let mut all: Vec<_> = queue
            .entries()
            .iter()
            .filter(is_undoable)
            .cloned()
            .collect();
        all.sort_by_key(|entry| Reverse(entry.decision().map(|decision| decision.at)));
        all
    }

    /// Returns a copy by its id.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn find(&self, id: &str) -> Result<Option<Arc<Entry>>> {
        let found = locked(&self.queue).find(id).cloned();
        if found.is_some() {
            return Ok(found);
        }
        self.refresh(FRESH).await?;
        Ok(locked(&self.queue).find(id).cloned())
    }

    /// Asks for the properties of copies.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn describe(&self, entries: &[Arc<Entry>]) -> Result<()> {
        let unknown = entries.iter().filter(|entry| entry.facts.get().is_none());
        let unknown: Vec<_> = unknown.cloned().collect();
        let ask = |entry: Arc<Entry>| async move {
            if let Some(head) = self.bucket.head(&entry.key).await? {
                _ = entry.facts.set(Facts {
                    reason: head.get(metadata::REASON).to_owned(),
                    source: metadata::source_of(&head).to_owned(),
                    format: match head.content_type.as_deref() {
                        Some("image/jpeg" | "image/png") => Format::Picture,
                        Some("application/dicom") => Format::Dicom,
                        _ => Format::Other,
                    },
                });
            }
            anyhow::Ok(())
        };
        let asked = stream::iter(unknown).map(ask).buffer_unordered(AT_A_TIME);
        asked.try_collect().await
    }

    /// Reads a copy's file.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn picture(&self, entry: &Entry) -> Result<Option<Object>> {
        self.bucket.copy(&entry.key).await
    }
}
