//! The components that a search has found on a picture.

use crate::picture::boxes::Rect;

use super::components::Component;

/// The components of a picture, in pixels of the searched picture.
#[derive(Debug, Default)]
pub(super) struct Sighted {
    /// Text.
    pub text: Vec<Component>,
    /// Markers that were recognized.
    pub markers: Vec<Rect>,
    /// The numbers of letters of the markers that were recognized.
    pub letters: Vec<(Rect, usize)>,
    /// Shapes that the model takes for markers, and that are not print: bones, clips.
    pub shapes: Vec<Rect>,
    /// The model has run on parts of the picture only.
    pub in_part: bool,
    /// On one of these parts a score is so near to the threshold that it might reach it in a look
    /// at the whole picture.
    pub in_doubt: bool,
}
