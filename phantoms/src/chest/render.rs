//! Renders a chest to pixels: drawn at half size, enlarged, with film grain.

use image::GrayImage;

use super::{Chest, noise::step};
use crate::seed::{Seed, mix};

/// Exposure and geometry of one picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exposure {
    width: u32,
    height: u32,
    /// Height divided by width.
    shape: f32,
    /// Value shown as white.
    white: f32,
    /// Gamma; above 1 darkens the midtones.
    gamma: f32,
    /// Amplitude of the grain in gray levels.
    grain: f32,
    /// Share of the patient that is in the picture, across and down; above 1 shows more.
    field: (f32, f32),
    /// Lean of the patient, in radians.
    lean: f32,
    /// Vertical offset of the patient.
    drop: f32,
    /// Reach of the collimator blades from left, right, top and bottom, in widths; below 0 a blade
    /// is outside.
    blades: [f32; 4],
}

impl Exposure {
    /// Chooses an exposure for a chest of this severity.
    pub(crate) fn choose(seed: &mut Seed, severity: f32) -> Self {
        let width = 1000 + 4 * seed.below(201) as u32;
        let shape = seed.between(0.68, 0.84) - 0.04 * severity;
        Self {
            width,
            height: (width as f32 * shape) as u32,
            white: seed.between(0.80, 0.86),
            gamma: seed.between(0.90, 1.0),
            grain: seed.between(3.0, 5.0),
            shape,
            field: (
                seed.between(0.90, 0.96) + 0.08 * severity,
                seed.between(1.07, 1.13) - 0.12 * severity,
            ),
            lean: seed.between(-0.035, 0.035),
            drop: seed.between(-0.03, 0.03),
            // Two of three blades stay outside the picture.
            blades: [(); 4].map(|()| seed.between(-0.05, 0.025)),
        }
    }

    /// Returns the share of the beam that the collimator lets through; `x` and `y` are in widths of
    /// the picture.
    fn open(&self, x: f32, y: f32) -> f32 {
        let [left, right, top, bottom] = self.blades;
        let edge = |blade: f32, at: f32| step(blade - 0.002, blade + 0.002, at);
        // Blades are straight, but not quite parallel to the picture's sides.
        let tilt = 0.12 * self.lean;
        let across = edge(left, x + tilt * y) * edge(right, 1.0 - x - tilt * y);
        let down = edge(top, y - tilt * x) * edge(bottom, self.shape - y + tilt * x);
        0.04 + 0.96 * across * down
    }
}

/// Renders `chest` without any text.
pub(crate) fn render(chest: &Chest, exposure: &Exposure, grain: u64) -> GrayImage {
    let (w, h) = (exposure.width as usize, exposure.height as usize);
    let (half_w, half_h) = (w.div_ceil(2) + 1, h.div_ceil(2) + 1);
    let mut half = Vec::with_capacity(half_w * half_h);
    for y in 0..half_h {
        let v = exposure.field.1 * (2.0 * y as f32 / h as f32 - 0.5) + 0.5 - exposure.drop;
        for x in 0..half_w {
            let u = exposure.field.0 * (4.0 * x as f32 / w as f32 - 1.0);
            let (u, v) = (u + exposure.lean * (v - 0.5), v - 0.5 * exposure.lean * u);
            let value = (chest.at(u, v) / exposure.white).clamp(0.0, 1.0);
            let (across, down) = (2.0 * x as f32 / w as f32, 2.0 * y as f32 / w as f32);
            half.push(250.0 * value.powf(exposure.gamma) * exposure.open(across, down));
        }
    }
    let mut pixels = Vec::with_capacity(w * h);
    for y in 0..h {
        let top = &half[y / 2 * half_w..][..half_w];
        let bottom = &half[y.div_ceil(2) * half_w..][..half_w];
        let mut random = mix(grain ^ y as u64);
        for x in 0..w {
            let (left, right) = (x / 2, x.div_ceil(2));
            let value = 0.25 * (top[left] + top[right] + bottom[left] + bottom[right]);
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // The sum of two uniform distributions is close enough to a normal one.
            let noise = ((random & 0xFFFF) + (random >> 16 & 0xFFFF)) as f32 / 65536.0 - 1.0;
            let strength = exposure.grain * (0.25 + value / 250.0);
            pixels.push((value + strength * noise + 0.5).clamp(0.0, 255.0) as u8);
        }
    }
    GrayImage::from_raw(exposure.width, exposure.height, pixels).expect("one byte per pixel")
}
