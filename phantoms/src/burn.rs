//! Burns text into a picture, as modalities do, and reports the bounding box of each line.

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};
use anyhow::{Result, bail};
use image::{GrayImage, Luma};
use serde::Serialize;
use xray::picture::{annotate::FONT, boxes::Corner};

use crate::seed::Seed;

/// Subject of a line: the patient's lines must be redacted, the side marker must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TextKind {
    /// Patient data.
    Patient,
    /// A side marker, which is not patient data.
    Marker,
}

/// A line of text with its bounding box in pixels: no pixel outside was changed for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextBox {
    /// The text.
    pub text: String,
    /// Its subject.
    #[serde(rename = "what")]
    pub kind: TextKind,
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

/// Style of the patient's lines. Each picture draws one value from each range or list.
#[derive(Debug, Clone)]
pub struct Style<'a> {
    /// Burns the patient in. If false, nothing on a picture identifies its patient and all of it
    /// may stay.
    pub burned_in: bool,
    /// Smallest and largest em in pixels.
    pub em: (f32, f32),
    /// Corners to choose from; at least one.
    pub corners: Vec<Corner>,
    /// Darkest and brightest gray level of the letters.
    pub gray: (u8, u8),
    /// Fonts to choose from; at least one.
    pub fonts: Vec<FontRef<'a>>,
    /// Format of the files.
    pub format: Format,
}

/// Format of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// JPEG.
    #[default]
    Jpeg,
    /// DICOM: Digital X-Ray, 12 bit, with the patient, a child, in the attributes as well.
    Dicom,
}

impl Default for Style<'static> {
    /// The style of the original demo's pictures: 25 px, near white, at the bottom left.
    fn default() -> Self {
        Style {
            burned_in: true,
            em: (25.0, 25.0),
            corners: vec![Corner::BottomLeft],
            gray: (235, 235),
            fonts: vec![built_in_font()],
            format: Format::Jpeg,
        }
    }
}

impl<'a> Style<'a> {
    /// Validates the style.
    ///
    /// # Errors
    /// Fails when a list is empty or a size is outside 6 to 200 px.
    pub fn checked(self) -> Result<Self> {
        if self.corners.is_empty() || self.fonts.is_empty() {
            bail!("the style has no corner or no font; give at least one of each");
        }
        if !(6.0..=200.0).contains(&self.em.0) || !(self.em.0..=200.0).contains(&self.em.1) {
            bail!("the letter size is out of range; choose 6 to 200 px");
        }
        Ok(self)
    }
}

/// Font of the function's labels.
pub(crate) fn built_in_font() -> FontRef<'static> {
    FontRef::try_from_slice(FONT).expect("the built-in font is valid")
}

/// Burns the lines into a corner, one below the other, unless the style leaves them out.
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
    let gray = seed.between(f32::from(style.gray.0), f32::from(style.gray.1) + 0.99) as u8;
    let font = seed.pick(&style.fonts);
    // Descenders need more than an em in fonts other than the built-in one.
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
        boxes.extend(write(picture, line, TextKind::Patient, at, em, gray, font));
    }
    boxes
}

/// Burns in the side marker, which is not patient data and must survive redaction.
pub(crate) fn side_marker(picture: &mut GrayImage) -> Option<TextBox> {
    let top = (picture.height() / 11) as f32;
    let font = built_in_font();
    write(
        picture,
        "R",
        TextKind::Marker,
        (10.0, top),
        58.0,
        252,
        &font,
    )
}

/// Draws ticks along the borders, as many modalities do, except beside the lowest `free` pixels.
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

/// Burns in one line; returns `None` if all of it falls outside the picture.
fn write(
    picture: &mut GrayImage,
    text: &str,
    kind: TextKind,
    (left, top): (f32, f32),
    em: f32,
    gray: u8,
    font: &FontRef<'_>,
) -> Option<TextBox> {
    // ab_glyph scales by the font's full height, people and Pillow by its em.
    let scaled = font.as_scaled(PxScale::from(em * font.height_unscaled() / units(font)));
    // The baseline is at 78 % of the line, so that descenders stay within it.
    let baseline = (top + 0.78 * em).round();
    let mut x = left;
    // Left, top, right and bottom of the changed pixels.
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
                    (f32::from(*old) + (f32::from(gray) - f32::from(*old)) * cover.min(1.0)) as u8;
                let [l, t, r, b] = touched.unwrap_or([px, py, px, py]);
                touched = Some([l.min(px), t.min(py), r.max(px), b.max(py)]);
            }
        });
    }
    touched.map(|[l, t, r, b]| TextBox {
        text: text.to_owned(),
        kind,
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
    fn boxes_bound_the_text_in_every_corner() {
        let lines = ["name:Ada Quill".to_owned(), "id:4711".to_owned()];
        for corner in Corner::ALL {
            let style = Style {
                em: (14.0, 60.0),
                corners: vec![corner],
                gray: (90, 255),
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
                // Large letters of a long name may cross the middle.
                assert!((left, upper) == expected || boxes[0].width > 440);
            }
        }
    }

    #[test]
    fn style_rejects_empty_lists_and_bad_sizes() {
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
