//! Figures of the review for Prometheus: copies that wait, and faults of the audit log.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

use super::{
    audit::{Audit, Head},
    review::Review,
};

/// Time between two looks at the entries that were added.
const PERIOD: Duration = Duration::from_secs(60);
/// Time between two looks at the whole log, which is a request an entry.
const WHOLE: Duration = Duration::from_secs(24 * 60 * 60);
/// The same while the log has faults, which don't go away by themselves.
const WITH_FAULTS: Duration = Duration::from_secs(60 * 60);

/// Figures that Prometheus reads.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    waiting: Gauge,
    oldest: Gauge,
    entries: Gauge,
    faults: Gauge,
    not_sent: Counter,
}

impl Figures {
    /// Registers the figures, below the host's common prefix.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "quarantine_waiting",
            "Copies in quarantine without a decision",
            self.waiting.clone(),
        );
        registry.register(
            "quarantine_oldest_timestamp_seconds",
            "Time at which the oldest copy without a decision was stored; 0 without any",
            self.oldest.clone(),
        );
        registry.register(
            "audit_entries",
            "Entries of the audit log",
            self.entries.clone(),
        );
        registry.register(
            "audit_faults",
            "Faults of the audit log: changed, removed or inserted entries",
            self.faults.clone(),
        );
        registry.register(
            "release_archive_failures",
            "Attempts to send a released copy to the research archive that failed",
            self.not_sent.clone(),
        );
    }

    /// Counts an attempt at which the research archive did not take a released copy.
    pub(super) fn not_sent(&self) {
        self.not_sent.inc();
    }

    /// Sets the copies that wait: their number, and the time of the oldest in milliseconds.
    pub(super) fn wait(&self, waiting: usize, oldest: Option<i64>) {
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.oldest.set(oldest.unwrap_or(0) / 1000);
    }

    /// Looks at the audit log again and again, until the process ends.
    pub(super) fn watch(&self, review: &Arc<Review>) {
        let (this, audit) = (self.clone(), review.audit().clone());
        tokio::spawn(async move {
            let mut seen = None;
            loop {
                seen = this.look(&audit, seen, Instant::now()).await;
                tokio::time::sleep(PERIOD).await;
            }
        });
    }

    /// Checks the log, or what was added to it since the last look at all of it.
    async fn look(&self, audit: &Audit, seen: Option<Seen>, now: Instant) -> Option<Seen> {
        let is_due = |seen: &Seen| now.duration_since(seen.whole) >= seen.period();
        let seen = seen.filter(|seen| !is_due(seen));
        let from = seen.as_ref().map(|seen| seen.end.clone());
        let log = match audit.read_after(from).await {
            Ok(log) => log,
            Err(error) => {
                tracing::warn!("the audit log can't be checked: {error:#}");
                return seen;
            }
        };
        for fault in &log.faults {
            tracing::error!("the audit log is not whole: {fault}");
        }
        let before = seen.as_ref().map_or(0, |seen| seen.faults);
        let seen = Seen {
            whole: seen.map_or(now, |seen| seen.whole),
            faults: before.max(log.faults.len()),
            end: log.end,
        };
        self.faults
            .set(i64::try_from(seen.faults).unwrap_or(i64::MAX));
        self.entries
            .set(i64::try_from(seen.end.number).unwrap_or(i64::MAX));
        Some(seen)
    }
}

/// Results of earlier looks.
struct Seen {
    /// Time of the last look at the whole log.
    whole: Instant,
    faults: usize,
    /// Last entry.
    end: Head,
}

impl Seen {
    fn period(&self) -> Duration {
        if self.faults > 0 { WITH_FAULTS } else { WHOLE }
    }
}
