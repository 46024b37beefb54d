//! The places at which a redacted picture differs from its source.

use crate::picture::{boxes::Rect, gray::GrayImage};

/// The side of the squares that are compared, in pixels.
const SIDE: usize = 8;
/// An odd number without a pattern, by which the digests are mixed.
const MIX: u64 = 0x517c_c1b7_2722_0a95;

/// A digest of each square of a plane: an eighth of the memory of the plane itself.
pub(super) struct Squares {
    width: usize,
    height: usize,
    digests: Vec<u64>,
}

impl Squares {
    pub(super) fn of(plane: &GrayImage) -> Squares {
        let columns = plane.width.div_ceil(SIDE);
        let mut digests = Vec::with_capacity(columns * plane.height.div_ceil(SIDE));
        for band in plane.levels.chunks(plane.width * SIDE) {
            let from = digests.len();
            digests.resize(from + columns, 0u64);
            for row in band.chunks_exact(plane.width) {
                let (whole, rest) = row.as_chunks::<SIDE>();
                let mut last = [0; SIDE];
                last[..rest.len()].copy_from_slice(rest);
                let words = whole.iter().chain((!rest.is_empty()).then_some(&last));
                for (digest, word) in digests[from..].iter_mut().zip(words) {
                    // Each step is a bijection, so squares that differ in one row never agree.
                    *digest = (digest.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(MIX);
                }
            }
        }
        Squares {
            width: plane.width,
            height: plane.height,
            digests,
        }
    }

    /// Returns rectangles that hold every pixel in which a plane differs, or `None` if its size
    /// does.
    pub(super) fn changes(&self, plane: &GrayImage) -> Option<Vec<Rect>> {
        if (self.width, self.height) != (plane.width, plane.height) {
            return None;
        }
        let now = Squares::of(plane);
        let columns = self.width.div_ceil(SIDE);
        let bands = self
            .digests
            .chunks(columns)
            .zip(now.digests.chunks(columns));
        let mut rects: Vec<Rect> = Vec::new();
        for (row, (before, after)) in bands.enumerate() {
            let is_changed = |at: usize| before[at] != after[at];
            let mut start = 0;
            while let Some(left) = (start..columns).find(|at| is_changed(*at)) {
                let right = (left..columns)
                    .find(|at| !is_changed(*at))
                    .unwrap_or(columns);
                start = right;
                self.add(&mut rects, left..right, row);
            }
        }
        Some(rects)
    }

    /// Adds the squares of a row to the rectangle that ends above them, or as a new one.
    fn add(&self, rects: &mut Vec<Rect>, squares: std::ops::Range<usize>, row: usize) {
        let (left, right) = (squares.start * SIDE, (squares.end * SIDE).min(self.width));
        let (top, bottom) = (row * SIDE, ((row + 1) * SIDE).min(self.height));
        let (x, width) = (left as u32, (right - left) as u32);
        let above = rects
            .iter_mut()
            .find(|r| (r.x, r.width, r.y + r.height) == (x, width, top as u32));
        match above {
            Some(rect) => rect.height += (bottom - top) as u32,
            None => rects.push(Rect {
                x,
                y: top as u32,
                width,
                height: (bottom - top) as u32,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plane(width: usize, height: usize) -> GrayImage {
        GrayImage {
            width,
            height,
            levels: (0..width * height).map(|at| (at * 7 % 251) as u8).collect(),
        }
    }

    #[test]
    fn box_that_was_covered_is_one_rectangle() {
        let before = plane(100, 60);
        let mut after = before.clone();
        for y in 18..40 {
            after.levels[y * 100 + 20..y * 100 + 97].fill(0);
        }
        let changes = Squares::of(&before).changes(&after).unwrap();
        let [rect] = changes[..] else {
            panic!("{changes:?}");
        };
        assert_eq!((rect.x, rect.y, rect.width, rect.height), (16, 16, 84, 24));
        assert_eq!(Squares::of(&before).changes(&before).unwrap(), []);
        assert_eq!(Squares::of(&before).changes(&plane(60, 100)), None);
    }

    proptest! {
        #[test]
        fn every_changed_pixel_is_held(
            (width, height) in (1usize..70, 1usize..50),
            changed in prop::collection::vec((any::<usize>(), 1u8..), 0..9),
        ) {
            let before = plane(width, height);
            let mut after = before.clone();
            let count = after.levels.len();
            for (at, by) in changed {
                after.levels[at % count] = after.levels[at % count].wrapping_add(by);
            }
            let rects = Squares::of(&before).changes(&after).unwrap();
            for at in 0..before.levels.len() {
                let (x, y) = ((at % width) as u32, (at / width) as u32);
                let is_held = rects.iter().any(|rect| rect.contains(x, y));
                prop_assert!(is_held || before.levels[at] == after.levels[at]);
            }
            for rect in &rects {
                prop_assert!(rect.x + rect.width <= width as u32);
                prop_assert!(rect.y + rect.height <= height as u32);
            }
        }
    }
}
