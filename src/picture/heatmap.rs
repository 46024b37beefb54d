//! Outlines the source of the risk on the labeled picture: the region of the graph's
//! class-activation map that is over the pneumonia threshold, or the strongest part of it.
//!
//! The map is coarse (a cell is a tenth of the picture), so an outline says "around here", not
//! "this".

use image::{DynamicImage, ImageBuffer, Pixel, Primitive};

use crate::{
    error::Error,
    model::{
        contract::MapOutput,
        predict::Thresholds,
        tensor::{NamedTensor, named},
    },
    picture::boxes::Rect,
};

/// The share of the strongest cell's logit at which the outline is drawn. A clearly ill picture is
/// over the threshold nearly everywhere, and an outline of everything is meaningless.
const STRONG: f32 = 0.6;

/// The class-activation map of one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Heatmap {
    width: usize,
    height: usize,
    logits: Vec<f32>,
}

impl Heatmap {
    /// Reads the map from the graph's outputs.
    ///
    /// # Errors
    /// [`Error::Model`] when the model has none or its size is not the contract's.
    pub fn read(outputs: &[NamedTensor], contract: Option<&MapOutput>) -> Result<Heatmap, Error> {
        let Some(map) = contract else {
            return Err(Error::Model(
                "its contract has no `heatmap`; set overlay to none".into(),
            ));
        };
        let logits = named(outputs, &map.output)?.tensor.data.clone();
        if map.width == 0 || map.height == 0 || logits.len() != map.width * map.height {
            return Err(Error::Model(format!(
                "output `{}` has {} cells, not {} x {}; check the contract's `heatmap`",
                map.output,
                logits.len(),
                map.width,
                map.height
            )));
        }
        Ok(Heatmap {
            width: map.width,
            height: map.height,
            logits,
        })
    }

    /// Outlines the region over the pneumonia threshold, or the strongest part of it: a white line
    /// with a black one inside it, so that it is visible on any gray. Returns the rectangle outside
    /// of which no pixel has changed, or `None` if none has.
    pub fn outline(&self, pixels: &mut DynamicImage, thresholds: &Thresholds) -> Option<Rect> {
        let level = thresholds.pneumonia.clamp(1e-6, 1.0 - 1e-6);
        let level = (level / (1.0 - level)).ln() as f32;
        let peak = self.logits.iter().copied().fold(f32::MIN, f32::max);
        let level = level.max(STRONG * peak);
        let (width, height) = (pixels.width(), pixels.height());
        let line = (width.min(height) / 300).max(1) as i64;
        let inside = self.inside(width, height, level);
        let inside = |x: i64, y: i64| {
            let on = (0..i64::from(width)).contains(&x) && (0..i64::from(height)).contains(&y);
            on && inside[y as usize * width as usize + x as usize]
        };
        let mut dots = Vec::new();
        for y in 0..i64::from(height) {
            for x in 0..i64::from(width) {
                if !inside(x, y) {
                    continue;
                }
                let near = |by: i64| {
                    [(by, 0), (-by, 0), (0, by), (0, -by)]
                        .iter()
                        .any(|(dx, dy)| !inside(x + dx, y + dy))
                };
                if near(line) {
                    dots.push((x as u32, y as u32, true));
                } else if near(2 * line) {
                    dots.push((x as u32, y as u32, false));
                }
            }
        }
        match pixels {
            DynamicImage::ImageLuma8(p) => paint(p, &dots),
            DynamicImage::ImageLumaA8(p) => paint(p, &dots),
            DynamicImage::ImageRgb8(p) => paint(p, &dots),
            DynamicImage::ImageRgba8(p) => paint(p, &dots),
            DynamicImage::ImageLuma16(p) => paint(p, &dots),
            DynamicImage::ImageLumaA16(p) => paint(p, &dots),
            DynamicImage::ImageRgb16(p) => paint(p, &dots),
            DynamicImage::ImageRgba16(p) => paint(p, &dots),
            // The decoders here give no other kinds.
            _ => {}
        }
        let left = dots.iter().map(|d| d.0).min()?;
        let right = dots.iter().map(|d| d.0).max()?;
        let (top, bottom) = (dots.first()?.1, dots.last()?.1);
        Some(Rect {
            x: left,
            y: top,
            width: right - left + 1,
            height: bottom - top + 1,
        })
    }

