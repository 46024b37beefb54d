//! Draws the label: white, monospaced, at the top-left corner.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use image::{DynamicImage, ImageBuffer, Pixel, Primitive};

use crate::{error::Error, redact::Rect};

/// DejaVu Sans Mono, printable ASCII only; see `assets/README.md`.
pub const FONT: &[u8] = include_bytes!("../assets/DejaVuSansMono-subset.ttf");

/// A label narrower than this is no longer text; beyond it the picture is too narrow to say anything on.
const MIN_EM: f32 = 6.0;

/// Draws `text` in white at the top-left corner with an em of `em` pixels, smaller where the picture is too narrow
/// for it, and returns the rectangle outside of which no pixel has changed.
///
/// # Errors
/// [`Error::Encode`] when the picture is too narrow to hold the text at all, or its pixels are of a kind that no decoder
/// here gives.
pub fn draw_label(pixels: &mut DynamicImage, text: &str, em: f32) -> Result<Rect, Error> {
    let font = FontRef::try_from_slice(FONT)
        .map_err(|_| Error::Encode("the built-in font can't be read".into()))?;
    // Lengths in a font are in units of the em; ab_glyph's scale is the height from ascent to descent.
    let units = font.units_per_em().unwrap_or(2048.0);
    let advance = font.h_advance_unscaled(font.glyph_id('0')) / units * text.chars().count() as f32;
    let em = em.min(pixels.width() as f32 / advance.max(0.1));
    if em < MIN_EM {
        return Err(Error::Encode(format!(
            "a picture {} pixels wide is too narrow for the label",
            pixels.width()
        )));
    }
    let scale = PxScale::from(em * font.height_unscaled() / units);
    let coverage = lay_out(&font, scale, text);
    let size = (pixels.width(), pixels.height());
    let dots: Vec<Dot> = coverage
        .into_iter()
        .filter(|d| d.x < size.0 && d.y < size.1)
        .collect();
    match pixels {
        DynamicImage::ImageLuma8(p) => whiten(p, &dots, 1),
        DynamicImage::ImageLumaA8(p) => whiten(p, &dots, 1),
        DynamicImage::ImageRgb8(p) => whiten(p, &dots, 3),
        DynamicImage::ImageRgba8(p) => whiten(p, &dots, 3),
        DynamicImage::ImageLuma16(p) => whiten(p, &dots, 1),
        DynamicImage::ImageLumaA16(p) => whiten(p, &dots, 1),
        DynamicImage::ImageRgb16(p) => whiten(p, &dots, 3),
        DynamicImage::ImageRgba16(p) => whiten(p, &dots, 3),
        _ => return Err(Error::Encode("pixels of an unknown kind".into())),
    }
    let right = dots.iter().map(|d| d.x + 1).max().unwrap_or(0);
    let bottom = dots.iter().map(|d| d.y + 1).max().unwrap_or(0);
    Ok(Rect {
        x: 0,
        y: 0,
        width: right,
        height: bottom,
    })
}

/// A pixel of the text and how much of it the text covers, 0 to 1.
struct Dot {
    x: u32,
    y: u32,
    cover: f32,
}

fn lay_out(font: &FontRef<'_>, scale: PxScale, text: &str) -> Vec<Dot> {
    let scaled = font.as_scaled(scale);
    let mut dots = Vec::new();
    let mut left = 0.0;
    for c in text.chars() {
        let id = font.glyph_id(c);
        let glyph = id.with_scale_and_position(scale, point(left, scaled.ascent()));
        left += scaled.h_advance(id);
        let Some(outline) = font.outline_glyph(glyph) else {
            continue;
        };
        let bounds = outline.px_bounds();
        outline.draw(|x, y, cover| {
            let (x, y) = (bounds.min.x + x as f32, bounds.min.y + y as f32);
            if x >= 0.0 && y >= 0.0 && cover > 0.0 {
                dots.push(Dot {
                    x: x as u32,
                    y: y as u32,
                    cover: cover.min(1.0),
                });
            }
        });
    }
    dots
}

/// Mixes white into the colour channels and makes the dots opaque.
fn whiten<P>(pixels: &mut ImageBuffer<P, Vec<P::Subpixel>>, dots: &[Dot], colours: usize)
where
    P: Pixel,
    P::Subpixel: Primitive,
{
    let white = f32_of(P::Subpixel::DEFAULT_MAX_VALUE);
    for dot in dots {
        for (i, channel) in pixels
            .get_pixel_mut(dot.x, dot.y)
            .channels_mut()
            .iter_mut()
            .enumerate()
        {
            let value = f32_of(*channel);
            let target = if i < colours {
                value + (white - value) * dot.cover
            } else {
                white
            };
            if let Some(mixed) = num_traits::cast(target.round()) {
                *channel = mixed;
            }
        }
    }
}

fn f32_of<T: Primitive>(value: T) -> f32 {
    value.to_f32().unwrap_or(0.0)
}
