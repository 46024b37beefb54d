//! Connected blobs of pixels.

use super::flood::flood;

/// A connected blob of ink.
pub(super) struct Blob {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
    /// Its pixels, as places in the window.
    pub pixels: Vec<usize>,
}

/// Returns the blobs of ink (8-connectivity).
pub(super) fn blobs(ink: &[bool], columns: usize) -> Vec<Blob> {
    let mut open = ink.to_vec();
    let mut found = Vec::new();
    for start in 0..open.len() {
        if let Some(flooded) = flood(start, columns, &mut open, false, |open| open) {
            found.push(Blob {
                left: flooded.columns.start,
                top: flooded.rows.start,
                width: flooded.columns.len(),
                height: flooded.rows.len(),
                pixels: flooded.fields,
            });
        }
    }
    found
}
