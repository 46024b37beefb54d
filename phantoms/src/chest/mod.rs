//! Brightness of a chest X-ray at a point: a caricature, but an anatomically complete one.
//!
//! `u` runs from -1 at the left border of the picture (the patient's right) to 1, `v` from 0 at the
//! top to 1. The value is the film's: 0 is air, 1 is bone behind bone.

mod bones;
mod noise;
mod render;

use noise::{Noise, bell, lerp, step};
pub(crate) use render::{Exposure, render};

use crate::seed::Seed;

/// One patient's chest.
#[derive(Debug, Clone)]
pub(crate) struct Chest {
    center: f32,
    width: f32,
    apex: f32,
    domes: [f32; 2],
    heart: f32,
    rib_spacing: f32,
    rib_start: f32,
    rib_slope: f32,
    lung_depth: f32,
    haze: f32,
    crisp: f32,
    lesions: Vec<Lesion>,
    noise: Noise,
}

/// A cloudy patch in a lung.
#[derive(Debug, Clone)]
struct Lesion {
    u: f32,
    v: f32,
    radius: f32,
    strength: f32,
}

impl Chest {
    /// Makes a chest with pneumonia of this severity, from 0 (none) to 1.
    pub(crate) fn grow(seed: &mut Seed, severity: f32) -> Self {
        let lesions = if severity < 0.05 {
            0
        } else {
            2 + (severity * 6.0) as usize
        };
        let lesions = (0..lesions).map(|_| {
            let side = if seed.unit() < 0.5 { -1.0 } else { 1.0 };
            Lesion {
                u: side * seed.between(0.2, 0.55),
                v: seed.between(0.38, 0.72),
                radius: seed.between(0.10, 0.20),
                strength: severity * seed.between(0.35, 0.75),
            }
        });
        let lesions = lesions.collect();
        Self {
            center: seed.between(-0.03, 0.03),
            width: seed.between(0.70, 0.77),
            apex: seed.between(0.10, 0.15),
            domes: [seed.between(0.70, 0.74), seed.between(0.73, 0.77)],
            heart: seed.between(0.92, 1.06) + 0.05 * severity,
            rib_spacing: seed.between(0.082, 0.092),
            rib_start: seed.between(0.10, 0.14),
            rib_slope: seed.between(0.13, 0.19),
            lung_depth: seed.between(0.27, 0.31) - 0.04 * severity,
            haze: 0.35 * severity,
            crisp: seed.between(0.95, 1.1) - 0.5 * severity,
            lesions,
            noise: Noise(seed.next()),
        }
    }

    /// Returns the value at a point.
    fn at(&self, u: f32, v: f32) -> f32 {
        let u = u - self.center;
        let body = self.body(u, v);
        let limbs = self.limbs(u.abs(), v);
        if body <= 0.0 && limbs <= 0.0 {
            return 0.012 + 0.02 * bell(u.abs() - 0.95, 0.4);
        }
        let cage = self.cage(v);
        let a = u.abs() / cage;
        let lung = self.lung(u, v, cage);
        let heart = self.heart(u, v);
        let spine = self.spine(u, v);
        let (belly, gas) = self.abdomen(u, v);
        let mut value = body.max(limbs) + spine + (0.09 * heart).max(belly) - gas;
        if lung > 0.0 {
            let air = lung * (1.0 - 0.93 * heart) * (1.0 - 0.9 * step(0.16, 0.10, u.abs()));
            value += air * (self.vessels(u, v) - self.lung_depth * (1.0 - self.filled(u, v)));
        }
        value += self.bones(u, v, a, cage) * step(0.0, 0.15, body);
        value + 0.02 * (self.noise.cloud(6.0 * u, 6.0 * v) - 0.5)
    }

    /// Returns half the width of the rib cage at this height.
    fn cage(&self, v: f32) -> f32 {
        let below = ((0.86 - v) / (0.86 - self.apex + 0.03)).clamp(0.0, 1.0);
        let round = (1.0 - below.powf(2.4)).max(0.0).sqrt();
        self.width * (0.10 + 0.90 * round) + 0.03 * step(0.86, 1.0, v)
    }

    /// Adds up soft tissue of the trunk, the neck and the chin.
    fn body(&self, u: f32, v: f32) -> f32 {
        let a = u.abs();
        let waist = self.width + 0.14 - 0.05 * step(0.3, 0.7, v) + 0.02 * (9.0 * v).sin();
        let trunk_top = 0.01 + 0.16 * step(0.30, 0.95, a);
        let across = (1.0 - (a / waist).powi(2)).max(0.0).sqrt();
        let trunk = across * (1.15 - 0.15 * across) * step(trunk_top - 0.05, trunk_top + 0.07, v);
        let neck = step(0.38, 0.22, a) * step(0.20, 0.05, v);
        let chin = step(1.10, 0.94, (a / 0.36).powi(2) + ((v + 0.06) / 0.13).powi(2));
        (0.53 * trunk).max(0.40 * neck) + 0.13 * chin
    }

