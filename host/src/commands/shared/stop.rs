//! Being asked to stop in the middle of the work.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Catches SIGTERM and SIGINT from when it is made.
pub(crate) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// Catches the signals.
    ///
    /// # Errors
    /// When the system does not let it.
    pub(crate) fn new() -> Result<Self> {
        let catch = |kind| signal(kind).context("cannot catch signals");
        let terminate = catch(SignalKind::terminate())?;
        Ok(Self {
            terminate,
            interrupt: catch(SignalKind::interrupt())?,
        })
    }

    /// Ready at the next signal, with the code that a shell would give for dying of it.
    pub(crate) async fn asked(&mut self) -> u8 {
        let kind = tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        };
        128 + kind.as_raw_value() as u8
    }
}
