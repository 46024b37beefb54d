//! Learning that the parent is gone: nobody tells a process whose parent was killed.

use std::{os::unix::process::parent_id, time::Duration};

/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(200);

/// Ready when the process that was the parent at the time of the call is not any more.
pub fn gone() -> impl Future<Output = ()> {
    let parent = parent_id();
    async move {
        let mut tick = tokio::time::interval(INTERVAL);
        while parent_id() == parent {
            tick.tick().await;
        }
    }
}