    /// Draws raised arms with their bones; `a` is the distance from the midline.
    fn limbs(&self, a: f32, v: f32) -> f32 {
        // Along the arm from the shoulder to the upper corner, and across it.
        let (along, across) = rotate(a - 0.76, v - 0.20, -0.62);
        let flesh = step(0.14, 0.08, across.abs()) * step(-0.12, 0.02, along);
        let shaft = step(0.048, 0.040, across.abs() - 0.02 * bell(along - 0.02, 0.06));
        let cortex = bell(across.abs() - 0.038, 0.012);
        let bone = (shaft * 0.12 + cortex * 0.12) * step(-0.03, 0.02, along);
        0.27 * flesh + bone
    }

    /// Returns 1 in the air of a lung, with soft borders.
    fn lung(&self, u: f32, v: f32, cage: f32) -> f32 {
        let a = u.abs();
        let side = step(cage - 0.015, cage - 0.055, a);
        // The heart sits on the diaphragm: no air between the two beside the spine.
        let middle = 0.07 + 0.09 * step(0.60, 0.72, v);
        let inner = step(middle, middle + 0.06, a);
        let top = step(
            self.apex,
            self.apex + 0.05,
            v - 0.05 * bell(a - 0.2, 0.2) + 0.05,
        );
        side * inner * top * step(0.008, -0.008, v - self.dome(u))
    }

    /// Returns the height of the diaphragm.
    fn dome(&self, u: f32) -> f32 {
        let left = step(-0.12, 0.12, u);
        let t = (u.abs() - lerp(0.30, 0.36, left)) / 0.40;
        let fall = if t > 0.0 { 0.15 * t * t } else { 0.02 * t * t };
        lerp(self.domes[0], self.domes[1], left) + fall
    }

    /// Returns the brightness that organs under the diaphragm add, and the darkness of the gas in
    /// them.
    fn abdomen(&self, u: f32, v: f32) -> (f32, f32) {
        let under = step(-0.005, 0.03, v - self.dome(u)) * step(0.80, 0.66, u.abs());
        let liver = lerp(0.10, 0.07, step(0.0, 0.25, u));
        let bubble = step(
            1.1,
            0.75,
            ((u - 0.33) / 0.15).powi(2) + ((v - 0.90) / 0.07).powi(2),
        );
        let gas = self.noise.cloud(3.0 * u + 3.0, 3.0 * v) * step(0.86, 0.98, v);
        (
            under * liver,
            under * (0.17 * bubble + 0.10 * gas * step(0.1, 0.3, u)),
        )
    }

    fn heart(&self, u: f32, v: f32) -> f32 {
        let (x, y) = rotate(u - 0.15, v - 0.61, 0.62);
        let left = (x / (0.36 * self.heart)).powi(2) + (y / (0.21 * self.heart)).powi(2);
        let right = ((u + 0.07) / (0.15 * self.heart)).powi(2) + ((v - 0.60) / 0.16).powi(2);
        let vessels = ((u - 0.015) / 0.15).powi(2) + ((v - 0.36) / 0.18).powi(2);
        let column = step(0.20, 0.12, u.abs()) * step(0.45, 0.60, v);
        let great = 0.85 * step(1.25, 0.75, vessels).max(column);
        step(1.09, 0.91, left.min(right)).max(great)
    }

    fn spine(&self, u: f32, v: f32) -> f32 {
        let a = u.abs();
        let band = step(0.17, 0.085, a) * step(1.15, 0.80, v);
        let bodies = step(-0.5, 0.4, (v * std::f32::consts::TAU / 0.073).sin());
        let pedicle = bell(a - 0.075, 0.016) * (0.4 + 0.6 * bodies);
        let windpipe = step(0.045, 0.025, a) * step(0.04, 0.10, v) * step(0.36, 0.30, v);
        0.085 * band + 0.03 * bodies * step(0.10, 0.06, a) + 0.035 * pedicle - 0.07 * windpipe
    }

    /// Draws vessels that branch from the root of each lung and fade outward.
    fn vessels(&self, u: f32, v: f32) -> f32 {
        let (x, y) = (u.abs() - 0.16, v - 0.46);
        let far = (x * x + 1.4 * y * y).sqrt();
        if far > 0.62 {
            return 0.0;
        }
        let angle = y.atan2(x + 0.06);
        let side = if u < 0.0 { 40.0 } else { 0.0 };
        let branches = self.noise.ridges(4.5 * angle + side, 6.0 * far);
        let mesh = self.noise.ridges(17.0 * u, 17.0 * v);
        let fade = (1.0 - far / 0.62).powf(1.3);
        self.crisp * fade * (0.24 * branches + 0.12 * mesh) + 0.10 * bell(far, 0.10)
    }

    /// Returns the share of air replaced by fluid, from 0 to 1.
    fn filled(&self, u: f32, v: f32) -> f32 {
        if self.haze <= 0.0 {
            return 0.0;
        }
        let cloud = self.noise.cloud(7.0 * u + 50.0, 7.0 * v);
        let mut filled = self.haze * (0.5 + cloud);
        for lesion in &self.lesions {
            let x = (u - lesion.u) / lesion.radius;
            let y = (v - lesion.v) / (lesion.radius * 1.2);
            filled += lesion.strength * (0.45 + 1.1 * cloud) * bell(x, 1.0) * bell(y, 1.0);
        }
        1.0 - 1.0 / (1.0 + filled + filled * filled)
    }
}

fn rotate(x: f32, y: f32, angle: f32) -> (f32, f32) {
    let (sin, cos) = angle.sin_cos();
    (x * cos + y * sin, y * cos - x * sin)
}
