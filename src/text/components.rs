//! The rectangles that cover a connected component.

use std::collections::BTreeMap;

use crate::picture::boxes::Rect;

/// A component that fills less than this share of its bounds is covered row by row, in percent:
/// the bounds of a slanted line are mostly background.
const MIN_FILL: u64 = 60;
/// Components whose bounds have fewer cells are covered by them.
const MIN_CELLS: u64 = 32;
/// Rows are covered together while that adds less than this to their own area, in percent.
const MAX_ADDED: u64 = 25;

/// A connected component.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Component {
    /// Its bounds, in pixels of the searched picture.
    pub rect: Rect,
    /// Rectangles that hold it, in pixels of the searched picture.
    pub covers: Vec<Rect>,
    /// The marker probability's share of the score, 0 to 1: the mean over the cells.
    pub marker_share: f32,
}

impl Component {
    /// Returns a component that is covered by one rectangle.
    pub(super) fn of(rect: Rect) -> Component {
        Component {
            rect,
            covers: vec![rect],
            marker_share: 0.0,
        }
    }

    /// Returns the shorter side of the component, or the height of its rows if it is covered row by
    /// row.
    pub(super) fn thickness(&self) -> u32 {
        let shorter = |r: &Rect| r.width.min(r.height);
        self.covers.iter().map(shorter).max().unwrap_or(0)
    }

    /// Returns the component of these cells of `side` pixels on a picture of this size; none of the
    /// cells is beyond it. There is at least one.
    pub(super) fn new(
        cells: &[(u32, u32)],
        side: u32,
        (width, height): (u32, u32),
        marker_share: f32,
    ) -> Component {
        // First and last column of each row.
        let mut rows: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
        for &(x, y) in cells {
            let row = rows.entry(y).or_insert((x, x));
            *row = (row.0.min(x), row.1.max(x));
        }
        let bounds = rows
            .iter()
            .map(|(&y, &row)| Band::of(y, row))
            .reduce(Band::with)
            .unwrap_or(Band::of(0, (0, 0)));
        // With the area of their rows.
        let mut bands: Vec<(Band, u64)> = Vec::new();
        if bounds.area() < MIN_CELLS || cells.len() as u64 * 100 >= bounds.area() * MIN_FILL {
            bands.push((bounds, bounds.area()));
        } else {
            for (&y, &row) in &rows {
                let next = Band::of(y, row);
                let joined = bands
                    .last()
                    .map(|(band, area)| (band.with(next), area + next.area()));
                match joined {
                    Some((band, area)) if band.area() * 100 <= area * (100 + MAX_ADDED) => {
                        bands.pop();
                        bands.push((band, area));
                    }
                    _ => bands.push((next, next.area())),
                }
            }
        }
        let rect = |band: Band| {
            let length = |from: u32, to: u32, limit: u32| {
                let start = (from * side).min(limit.saturating_sub(1));
                (start, ((to + 1) * side).min(limit) - start)
            };
            let (x, width) = length(band.left, band.right, width);
            let (y, height) = length(band.top, band.bottom, height);
            Rect {
                x,
                y,
                width,
                height,
            }
        };
        Component {
            rect: rect(bounds),
            covers: bands.into_iter().map(|(band, _)| rect(band)).collect(),
            marker_share,
        }
    }
}

/// A rectangle of cells, with its last column and row.
#[derive(Clone, Copy)]
struct Band {
    left: u32,
    top: u32,
    right: u32,
    bottom: u32,
}

impl Band {
    fn of(y: u32, (left, right): (u32, u32)) -> Band {
        Band {
            left,
            top: y,
            right,
            bottom: y,
        }
    }

    fn with(self, other: Band) -> Band {
        Band {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    fn area(self) -> u64 {
        u64::from(self.right - self.left + 1) * u64::from(self.bottom - self.top + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(cells: &[(u32, u32)]) -> Vec<[u32; 4]> {
        Component::new(cells, 8, (1000, 1000), 0.0)
            .covers
            .iter()
            .map(|r| [r.x, r.y, r.width, r.height])
            .collect()
    }

    #[test]
    fn upright_lines_are_covered_by_their_bounds() {
        assert_eq!(
            covers(&[(4, 4), (5, 4), (6, 5), (7, 4)]),
            [[32, 32, 32, 16]]
        );
    }

    #[test]
    fn slanted_lines_are_covered_row_by_row() {
        let cells: Vec<(u32, u32)> = (0..20).flat_map(|i| [(i, i), (i + 1, i)]).collect();
        let covers = covers(&cells);
        for (x, y) in cells {
            let held = |[left, top, width, height]: &[u32; 4]| {
                (*left..left + width).contains(&(8 * x + 4))
                    && (*top..top + height).contains(&(8 * y + 4))
            };
            assert!(covers.iter().any(held), "{x},{y} in {covers:?}");
        }
        let area: u32 = covers.iter().map(|r| r[2] * r[3]).sum();
        assert!(area <= 64 * 40 * 5 / 4, "{covers:?}");
    }

    #[test]
    fn covers_end_at_the_edge_of_the_picture() {
        let found = Component::new(&[(2, 1), (3, 1)], 8, (30, 12), 0.0);
        assert_eq!(found.rect, found.covers[0]);
        assert_eq!(
            [
                found.rect.x,
                found.rect.y,
                found.rect.width,
                found.rect.height
            ],
            [16, 8, 14, 4]
        );
    }
}
