//! The pixels of a recognized marker.

use crate::picture::{boxes::Rect, gray::GrayImage};

use super::{blobs::blobs, contrast::Levels};

/// Pixels from this level on are ink, in percent from the ground's level to the marker's.
const LEVEL: i32 = 50;
/// The pixels beside the marker's rectangle that are looked at, too: this part of its shorter side,
/// at least [`MIN_MARGIN`].
const MARGIN_PART: u32 = 4;
/// See [`MARGIN_PART`].
const MIN_MARGIN: u32 = 6;
/// Blobs under this height are not the marker's, in percent of the tallest one.
const MIN_HEIGHT: usize = 50;

/// A marker's pixels and its surroundings.
pub(super) struct Ink {
    /// The part of the picture that was looked at.
    pub window: Rect,
    /// The pixels of the marker, as places in the window.
    pub pixels: Vec<usize>,
}

impl Ink {
    /// Returns the ink of the marker in a rectangle of a picture: what is of the level that differs
    /// most from the ground, without blobs lower than a half of the tallest one, which may be other
    /// print.
    pub(super) fn of(picture: &GrayImage, rect: &Rect) -> Ink {
        let margin = MIN_MARGIN.max(rect.width.min(rect.height) / MARGIN_PART);
        let around = rect.grown(margin, picture.width as u32, picture.height as u32);
        let Levels { ground, contrasts } = Levels::of(&picture.part(rect).levels);
        let contrast = contrasts.into_iter().max_by_key(|c| c.abs()).unwrap_or(0);
        let is_ink =
            |&l: &u8| (i32::from(l) - ground) * contrast.signum() * 100 >= LEVEL * contrast.abs();
        let window = picture.part(&around);
        let ink: Vec<bool> = window.levels.iter().map(is_ink).collect();
        let mut found = blobs(&ink, window.width);
        // What reaches over the window is not the marker's.
        found.retain(|b| {
            b.left > 0
                && b.top > 0
                && b.left + b.width < window.width
                && b.top + b.height < window.height
        });
        let tallest = found.iter().map(|blob| blob.height).max().unwrap_or(0);
        found.retain(|blob| blob.height * 100 >= MIN_HEIGHT * tallest);
        Ink {
            window: around,
            pixels: found.into_iter().flat_map(|blob| blob.pixels).collect(),
        }
    }
}
