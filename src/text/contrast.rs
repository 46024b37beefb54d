//! The ground of print, and the contrasts that its ink may have.

/// Levels of a part of a picture.
pub(super) struct Levels {
    /// The level of the ground: the median.
    pub ground: i32,
    /// The differences of the brightest and the darkest hundredth from the ground.
    pub contrasts: [i32; 2],
}

impl Levels {
    /// Measures levels, of which there is at least one.
    pub(super) fn of(levels: &[u8]) -> Levels {
        let mut counts = [0usize; 256];
        for level in levels {
            counts[usize::from(*level)] += 1;
        }
        // The level at this share of all of them in order.
        let part = |percent: usize| {
            let mut left = (levels.len() - 1) * percent / 100;
            let at = counts.iter().position(|&count| {
                let is_here = left < count;
                left = left.saturating_sub(count);
                is_here
            });
            at.unwrap_or(0) as i32
        };
        let ground = part(50);
        Levels {
            ground,
            contrasts: [part(99) - ground, part(1) - ground],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn levels_are_those_of_the_sorted_ones(levels in prop::collection::vec(any::<u8>(), 1..500)) {
            let Levels { ground, contrasts } = Levels::of(&levels);
            let mut sorted = levels;
            sorted.sort_unstable();
            let part = |percent| i32::from(sorted[(sorted.len() - 1) * percent / 100]);
            prop_assert_eq!(ground, part(50));
            prop_assert_eq!(contrasts, [part(99) - ground, part(1) - ground]);
        }
    }
}
