//! The whole picture, made as small as the model wants it.
//!
//! The rules are defined on decoded pixels in `models/README.md`; training uses the same, and a test holds both to
//! one grey level.

use std::borrow::Cow;

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer, images::Image as View,
};
use image::DynamicImage;

use crate::model::contract::Resize;

/// A picture's brightness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grey {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// `width * height` levels.
    pub levels: Vec<u8>,
}

impl Grey {
    /// Of all pixels.
    pub fn of(pixels: &DynamicImage) -> Grey {
        Grey {
            width: pixels.width() as usize,
            height: pixels.height() as usize,
            levels: grey_levels(pixels),
        }
    }

    /// The averages of boxes of `factor` x `factor` pixels.
    pub fn reduced(&self, factor: usize) -> Cow<'_, Grey> {
        if factor == 1 {
            return Cow::Borrowed(self);
        }
        let (levels, width, height) = box_average(&self.levels, self.width, self.height, 1, factor);
        Cow::Owned(Grey {
            width,
            height,
            levels,
        })
    }
}

/// One grey level a pixel, `width * height` of them.
pub fn grey(pixels: &DynamicImage, width: u32, height: u32, rule: Resize) -> Vec<u8> {
    let (w, h) = (pixels.width() as usize, pixels.height() as usize);
    resize(
        &grey_levels(pixels),
        w,
        h,
        1,
        width as usize,
        height as usize,
        rule,
    )
}

/// Three levels a pixel: red, green, blue; `3 * width * height` of them.
pub fn rgb(pixels: &DynamicImage, width: u32, height: u32, rule: Resize) -> Vec<u8> {
    let (w, h) = (pixels.width() as usize, pixels.height() as usize);
    resize(
        pixels.to_rgb8().as_raw(),
        w,
        h,
        3,
        width as usize,
        height as usize,
        rule,
    )
}

/// Grey as Pillow's `convert("L")`: ITU-R 601-2 luma in 16 bit fixed point; grey sources are taken as they are.
fn grey_levels(pixels: &DynamicImage) -> Vec<u8> {
    match pixels {
        DynamicImage::ImageLuma8(p) => p.as_raw().clone(),
        DynamicImage::ImageLumaA8(_)
        | DynamicImage::ImageLuma16(_)
        | DynamicImage::ImageLumaA16(_) => pixels.to_luma8().into_raw(),
        _ => pixels
            .to_rgb8()
            .pixels()
            .map(|p| {
                let [r, g, b] = p.0.map(u32::from);
                ((19595 * r + 38470 * g + 7471 * b + 32768) >> 16) as u8
            })
            .collect(),
    }
}

fn resize(
    levels: &[u8],
    width: usize,
    height: usize,
    channels: usize,
    to_width: usize,
    to_height: usize,
    rule: Resize,
) -> Vec<u8> {
    match rule {
        Resize::Nearest => nearest(levels, width, height, channels, to_width, to_height),
        Resize::BoxThenBilinear => {
            let factor = factor((width, height), (to_width, to_height));
            let (levels, width, height) = box_average(levels, width, height, channels, factor);
            triangle(levels, width, height, channels, to_width, to_height)
        }
    }
}

/// The largest of 8, 4, 2 and 1 by which a picture can be reduced without falling below the wanted size.
pub(crate) fn factor(
    (width, height): (usize, usize),
    (to_width, to_height): (usize, usize),
) -> usize {
    [8, 4, 2]
        .into_iter()
        .find(|f| width / f >= to_width && height / f >= to_height)
        .unwrap_or(1)
}

/// Averages `factor` x `factor` boxes, rounded to nearest; boxes at the right and bottom average what is there.
fn box_average(
    levels: &[u8],
    width: usize,
    height: usize,
    channels: usize,
    factor: usize,
) -> (Vec<u8>, usize, usize) {
    if factor == 1 {
        return (levels.to_vec(), width, height);
    }
    let (to_width, to_height) = (width.div_ceil(factor), height.div_ceil(factor));
    let mut out = Vec::with_capacity(to_width * to_height * channels);
    let mut sums = vec![0u32; to_width * channels];
    for rows in levels.chunks(factor * width * channels) {
        sums.fill(0);
        for row in rows.chunks_exact(width * channels) {
            for (block, sum) in row
                .chunks(factor * channels)
                .zip(sums.chunks_exact_mut(channels))
            {
                for pixel in block.chunks_exact(channels) {
                    for (s, &v) in sum.iter_mut().zip(pixel) {
                        *s += u32::from(v);
                    }
                }
            }
        }
        let tall = rows.len() / (width * channels);
        for (x, sum) in sums.chunks_exact(channels).enumerate() {
            let area = (tall * factor.min(width - x * factor)) as u32;
            out.extend(sum.iter().map(|s| ((s + area / 2) / area) as u8));
        }
    }
    (out, to_width, to_height)
}

/// The triangle filter, widened to the scale.
pub(crate) fn triangle(
    levels: Vec<u8>,
    width: usize,
    height: usize,
    channels: usize,
    to_width: usize,
    to_height: usize,
) -> Vec<u8> {
    let kind = if channels == 1 {
        PixelType::U8
    } else {
        PixelType::U8x3
    };
    let mut target = View::new(to_width as u32, to_height as u32, kind);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .use_alpha(false);
    // The buffer was made for these sizes and the pixel types agree, the only things that can be refused here; a
    // refusal would leave the target black, which the tests would see.
    if let Ok(source) = View::from_vec_u8(width as u32, height as u32, levels, kind) {
        let _ = Resizer::new().resize(&source, &mut target, &options);
    }
    target.into_vec()
}

/// Pillow's NEAREST: it walks the source in f64 steps from the centre of the first target pixel, adding the step
/// each time, and the sum's rounding decides ties.
fn nearest(
    levels: &[u8],
    width: usize,
    height: usize,
    channels: usize,
    to_width: usize,
    to_height: usize,
) -> Vec<u8> {
    let columns = centres(width, to_width);
    let mut out = Vec::with_capacity(to_width * to_height * channels);
    for y in centres(height, to_height) {
        for &x in &columns {
            let at = (y * width + x) * channels;
            out.extend_from_slice(&levels[at..at + channels]);
        }
    }
    out
}

fn centres(from: usize, to: usize) -> Vec<usize> {
    let step = from as f64 / to as f64;
    let mut at = step * 0.5;
    (0..to)
        .map(|_| {
            let index = (at as usize).min(from - 1);
            at += step;
            index
        })
        .collect()
}
