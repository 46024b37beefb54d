//! Rate-limited `tracing` messages: one when something changes, not one a second while it lasts.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// Time during which a repeated message is suppressed.
const QUIET: Duration = Duration::from_secs(60);

/// Suppresses repetitions, by subject.
#[derive(Debug, Default)]
pub(crate) struct RateLimitedLog {
    last: Mutex<BTreeMap<&'static str, (String, Instant)>>,
    is_muted: AtomicBool,
}

impl RateLimitedLog {
    /// Mutes or unmutes the log. An error that ends the start is reported once, by the start.
    #[cfg_attr(not(feature = "rdkafka"), expect(dead_code))]
    pub(crate) fn mute(&self, is_muted: bool) {
        self.is_muted.store(is_muted, Ordering::Relaxed);
    }

    /// Emits a warning, unless the last one about `subject` was the same and recent. `text` must
    /// not contain anything of a record but its position.
    pub(crate) fn warn(&self, subject: &'static str, text: &str) {
        if self.is_due(subject, text) {
            tracing::warn!(target: "kafka_trigger", "{subject}: {text}");
        }
    }

    fn is_due(&self, subject: &'static str, text: &str) -> bool {
        if self.is_muted.load(Ordering::Relaxed) {
            return false;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some((said, at)) = last.get(subject)
            && said == text
            && now - *at < QUIET
        {
            return false;
        }
        last.insert(subject, (text.to_owned(), now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn log_suppresses_repetitions_for_a_minute() {
        let log = RateLimitedLog::default();
        assert!(log.is_due("commit", "failed"));
        assert!(!log.is_due("commit", "failed"));
        assert!(log.is_due("commit", "failed otherwise"));
        assert!(log.is_due("connection", "failed"));
        tokio::time::advance(QUIET).await;
        assert!(log.is_due("commit", "failed otherwise"));
    }
}
