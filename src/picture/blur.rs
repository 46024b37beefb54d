//! A redaction that looks like a blur: the mean of a box's surroundings, blended into them at the
//! edges.

use image::{ImageBuffer, Pixel, Primitive};
use num_traits::ToPrimitive;

use crate::picture::boxes::Rect;

/// The radius of each of the three box passes that soften a box's edge, in pixels.
const RADIUS: u32 = 8;
/// The width of the frame around a box from which its mean is taken, in pixels.
const FRAME: u32 = 8;

/// Returns the mean of the frame around `b`, leaving out pixels inside any box, or `None` if no
/// pixel remains.
pub(super) fn surroundings<P>(
    pixels: &ImageBuffer<P, Vec<P::Subpixel>>,
    b: &Rect,
    boxes: &[Rect],
) -> Option<P>
where
    P: Pixel,
    P::Subpixel: Primitive,
{
    let around = b.grown(FRAME, pixels.width(), pixels.height());
    let mut sums = vec![0f64; usize::from(P::CHANNEL_COUNT)];
    let mut count = 0u32;
    for y in around.y..around.y + around.height {
        for x in around.x..around.x + around.width {
            if boxes.iter().any(|b| b.contains(x, y)) {
                continue;
            }
            count += 1;
            for (sum, &c) in sums.iter_mut().zip(pixels.get_pixel(x, y).channels()) {
                *sum += c.to_f64().unwrap_or(0.0);
            }
        }
    }
    if count == 0 {
        return None;
    }
    let mean: Option<Vec<P::Subpixel>> = sums
        .iter()
        .map(|s| num_traits::cast((s / f64::from(count)).round()))
        .collect();
    mean.map(|m| *P::from_slice(&m))
}

/// Softens the edges of a box that is filled already: applies to its pixels three box passes over
/// the box and its surroundings, the usual approximation of a Gaussian. Nothing outside the box
/// changes.
pub(super) fn soften<P>(pixels: &mut ImageBuffer<P, Vec<P::Subpixel>>, b: &Rect)
where
    P: Pixel,
    P::Subpixel: Primitive,
{
    let area = b.grown(3 * RADIUS, pixels.width(), pixels.height());
    let (width, height) = (area.width as usize, area.height as usize);
    for channel in 0..usize::from(P::CHANNEL_COUNT) {
        let mut plane: Vec<f32> = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x as u32, y as u32)))
            .map(|(x, y)| {
                let pixel = pixels.get_pixel(area.x + x, area.y + y);
                pixel.channels()[channel].to_f32().unwrap_or(0.0)
            })
            .collect();
        for _ in 0..3 {
            plane = transpose(&mean_rows(&plane, width), width);
            plane = transpose(&mean_rows(&plane, height), height);
        }
        for y in b.y..b.y + b.height {
            for x in b.x..b.x + b.width {
                let value = plane[(y - area.y) as usize * width + (x - area.x) as usize];
                if let Some(value) = num_traits::cast(value.round()) {
                    pixels.get_pixel_mut(x, y).channels_mut()[channel] = value;
                }
            }
        }
    }
}

/// Returns the mean of each value and its neighbors in the row, up to [`RADIUS`] on either side,
/// fewer at the ends.
fn mean_rows(plane: &[f32], width: usize) -> Vec<f32> {
    let radius = RADIUS as usize;
    let mut out = Vec::with_capacity(plane.len());
    for row in plane.chunks_exact(width) {
        let sums: Vec<f64> = std::iter::once(0.0)
            .chain(row.iter().scan(0f64, |sum, &v| {
                *sum += f64::from(v);
                Some(*sum)
            }))
            .collect();
        out.extend((0..width).map(|x| {
            let (from, to) = (x.saturating_sub(radius), (x + radius + 1).min(width));
            ((sums[to] - sums[from]) / (to - from) as f64) as f32
        }));
    }
    out
}

fn transpose(plane: &[f32], width: usize) -> Vec<f32> {
    let height = plane.len() / width;
    (0..width)
        .flat_map(|x| (0..height).map(move |y| plane[y * width + x]))
        .collect()
}
