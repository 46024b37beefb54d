//! Redacts boxes so that nothing of the text in them remains.
//!
//! With every method the new pixels of a box are made from constants or from pixels outside all
//! boxes; they do not depend on the old pixels.

use image::{DynamicImage, ImageBuffer, Pixel, Primitive};
use serde::{Deserialize, Serialize};

use crate::picture::blur;
use crate::picture::boxes::{BoxSpec, Rect};

/// A redaction method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Solid black.
    Fill,
    /// The mean of the box's surroundings, blended into them at the edges. It looks like a blur but
    /// holds none of the old pixels.
    Blur,
}

/// A redaction that was done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Redaction {
    /// The method.
    pub method: Method,
    /// The boxes, clipped to the picture.
    pub boxes: Vec<Rect>,
    /// The share of the picture's pixels inside the boxes, 0 to 1.
    pub area: f64,
}

impl Redaction {
    /// Describes the redaction of a picture of this size.
    pub(crate) fn of(method: Method, boxes: Vec<Rect>, width: u32, height: u32) -> Redaction {
        let total = f64::from(width) * f64::from(height);
        Redaction {
            method,
            area: covered(&boxes, height) as f64 / total.max(1.0),
            boxes,
        }
    }
}

/// Returns the boxes that are on a picture of this size.
pub(crate) fn boxes(specs: &[BoxSpec], width: u32, height: u32) -> Vec<Rect> {
    specs.iter().filter_map(|s| s.on(width, height)).collect()
}

/// Redacts these rectangles.
pub(crate) fn redact_rects(
    pixels: &mut DynamicImage,
    boxes: Vec<Rect>,
    method: Method,
) -> Redaction {
    let (width, height) = (pixels.width(), pixels.height());
    match pixels {
        DynamicImage::ImageLuma8(p) => cover(p, &boxes, method, 1),
        DynamicImage::ImageLumaA8(p) => cover(p, &boxes, method, 1),
        DynamicImage::ImageRgb8(p) => cover(p, &boxes, method, 3),
        DynamicImage::ImageRgba8(p) => cover(p, &boxes, method, 3),
        DynamicImage::ImageLuma16(p) => cover(p, &boxes, method, 1),
        DynamicImage::ImageLumaA16(p) => cover(p, &boxes, method, 1),
        DynamicImage::ImageRgb16(p) => cover(p, &boxes, method, 3),
        DynamicImage::ImageRgba16(p) => cover(p, &boxes, method, 3),
        // The decoders here give no other kinds. If one did, losing depth would be better than
        // leaving a patient's name in.
        other => {
            let mut rgb = other.to_rgb8();
            cover(&mut rgb, &boxes, method, 3);
            *other = rgb.into();
        }
    }
    Redaction::of(method, boxes, width, height)
}

/// Returns the boxes' first columns in a row, and the columns behind their last, in order.
pub(crate) fn spans(boxes: &[Rect], y: u32) -> Vec<(u32, u32)> {
    let of_row = boxes.iter().filter(|b| (b.y..b.y + b.height).contains(&y));
    let mut spans: Vec<_> = of_row.map(|b| (b.x, b.x + b.width)).collect();
    spans.sort_unstable();
    spans
}

/// Counts the pixels in the union of the boxes.
pub(crate) fn covered(boxes: &[Rect], height: u32) -> u64 {
    (0..height)
        .map(|y| {
            let spans = spans(boxes, y);
            let mut end = 0;
            spans.iter().fold(0u64, |sum, &(from, to)| {
                let from = from.max(end);
                end = end.max(to);
                sum + u64::from(to.saturating_sub(from))
            })
        })
        .sum()
}

fn cover<P>(
    pixels: &mut ImageBuffer<P, Vec<P::Subpixel>>,
    boxes: &[Rect],
    method: Method,
    colors: usize,
) where
    P: Pixel,
    P::Subpixel: Primitive,
{
    // All boxes are filled before any is softened: the surroundings of one may be another's text.
    let fills: Vec<P> = boxes
        .iter()
        .map(|b| match method {
            Method::Fill => black(colors),
            Method::Blur => blur::surroundings(pixels, b, boxes).unwrap_or_else(|| black(colors)),
        })
        .collect();
    for (b, fill) in boxes.iter().zip(fills) {
        for y in b.y..b.y + b.height {
            for x in b.x..b.x + b.width {
                pixels.put_pixel(x, y, fill);
            }
        }
    }
    if method == Method::Blur {
        for b in boxes {
            blur::soften(pixels, b);
        }
    }
}

/// Returns opaque black.
fn black<P: Pixel>(colors: usize) -> P {
    let opaque = P::Subpixel::DEFAULT_MAX_VALUE;
    let none = P::Subpixel::DEFAULT_MIN_VALUE;
    let channels: Vec<P::Subpixel> = (0..usize::from(P::CHANNEL_COUNT))
        .map(|i| if i < colors { none } else { opaque })
        .collect();
    *P::from_slice(&channels)
}
