//! A marker recognizer of rules, for tests: it names a single upright L or R, and nothing else.

use serde_json::json;

use super::*;
use crate::text::{
    blobs::{Blob, blobs},
    contrast::Levels,
    marker_contract::MarkerContract,
};

/// Levels at which a window is split into letter and ground, in percent from the ground's to the
/// letter's.
const LEVELS: [i32; 4] = [85, 70, 55, 40];
/// The least contrast of a letter, in gray levels.
const MIN_CONTRAST: i32 = 24;
/// The least height of a letter on the window, in pixels.
const MIN_HEIGHT: usize = 10;
/// Blobs under this height are specks.
const MIN_SIDE: usize = 5;
/// The greatest number of other blobs beside the letter.
const MAX_OTHERS: usize = 2;
/// Their pixels in percent of the letter's: more is text.
const MAX_OTHER_PIXELS: usize = 10;
/// Rows and columns into which a letter's bounds are divided.
const GRID: usize = 20;
/// The middle of the window, on which the component is.
const MIDDLE: [u32; 4] = [40, 2, 48, 44];

/// The contract of the recognizer.
pub(super) fn letter_contract() -> MarkerContract {
    let contract = json!({
        "version": 2, "name": "letters", "model_sha256": "0".repeat(64),
        "input": { "name": "window", "type": "u8", "width": 128, "height": 48, "scale": 1, "offset": 0 },
        "output": { "name": "letter", "classes": ["other", "L"] },
        "thresholds": { "upright": 0.9, "turned": 1.0 },
    });
    MarkerContract::parse(&contract.to_string()).unwrap()
}

/// Names a letter, upright only.
pub(super) fn letter(input: &InputTensor) -> Result<Vec<NamedTensor>, Error> {
    let window = GrayImage {
        width: input.dims[3] as usize,
        height: input.dims[2] as usize,
        levels: input.data.to_f32().iter().map(|v| *v as u8).collect(),
    };
    let chance = if is_letter(&window) { 0.995 } else { 0.0 };
    Ok(vec![NamedTensor {
        name: "letter".into(),
        tensor: Tensor {
            dims: vec![1, 2],
            data: vec![1.0 - chance, chance],
        },
    }])
}

fn is_letter(window: &GrayImage) -> bool {
    let middle = window.part(&rect(MIDDLE));
    let Levels { ground, contrasts } = Levels::of(&middle.levels);
    let strong = contrasts.into_iter().filter(|c| c.abs() >= MIN_CONTRAST);
    let mut inks = strong.flat_map(|contrast| LEVELS.map(|level| (contrast, level)));
    inks.any(|(contrast, level)| {
        let is_ink =
            |&l: &u8| (i32::from(l) - ground) * contrast.signum() * 100 >= level * contrast.abs();
        let ink: Vec<bool> = middle.levels.iter().map(is_ink).collect();
        shows_letter(&ink, middle.width)
    })
}

/// Reports whether the ink is a single L or R.
fn shows_letter(ink: &[bool], columns: usize) -> bool {
    let rows = ink.len() / columns;
    let mut inside = blobs(ink, columns);
    inside.retain(|b| {
        b.left > 0 && b.top > 0 && b.left + b.width < columns && b.top + b.height < rows
    });
    let Some(largest) = (0..inside.len()).max_by_key(|&at| inside[at].pixels.len()) else {
        return false;
    };
    let letter = inside.swap_remove(largest);
    let others = || inside.iter().filter(|b| b.height >= MIN_SIDE);
    let pixels: usize = others().map(|b| b.pixels.len()).sum();
    others().count() <= MAX_OTHERS
        && pixels * 100 <= MAX_OTHER_PIXELS * letter.pixels.len()
        && letter.height >= MIN_HEIGHT
        && is_l_or_r(&letter, columns)
}

