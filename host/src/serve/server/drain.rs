//! Signals that stop the host.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal as listen};

/// Window in which signals count as one: on Ctrl-C, a terminal sends SIGINT to all foreground
/// processes, and a parent such as `spin up` sends SIGTERM in addition.
const SAME_REQUEST: Duration = Duration::from_secs(1);

/// Returns a future that is ready at the first SIGTERM or SIGINT. A further signal, later than
/// [`SAME_REQUEST`], exits at once without waiting for running requests.
///
/// # Errors
/// When the signals can't be caught.
pub fn signal() -> Result<impl Future<Output = ()>> {
    let listen = |kind| listen(kind).context("cannot catch signals");
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    Ok(async move {
        either(&mut terminate, &mut interrupt).await;
        let first = Instant::now();
        tracing::info!(
            "finishing the requests that are running; send another signal to exit at once"
        );
        tokio::spawn(async move {
            loop {
                let code = either(&mut terminate, &mut interrupt).await;
                if first.elapsed() > SAME_REQUEST {
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
