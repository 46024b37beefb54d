//! The signals that end the host.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal as listen};

/// Signals that come so close together are one wish: at Ctrl-C a terminal sends SIGINT to everybody in the
/// foreground, and a parent such as `spin up` sends SIGTERM on top of it.
const ONE_WISH: Duration = Duration::from_secs(1);

/// Ready at the first SIGTERM or SIGINT. Another one, later than [`ONE_WISH`], ends the process at once: who sends it
/// does not want to wait for what is still running.
///
/// # Errors
/// When the signals cannot be caught.
pub fn signal() -> Result<impl Future<Output = ()>> {
    let listen = |kind| listen(kind).context("cannot catch signals");
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    Ok(async move {
        either(&mut terminate, &mut interrupt).await;
        let first = Instant::now();
        tracing::info!("finishing the requests that are running; a second signal ends at once");
        tokio::spawn(async move {
            loop {
                let code = either(&mut terminate, &mut interrupt).await;
                if first.elapsed() > ONE_WISH {
                    std::process::exit(128 + code);
                }
            }
        });
    })
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> i32 {
    tokio::select! {
        _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
        _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
    }
}
