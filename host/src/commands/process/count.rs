//! Totals of a run.

use std::{path::Path, process::ExitCode};

use xray::{error::Outcome, report::Report};

/// Numbers of pictures by result.
#[derive(Debug, Default)]
pub(super) struct Count {
    done: usize,
    failed: usize,
    /// Pictures whose copy is due but may still contain text, or could not be made.
    quarantined: usize,
    /// Exit code, if a signal stopped the run.
    pub(super) stopped: Option<u8>,
}

impl Count {
    /// Counts one picture.
    pub(super) fn add(&mut self, report: Option<&Report>, error: Option<&str>) {
        self.done += 1;
        match report.map(|report| report.outcome) {
            Some(Outcome::Quarantined) => self.quarantined += 1,
            _ => self.failed += usize::from(error.is_some()),
        }
    }

    /// Summarizes the run in a sentence.
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

    /// Returns the exit code: a failure if a picture did not get all outputs that are due.
    pub(super) fn code(&self) -> ExitCode {
        match self.stopped {
            Some(code) => ExitCode::from(code),
            None if self.failed + self.quarantined > 0 => ExitCode::FAILURE,
            None => ExitCode::SUCCESS,
        }
    }
}
