//! Connected blobs of pixels.

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
        if !std::mem::take(&mut open[start]) {
            continue;
        }
        let mut pixels = vec![start];
        let mut next = 0;
        while let Some(&at) = pixels.get(next) {
            next += 1;
            let (x, y) = (at % columns, at / columns);
            for row in y.saturating_sub(1)..=y + 1 {
                for column in x.saturating_sub(1)..=(x + 1).min(columns - 1) {
                    let beside = row * columns + column;
                    if open.get_mut(beside).is_some_and(std::mem::take) {
                        pixels.push(beside);
                    }
                }
            }
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
