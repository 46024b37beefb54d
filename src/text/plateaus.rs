//! Print that is too large for the model at any size: letters of hundreds of pixels are flat and
//! end sharply. The anatomy fades, and a single flat shape may be metal or a marker.

use crate::picture::{boxes::Rect, gray::GrayImage};

use super::{components::Component, flood::flood, ink::is_of, sighted::Sighted};

/// The side of the cells in which a picture is looked at, in pixels.
const CELL: usize = 4;
/// The greatest range of the levels in a flat cell: compression rings beside strokes.
const MAX_RANGE: u8 = 12;
/// The greatest difference of a cell's level from that of its plateau.
const MAX_STEP: u8 = 8;
/// The heights of letters, in cells.
const HEIGHTS: std::ops::RangeInclusive<usize> = 25..=250;
/// The widths of letters, in percent of their height. Narrower shapes are edges of collimators; an
/// I is covered between its neighbors.
const WIDTHS: std::ops::RangeInclusive<usize> = 30..=170;
/// The shares of a letter's bounds that it fills, in percent.
const FILL: std::ops::RangeInclusive<usize> = 6..=75;
/// Across a sharp border the level differs by at least this much within [`NEAR`] cells.
const MIN_CONTRAST: u8 = 24;
/// See [`MIN_CONTRAST`].
const NEAR: usize = 3;
/// At [`NEAR`] cells, at least this share of the difference at twice as many is reached, in
/// percent: bones fade.
const REACHED: u32 = 70;
/// The least share of a letter's border that is sharp, in percent.
const SHARP: usize = 70;
/// The greatest gap between letters of one text, in percent of the height of the larger one.
const MAX_GAP: u32 = 150;
/// The greatest height of a letter in percent of the height of another in the same text.
const MAX_LARGER: u32 = 220;
/// Print that reaches over a marker by at most this many pixels is the marker's.
const BESIDE: u32 = 8;
/// The greatest difference between the levels of letters of one text.
const MAX_LEVELS: u8 = 24;

/// A picture in cells: the level of each that is flat.
struct Cells {
    columns: usize,
    rows: usize,
    flat: Vec<Option<u8>>,
    levels: Vec<u8>,
}

/// Adds the bounds of large print with two letters or more, unless it is a recognized marker.
pub(super) fn add(plane: &GrayImage, sighted: &mut Sighted) {
    let cells = Cells::of(plane);
    let mut texts: Vec<Text> = Vec::new();
    for (bounds, level) in cells.letters() {
        let mut text = Text {
            bounds,
            highest: bounds.height,
            level,
            letters: 1,
        };
        while let Some(at) = texts.iter().position(|other| text.goes_on_with(other)) {
            text = text.with(&texts.swap_remove(at));
        }
        texts.push(text);
    }
    let is_marker = |text: &Text| {
        let mut markers = sighted.markers.iter();
        markers.any(|marker| is_of(&marker.rect, &text.bounds, plane, BESIDE))
    };
    texts.retain(|text| text.letters > 1 && !is_marker(text));
    let texts = texts.iter().map(|text| Component::of(text.bounds));
    sighted.text.extend(texts);
}

/// Letters that are near each other.
struct Text {
    bounds: Rect,
    /// The height of the highest letter.
    highest: u32,
    /// The level of the first letter.
    level: u8,
    /// The number of letters.
    letters: usize,
}

impl Text {
    fn goes_on_with(&self, other: &Text) -> bool {
        let (higher, lower) = (
            self.highest.max(other.highest),
            self.highest.min(other.highest),
        );
        let reach = higher * MAX_GAP / 100;
        higher * 100 <= lower * MAX_LARGER
            && self.level.abs_diff(other.level) <= MAX_LEVELS
            && self
                .bounds
                .grown(reach, u32::MAX, u32::MAX)
                .touches(&other.bounds)
    }

    fn with(self, other: &Text) -> Text {
        Text {
            bounds: self.bounds.union(&other.bounds),
            highest: self.highest.max(other.highest),
            level: self.level,
            letters: self.letters + other.letters,
        }
    }
}

impl Cells {
    fn of(plane: &GrayImage) -> Cells {
        let (columns, rows) = (plane.width / CELL, plane.height / CELL);
        let mut cells = Cells {
            columns,
            rows,
            flat: Vec::with_capacity(columns * rows),
            levels: Vec::with_capacity(columns * rows),
        };
        // The least and the most of the rows of a band first, so that many columns are compared at
        // once.
        let (mut least, mut most) = (vec![0; plane.width], vec![0; plane.width]);
        for band in plane.levels.chunks_exact(plane.width * CELL) {
            least.fill(u8::MAX);
            most.fill(0);
            for line in band.chunks_exact(plane.width) {
                for (least, &level) in least.iter_mut().zip(line) {
                    *least = level.min(*least);
                }
                for (most, &level) in most.iter_mut().zip(line) {
                    *most = level.max(*most);
                }
            }
            let ranges = least.chunks_exact(CELL).zip(most.chunks_exact(CELL));
            for (least, most) in ranges {
                let least = least.iter().fold(u8::MAX, |least, level| least.min(*level));
                let most = most.iter().fold(0, |most, level| most.max(*level));
                let level = u8::midpoint(least, most);
                cells.levels.push(level);
                let is_flat = most - least <= MAX_RANGE;
                cells.flat.push(is_flat.then_some(level));
            }
        }
        cells
    }

