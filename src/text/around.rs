//! Searches print that touches a side marker: the model takes both for the marker, so it looks
//! again at a copy from which the marker is erased.

use crate::{error::Error, picture::boxes::Rect, picture::gray::GrayImage};

use super::{
    components::Component,
    ink::Ink,
    look::Criteria,
    map::Map,
    sighted::{Marker, Sign},
};

/// The surroundings of a marker that are looked at, in heights of its bounds.
const SURROUNDINGS: u32 = 2;
/// The least surroundings, in pixels.
const MIN_SURROUNDINGS: u32 = 64;
/// The pixels beside a marker that are erased with it, beside its soft edge: rings of compression.
const RINGS: usize = 3;
/// The depth of a marker's shadow, which is erased with it: this part of its shorter side.
const SHADOW: u32 = 24;
/// Around markers without print, hardly a cell has this probability of text.
const MIN_TEXT: f32 = 0.55;

/// Returns the print that touches a marker. Print on the plane ends within `edge` pixels. Print at
/// a ruler would be on the windows on which all of it was recognized.
///
/// # Errors
/// Those of the model's run, and [`Error::Model`] when its map does not fit the contract.
pub(super) fn print_around(
    criteria: &Criteria<'_>,
    plane: &GrayImage,
    marker: &Marker,
    edge: usize,
) -> Result<Vec<Component>, Error> {
    let found = &marker.rect;
    let ink = match marker.sign {
        Sign::Letters(letters) => Ink::of(plane, found, letters),
        Sign::Arrow => Ink::along(plane, found),
        Sign::Ruler => return Ok(Vec::new()),
    };
    let stride = criteria.contract.output.stride as u32;
    let size = (plane.width as u32, plane.height as u32);
    let by = MIN_SURROUNDINGS.max(SURROUNDINGS * found.height.min(found.width));
    let part = on_cells(&found.grown(by, size.0, size.1), stride);
    let mut copy = plane.part(&part);
    let beside = edge + RINGS + (found.width.min(found.height) / SHADOW) as usize;
    erase(&mut copy, &part, &ink, beside);
    let map = Map::of(&copy, criteria.contract, criteria.infer)?;
    let component = |cells: &[(u32, u32)], share| {
        let (left, top) = (part.x / stride, part.y / stride);
        let placed: Vec<_> = cells.iter().map(|(x, y)| (x + left, y + top)).collect();
        Component::new(&placed, stride, size, share)
    };
    let is_text = |cells: &[(u32, u32)]| {
        let text = |&(x, y): &(u32, u32)| map.text[y as usize * map.columns + x as usize];
        cells.iter().map(text).any(|text| text >= MIN_TEXT)
    };
    let groups = map.groups(criteria.contract.thresholds.low, MIN_TEXT, |_, _| true);
    let texts = groups
        .into_iter()
        .filter(|group| is_text(&group.cells))
        .map(|group| component(&group.cells, group.marker_share));
    Ok(texts.filter(|text| text.rect.touches(found)).collect())
}

/// Moves the left and the top of a rectangle to the border of a cell.
fn on_cells(rect: &Rect, stride: u32) -> Rect {
    let (x, y) = (rect.x / stride * stride, rect.y / stride * stride);
    Rect {
        x,
        y,
        width: rect.x + rect.width - x,
        height: rect.y + rect.height - y,
    }
}

/// Replaces a marker on a part of a picture, with the pixels beside it, by the levels around it.
fn erase(copy: &mut GrayImage, part: &Rect, ink: &Ink, beside: usize) {
    let (columns, rows) = (copy.width, copy.height);
    let mut mask = vec![false; columns * rows];
    for at in &ink.pixels {
        let x = ink.window.x as usize + at % ink.window.width as usize;
        let y = ink.window.y as usize + at / ink.window.width as usize;
        // From and to where on the part; ink may be beyond it.
        let on = |at: usize, start: u32, length: usize| {
            let start = start as usize;
            let end = (at + beside + 1).saturating_sub(start).min(length);
            at.saturating_sub(beside + start)..end
        };
        for row in on(y, part.y, rows) {
            let across = on(x, part.x, columns);
            if !across.is_empty() {
                mask[row * columns..][across].fill(true);
            }
        }
    }
    let mut across = copy.levels.clone();
    for row in 0..rows {
        let places: Vec<usize> = (0..columns).map(|x| row * columns + x).collect();
        bridge(&mut across, &mask, &places);
    }
    let mut down = copy.levels.clone();
    for column in 0..columns {
        let places: Vec<usize> = (0..rows).map(|y| y * columns + column).collect();
        bridge(&mut down, &mask, &places);
    }
    for (level, (across, down)) in copy.levels.iter_mut().zip(across.iter().zip(&down)) {
        *level = across.midpoint(*down);
    }
}

/// Replaces the masked levels of a row or a column by the line between the levels beside them.
fn bridge(levels: &mut [u8], mask: &[bool], places: &[usize]) {
    let mut start = 0;
    for run in places.chunk_by(|a, b| mask[*a] == mask[*b]) {
        let end = start + run.len();
        let before = start.checked_sub(1).map(|at| levels[places[at]]);
        let after = places.get(end).map(|at| levels[*at]);
        if mask[run[0]]
            && let (Some(from), Some(to)) = (before.or(after), after.or(before))
        {
            let (from, to) = (i32::from(from), i32::from(to));
            for (step, &at) in (1..).zip(run) {
                levels[at] = (from + (to - from) * step / (run.len() as i32 + 1)) as u8;
            }
        }
        start = end;
    }
}
