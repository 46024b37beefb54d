//! The audit log of the page: who signed in, saw and decided what, in a bucket of its own.
//!
//! ```text
//! log/00000000000000000001   events, and the SHA-256 of the entry before; PUT If-None-Match: *
//! log/00000000000000000002   ...
//! head                       number and SHA-256 of the newest entry; PUT If-Match
//! ended/ID                   a session that pages share has ended
//! ```
//!
//! An intent is stored before anything happens and its outcome afterwards, so that a crash leaves
//! an intent without an outcome and never an act without an entry. Entries are a chain: a changed,
//! removed or inserted one breaks it, and the head shows if the end is missing. Nothing in it comes
//! from a picture or a key: copies and sources appear as digests.

mod chain;
mod ended;
mod event;
#[cfg(test)]
mod tests;
mod verify;

use std::sync::Arc;

use anyhow::{Context, Result};
use s3::Client;
use tokio::sync::{mpsc, oneshot};

use self::chain::Chain;
pub use self::{
    chain::Head,
    event::{Action, Event, Phase},
    verify::{Entry, Log, read},
};

/// Events that wait for an entry; those who have more to say wait too.
const WAITING: usize = 1024;
/// Events of one entry.
const MOST: usize = 200;

/// An event, and the place to which its fate is reported.
type Waiting = (Event, oneshot::Sender<Result<(), Arc<anyhow::Error>>>);

/// The log. Clones share it.
#[derive(Clone)]
pub struct Audit {
    client: Client,
    bucket: String,
    events: mpsc::Sender<Waiting>,
}

/// An intent that is in the log.
#[must_use = "its outcome belongs into the log"]
pub struct Intent(Event);

impl Audit {
    /// Writes into this bucket with this client's keys.
    pub fn new(client: Client, bucket: String) -> Self {
        let (events, waiting) = mpsc::channel(WAITING);
        tokio::spawn(write(Chain::new(client.clone(), bucket.clone()), waiting));
        Self {
            client,
            bucket,
            events,
        }
    }

    /// Checks that the bucket exists, and that the store checks conditions in it.
    ///
    /// # Errors
    /// When it is missing, the user may not write there, or it is versioned and the gateway ignores
    /// or always refuses conditions there, as those of Ceph 16 and 18 do.
    pub async fn check(&self) -> Result<()> {
        chain::check(&self.client, &self.bucket).await
    }

    /// Checks the entries after one that was read before, or the whole log.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn read_after(&self, after: Option<Head>) -> Result<Log> {
        let after = after.unwrap_or_else(Head::start);
        verify::read_after(&self.client, &self.bucket, after, None, |_| Ok(())).await
    }

    /// Stores an event. Events of several people at the same time become one entry.
    ///
    /// # Errors
    /// When the store refuses it; then what the event describes must not happen.
    pub async fn record(&self, event: Event) -> Result<()> {
        let (sender, stored) = oneshot::channel();
        let sent = self.events.send((event, sender)).await;
        sent.ok().context("the audit log has ended")?;
        let stored = stored.await.context("the audit log has ended")?;
        stored.map_err(|error| anyhow::anyhow!("the audit log: {error:#}"))
    }

    /// Stores that something is about to happen.
    ///
    /// # Errors
    /// As [`Audit::record`].
    pub async fn intend(&self, event: Event) -> Result<Intent> {
        let event = event.intent();
        self.record(event.clone()).await?;
        Ok(Intent(event))
    }

    /// Stores the outcome. If that fails, the log has the intent alone.
    pub async fn conclude(&self, intent: Intent, result: &str) {
        if let Err(error) = self.record(intent.0.outcome(result)).await {
            tracing::warn!("an outcome is missing: {error:#}");
        }
    }
}

/// Writes entries until nobody can send an event any longer.
async fn write(mut chain: Chain, mut waiting: mpsc::Receiver<Waiting>) {
    let mut batch = Vec::with_capacity(MOST);
    while waiting.recv_many(&mut batch, MOST).await > 0 {
        let (events, senders): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        let stored = chain.append(events).await.map_err(Arc::new);
        for sender in senders {
            // Somebody who has gone does not want to know.
            _ = sender.send(stored.clone());
        }
    }
}
