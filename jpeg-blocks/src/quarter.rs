//! The picture at a quarter of its width and height, computed directly from the coefficients.
//!
//! The mean of a 4 x 4 quadrant of a block is a linear map of its coefficients. Only the
//! frequencies 0, 1, 3, 5 and 7 contribute, and the four quadrants differ only in signs, so that
//! three sums over the non-zero coefficients replace the transform. Blocks at the picture's edges,
//! and those in which a decoder would clamp samples at black or white, are transformed after all.

use crate::{
    block::Block,
    dct::inverse,
    headers::{Steps, ZIGZAG},
};

/// A gray image: one byte per pixel in row-major order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrayImage {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `width * height` levels.
    pub levels: Vec<u8>,
}

/// Builds the reduced picture block by block.
#[derive(Debug, Clone)]
pub(crate) struct QuarterScaler {
    image: GrayImage,
    /// Size of the full picture.
    width: usize,
    height: usize,
    steps: Steps,
    /// Gray levels per unit of the DC coefficient.
    flat: f32,
    /// For each coefficient in zigzag order: its weight in the mean of the first quadrant, by
    /// whether its sign changes horizontally, vertically or both; last, the most by which it can
    /// change a sample.
    weights: [[f32; 4]; 64],
}

/// Sums over the AC coefficients of a block, each with one of their weights.
pub(crate) type Sums = [f32; 4];

/// Number of levels by which samples may exceed black or white without counting as clamped.
const SLACK: f32 = 1.0;

impl QuarterScaler {
    pub(crate) fn new(width: usize, height: usize, steps: &Steps) -> QuarterScaler {
        let image = GrayImage {
            width: width.div_ceil(4),
            height: height.div_ceil(4),
            levels: vec![0; width.div_ceil(4) * height.div_ceil(4)],
        };
        // Mean of the first four samples of a frequency's wave.
        let mean = |f: usize| -> f32 {
            let wave =
                |x: usize| ((2 * x + 1) as f64 * f as f64 * std::f64::consts::PI / 16.0).cos();
            let scale = if f == 0 { 0.5f64.sqrt() } else { 1.0 };
            ((0..4).map(wave).sum::<f64>() / 4.0 * scale / 2.0) as f32
        };
        let mut quarter = QuarterScaler {
            image,
            width,
            height,
            steps: *steps,
            flat: f32::from(steps[0]) / 8.0,
            weights: [[0.0; 4]; 64],
        };
        for (k, &place) in ZIGZAG.iter().enumerate() {
            let (u, v) = (usize::from(place % 8), usize::from(place / 8));
            let step = f32::from(steps[usize::from(place)]);
            let weights = &mut quarter.weights[k];
            let part = mean(u) * mean(v) * step;
            match (u % 2 == 1, v % 2 == 1) {
                (true, false) if v == 0 => weights[0] = part,
                (false, true) if u == 0 => weights[1] = part,
                (true, true) => weights[2] = part,
                // The mean over a quadrant is 0, or the coefficient is DC.
                _ => {}
            }
            let half = if u == 0 || v == 0 { 0.5f32.sqrt() } else { 1.0 };
            weights[3] = 0.25 * half * step;
        }
        quarter
    }

    /// Adds a coefficient to the sums of its block, given its zigzag index.
    #[inline(always)]
    pub(crate) fn sum(&self, sums: &mut Sums, k: usize, value: i32) {
        let (value, weights) = (value as f32, &self.weights[k & 63]);
        let values = [value, value, value, value.abs()];
        for ((sum, value), weight) in sums.iter_mut().zip(values).zip(weights) {
            *sum += value * weight;
        }
    }

    /// Adds the block at this position, in blocks, given the sums over its AC coefficients.
    #[inline]
    pub(crate) fn add(&mut self, bx: usize, by: usize, block: &Block, sums: Sums) {
        let flat = 128.0 + f32::from(block.c[0]) * self.flat;
        let [across, down, both, reach] = sums;
        let clamped = flat - reach < -SLACK || flat + reach > 255.0 + SLACK;
        let edge = 8 * bx + 8 > self.width || 8 * by + 8 > self.height;
        if clamped || edge {
            self.add_exact(bx, by, block);
            return;
        }
        let level = |v: f32| (v + 0.5) as u8;
        let at = 2 * by * self.image.width + 2 * bx;
        let (upper, lower) = (at, at + self.image.width);
        let levels = &mut self.image.levels;
        levels[upper..upper + 2].copy_from_slice(&[
            level(flat + across + down + both),
            level(flat - across + down - both),
        ]);
        levels[lower..lower + 2].copy_from_slice(&[
            level(flat + across - down - both),
            level(flat - across - down + both),
        ]);
    }

    /// Adds a block by transforming it; averages only the samples inside of the picture.
    #[inline(never)]
    fn add_exact(&mut self, bx: usize, by: usize, block: &Block) {
        let samples = inverse(block, &self.steps);
        for (qx, qy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let (left, top) = (8 * bx + 4 * qx, 8 * by + 4 * qy);
            let (wide, tall) = (
                self.width.saturating_sub(left).min(4),
                self.height.saturating_sub(top).min(4),
            );
            if wide == 0 || tall == 0 {
                continue;
            }
            let mut sum = 0;
            for y in 0..tall {
                let row = &samples[8 * (4 * qy + y) + 4 * qx..][..wide];
                sum += row.iter().map(|&s| usize::from(s)).sum::<usize>();
            }
            let area = wide * tall;
            self.image.levels[(top / 4) * self.image.width + left / 4] =
                ((sum + area / 2) / area) as u8;
        }
    }

    pub(crate) fn finish(self) -> GrayImage {
        self.image
    }
}

/// Halves a quarter-size picture again. The means are weighted by the number of samples inside of a
/// full picture of this size.
pub(crate) fn halve(quarter: &GrayImage, width: usize, height: usize) -> GrayImage {
    let (across, down) = (width.div_ceil(8), height.div_ceil(8));
    let mut levels = Vec::with_capacity(across * down);
    for y in 0..down {
        for x in 0..across {
            let (mut sum, mut area) = (0, 0);
            for (qx, qy) in [
                (2 * x, 2 * y),
                (2 * x + 1, 2 * y),
                (2 * x, 2 * y + 1),
                (2 * x + 1, 2 * y + 1),
            ] {
                let samples =
                    width.saturating_sub(4 * qx).min(4) * height.saturating_sub(4 * qy).min(4);
                if samples > 0 {
                    sum += samples * usize::from(quarter.levels[qy * quarter.width + qx]);
                    area += samples;
                }
            }
            levels.push(((sum + area / 2) / area) as u8);
        }
    }
    GrayImage {
        width: across,
        height: down,
        levels,
    }
}
