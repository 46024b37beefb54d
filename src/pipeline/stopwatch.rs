//! The time that each step takes.

use std::time::Duration;

/// Measures one step after the other by a monotonic clock with any start.
pub(super) struct Stopwatch<C> {
    clock: C,
    mark: Duration,
}

impl<C: Fn() -> Duration> Stopwatch<C> {
    /// Starts the first step.
    pub(super) fn start(clock: C) -> Self {
        let mark = clock();
        Self { clock, mark }
    }

    /// Ends a step, starts the next, and returns the time of the ended one.
    pub(super) fn lap(&mut self) -> Duration {
        let now = (self.clock)();
        let taken = now.saturating_sub(self.mark);
        self.mark = now;
        taken
    }
}
