//! What the modality writes onto a picture: who it is, and which side is right.

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};
use image::{GrayImage, Luma};

use super::patient::Patient;

/// The height of the patient's lines in pixels, as in the pictures of the original demo.
const LINE: u32 = 25;

/// Burns the patient in at the bottom left, within 300 x 100 px.
pub(super) fn burn_in(picture: &mut GrayImage, patient: &Patient, font: &FontRef<'_>) {
    let lines = patient.lines();
    for (i, line) in lines.iter().enumerate() {
        let top = picture.height() - LINE * (lines.len() - i) as u32;
        write(picture, line, (1, top), LINE as f32, 235, font);
    }
}

/// The side marker, which is no patient data and must survive redaction.
pub(super) fn side_marker(picture: &mut GrayImage, font: &FontRef<'_>) {
    let top = picture.height() / 11;
    write(picture, "R", (10, top), 58.0, 252, font);
}

/// Ticks along the borders, as on the pictures of many a modality.
pub(super) fn ticks(picture: &mut GrayImage) {
    let (width, height) = picture.dimensions();
    for x in (0..width).step_by(62) {
        let long = if x % 310 == 0 { 8 } else { 5 };
        (0..long).for_each(|y| picture.put_pixel(x, y, Luma([240])));
    }
    for y in (0..height.saturating_sub(LINE * 5)).step_by(62) {
        let long = if y % 310 == 0 { 8 } else { 5 };
        (0..long).for_each(|x| picture.put_pixel(x, y, Luma([240])));
    }
}

fn write(
    picture: &mut GrayImage,
    text: &str,
    (left, top): (u32, u32),
    em: f32,
    grey: u8,
    font: &FontRef<'_>,
) {
    // ab_glyph measures a font from its highest to its lowest point; people and Pillow measure its em.
    let scale = em * font.height_unscaled() / font.units_per_em().unwrap_or(1000.0);
    let scaled = font.as_scaled(PxScale::from(scale));
    let mut x = left as f32;
    for letter in text.chars() {
        let id = font.glyph_id(letter);
        // The baseline stands at four fifths of the line, so that what hangs below stays within it.
        let baseline = (top as f32 + 0.78 * em).round();
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
            if let (Ok(px), Ok(py)) = (u32::try_from(px), u32::try_from(py))
                && let Some(Luma([old])) = picture.get_pixel_mut_checked(px, py)
            {
                *old = (f32::from(*old) + (f32::from(grey) - f32::from(*old)) * cover) as u8;
            }
        });
    }
}
