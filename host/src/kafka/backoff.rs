//! How long to wait before a record is delivered again.

use std::time::Duration;

/// Doubling pauses with jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The pause after the first failure.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Backoff {
    /// The pause after this many failures; `random` is from 0 to 1.
    ///
    /// Half of it is fixed and half is chance: records that failed together do not come again together, and none
    /// comes again at once.
    pub fn pause(&self, failures: u32, random: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(31));
        let full = self.first.saturating_mul(doubled).min(self.longest);
        full / 2 + (full / 2).mul_f64(random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(1),
        };
        let longest = |failures| backoff.pause(failures, 1.0).as_millis();
        assert_eq!([1, 2, 3, 4, 5].map(longest), [100, 200, 400, 800, 1000]);
        assert_eq!(backoff.pause(1, 0.0).as_millis(), 50);
    }

    proptest! {
        #[test]
        fn a_pause_is_bounded_on_both_sides(first in 1_u64..10_000, longest in 1_u64..1_000_000, failures: u32, random in 0.0..1.0) {
            let (first, longest) = (Duration::from_millis(first), Duration::from_millis(longest));
            let pause = Backoff { first, longest }.pause(failures, random);
            prop_assert!(pause <= longest);
            prop_assert!(pause >= first.min(longest) / 2);
        }
    }
}
