//! Burns writing into a picture, as modalities do, and says where each line stands.

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};
use anyhow::{Result, bail};
use image::{GrayImage, Luma};
use serde::Serialize;

use crate::seed::Seed;

/// What a line is about: what must go, and what must stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// The patient.
    Patient,
    /// The side, which is no patient data.
    Marker,
}

/// A line of text on a picture, in pixels. No pixel outside of the box was changed for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextBox {
    /// What it says.
    pub text: String,
    /// What it is about.
    pub what: What,
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// Across.
    pub width: u32,
    /// Down.
    pub height: u32,
}

/// The corner that the patient's lines stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corner {
    /// Top left.
    TopLeft,
    /// Top right.
    TopRight,
    /// Bottom left.
    BottomLeft,
    /// Bottom right.
    BottomRight,
}

impl Corner {
    /// All of them.
    pub const ALL: [Corner; 4] = [
        Corner::TopLeft,
        Corner::TopRight,
        Corner::BottomLeft,
        Corner::BottomRight,
    ];
}

/// How patients are written. Each picture takes one value of each range.
#[derive(Debug, Clone)]
pub struct Style<'a> {
    /// Whether they are written at all: without, what is on a picture says nothing of its patient, and all of it may stay.
    pub burned_in: bool,
    /// The em in pixels, from and to.
    pub em: (f32, f32),
    /// The corners that are taken by turns of chance.
    pub corners: Vec<Corner>,
    /// The grey level of the letters, from and to.
    pub grey: (u8, u8),
    /// The fonts that are taken by turns of chance; at least one.
    pub fonts: Vec<FontRef<'a>>,
}

impl Default for Style<'static> {
    /// As in the pictures of the original demo: 25 px, near white, at the bottom left.
    fn default() -> Self {
        Style {
            burned_in: true,
            em: (25.0, 25.0),
            corners: vec![Corner::BottomLeft],
            grey: (235, 235),
            fonts: vec![built_in_font()],
        }
    }
}

impl<'a> Style<'a> {
    /// The same, checked.
    ///
    /// # Errors
    /// When a list is empty or a size is not from 6 to 200 px.
    pub fn checked(self) -> Result<Self> {
        if self.corners.is_empty() || self.fonts.is_empty() {
            bail!("at least one corner and one font are needed");
        }
        if !(6.0..=200.0).contains(&self.em.0) || !(self.em.0..=200.0).contains(&self.em.1) {
            bail!("the size of letters must be from 6 to 200 px");
        }
        Ok(self)
    }
}

/// The font of the function's labels.
pub(crate) fn built_in_font() -> FontRef<'static> {
    FontRef::try_from_slice(xray::picture::annotate::FONT).expect("the font is part of the program")
}

/// Writes the lines into a corner, one below the other, or nothing where the style says so.
pub(crate) fn patient(
    picture: &mut GrayImage,
    lines: &[String],
    style: &Style<'_>,
    seed: &mut Seed,
) -> Vec<TextBox> {
    if !style.burned_in {
        return Vec::new();
    }
    let em = seed.between(style.em.0, style.em.1).round();
    let corner = *seed.pick(&style.corners);
    let grey = seed.between(f32::from(style.grey.0), f32::from(style.grey.1) + 0.99) as u8;
    let font = seed.pick(&style.fonts);
    // Letters with tails need more than an em where the font is not the built-in one.
    let step = em.max((font.height_unscaled() / units(font) * em * 0.85).ceil());
    let tall = step * lines.len() as f32;
    let top = match corner {
        Corner::TopLeft | Corner::TopRight => 0.0,
        Corner::BottomLeft | Corner::BottomRight => picture.height() as f32 - tall,
    };
    let mut boxes = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let left = match corner {
            Corner::TopLeft | Corner::BottomLeft => 1.0,
            Corner::TopRight | Corner::BottomRight => {
                picture.width() as f32 - length(line, em, font) - 2.0
            }
        };
        let at = (left.max(0.0), top + step * i as f32);
        boxes.extend(write(picture, line, What::Patient, at, em, grey, font));
    }
    boxes
}

/// The side marker, which is no patient data and must survive redaction.
pub(crate) fn side_marker(picture: &mut GrayImage) -> Option<TextBox> {
    let top = (picture.height() / 11) as f32;
    let font = built_in_font();
    write(picture, "R", What::Marker, (10.0, top), 58.0, 252, &font)
}

