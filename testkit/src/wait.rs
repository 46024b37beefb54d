//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// Longest time that a condition may take.
const LIMIT: Duration = Duration::from_secs(120);
/// Pause between two checks.
const PAUSE: Duration = Duration::from_millis(20);

/// Checks a condition, with short pauses, until it holds.
///
/// # Panics
/// If it does not hold within two minutes.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < LIMIT, "never: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Does the same as [`until`] with an asynchronous condition.
///
/// # Panics
/// If it does not hold within two minutes.
pub async fn until_async(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < LIMIT, "never: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
