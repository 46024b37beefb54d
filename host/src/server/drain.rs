//! The signals that end the host.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal as listen};

/// Ready at the first SIGTERM or SIGINT. A second one ends the process at once: who sends it does
/// not want to wait for the requests that are still running.
///
/// # Errors
/// When the signals cannot be caught.
pub fn signal() -> Result<impl Future<Output = ()>> {
    let listen = |kind| listen(kind).context("cannot catch signals");
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    Ok(async move {
        either(&mut terminate, &mut interrupt).await;
        eprintln!("xray: finishing the requests that are running; a second signal ends at once");
        tokio::spawn(async move {
            let code = either(&mut terminate, &mut interrupt).await;
            std::process::exit(128 + code);
        });
    })
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> i32 {
    tokio::select! {
        _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
        _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
    }
}
