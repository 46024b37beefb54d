//! Draws the label: white, monospaced, at the top-left corner.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use image::{DynamicImage, ImageBuffer, Pixel, Primitive};

use crate::{error::Error, picture::boxes::Rect};

/// DejaVu Sans Mono, printable ASCII only; see `assets/README.md`.
pub const FONT: &[u8] = include_bytes!("../../assets/DejaVuSansMono-subset.ttf");

/// A label with a smaller em would be illegible, so a picture that needs one is too narrow.
const MIN_EM: f32 = 6.0;

/// A label, laid out for a picture.
#[derive(Debug)]
pub struct Label {
    dots: Vec<Dot>,
    rect: Rect,
}

impl Label {
    /// Lays `text` out at the top-left corner of a picture of this size, with an em of `em` pixels,
    /// or less if the picture is too narrow.
    ///
    /// # Errors
    /// [`Error::Encode`] when the picture is too narrow to hold the text at all.
    pub fn lay_out(text: &str, em: f32, (width, height): (u32, u32)) -> Result<Label, Error> {
        let font = FontRef::try_from_slice(FONT)
            .map_err(|_| Error::Encode("the built-in font can't be read".into()))?;
        // Lengths in a font are in units of the em; ab_glyph's scale is the height from ascent to
        // descent.
        let units = font.units_per_em().unwrap_or(2048.0);
        let advance =
            font.h_advance_unscaled(font.glyph_id('0')) / units * text.chars().count() as f32;
        let em = em.min(width as f32 / advance.max(0.1));
        if em < MIN_EM {
            return Err(Error::Encode(format!(
                "a picture {width} pixels wide is too narrow for the label"
            )));
        }
        let scale = PxScale::from(em * font.height_unscaled() / units);
        let mut dots = lay_out(&font, scale, text);
        dots.retain(|d| d.x < width && d.y < height);
        let rect = Rect {
            x: 0,
            y: 0,
            width: dots.iter().map(|d| d.x + 1).max().unwrap_or(0),
            height: dots.iter().map(|d| d.y + 1).max().unwrap_or(0),
        };
        Ok(Label { dots, rect })
    }

    /// Returns the rectangle outside of which no pixel changes.
    pub fn rect(&self) -> Rect {
        self.rect
    }

    /// Draws the label in white on a picture, or on the part of one whose first pixel is at
    /// `origin`.
    pub fn draw(&self, pixels: &mut DynamicImage, origin: (i64, i64)) {
        let (width, height) = (i64::from(pixels.width()), i64::from(pixels.height()));
        let dots: Vec<Dot> = self
            .dots
            .iter()
            .filter_map(|d| {
                let (x, y) = (i64::from(d.x) - origin.0, i64::from(d.y) - origin.1);
                let on = (0..width).contains(&x) && (0..height).contains(&y);
                on.then_some(Dot {
                    x: x as u32,
                    y: y as u32,
                    coverage: d.coverage,
                })
            })
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
            // The decoders here give no other kinds.
            _ => {}
        }
    }
}

/// Lays a label out and draws it; see [`Label`].
///
/// # Errors
/// As [`Label::lay_out`].
pub fn draw_label(pixels: &mut DynamicImage, text: &str, em: f32) -> Result<Rect, Error> {
    let label = Label::lay_out(text, em, (pixels.width(), pixels.height()))?;
    label.draw(pixels, (0, 0));
    Ok(label.rect())
}

/// A pixel of the text.
#[derive(Debug)]
struct Dot {
    x: u32,
    y: u32,
    /// The share of the pixel that the text covers, 0 to 1.
    coverage: f32,
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
        outline.draw(|x, y, coverage| {
            let (x, y) = (bounds.min.x + x as f32, bounds.min.y + y as f32);
            if x >= 0.0 && y >= 0.0 && coverage > 0.0 {
                dots.push(Dot {
                    x: x as u32,
                    y: y as u32,
                    coverage: coverage.min(1.0),
                });
            }
        });
    }
    dots
}

/// Mixes white into the color channels and makes the dots opaque.
fn whiten<P>(pixels: &mut ImageBuffer<P, Vec<P::Subpixel>>, dots: &[Dot], colors: usize)
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
            let target = if i < colors {
                value + (white - value) * dot.coverage
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
