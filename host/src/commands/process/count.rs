//! What all pictures of a run came to.

use std::{path::Path, process::ExitCode};

use crate::commands::shared::results::Report;

/// How many pictures ended how.
#[derive(Debug, Default)]
pub(super) struct Count {
    done: usize,
    failed: usize,
    /// Those whose copy is due and not clean for sure, or could not be made.
    quarantined: usize,
    /// The code to end with, if somebody asked to stop.
    pub(super) stopped: Option<u8>,
}

impl Count {
    /// Counts one more.
    pub(super) fn add(&mut self, report: &Report, error: Option<&str>) {
        self.done += 1;
        match report.is_quarantined() {
            true => self.quarantined += 1,
            false => self.failed += usize::from(error.is_some()),
        }
    }

    /// The sentence at the end.
    pub(super) fn sentence(&self, out: &Path) -> String {
        let apart = match self.quarantined {
            0 => String::new(),
            some => format!(", {some} quarantined"),
        };
        format!(
            "{} pictures, {} failed{apart}; outputs in {}",
            self.done,
            self.failed,
            out.display()
        )
    }

    /// A failure where a picture did not get all that is due.
    pub(super) fn code(&self) -> ExitCode {
        match self.stopped {
            Some(code) => ExitCode::from(code),
            None if self.failed + self.quarantined > 0 => ExitCode::FAILURE,
            None => ExitCode::SUCCESS,
        }
    }
}
