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
        let pixels = flood(start, columns, &mut open, |_| true);
        if pixels.is_empty() {
            continue;
        }
        let across = || pixels.iter().map(|at| at % columns);
        let (left, right) = (across().min().unwrap_or(0), across().max().unwrap_or(0));
        let (top, bottom) = (start / columns, pixels.iter().max().unwrap_or(&0) / columns);
        found.push(Blob {
            left,
            top,
            width: right - left + 1,
            height: bottom - top + 1,
            pixels,
        });
    }
    found
}
