//! Delays between deliveries of a record, and the number of deliveries.

use std::time::Duration;

/// Exponential backoff with jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Delay after the first failure.
    pub initial: Duration,
    /// Longest delay.
    pub max: Duration,
}

impl Backoff {
    /// Returns the delay after this many failures; `random` is from 0 to 1.
    ///
    /// Half of the delay is fixed and half is random: records that failed together are not retried
    /// together, and none is retried immediately.
    pub fn delay(&self, failures: u32, random: f64) -> Duration {
        let factor = 2_u32.saturating_pow(failures.saturating_sub(1).min(31));
        let full = self.initial.saturating_mul(factor).min(self.max);
        full / 2 + (full / 2).mul_f64(random.clamp(0.0, 1.0))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(200),
            max: Duration::from_secs(30),
        }
    }
}

/// Failed deliveries of one record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Failures {
    pub(crate) all: u32,
    /// Those that count for the limit.
    pub(crate) counted: u32,
    /// Those of the handler itself.
    pub(crate) crashes: u32,
}

/// Numbers of failures after which a record goes to the dead letters although it might still
/// succeed; 0 means never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryLimit {
    /// Failures of any kind.
    pub failures: u32,
    /// Failures of the handler itself. Without a limit, a record that crashes it would hold up its
    /// partition forever.
    pub crashes: u32,
}

impl RetryLimit {
    /// Reports whether the limit is reached after this many failures, of which `crashes` were the
    /// handler's own.
    pub fn is_reached(&self, failures: u32, crashes: u32) -> bool {
        let reached = |limit: u32, count: u32| limit != 0 && count >= limit;
        reached(self.failures, failures) || reached(self.crashes, crashes)
    }
}

impl Default for RetryLimit {
    fn default() -> Self {
        Self {
            failures: 0,
            crashes: 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn delay_doubles_up_to_the_maximum() {
        let backoff = Backoff {
            initial: Duration::from_millis(100),
            max: Duration::from_secs(1),
        };
        let longest = |failures| backoff.delay(failures, 1.0).as_millis();
        assert_eq!([1, 2, 3, 4, 5].map(longest), [100, 200, 400, 800, 1000]);
        assert_eq!(backoff.delay(1, 0.0).as_millis(), 50);
    }

    #[test]
    fn retry_limit_is_reached_by_failures_or_crashes() {
        let limit = |failures, crashes| RetryLimit { failures, crashes };
        assert!(!limit(0, 0).is_reached(1000, 1000));
        assert!(!limit(3, 0).is_reached(2, 2) && limit(3, 0).is_reached(3, 0));
        assert!(!limit(0, 3).is_reached(9, 2) && limit(0, 3).is_reached(3, 3));
    }

    proptest! {
        #[test]
        fn delay_is_bounded_on_both_sides(
            initial in 1_u64..10_000, max in 1_u64..1_000_000, failures: u32, random in 0.0..1.0,
        ) {
            let (initial, max) = (Duration::from_millis(initial), Duration::from_millis(max));
            let delay = Backoff { initial, max }.delay(failures, random);
            prop_assert!(delay <= max);
            prop_assert!(delay >= initial.min(max) / 2);
        }
    }
}
