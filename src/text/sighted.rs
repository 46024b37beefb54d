//! The components that a search has found on a picture.

use crate::picture::boxes::Rect;

use super::components::Component;

/// A marker that was recognized.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Marker {
    /// In pixels of the searched picture.
    pub rect: Rect,
    /// Its kind.
    pub sign: Sign,
}

#[cfg(test)]
impl Marker {
    /// Returns a marker of one letter.
    pub(super) fn letter(rect: Rect) -> Marker {
        Marker {
            rect,
            sign: Sign::Letters(1),
        }
    }
}

/// Kind of a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    /// A word of this number of letters.
    Letters(usize),
    /// An arrow.
    Arrow,
    /// A ruler.
    Ruler,
}

/// The components of a picture, in pixels of the searched picture.
#[derive(Debug, Default)]
pub(super) struct Sighted {
    /// Text.
    pub text: Vec<Component>,
    /// Markers that were recognized.
    pub markers: Vec<Marker>,
    /// Shapes that the model takes for markers, and that are not print: bones, clips.
    pub shapes: Vec<Rect>,
    /// Compact components in which the model hardly sees text, and that are not print: the anatomy,
    /// unless text is near.
    pub weak: Vec<Rect>,
    /// The model has run on parts of the picture only.
    pub in_part: bool,
    /// On one of these parts a score is so near to the threshold that it might reach it in a look
    /// at the whole picture.
    pub in_doubt: bool,
}
