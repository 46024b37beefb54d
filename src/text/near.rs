//! The levels near a pixel, a row at a time.

use crate::picture::gray::GrayImage;

/// Rows of a picture near one of them, empty beyond the picture's edges.
pub(super) struct Near<'p> {
    own: &'p [u8],
    /// The rows above and below, beyond an edge of print, whose levels differ.
    around: [&'p [u8]; 2],
    off: isize,
    /// The rows right above and below.
    beside: [&'p [u8]; 2],
    /// Those where the contrast of print is gone.
    beyond: [&'p [u8]; 2],
    reach: isize,
}

impl<'p> Near<'p> {
    /// Returns the rows around one. Edges of print are `edge` pixels wide, and `reach` pixels away
    /// the contrast of print is gone.
    pub(super) fn new(picture: &'p GrayImage, y: usize, edge: usize, reach: usize) -> Near<'p> {
        let row = |dy: isize| -> &'p [u8] {
            let y = y.checked_add_signed(dy).map(|y| y * picture.width);
            let rest = y.and_then(|start| picture.levels.get(start..));
            rest.and_then(|rest| rest.get(..picture.width))
                .unwrap_or_default()
        };
        let (off, reach) = (edge as isize - 1, reach as isize);
        Near {
            own: row(0),
            around: [row(-off), row(off)],
            off,
            beside: [row(-1), row(1)],
            beyond: [row(-reach), row(reach)],
            reach,
        }
    }

    /// Returns the levels around a pixel; `None` beyond the picture's edges.
    pub(super) fn around(&self, x: usize) -> [Option<u8>; 9] {
        let level = |row, by: isize| level(row, x, by * self.off);
        let [above, below] = self.around;
        [
            level(above, -1),
            level(above, 0),
            level(above, 1),
            level(self.own, -1),
            level(self.own, 0),
            level(self.own, 1),
            level(below, -1),
            level(below, 0),
            level(below, 1),
        ]
    }

    /// Returns the levels right beside a pixel and beyond an edge, on each side; `None` beyond the
    /// picture's edges.
    pub(super) fn sides(&self, x: usize) -> [(Option<u8>, Option<u8>); 4] {
        let column = |row: usize| (level(self.beside[row], x, 0), level(self.beyond[row], x, 0));
        let row = |by: isize| (level(self.own, x, by), level(self.own, x, by * self.reach));
        [row(1), row(-1), column(1), column(0)]
    }
}

/// Returns the level of a row at a column that is so far to the right of `x`.
fn level(row: &[u8], x: usize, by: isize) -> Option<u8> {
    row.get(x.wrapping_add_signed(by)).copied()
}
