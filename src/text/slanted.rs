//! Searches slanted text on turned copies of the parts of a picture where it may be.

use crate::{error::Error, picture::boxes::Rect};

use super::{
    components::Component,
    look::Look,
    map::Map,
    sighted::Sighted,
    turned::{ANGLES, Turned},
};

/// Parts with cells from this share of `thresholds.low` on are searched on turned copies, too.
const HINT: f32 = 0.75;
/// Hints nearer than this, in cells, are searched together.
const HINT_GAP: u32 = 6;
/// The surroundings of a hint that are searched with it, in cells.
const HINT_MARGIN: u32 = 8;
/// Parts that add up to more than this share of the picture are searched as one, the whole picture,
/// in percent.
const MAX_PARTS: u64 = 60;
/// The number of times that a part grows because text reaches its edge.
const MAX_GROWTH: usize = 3;
/// Text nearer than this to the edge of a part, in cells, may go on beyond it.
const EDGE: u32 = 4;

/// Searches the slanted text of a look, given its map and everything upright that it has found.
///
/// # Errors
/// Those of the model's run, and [`Error::Model`] when its map does not fit the contract.
pub(super) fn search(look: &Look<'_>, map: &Map, sighted: &mut Sighted) -> Result<(), Error> {
    for part in hints(look, map, sighted) {
        if may_be_new(look, &part) {
            turned(look, part, sighted)?;
        }
    }
    Ok(())
}

/// Reports whether a part of the copy can show text that the search of the source did not find: a
/// redacted picture shows what its source does, except at the covers.
fn may_be_new(look: &Look<'_>, part: &Rect) -> bool {
    let (covered, factor) = (look.criteria.covered, look.factor as u32);
    let shown = Rect {
        x: part.x * factor,
        y: part.y * factor,
        width: part.width * factor,
        height: part.height * factor,
    };
    covered.is_empty() || covered.iter().any(|cover| cover.touches(&shown))
}

/// Returns the parts of the copy where slanted text may be: the model scores it lower, and takes
/// some of it for markers.
fn hints(look: &Look<'_>, map: &Map, sighted: &Sighted) -> Vec<Rect> {
    let from = look.criteria.contract.thresholds.low * HINT;
    let size = (look.copy.width as u32, look.copy.height as u32);
    let stride = map.stride as u32;
    let (width, height) = look.size();
    let grown = |rect: &Rect, cells: u32| rect.grown(cells * look.side(), width, height);
    let upright = sighted.text.iter().filter(|text| text.covers.len() == 1);
    let known: Vec<Rect> = upright
        .map(|text| grown(&text.rect, 1))
        .chain(sighted.letters.iter().map(|letter| grown(letter, 2)))
        .collect();
    let is_open = |x: f32, y: f32| {
        // The center of a cell that reaches over the edge may lie beyond it.
        let pixel = |at: f32, side: u32| ((at * look.factor as f32) as u32).min(side - 1);
        let (across, down) = (pixel(x, width), pixel(y, height));
        look.counts(x, y) && !known.iter().any(|rect| rect.contains(across, down))
    };
    let mut parts: Vec<Rect> = Vec::new();
    for group in map.groups(from, from, is_open) {
        let mut part = Component::new(&group.cells, stride, size, 0.0).rect;
        let by = HINT_GAP * stride;
        while let Some(at) = parts
            .iter()
            .position(|other| part.grown(by, size.0, size.1).touches(other))
        {
            part = part.union(&parts.swap_remove(at));
        }
        parts.push(part);
    }
    for part in &mut parts {
        *part = part.grown(HINT_MARGIN * stride, size.0, size.1);
    }
    let area = |r: &Rect| u64::from(r.width) * u64::from(r.height);
    let whole = Rect {
        x: 0,
        y: 0,
        width: size.0,
        height: size.1,
    };
    if parts.iter().map(area).sum::<u64>() * 100 > MAX_PARTS * area(&whole) {
        return vec![whole];
    }
    parts
}

/// Searches turned copies of a part, which grows while text reaches its edge.
fn turned(look: &Look<'_>, mut part: Rect, sighted: &mut Sighted) -> Result<(), Error> {
    let size = (look.copy.width as u32, look.copy.height as u32);
    let stride = look.criteria.contract.output.stride;
    let mut text = Vec::new();
    for _ in 0..=MAX_GROWTH {
        let mut reach = part;
        text.clear();
        for degrees in ANGLES {
            for found in at_angle(look, &part, degrees, &sighted.letters)? {
                let bounds = found.rect;
                let on_copy = Rect {
                    x: bounds.x / look.factor as u32,
                    y: bounds.y / look.factor as u32,
                    width: bounds.width.div_ceil(look.factor as u32),
                    height: bounds.height.div_ceil(look.factor as u32),
                };
                reach = reach.union(&on_copy.grown(EDGE * stride as u32, size.0, size.1));
                text.push(found);
            }
        }
        if reach == part {
            break;
        }
        part = reach.grown(HINT_MARGIN * stride as u32, size.0, size.1);
    }
    sighted.text.append(&mut text);
    Ok(())
}

/// Returns the text on one turned copy of a part.
fn at_angle(
    look: &Look<'_>,
    part: &Rect,
    degrees: f64,
    letters: &[Rect],
) -> Result<Vec<Component>, Error> {
    let criteria = look.criteria;
    let stride = criteria.contract.output.stride;
    let (width, height) = look.size();
    let turned = Turned::new(look.copy, part, degrees);
    let map = Map::of(&turned.gray, criteria.contract, criteria.infer)?;
    let is_letter = |x: u32, y: u32| {
        let around = |letter: &Rect| letter.grown(look.side(), width, height);
        letters.iter().any(|letter| around(letter).contains(x, y))
    };
    let is_open = |u: f32, v: f32| {
        turned.pixel(u, v).is_some_and(|(x, y)| {
            let (x, y) = (x * look.factor as u32, y * look.factor as u32);
            (criteria.counts)(x, y) && !is_letter(x, y)
        })
    };
    let (low, high) = criteria.extra;
    let components = map
        .groups(low, high, is_open)
        .into_iter()
        .filter(|group| group.marker_share < criteria.marker)
        .filter_map(|group| {
            let cells = turned.cells(&group, stride);
            let found = || Component::new(&cells, look.side(), look.size(), group.marker_share);
            (!cells.is_empty()).then(found)
        });
    Ok(components
        .filter(|found| look.is_extra_text(found))
        .collect())
}
