//! The brightness of a picture.

use std::borrow::Cow;

use image::DynamicImage;

use crate::picture::{
    boxes::Rect,
    resize::{box_average, triangle},
};

/// The greatest factor by which a picture is enlarged: beyond it there is nothing to find.
const MAX_ENLARGED: usize = 5;
/// Differences of the color channels under this are noise of the compression, in levels.
const MIN_DIFFERENCE: u8 = 24;
/// A picture has color if one of this many pixels has.
const MIN_COLORED: usize = 20_000;

/// A picture's brightness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrayImage {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// `width * height` levels.
    pub levels: Vec<u8>,
}

impl GrayImage {
    /// Returns the brightness of a decoded picture.
    pub fn of(pixels: &DynamicImage) -> GrayImage {
        GrayImage {
            width: pixels.width() as usize,
            height: pixels.height() as usize,
            levels: luma(pixels),
        }
    }

    /// Returns the largest difference between two color channels of each pixel, if the picture has
    /// color anywhere: text may have the brightness of its ground. Gray pictures that are stored in
    /// color have none.
    pub fn color_of(pixels: &DynamicImage) -> Option<GrayImage> {
        let rgb = match pixels {
            DynamicImage::ImageRgb8(rgb) => Cow::Borrowed(rgb),
            p if p.color().has_color() => Cow::Owned(p.to_rgb8()),
            _ => return None,
        };
        let difference = |p: &[u8; 3]| {
            let [r, g, b] = *p;
            r.max(g).max(b) - r.min(g).min(b)
        };
        let pixel = |p: &image::Rgb<u8>| difference(&p.0);
        let colored = rgb.pixels().filter(|p| pixel(p) >= MIN_DIFFERENCE).count();
        if colored * MIN_COLORED < rgb.width() as usize * rgb.height() as usize || colored == 0 {
            return None;
        }
        Some(GrayImage {
            width: rgb.width() as usize,
            height: rgb.height() as usize,
            levels: rgb.pixels().map(pixel).collect(),
        })
    }

    /// Returns the averages of boxes of `factor` x `factor` pixels.
    pub fn reduced(&self, factor: usize) -> Cow<'_, GrayImage> {
        if factor == 1 {
            return Cow::Borrowed(self);
        }
        let size = (self.width, self.height);
        let (levels, (width, height)) = box_average(&self.levels, size, 1, factor);
        Cow::Owned(GrayImage {
            width,
            height,
            levels,
        })
    }

    /// Returns a part of the picture, which is inside it.
    pub fn part(&self, rect: &Rect) -> GrayImage {
        let (width, height) = (rect.width as usize, rect.height as usize);
        let mut levels = Vec::with_capacity(width * height);
        for row in self.levels.chunks_exact(self.width).skip(rect.y as usize) {
            if levels.len() == width * height {
                break;
            }
            levels.extend_from_slice(&row[rect.x as usize..][..width]);
        }
        GrayImage {
            width,
            height,
            levels,
        }
    }

    /// Returns the picture with rows and columns exchanged.
    pub fn transposed(&self) -> GrayImage {
        let mut levels = vec![0; self.levels.len()];
        for (y, row) in self.levels.chunks(self.width.max(1)).enumerate() {
            let column = levels[y..].iter_mut().step_by(self.height);
            for (to, level) in column.zip(row) {
                *to = *level;
            }
        }
        GrayImage {
            width: self.height,
            height: self.width,
            levels,
        }
    }

    /// Enlarges a picture until its longer side is `min_side`, at most [`MAX_ENLARGED`] times;
    /// larger ones stay as they are.
    pub fn enlarged(&self, min_side: usize) -> Cow<'_, GrayImage> {
        let longer = self.width.max(self.height);
        let min_side = min_side.min(MAX_ENLARGED * longer);
        if longer >= min_side {
            return Cow::Borrowed(self);
        }
        let side = |length: usize| ((length * min_side + longer / 2) / longer).max(1);
        let (width, height) = (side(self.width), side(self.height));
        Cow::Owned(GrayImage {
            width,
            height,
            levels: triangle(&self.levels, (self.width, self.height), 1, (width, height)),
        })
    }
}

/// Returns gray levels as Pillow's `convert("L")`: ITU-R 601-2 luma in 16 bit fixed point; gray
/// sources are taken as they are.
pub(crate) fn luma(pixels: &DynamicImage) -> Vec<u8> {
    match pixels {
        DynamicImage::ImageLuma8(p) => p.as_raw().clone(),
        DynamicImage::ImageLumaA8(_)
        | DynamicImage::ImageLuma16(_)
        | DynamicImage::ImageLumaA16(_) => pixels.to_luma8().into_raw(),
        DynamicImage::ImageRgb8(p) => p.pixels().map(|p| brightness(p.0)).collect(),
        DynamicImage::ImageRgb16(p) => {
            // As `image` reduces them, without a second picture in memory.
            let level = |v: u16| ((u32::from(v) + 128) / 257) as u8;
            p.pixels().map(|p| brightness(p.0.map(level))).collect()
        }
        _ => pixels.to_rgb8().pixels().map(|p| brightness(p.0)).collect(),
    }
}

fn brightness(rgb: [u8; 3]) -> u8 {
    let [r, g, b] = rgb.map(u32::from);
    ((19595 * r + 38470 * g + 7471 * b + 32768) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slope(width: usize, height: usize) -> GrayImage {
        GrayImage {
            width,
            height,
            levels: (0..width * height)
                .map(|i| (i % width * 255 / width.max(2)) as u8)
                .collect(),
        }
    }

    #[test]
    fn small_pictures_are_enlarged_to_min_side() {
        for (size, min_side, expect) in [
            ((100, 50), 0, (100, 50)),
            ((100, 50), 100, (100, 50)),
            ((100, 50), 200, (200, 100)),
            ((50, 100), 250, (125, 250)),
            ((100, 50), 500, (500, 250)),
            // At most five times.
            ((100, 50), 501, (500, 250)),
            ((224, 200), 1120, (1120, 1000)),
            ((1000, 1), 2000, (2000, 2)),
            ((1, 1000), 1001, (1, 1001)),
            ((3, 2), 4, (4, 3)),
        ] {
            let small = slope(size.0, size.1);
            let large = small.enlarged(min_side);
            assert_eq!(
                (large.width, large.height),
                expect,
                "{size:?} to {min_side}"
            );
            assert_eq!(large.levels.len(), expect.0 * expect.1);
            assert_eq!(
                matches!(large, Cow::Borrowed(_)),
                size == expect,
                "{size:?} to {min_side}"
            );
        }
    }

    #[test]
    fn enlarging_keeps_the_picture_in_place() {
        let small = slope(64, 48);
        let large = small.enlarged(256);
        for (x, y) in [(2, 2), (30, 20), (61, 45)] {
            let before = small.levels[y * small.width + x];
            let after = large.levels[(4 * y + 2) * large.width + 4 * x + 2];
            assert!(before.abs_diff(after) <= 3, "{x},{y}: {before} {after}");
        }
    }
}
