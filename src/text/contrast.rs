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
    pub(super) fn of(mut levels: Vec<u8>) -> Levels {
        levels.sort_unstable();
        let part = |percent: usize| i32::from(levels[(levels.len() - 1) * percent / 100]);
        let ground = part(50);
        Levels {
            ground,
            contrasts: [part(99) - ground, part(1) - ground],
        }
    }
}
