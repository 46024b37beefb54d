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
        let mut rest = &sums[..];
        if tall == factor && channels == 1 {
            rest = match factor {
                2 => whole_boxes::<2>(rest, &mut out),
                4 => whole_boxes::<4>(rest, &mut out),
                8 => whole_boxes::<8>(rest, &mut out),
                _ => rest,
            };
        }
        for block in rest.chunks(factor * channels) {
            let area = (tall * block.len() / channels) as u32;
            for channel in 0..channels {
                let sum: u32 = block[channel..].iter().step_by(channels).sum();
                out.push(((sum + area / 2) / area) as u8);
            }
        }
    }
    (out, (to_width, to_height))
}

/// Averages the boxes of one row that have all their pixels, given the sums of their columns, and
/// returns the other sums. With a constant for the area many are averaged at once.
fn whole_boxes<'a, const FACTOR: usize>(sums: &'a [u32], out: &mut Vec<u8>) -> &'a [u32] {
    let (boxes, rest) = sums.as_chunks::<FACTOR>();
    let area = (FACTOR * FACTOR) as u32;
    out.extend(boxes.iter().map(|columns| {
        let sum = columns.iter().fold(0u32, |sum, &c| sum.wrapping_add(c));
        (sum.wrapping_add(area / 2) / area) as u8
    }));
    rest
}

/// Resizes by the triangle filter, widened to the scale where it reduces.
pub(crate) fn triangle(levels: &[u8], from: Size, channels: usize, to: Size) -> Vec<u8> {
    // The untyped function would compile thirteen kinds of pixels for the two that occur.
    match channels {
        1 => convolve::<U8>(levels, from, to, bilinear()),
        _ => convolve::<U8x3>(levels, from, to, bilinear()),
    }
}

/// Resizes a part of gray levels (left, top, width, height) by the same filter.
pub(crate) fn triangle_part(
    levels: &[u8],
    from: Size,
    (left, top, width, height): (f64, f64, f64, f64),
    to: Size,
) -> Vec<u8> {
    convolve::<U8>(levels, from, to, bilinear().crop(left, top, width, height))
}

fn bilinear() -> ResizeOptions {
    ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
        .use_alpha(false)
}

fn convolve<P: PixelTrait>(levels: &[u8], from: Size, to: Size, options: ResizeOptions) -> Vec<u8> {
    let mut out = vec![0; to.0 * to.1 * P::size()];
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_averages_of_the_pixels_that_they_have() {
        for (width, height, channels) in [
            (8usize, 8usize, 1),
            (33, 17, 1),
            (5, 3, 1),
            (13, 10, 3),
            (1, 1, 1),
        ] {
            let levels: Vec<u8> = (0..width * height * channels)
                .map(|i| (i * i * 31 + i * 7) as u8)
                .collect();
            for factor in [1, 2, 3, 4, 8] {
                let mut expected = Vec::new();
                for (y, x) in (0..height.div_ceil(factor))
                    .flat_map(|y| (0..width.div_ceil(factor)).map(move |x| (y, x)))
                {
                    for channel in 0..channels {
                        let rows = y * factor..height.min((y + 1) * factor);
                        let columns = x * factor..width.min((x + 1) * factor);
                        let places = rows.flat_map(|y| columns.clone().map(move |x| y * width + x));
                        let in_box: Vec<usize> = places
                            .map(|place| usize::from(levels[place * channels + channel]))
                            .collect();
                        let half = in_box.len() / 2;
                        expected.push(((in_box.iter().sum::<usize>() + half) / in_box.len()) as u8);
                    }
                }
                let (made, size) = box_average(&levels, (width, height), channels, factor);
                assert_eq!(size, (width.div_ceil(factor), height.div_ceil(factor)));
                assert_eq!(made, expected, "{width}x{height}x{channels} / {factor}");
            }
        }
    }
}
