//! Smooth random fields, which make a lung look grown rather than drawn.

use crate::seed::mix;

/// Value noise over a lattice of random numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise(pub(super) u64);

impl Noise {
    fn corner(self, x: i32, y: i32) -> f32 {
        let at = (x as u32 as u64) << 32 | y as u32 as u64;
        (mix(self.0 ^ at) >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Returns a value from 0 to 1 that varies smoothly over one unit.
    pub(super) fn at(self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let (fx, fy) = (ease(x - left), ease(y - top));
        let (x, y) = (left as i32, top as i32);
        let upper = lerp(self.corner(x, y), self.corner(x + 1, y), fx);
        let lower = lerp(self.corner(x, y + 1), self.corner(x + 1, y + 1), fx);
        lerp(upper, lower, fy)
    }

    /// Sums three octaves, from 0 to 1.
    pub(super) fn cloud(self, x: f32, y: f32) -> f32 {
        0.57 * self.at(x, y)
            + 0.29 * self.at(2.03 * x + 17.0, 2.03 * y)
            + 0.14 * self.at(4.1 * x, 4.1 * y + 31.0)
    }

    /// Returns ridged noise, from 0 to 1: thin bright lines where the field crosses its mean, as
    /// vessels do.
    pub(super) fn ridges(self, x: f32, y: f32) -> f32 {
        let coarse = 1.0 - (2.0 * self.at(x, y) - 1.0).abs();
        let fine = 1.0 - (2.0 * self.at(2.3 * x + 5.0, 2.3 * y + 9.0) - 1.0).abs();
        coarse.powi(5) * 0.65 + fine.powi(5) * 0.35
    }
}

pub(super) fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

fn ease(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

/// Smoothstep: 0 before `from`, 1 after `to`; descends when `to` is smaller.
pub(super) fn step(from: f32, to: f32, x: f32) -> f32 {
    ease(((x - from) / (to - from)).clamp(0.0, 1.0))
}

/// Gaussian bell of height 1 around 0; it falls to 1/e at `width`.
pub(super) fn bell(x: f32, width: f32) -> f32 {
    let t = x / width;
    if t.abs() > 3.0 { 0.0 } else { (-t * t).exp() }
}
