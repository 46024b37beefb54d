//! Transparent and deep pictures as plain 8 bit ones.
//!
//! Text may stand in an alpha channel alone. A viewer mixes it with a ground, so everything that
//! looks at a picture here looks at one that is mixed, and copies for others have no alpha.

use std::borrow::Cow;

use image::{DynamicImage, GrayImage, RgbImage};

/// The grounds on which a transparent picture is searched: of text in its alpha channel, one shows
/// the light letters and the other the dark ones.
const GROUNDS: [u8; 2] = [BLACK, 255];
/// The ground of the copy and of the model's input.
const BLACK: u8 = 0;

/// Returns the picture on black, without alpha; one without alpha as it is.
pub(crate) fn on_black(pixels: &DynamicImage) -> Cow<'_, DynamicImage> {
    if pixels.color().has_alpha() {
        Cow::Owned(mixed(pixels, BLACK))
    } else {
        Cow::Borrowed(pixels)
    }
}

/// Returns the picture on black with 8 bit and without alpha. The low bytes of 16 bit samples,
/// which nobody sees, don't matter.
pub(crate) fn copied(pixels: &DynamicImage) -> DynamicImage {
    mixed(pixels, BLACK)
}

/// Calls `look` with the picture as [`copied`] returns it, and on the other grounds if anything of
/// it is transparent.
pub(crate) fn views<T>(pixels: &DynamicImage, mut look: impl FnMut(&DynamicImage) -> T) -> Vec<T> {
    match pixels {
        DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_) => vec![look(pixels)],
        _ if is_transparent(pixels) => GROUNDS
            .iter()
            .map(|&ground| look(&mixed(pixels, ground)))
            .collect(),
        _ => vec![look(&copied(pixels))],
    }
}

fn is_transparent(pixels: &DynamicImage) -> bool {
    match pixels {
        DynamicImage::ImageLumaA8(p) => p.pixels().any(|p| p.0[1] != u8::MAX),
        DynamicImage::ImageRgba8(p) => p.pixels().any(|p| p.0[3] != u8::MAX),
        DynamicImage::ImageLumaA16(p) => p.pixels().any(|p| high(p.0[1]) != u8::MAX),
        DynamicImage::ImageRgba16(p) => p.pixels().any(|p| high(p.0[3]) != u8::MAX),
        _ => false,
    }
}

fn high(sample: u16) -> u8 {
    (sample >> 8) as u8
}

fn mix(level: u8, alpha: u8, ground: u8) -> u8 {
    let (level, alpha, ground) = (u32::from(level), u32::from(alpha), u32::from(ground));
    ((level * alpha + ground * (255 - alpha) + 127) / 255) as u8
}

fn mixed(pixels: &DynamicImage, ground: u8) -> DynamicImage {
    let (width, height) = (pixels.width(), pixels.height());
    let gray = |levels: Vec<u8>| GrayImage::from_raw(width, height, levels).map(Into::into);
    let rgb = |levels: Vec<u8>| RgbImage::from_raw(width, height, levels).map(Into::into);
    let mixed: Option<DynamicImage> = match pixels {
        DynamicImage::ImageLuma16(p) => gray(p.as_raw().iter().map(|&v| high(v)).collect()),
        DynamicImage::ImageRgb16(p) => rgb(p.as_raw().iter().map(|&v| high(v)).collect()),
        DynamicImage::ImageLumaA8(p) => {
            gray(p.pixels().map(|p| mix(p.0[0], p.0[1], ground)).collect())
        }
        DynamicImage::ImageLumaA16(p) => {
            let mix = |[level, alpha]: [u16; 2]| mix(high(level), high(alpha), ground);
            gray(p.pixels().map(|p| mix(p.0)).collect())
        }
        DynamicImage::ImageRgba8(p) => {
            let mut levels = Vec::with_capacity(3 * p.len() / 4);
            for p in p.pixels() {
                levels.extend([0, 1, 2].map(|i| mix(p.0[i], p.0[3], ground)));
            }
            rgb(levels)
        }
        DynamicImage::ImageRgba16(p) => {
            let mut levels = Vec::with_capacity(3 * p.len() / 4);
            for p in p.pixels() {
                let alpha = high(p.0[3]);
                levels.extend([0, 1, 2].map(|i| mix(high(p.0[i]), alpha, ground)));
            }
            rgb(levels)
        }
        DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_) => Some(pixels.clone()),
        // The decoders here give no other kinds.
        _ => None,
    };
    mixed.unwrap_or_else(|| pixels.to_rgb8().into())
}

#[cfg(test)]
mod tests {
    use image::{ImageBuffer, LumaA, Rgba};

    use super::*;

    #[test]
    fn alpha_is_mixed_with_black() {
        let gray: DynamicImage =
            ImageBuffer::from_fn(4, 1, |x, _| LumaA([200u8, [0, 255, 51, 128][x as usize]])).into();
        assert_eq!(copied(&gray).as_bytes(), [0, 200, 40, 100]);
        let deep: DynamicImage =
            ImageBuffer::from_fn(2, 1, |x, _| LumaA([200u16 << 8, 0xFFFF * x as u16])).into();
        assert_eq!(copied(&deep).as_bytes(), [0, 200]);
        let color: DynamicImage =
            ImageBuffer::from_fn(2, 1, |x, _| Rgba([10u8, 100, 250, 255 * x as u8])).into();
        assert_eq!(copied(&color).as_bytes(), [0, 0, 0, 10, 100, 250]);
        assert_eq!(on_black(&color).as_bytes(), copied(&color).as_bytes());
    }

    #[test]
    fn low_bytes_do_not_matter() {
        let deep = |low: u16| -> DynamicImage {
            ImageBuffer::from_fn(256, 1, |x, _| Rgba([(x as u16) << 8 | low; 4])).into()
        };
        assert_eq!(copied(&deep(0)), copied(&deep(255)));
        let deep = |low: u16| -> DynamicImage {
            ImageBuffer::from_fn(256, 1, |x, _| image::Luma([(x as u16) << 8 | low])).into()
        };
        assert_eq!(copied(&deep(0)), copied(&deep(255)));
    }

    #[test]
    fn transparent_pictures_are_seen_on_both_grounds() {
        let of = |alpha: u8| -> DynamicImage {
            ImageBuffer::from_fn(2, 2, |_, _| LumaA([0u8, alpha])).into()
        };
        let levels = |pixels: &DynamicImage| pixels.as_bytes()[0];
        assert_eq!(views(&of(0), levels), [0, 255]);
        assert_eq!(views(&of(255), levels), [0]);
        assert_eq!(views(&GrayImage::new(2, 2).into(), levels), [0]);
    }
}
