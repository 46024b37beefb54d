//! Bones of the trunk, added to the soft tissue.

use super::{
    Chest,
    noise::{bell, lerp, step},
};

impl Chest {
    /// Draws posterior and anterior ribs, the outline of the cage, and the clavicles.
    pub(super) fn bones(&self, u: f32, v: f32, a: f32, cage: f32) -> f32 {
        let mut bones = 0.0;
        let shine = self.crisp * (1.0 - 0.45 * step(0.0, 0.06, v - self.dome(u)));
        if a < 1.06 && v > self.apex - 0.04 {
            let shift = self.rib_start + if u < 0.0 { 0.0 } else { 0.006 };
            let arc = self.rib_slope * a.powf(2.1) - 0.035 * (a * 3.1).sin();
            let behind = (v - shift - arc) / self.rib_spacing;
            if (0.0..11.0).contains(&behind) {
                bones +=
                    rib(behind, 0.19) * 0.17 * shine * step(0.12, 0.22, a) * step(1.06, 1.0, a);
            }
            let front = (v - shift - 0.05 + 0.30 * (a - 1.0) + 0.06 * (a * 3.1).sin()) / 0.100;
            if (1.0..8.0).contains(&front) {
                bones +=
                    rib(front, 0.22) * 0.065 * shine * step(0.42, 0.60, a) * step(1.05, 0.98, a);
            }
            let wall = bell((a - 0.985) * cage, 0.020 + 0.006 * (v * 70.0).sin());
            bones += 0.19 * shine * wall * step(self.apex, self.apex + 0.1, v);
        }
        let x = u.abs();
        let collar = 0.165 - 0.05 * step(0.08, 0.45, x) + 0.020 * (x * 8.0).sin();
        let thick = 0.016 + 0.006 * bell(x - 0.1, 0.06) + 0.004 * step(0.4, 0.6, x);
        let length = step(0.07, 0.10, x) * step(0.66, 0.62, x);
        let away = (v - collar).abs();
        let edge = bell(away - thick, 0.006);
        bones += length * (0.08 * step(thick + 0.004, thick - 0.004, away) + 0.06 * edge);
        bones + blade(x, v)
    }
}

/// Draws a scapula: a plate that tapers downward with a bright inner border; `x` is the distance
/// from the midline.
fn blade(x: f32, v: f32) -> f32 {
    let inner = 0.60 + 0.10 * v;
    let outer = 0.80 - 0.34 * (v - 0.18);
    let height = step(0.13, 0.18, v) * step(0.50, 0.40, v);
    let plate = step(inner - 0.01, inner + 0.02, x) * step(outer + 0.01, outer - 0.02, x);
    height * (0.05 * plate + 0.05 * bell(x - outer, 0.012) + 0.03 * bell(x - inner, 0.010))
}

/// Draws one rib per integer of `t`: a faint band with bright edges, the lower one thinner.
fn rib(t: f32, half: f32) -> f32 {
    let from_middle = t.fract() - 0.5;
    let band = step(half + 0.04, half - 0.04, from_middle.abs());
    let upper = bell(from_middle + half, 0.055);
    let lower = bell(from_middle - half, 0.045);
    lerp(0.0, 0.62, band) + 0.45 * upper + 0.30 * lower
}