/// Ticks along the borders, as on the pictures of many a modality; none beside the lowest `free` pixels.
pub(crate) fn ticks(picture: &mut GrayImage, free: u32) {
    let (width, height) = picture.dimensions();
    for x in (0..width).step_by(62) {
        let long = if x % 310 == 0 { 8 } else { 5 };
        (0..long).for_each(|y| picture.put_pixel(x, y, Luma([240])));
    }
    for y in (0..height.saturating_sub(free)).step_by(62) {
        let long = if y % 310 == 0 { 8 } else { 5 };
        (0..long).for_each(|x| picture.put_pixel(x, y, Luma([240])));
    }
}

fn units(font: &FontRef<'_>) -> f32 {
    font.units_per_em().unwrap_or(1000.0)
}

fn length(text: &str, em: f32, font: &FontRef<'_>) -> f32 {
    let unscaled: f32 = text
        .chars()
        .map(|c| font.h_advance_unscaled(font.glyph_id(c)))
        .sum();
    unscaled * em / units(font)
}

/// Writes one line; the box is none when nothing of it is on the picture.
fn write(
    picture: &mut GrayImage,
    text: &str,
    what: What,
    (left, top): (f32, f32),
    em: f32,
    grey: u8,
    font: &FontRef<'_>,
) -> Option<TextBox> {
    // ab_glyph measures a font from its highest to its lowest point; people and Pillow measure its em.
    let scaled = font.as_scaled(PxScale::from(em * font.height_unscaled() / units(font)));
    // The baseline stands at four fifths of the line, so that what hangs below stays within it.
    let baseline = (top + 0.78 * em).round();
    let mut x = left;
    // Left, top, right, bottom of the pixels that were touched.
    let mut touched: Option<[u32; 4]> = None;
    for letter in text.chars() {
        let id = font.glyph_id(letter);
        let glyph = Glyph {
            id,
            scale: scaled.scale(),
            position: point(x, baseline),
        };
        x += scaled.h_advance(id);
        let Some(outline) = font.outline_glyph(glyph) else {
            continue;
        };
        let bounds = outline.px_bounds();
        outline.draw(|dx, dy, cover| {
            let (px, py) = (
                bounds.min.x as i64 + i64::from(dx),
                bounds.min.y as i64 + i64::from(dy),
            );
            if cover > 0.0
                && let (Ok(px), Ok(py)) = (u32::try_from(px), u32::try_from(py))
                && let Some(Luma([old])) = picture.get_pixel_mut_checked(px, py)
            {
                *old =
                    (f32::from(*old) + (f32::from(grey) - f32::from(*old)) * cover.min(1.0)) as u8;
                let [l, t, r, b] = touched.unwrap_or([px, py, px, py]);
                touched = Some([l.min(px), t.min(py), r.max(px), b.max(py)]);
            }
        });
    }
    touched.map(|[l, t, r, b]| TextBox {
        text: text.to_owned(),
        what,
        x: l,
        y: t,
        width: r - l + 1,
        height: b - t + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boxes_hold_all_that_was_written_in_every_corner() {
        let lines = ["name:Ada Quill".to_owned(), "id:4711".to_owned()];
        for corner in Corner::ALL {
            let style = Style {
                em: (14.0, 60.0),
                corners: vec![corner],
                grey: (90, 255),
                ..Style::default()
            };
            for index in 0..8 {
                let mut picture = GrayImage::new(900, 700);
                let boxes = patient(&mut picture, &lines, &style, &mut Seed::new(index));
                assert_eq!(boxes.len(), 2);
                let within = |x: u32, y: u32| {
                    boxes.iter().any(|b| {
                        (b.x..b.x + b.width).contains(&x) && (b.y..b.y + b.height).contains(&y)
                    })
                };
                let mut ink = 0;
                for (x, y, pixel) in picture.enumerate_pixels() {
                    assert!(pixel.0 == [0] || within(x, y), "{corner:?} {x},{y}");
                    ink += usize::from(pixel.0 != [0]);
                }
                assert!(ink > 200, "{corner:?} {ink}");
                let left = boxes[0].x < 450;
                let upper = boxes[0].y < 350;
                let expected = match corner {
                    Corner::TopLeft => (true, true),
                    Corner::TopRight => (false, true),
                    Corner::BottomLeft => (true, false),
                    Corner::BottomRight => (false, false),
                };
                // Large letters of a long name may reach across the middle.
                assert!((left, upper) == expected || boxes[0].width > 440);
            }
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for style in [
            Style {
                corners: vec![],
                ..Style::default()
            },
            Style {
                em: (2.0, 3.0),
                ..Style::default()
            },
            Style {
                em: (30.0, 20.0),
                ..Style::default()
            },
        ] {
            assert!(style.checked().is_err());
        }
    }
}
