//! The pixels of a recognized marker.

use crate::picture::{boxes::Rect, gray::GrayImage};

use super::{
    blobs::{Blob, blobs},
    contrast::Levels,
};

/// Pixels from this level on are ink, in percent from the ground's level to the marker's.
const LEVEL: i32 = 50;
/// The pixels beside the marker's rectangle that are looked at, too: this part of its shorter side,
/// at least [`MIN_MARGIN`].
const MARGIN_PART: u32 = 4;
/// See [`MARGIN_PART`].
const MIN_MARGIN: u32 = 6;
/// Smaller blobs are not the marker's, in percent of the height or the length of the largest one.
const MIN_SIZE: usize = 50;
/// The reach of a ring or a frame around a marker, in percent of the marker's longer side.
const FRAME: u32 = 75;
/// The most that a frame fills of its bounds, in percent.
const HOLLOW: usize = 35;

/// A marker's pixels and its surroundings.
pub(super) struct Ink {
    /// The part of the picture that was looked at.
    pub window: Rect,
    /// The pixels of the marker, as places in the window.
    pub pixels: Vec<usize>,
}

/// Reports whether print is the marker's in a rectangle of a picture, or the ring or the frame
/// around it: whether it is inside of their bounds, or outside by `beside` pixels at most.
pub(super) fn is_of(marker: &Rect, print: &Rect, picture: &GrayImage, beside: u32) -> bool {
    let (width, height) = (picture.width as u32, picture.height as u32);
    let holds = |bounds: &Rect| bounds.grown(beside, width, height).holds(print);
    holds(marker) || (print.touches(marker) && holds(&framed(picture, marker)))
}

/// Returns the bounds of a marker with the ring or the frame around it.
pub(super) fn framed(picture: &GrayImage, marker: &Rect) -> Rect {
    let by = marker.width.max(marker.height) * FRAME / 100;
    let around = marker.grown(by, picture.width as u32, picture.height as u32);
    let window = picture.part(&around);
    // The middle half.
    let middle = Rect {
        x: marker.x - around.x + marker.width / 4,
        y: marker.y - around.y + marker.height / 4,
        width: marker.width / 2,
        height: marker.height / 2,
    };
    let mut bounds = *marker;
    for blob in inside(
        blobs(&inked(picture, marker, &window), window.width),
        &window,
    ) {
        let rect = Rect {
            x: blob.left as u32,
            y: blob.top as u32,
            width: blob.width as u32,
            height: blob.height as u32,
        };
        if rect.holds(&middle) && blob.pixels.len() * 100 <= HOLLOW * blob.width * blob.height {
            bounds = bounds.union(&Rect {
                x: around.x + rect.x,
                y: around.y + rect.y,
                ..rect
            });
        }
    }
    bounds
}

/// Returns which pixels of a window have a level as the marker's, which differs most from the
/// ground.
fn inked(picture: &GrayImage, marker: &Rect, window: &GrayImage) -> Vec<bool> {
    let Levels { ground, contrasts } = Levels::of(&picture.part(marker).levels);
    let contrast = contrasts.into_iter().max_by_key(|c| c.abs()).unwrap_or(0);
    let is_ink =
        |&l: &u8| (i32::from(l) - ground) * contrast.signum() * 100 >= LEVEL * contrast.abs();
    window.levels.iter().map(is_ink).collect()
}

/// Returns the blobs that don't reach over their window: these are not the marker's.
fn inside(mut found: Vec<Blob>, window: &GrayImage) -> Vec<Blob> {
    found.retain(|b| {
        b.left > 0
            && b.top > 0
            && b.left + b.width < window.width
            && b.top + b.height < window.height
    });
    found
}

impl Ink {
    /// Returns the ink of the marker in a rectangle of a picture, of the level that differs most
    /// from the ground: the tallest blobs, as many as it has letters, without those lower than a
    /// half of the tallest one. The others may be other print.
    pub(super) fn of(picture: &GrayImage, rect: &Rect, letters: usize) -> Ink {
        let margin = MIN_MARGIN.max(rect.width.min(rect.height) / MARGIN_PART);
        let around = rect.grown(margin, picture.width as u32, picture.height as u32);
        let window = picture.part(&around);
        let mut found = inside(blobs(&inked(picture, rect, &window), window.width), &window);
        found.sort_by_key(|blob| std::cmp::Reverse(blob.height));
        found.truncate(letters);
        let tallest = found.first().map_or(0, |blob| blob.height);
        found.retain(|blob| blob.height * 100 >= MIN_SIZE * tallest);
        Ink {
            window: around,
            pixels: found.into_iter().flat_map(|blob| blob.pixels).collect(),
        }
    }

    /// Returns the ink of the long blobs that touch a rectangle of a picture, which may show a part
    /// of an arrow only, as far as they reach along its longer side.
    pub(super) fn along(picture: &GrayImage, rect: &Rect) -> Ink {
        let margin = MIN_MARGIN.max(rect.width.min(rect.height) / MARGIN_PART);
        let around = rect.grown(margin, picture.width as u32, picture.height as u32);
        let window = if rect.width >= rect.height {
            Rect {
                x: 0,
                width: picture.width as u32,
                ..around
            }
        } else {
            Rect {
                y: 0,
                height: picture.height as u32,
                ..around
            }
        };
        let shown = picture.part(&window);
        let mut found = inside(blobs(&inked(picture, rect, &shown), shown.width), &shown);
        found.retain(|blob| {
            rect.touches(&Rect {
                x: window.x + blob.left as u32,
                y: window.y + blob.top as u32,
                width: blob.width as u32,
                height: blob.height as u32,
            })
        });
        let length = |blob: &Blob| blob.width.max(blob.height);
        let longest = found.iter().map(length).max().unwrap_or(0);
        found.retain(|blob| length(blob) * 100 >= MIN_SIZE * longest);
        Ink {
            window,
            pixels: found.into_iter().flat_map(|blob| blob.pixels).collect(),
        }
    }

    /// Returns the bounds of the ink, if there is any.
    pub(super) fn bounds(&self) -> Option<Rect> {
        let width = self.window.width as usize;
        let columns = self.pixels.iter().map(|at| at % width);
        let (left, right) = (columns.clone().min()?, columns.max()?);
        let (top, bottom) = (
            self.pixels.iter().min()? / width,
            self.pixels.iter().max()? / width,
        );
        Some(Rect {
            x: self.window.x + left as u32,
            y: self.window.y + top as u32,
            width: (right - left + 1) as u32,
            height: (bottom - top + 1) as u32,
        })
    }
}