fn is_l_or_r(blob: &Blob, columns: usize) -> bool {
    let aspect = blob.width * 100 / blob.height;
    if !(30..=130).contains(&aspect) {
        return false;
    }
    // The share of ink in each field of the grid, from 0 to 1, is over a half.
    let mut mask = vec![false; blob.width * blob.height];
    for at in &blob.pixels {
        let (x, y) = (at % columns - blob.left, at / columns - blob.top);
        mask[y * blob.width + x] = true;
    }
    let mut grid = [[false; GRID]; GRID];
    for (row, fields) in grid.iter_mut().enumerate() {
        let y = (2 * row + 1) * blob.height / (2 * GRID);
        for (column, field) in fields.iter_mut().enumerate() {
            let x = (2 * column + 1) * blob.width / (2 * GRID);
            *field = mask[y * blob.width + x];
        }
    }
    let holes = holes(&mask, blob.width);
    match holes[..] {
        [] => is_l(&grid) || is_open_r(&grid),
        [hole] => is_r(&grid, hole),
        _ => false,
    }
}

type Grid = [[bool; GRID]; GRID];

fn share(grid: &Grid, rows: std::ops::Range<usize>, columns: std::ops::Range<usize>) -> usize {
    let fields = rows.len() * columns.len();
    let ink = rows
        .flat_map(|row| columns.clone().map(move |column| grid[row][column]))
        .filter(|ink| *ink)
        .count();
    ink * 100 / fields
}

/// Counts the rows with ink in these columns.
fn rows_with(grid: &Grid, rows: std::ops::Range<usize>, columns: std::ops::Range<usize>) -> usize {
    rows.filter(|&row| grid[row][columns.clone()].contains(&true))
        .count()
}

/// A stem at the left, a foot that reaches the right, and nothing above the foot.
fn is_l(grid: &Grid) -> bool {
    rows_with(grid, 0..20, 0..10) >= 19
        && share(grid, 1..12, 12..20) <= 4
        && share(grid, 16..20, 9..19) >= 25
        && grid[15..20].iter().any(|row| row[18..].contains(&true))
}

/// A stem at the left, legs that are apart at the bottom, and a bowl with a hole.
fn is_r(grid: &Grid, (x, y): (usize, usize)) -> bool {
    (25..=75).contains(&x) && (12..=48).contains(&y) && has_stem_and_legs(grid)
}

/// An R whose bowl is not closed on the picture, or filled up.
fn is_open_r(grid: &Grid) -> bool {
    has_stem_and_legs(grid)
        && share(grid, 0..3, 6..14) >= 60
        && share(grid, 2..8, 15..20) >= 20
        && share(grid, 8..12, 6..13) >= 40
}

fn has_stem_and_legs(grid: &Grid) -> bool {
    let runs = |row: &[bool; GRID]| {
        usize::from(row[0]) + (1..GRID).filter(|&x| row[x] && !row[x - 1]).count()
    };
    rows_with(grid, 0..20, 0..8) >= 19
        && share(grid, 0..3, 2..9) >= 30
        && (12..20).filter(|&row| runs(&grid[row]) == 2).count() >= 3
        && rows_with(grid, 16..20, 13..20) >= 2
        && share(grid, 0..9, 5..16) >= 22
        // No stroke down the whole right side.
        && share(grid, 0..20, 17..20) <= 70
}

/// Returns the centers of the holes of a blob, in percent of its bounds. Tiny ones don't count.
fn holes(mask: &[bool], columns: usize) -> Vec<(usize, usize)> {
    let rows = mask.len() / columns;
    let mut open: Vec<bool> = mask.iter().map(|ink| !ink).collect();
    let mut found = Vec::new();
    for start in 0..open.len() {
        if !std::mem::take(&mut open[start]) {
            continue;
        }
        let mut pixels = vec![start];
        let mut closed = true;
        let mut next = 0;
        while let Some(&at) = pixels.get(next) {
            next += 1;
            let (x, y) = (at % columns, at / columns);
            closed &= x > 0 && y > 0 && x + 1 < columns && y + 1 < rows;
            let beside = [
                (x > 0).then(|| at - 1),
                (x + 1 < columns).then_some(at + 1),
                at.checked_sub(columns),
                Some(at + columns),
            ];
            for at in beside.into_iter().flatten() {
                if open.get_mut(at).is_some_and(std::mem::take) {
                    pixels.push(at);
                }
            }
        }
        if closed && pixels.len() * 100 >= mask.len() {
            let middle = |at: &dyn Fn(usize) -> usize, side: usize| {
                pixels.iter().map(|&p| at(p)).sum::<usize>() * 100 / (pixels.len() * side)
            };
            found.push((
                middle(&|p| p % columns, columns),
                middle(&|p| p / columns, rows),
            ));
        }
    }
    found
}
