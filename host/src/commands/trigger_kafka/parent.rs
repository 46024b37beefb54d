//! Detection of the parent's end: a process is not notified when its parent is killed.

use std::{os::unix::process::parent_id, time::Duration};

/// Interval between two checks.
const INTERVAL: Duration = Duration::from_millis(200);

/// Waits until the process that was the parent at the time of the call has ended.
pub fn gone() -> impl Future<Output = ()> {
    let parent = parent_id();
    async move {
        let mut tick = tokio::time::interval(INTERVAL);
        while parent_id() == parent {
            tick.tick().await;
        }
    }
}
