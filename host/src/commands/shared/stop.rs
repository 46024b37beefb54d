//! Interruption of a command in the middle of its work.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Catches SIGTERM and SIGINT from its creation on.
pub(crate) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// Installs the signal handlers.
    ///
    /// # Errors
    /// Returns an error if the system does not allow it.
    pub(crate) fn new() -> Result<Self> {
        let catch = |kind| signal(kind).context("cannot catch signals");
        let terminate = catch(SignalKind::terminate())?;
        Ok(Self {
            terminate,
            interrupt: catch(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next signal and returns the exit code that a shell gives for it.
    pub(crate) async fn asked(&mut self) -> u8 {
        let kind = tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        };
        128 + kind.as_raw_value() as u8
    }
}
