//! Connected components of a map, by hysteresis thresholding.

use super::{flood::flood, map::Map};

/// The cells of a connected component.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    /// Column and row of each cell.
    pub cells: Vec<(u32, u32)>,
    /// The marker probability's share of the score, 0 to 1: the mean over the cells.
    pub marker_share: f32,
    /// The greatest score of a cell.
    pub peak: f32,
}

impl Map {
    /// Returns the score of a cell: the probability of text or a marker.
    fn score(&self, cell: usize) -> f32 {
        self.text[cell] + self.marker[cell]
    }

    /// Reports whether a cell that counts has a score in this range.
    pub(super) fn scores(
        &self,
        range: std::ops::Range<f32>,
        counts: impl Fn(f32, f32) -> bool,
    ) -> bool {
        let center = |at: usize| (at as f32 + 0.5) * self.stride as f32;
        (0..self.text.len()).any(|i| {
            range.contains(&self.score(i))
                && counts(center(i % self.columns), center(i / self.columns))
        })
    }

    /// Returns the connected components (8-connectivity) of cells scoring at least `low`, kept if
    /// any cell scores at least `high` (hysteresis thresholding). Cells whose center, given in
    /// pixels of the searched copy, fails `counts` are left out.
    pub(super) fn groups(
        &self,
        low: f32,
        high: f32,
        counts: impl Fn(f32, f32) -> bool,
    ) -> Vec<Group> {
        let stride = self.stride as f32;
        let center = |at: usize| (at as f32 + 0.5) * stride;
        let mut open: Vec<bool> = (0..self.text.len())
            .map(|i| {
                self.score(i) >= low && counts(center(i % self.columns), center(i / self.columns))
            })
            .collect();
        let mut found = Vec::new();
        for start in 0..open.len() {
            let Some(flooded) = flood(start, self.columns, &mut open, false, |open| open) else {
                continue;
            };
            let cells = flooded.fields;
            let scores = cells.iter().map(|&cell| self.score(cell));
            let peak = scores.fold(f32::NEG_INFINITY, f32::max);
            if peak >= high {
                let shares = cells.iter().map(|&c| self.marker[c] / self.score(c));
                found.push(Group {
                    peak,
                    marker_share: shares.sum::<f32>() / cells.len() as f32,
                    cells: cells
                        .iter()
                        .map(|c| ((c % self.columns) as u32, (c / self.columns) as u32))
                        .collect(),
                });
            }
        }
        found
    }
}
