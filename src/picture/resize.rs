//! Resizes levels by the rules of the contract.
//!
//! The rules are defined on decoded pixels in `models/README.md`; training uses the same, and a
//! test holds both to one gray level.

use fast_image_resize::{
    FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::{U8, U8x3},
};

use crate::model::contract::Resize;

/// Width and height in pixels.
type Size = (usize, usize);

/// Resizes a picture, given as `channels` levels a pixel, by a rule of the contract.
pub(crate) fn resize(
    levels: &[u8],
    from: Size,
    channels: usize,
    to: Size,
    rule: Resize,
) -> Vec<u8> {
    match rule {
        Resize::Nearest => nearest(levels, from, channels, to),
        Resize::BoxThenBilinear => {
            let (levels, from) = box_average(levels, from, channels, factor(from, to));
            triangle(&levels, from, channels, to)
        }
    }
}

/// Returns the largest of 8, 4, 2 and 1 by which a picture can be reduced without falling below the
/// wanted size.
pub(crate) fn factor((width, height): Size, (to_width, to_height): Size) -> usize {
    [8, 4, 2]
        .into_iter()
        .find(|f| width / f >= to_width && height / f >= to_height)
        .unwrap_or(1)
}

/// Averages `factor` x `factor` boxes, rounded to nearest; boxes at the right and bottom average
/// the pixels they have.
pub(crate) fn box_average(
    levels: &[u8],
    (width, height): Size,
    channels: usize,
    factor: usize,
) -> (Vec<u8>, Size) {
    if factor == 1 {
        return (levels.to_vec(), (width, height));
    }
    let (to_width, to_height) = (width.div_ceil(factor), height.div_ceil(factor));
    let mut out = Vec::with_capacity(to_width * to_height * channels);
    // The columns first, many at once, which sums that are checked for overflow would prevent.
    let mut sums = vec![0u32; width * channels];
    for rows in levels.chunks(factor * width * channels) {
        sums.fill(0);
        for row in rows.chunks_exact(width * channels) {
            for (sum, &level) in sums.iter_mut().zip(row) {
                *sum = sum.wrapping_add(u32::from(level));
            }
        }
        let tall = rows.len() / (width * channels);
        for block in sums.chunks(factor * channels) {
            let area = (tall * block.len() / channels) as u32;
            for channel in 0..channels {
                let sum: u32 = match (block, channels) {
                    ([left, right], 1) => left + right,
                    (block, 1) => block.iter().sum(),
                    _ => block[channel..].iter().step_by(channels).sum(),
                };
                let rounded = sum + area / 2;
                // Division by a constant is a shift.
                let average = match area {
                    4 => rounded / 4,
                    16 => rounded / 16,
                    64 => rounded / 64,
                    _ => rounded / area,
                };
                out.push(average as u8);
            }
        }
    }
    (out, (to_width, to_height))
}

/// Resizes by the triangle filter, widened to the scale where it reduces.
pub(crate) fn triangle(levels: &[u8], from: Size, channels: usize, to: Size) -> Vec<u8> {
    // The untyped function would compile thirteen kinds of pixels for the two that occur.
    match channels {
        1 => convolve::<U8>(levels, from, to),
        _ => convolve::<U8x3>(levels, from, to),
    }
}

fn convolve<P: PixelTrait>(levels: &[u8], from: Size, to: Size) -> Vec<u8> {
    let mut out = vec![0; to.0 * to.1 * P::size()];
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .use_alpha(false);
    // Only a buffer of another size is refused, and these were made to fit. A refusal would leave
    // the target black, which the tests would see.
    let source = TypedImageRef::<P>::from_buffer(from.0 as u32, from.1 as u32, levels);
    let target = TypedImage::<P>::from_buffer(to.0 as u32, to.1 as u32, &mut out);
    if let (Ok(source), Ok(mut target)) = (source, target) {
        let _ = Resizer::new().resize_typed(&source, &mut target, &options);
    }
    out
}

/// Resizes as Pillow's NEAREST.
fn nearest(levels: &[u8], (width, height): Size, channels: usize, to: Size) -> Vec<u8> {
    let columns = centers(width, to.0);
    let mut out = Vec::with_capacity(to.0 * to.1 * channels);
    for y in centers(height, to.1) {
        for &x in &columns {
            let at = (y * width + x) * channels;
            out.extend_from_slice(&levels[at..at + channels]);
        }
    }
    out
}

/// Returns the source pixel of each target pixel. Pillow walks the source in f64 steps from the
/// center of the first target pixel, adding the step each time, and the sum's rounding decides
/// ties.
fn centers(from: usize, to: usize) -> Vec<usize> {
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
