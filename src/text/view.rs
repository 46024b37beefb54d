//! The windows on which the marker recognizer sees a component: `training/markers/recognizer.py`
//! cuts the same.

use crate::picture::{boxes::Rect, gray::GrayImage, resize::triangle_part};

use super::contrast::Levels;

/// The window's height in heights of the component.
const TALL: f64 = 2.0;
/// The component fills at most this share of the window's width.
const FILLED: f64 = 0.8;
/// The range of the component's levels that becomes black to white is at least this long.
const MIN_RANGE: i32 = 16;
/// The share of the contrast from which on a pixel is ink, in percent.
const INK: i32 = 50;
/// The least share of ink in a row or a column of the component, in percent.
const LEAST: usize = 2;
/// The least range of the levels of a marker.
const MIN_CONTRAST: i32 = 12;

/// The ways in which a marker may be turned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Turn {
    Upright,
    Left,
    Right,
}

/// The levels and the ink of a rectangle of a picture.
pub(super) struct Shown {
    /// The rows and columns with ink.
    pub ink: Rect,
    low: i32,
    high: i32,
}

impl Shown {
    /// Measures a rectangle. `None` if it has nearly one level.
    pub(super) fn of(picture: &GrayImage, rect: &Rect) -> Option<Shown> {
        let inside = picture.part(rect);
        let Levels { ground, contrasts } = Levels::of(&inside.levels);
        let (low, high) = (ground + contrasts[1], ground + contrasts[0]);
        (high - low >= MIN_CONTRAST).then(|| Shown {
            ink: tightened(&inside, low, high, rect),
            low,
            high,
        })
    }
}

/// Returns the bounds of the ink within a rectangle of a picture: the rows and columns with some of
/// it. Ink differs from the ground, the median of the rectangle's border, by half as much as the
/// stronger extreme.
fn tightened(inside: &GrayImage, low: i32, high: i32, rect: &Rect) -> Rect {
    let (width, height) = (inside.width, inside.height);
    let last = (height - 1) * width;
    let mut border = [&inside.levels[..width], &inside.levels[last..]].concat();
    for row in inside.levels.chunks_exact(width) {
        border.extend([row[0], row[width - 1]]);
    }
    let ground = Levels::of(&border).ground;
    let contrast = if high - ground >= ground - low {
        high - ground
    } else {
        low - ground
    };
    let (mut rows, mut columns) = (vec![0; height], vec![0; width]);
    for (at, &level) in inside.levels.iter().enumerate() {
        if (i32::from(level) - ground) * contrast.signum() * 100 >= INK * contrast.abs() {
            rows[at / width] += 1;
            columns[at % width] += 1;
        }
    }
    let bounds = |counts: &[usize], across: usize| {
        let least = 1.max(across * LEAST / 100);
        let has_ink = |count: &usize| *count >= least;
        let first = counts.iter().position(has_ink)?;
        Some((first as u32, counts.iter().rposition(has_ink)? as u32 + 1))
    };
    match (bounds(&columns, height), bounds(&rows, width)) {
        (Some((left, right)), Some((top, bottom))) if contrast != 0 => Rect {
            x: rect.x + left,
            y: rect.y + top,
            width: right - left,
            height: bottom - top,
        },
        _ => *rect,
    }
}

/// Returns the window around a rectangle, its levels stretched to those that are shown. Beyond the
/// picture its last pixels are repeated.
pub(super) fn window(
    picture: &GrayImage,
    shown: &Shown,
    rect: &Rect,
    turn: Turn,
    (width, height): (usize, usize),
) -> Vec<u8> {
    let Shown { low, high, .. } = *shown;
    let is_turned = turn != Turn::Upright;
    let swap = |(a, b)| if is_turned { (b, a) } else { (a, b) };
    let (across, down) = swap((f64::from(rect.width), f64::from(rect.height)));
    let aspect = height as f64 / width as f64;
    let tall = (TALL * down).max(across / FILLED * aspect);
    let (wide, tall) = swap((tall / aspect, tall));
    let x = f64::from(rect.x) + (f64::from(rect.width) - wide) / 2.0;
    let y = f64::from(rect.y) + (f64::from(rect.height) - tall) / 2.0;
    // The filter reaches a pixel of the window further.
    let reach = |length: f64, side: usize| (length / side as f64).ceil() as i64 + 1;
    let (columns, rows) = swap_sizes((width, height), is_turned);
    let (left, right) = (
        x.floor() as i64 - reach(wide, columns),
        (x + wide).ceil() as i64 + reach(wide, columns),
    );
    let (top, bottom) = (
        y.floor() as i64 - reach(tall, rows),
        (y + tall).ceil() as i64 + reach(tall, rows),
    );
    let inside = |at: i64, side: usize| at.clamp(0, side as i64 - 1) as usize;
    let (before, after) = ((-left).max(0), (right - picture.width as i64).max(0));
    let shown = inside(left, picture.width)..inside(right - 1, picture.width) + 1;
    let mut part = Vec::with_capacity(((right - left) * (bottom - top)) as usize);
    for row in top..bottom {
        let row = &picture.levels[inside(row, picture.height) * picture.width..][shown.clone()];
        part.extend(std::iter::repeat_n(row[0], before as usize));
        part.extend_from_slice(row);
        part.extend(std::iter::repeat_n(row[row.len() - 1], after as usize));
    }
    let cut = triangle_part(
        &part,
        ((right - left) as usize, (bottom - top) as usize),
        (x - left as f64, y - top as f64, wide, tall),
        (columns, rows),
    );
    let factor = 255.0 / (high - low).max(MIN_RANGE) as f32;
    let stretched = |level: u8| ((i32::from(level) - low) as f32 * factor).round_ties_even() as u8;
    let levels = (0..height).flat_map(|row| {
        let cut = &cut;
        (0..width).map(move |column| {
            stretched(match turn {
                Turn::Upright => cut[row * columns + column],
                // Print that reads upward, and downward.
                Turn::Left => cut[(rows - 1 - column) * columns + row],
                Turn::Right => cut[column * columns + columns - 1 - row],
            })
        })
    });
    levels.collect()
}

fn swap_sizes((a, b): (usize, usize), is_turned: bool) -> (usize, usize) {
    if is_turned { (b, a) } else { (a, b) }
}