    /// Returns the bounds of the plateaus that look like letters, in pixels, and their levels.
    fn letters(&self) -> Vec<(Rect, u8)> {
        let mut open = self.flat.clone();
        let mut found = Vec::new();
        for start in 0..open.len() {
            let Some(level) = open[start] else {
                continue;
            };
            if !self.starts_sharply(start, level) {
                continue;
            }
            // The connected cells of about this level.
            let is_part =
                |flat: Option<u8>| flat.is_some_and(|other| other.abs_diff(level) <= MAX_STEP);
            let Some(plateau) = flood(start, self.columns, &mut open, None, is_part) else {
                continue;
            };
            let (columns, rows) = (plateau.columns, plateau.rows);
            let (width, height) = (columns.len(), rows.len());
            let is_letter = HEIGHTS.contains(&height)
                && WIDTHS.contains(&(width * 100 / height))
                && FILL.contains(&(plateau.fields.len() * 100 / (width * height)))
                && columns.start > 0
                && rows.start > 0
                && columns.end < self.columns
                && rows.end < self.rows
                && self.is_sharp(&plateau.fields, level);
            if is_letter {
                let pixels = |cells: usize| (cells * CELL) as u32;
                let bounds = Rect {
                    x: pixels(columns.start),
                    y: pixels(rows.start),
                    width: pixels(width),
                    height: pixels(height),
                };
                found.push((bounds, level));
            }
        }
        found
    }

    /// Reports whether a plateau ends sharply at most of its border.
    fn is_sharp(&self, cells: &[usize], level: u8) -> bool {
        let (mut border, mut sharp) = (0, 0);
        for &at in cells {
            for is_sharp in self.ways(at).filter_map(|way| self.ends(at, level, way)) {
                border += 1;
                sharp += usize::from(is_sharp);
            }
        }
        border > 0 && sharp * 100 >= SHARP * border
    }

    /// Reports whether a plateau of this level ends sharply to the left of one of its cells or
    /// above it. Some cell of each letter is such a one, since most of its border is sharp, and few
    /// cells of the anatomy are.
    fn starts_sharply(&self, at: usize, level: u8) -> bool {
        let mut ways = self.ways(at).skip(2);
        ways.any(|way| self.ends(at, level, way) == Some(true))
    }

    /// Returns the ways from a cell to the right, down, left and up: the number of cells up to the
    /// edge, and the step to the next one.
    fn ways(&self, at: usize) -> impl Iterator<Item = (usize, isize)> {
        let (x, y) = (at % self.columns, at / self.columns);
        let down = self.columns as isize;
        [
            (self.columns - 1 - x, 1),
            (self.rows - 1 - y, down),
            (x, -1),
            (y, -down),
        ]
        .into_iter()
    }

    /// Reports whether a plateau of this level ends sharply on a way from one of its cells; `None`
    /// if it goes on.
    fn ends(&self, at: usize, level: u8, (room, step): (usize, isize)) -> Option<bool> {
        let beyond = |cells: usize| at.wrapping_add_signed(step * cells as isize);
        let drop = |cells: usize| u32::from(self.levels[beyond(cells)].abs_diff(level));
        let is_border =
            room >= 2 * NEAR && (drop(1) > u32::from(MAX_STEP) || self.flat[beyond(1)].is_none());
        is_border.then(|| {
            let near = drop(NEAR);
            near >= u32::from(MIN_CONTRAST) && near * 100 >= REACHED * drop(2 * NEAR)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_the_range_of_their_pixels() {
        // Pixels beyond the last whole cell don't count.
        let (width, height) = (19, 10);
        let levels: Vec<u8> = (0..width * height)
            .map(|at| (at * at * 31 % 251) as u8 / if at % width < 8 { 25 } else { 1 })
            .collect();
        let plane = GrayImage {
            width,
            height,
            levels,
        };
        let cells = Cells::of(&plane);
        assert_eq!((cells.columns, cells.rows), (4, 2));
        let mut flat = 0;
        for (at, level) in cells.levels.iter().enumerate() {
            let (x, y) = (at % 4 * CELL, at / 4 * CELL);
            let rows = (y..y + CELL).map(|y| &plane.levels[y * width + x..][..CELL]);
            let pixels: Vec<u8> = rows.flatten().copied().collect();
            let (least, most) = (pixels.iter().min().unwrap(), pixels.iter().max().unwrap());
            assert_eq!(*level, u8::midpoint(*least, *most), "{at}");
            assert_eq!(
                cells.flat[at],
                (most - least <= MAX_RANGE).then_some(*level)
            );
            flat += usize::from(cells.flat[at].is_some());
        }
        assert_eq!(cells.levels.len(), 8);
        assert!((1..8).contains(&flat), "{flat}");
    }
}