    /// Reports for each pixel whether it is over `level`, interpolating linearly between the
    /// centers of the cells.
    fn inside(&self, width: u32, height: u32, level: f32) -> Vec<bool> {
        let columns = places(width, self.width);
        let mut inside = Vec::with_capacity(width as usize * height as usize);
        for (top, bottom, down) in places(height, self.height) {
            let row: Vec<f32> = (0..self.width)
                .map(|x| {
                    let (a, b) = (
                        self.logits[top * self.width + x],
                        self.logits[bottom * self.width + x],
                    );
                    a + (b - a) * down
                })
                .collect();
            inside.extend(columns.iter().map(|&(left, right, across)| {
                row[left] + (row[right] - row[left]) * across > level
            }));
        }
        inside
    }
}

/// Returns for each pixel of a side the cells before and after it and its distance from the first,
/// 0 to 1.
fn places(pixels: u32, cells: usize) -> Vec<(usize, usize, f32)> {
    (0..pixels)
        .map(|p| {
            let at = (p as f32 + 0.5) * cells as f32 / pixels as f32 - 0.5;
            let at = at.clamp(0.0, (cells - 1) as f32);
            let before = at as usize;
            (before, (before + 1).min(cells - 1), at - before as f32)
        })
        .collect()
}

fn paint<P>(pixels: &mut ImageBuffer<P, Vec<P::Subpixel>>, dots: &[(u32, u32, bool)])
where
    P: Pixel,
    P::Subpixel: Primitive,
{
    for &(x, y, white) in dots {
        pixels.get_pixel_mut(x, y).apply_with_alpha(
            |_| match white {
                true => P::Subpixel::DEFAULT_MAX_VALUE,
                false => P::Subpixel::DEFAULT_MIN_VALUE,
            },
            |_| P::Subpixel::DEFAULT_MAX_VALUE,
        );
    }
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma};

    use super::*;
    use crate::model::tensor::Tensor;

    const THRESHOLDS: Thresholds = Thresholds {
        normal: 0.6,
        pneumonia: 0.8,
    };

    fn map(logits: Vec<f32>, side: usize) -> Heatmap {
        let output = NamedTensor {
            name: "map".into(),
            tensor: Tensor {
                dims: vec![1, side as u32, side as u32],
                data: logits,
            },
        };
        let contract = MapOutput {
            output: "map".into(),
            width: side,
            height: side,
        };
        Heatmap::read(&[output], Some(&contract)).unwrap()
    }

    #[test]
    fn outline_surrounds_the_hot_cell_only() {
        let mut logits = vec![-20.0; 25];
        logits[2 * 5 + 1] = 20.0;
        let mut pixels = DynamicImage::ImageLuma8(GrayImage::from_pixel(500, 500, Luma([128])));
        map(logits, 5).outline(&mut pixels, &THRESHOLDS);
        let pixels = pixels.to_luma8();
        let painted: Vec<_> = pixels
            .enumerate_pixels()
            .filter(|(_, _, p)| p.0 != [128])
            .map(|(x, y, _)| (x, y))
            .collect();
        assert!(painted.len() > 100, "{}", painted.len());
        // The cell is from 100 to 200 across and 200 to 300 down; half way to its neighbors'
        // centers the value has passed the level.
        assert!(
            painted
                .iter()
                .all(|&(x, y)| (95..205).contains(&x) && (195..305).contains(&y))
        );
        assert_eq!(pixels.get_pixel(150, 250).0, [128], "the middle stays");
        assert!(pixels.pixels().any(|p| p.0 == [255]) && pixels.pixels().any(|p| p.0 == [0]));
    }

    #[test]
    fn outline_of_a_picture_hot_all_over_is_its_hottest_part() {
        let mut logits = vec![5.0; 25];
        logits[4 * 5 + 3] = 20.0;
        let mut pixels = DynamicImage::ImageLuma8(GrayImage::from_pixel(500, 500, Luma([128])));
        let rect = map(logits, 5).outline(&mut pixels, &THRESHOLDS).unwrap();
        // The cell is from 300 to 400 across and from 400 down.
        assert!(
            rect.x >= 280 && rect.x + rect.width <= 420 && rect.y >= 380,
            "{rect:?}"
        );
    }

    #[test]
    fn picture_without_risk_is_unchanged() {
        let before =
            DynamicImage::ImageRgb8(image::RgbImage::from_pixel(90, 70, image::Rgb([9, 8, 7])));
        let mut after = before.clone();
        map(vec![-3.0; 4], 2).outline(&mut after, &THRESHOLDS);
        assert_eq!(before, after);
    }

    #[test]
    fn model_without_a_map_is_an_error_with_a_remedy() {
        let error = Heatmap::read(&[], None).unwrap_err().to_string();
        assert!(error.contains("set overlay to none"), "{error}");
    }
}
