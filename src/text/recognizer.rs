//! Recognizes the markers that stay, with a model of its own: it sees a window around a component,
//! as it is shown and turned by a right angle, and names the marker or calls it other.

use std::cell::{Cell, RefCell};

use crate::{
    error::Error,
    model::tensor::{Elements, InputTensor, NamedTensor, named},
    picture::{boxes::Rect, gray::GrayImage, resize::triangle_part},
};

use super::{
    components::Component, contrast::Levels, ink::Ink, map::Infer, marker_contract::MarkerContract,
    sighted::Sign, withheld::Withheld,
};

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
/// The greatest side of a marker, in pixels. Larger components are not looked at, which bounds the
/// memory and time.
const MAX_SIDE: u32 = 900;
/// The second window of a component is of a rectangle that is grown by this part of its shorter
/// side: the model has to name the same marker on both.
const GROWN: u32 = 6;
/// The class of arrows, which the detector often takes for text.
const ARROW: &str = "arrow";
/// The least marker share of arrows.
const ARROW_SHARE: f32 = 0.1;
/// The least probability of an arrow where the detector sees text.
const ARROW_SURE: f32 = 0.95;
/// The class of rulers, which the detector always takes for text.
const RULER: &str = "ruler";
/// Rulers are this many times as long as wide, or longer.
const LONG: u32 = 6;
/// They are no wider than this, in pixels, which bounds the number of windows.
const MAX_THICKNESS: u32 = 96;
/// The length of a part of a ruler that is looked at, in its widths.
const PART: u32 = 6;
/// The same of rulers shorter than twice that, so that not all parts show the same.
const SHORT_PART: u32 = 4;
/// The least number of these parts.
const MIN_PARTS: u32 = 3;
/// The least probability of a ruler on each part. Lines of text have a lower one on some of theirs.
const RULER_PART: f32 = 0.4;
/// Components this many times as wide as tall are not shown turned.
const WIDE: u32 = 2;
/// The model runs on at most this many windows in the search of a picture, which bounds its time.
/// Components that it has not seen are text.
pub(super) const MAX_WINDOWS: u32 = 128;

/// A model that recognizes markers, ready to run.
pub struct Recognizer<'a> {
    /// Its contract.
    pub contract: &'a MarkerContract,
    /// Runs it on one input.
    pub infer: Infer<'a>,
}

/// The ways in which a marker may be turned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Turn {
    Upright,
    Left,
    Right,
}

impl Recognizer<'_> {
    /// Returns the marker that a rectangle of a picture shows with the contract's probability, with
    /// no other print, if it shows one that isn't withheld. Only arrows and rulers are recognized
    /// in what the detector takes for text. Takes the windows on which the model runs from those
    /// that are `left`.
    ///
    /// # Errors
    /// Those of the model's run, and [`Error::Model`] when its output does not fit the contract.
    pub(super) fn recognizes(
        &self,
        picture: &GrayImage,
        found: &Component,
        is_marker: bool,
        withheld: &Withheld,
        left: &Cell<u32>,
    ) -> Result<Option<Sign>, Error> {
        let rect = &found.rect;
        let windows = Windows {
            recognizer: self,
            picture,
            left,
            known: RefCell::default(),
        };
        if windows.show_ruler(rect)? {
            return Ok(Some(Sign::Ruler));
        }
        let fits = |rect: &Rect| rect.width.max(rect.height) <= MAX_SIDE;
        if !fits(rect) {
            return Ok(None);
        }
        if is_marker {
            // Without the edge of a bone or a collimator beside it.
            let ink = Ink::of(picture, rect, usize::MAX).bounds();
            for rect in std::iter::once(*rect).chain(ink) {
                if let Some(class) = windows.marker(&rect, |class, turn| self.least(class, turn))? {
                    let stays = !withheld.holds(&self.contract.output.classes[class]);
                    return Ok(stays.then(|| self.sign(class)));
                }
            }
        }
        if found.marker_share >= ARROW_SHARE {
            let least = |class, _| match self.sign(class) {
                Sign::Arrow => ARROW_SURE,
                _ => f32::INFINITY,
            };
            // The detector often finds a part of it.
            let ink = Ink::along(picture, rect).bounds().filter(fits);
            for rect in std::iter::once(*rect).chain(ink) {
                if windows.marker(&rect, least)?.is_some() {
                    return Ok(Some(Sign::Arrow));
                }
            }
        }
        Ok(None)
    }

    /// Returns what the markers of a class show.
    fn sign(&self, class: usize) -> Sign {
        match self.contract.output.classes[class].as_str() {
            ARROW => Sign::Arrow,
            RULER => Sign::Ruler,
            word => Sign::Letters(word.len()),
        }
    }

    /// Returns the probability from which on a class is recognized.
    fn least(&self, class: usize, turn: Turn) -> f32 {
        let thresholds = &self.contract.thresholds;
        // Nothing of a ruler is to be read, upright or not.
        if turn == Turn::Upright || self.sign(class) == Sign::Ruler {
            thresholds.upright
        } else {
            thresholds.turned
        }
    }

    fn class(&self, picture: &GrayImage, rect: &Rect, turn: Turn) -> Result<Named, Error> {
        let input = &self.contract.input;
        let Some(levels) = window(picture, rect, turn, (input.width, input.height)) else {
            return Ok(None);
        };
        let values = levels
            .into_iter()
            .map(|level| f32::from(level) * input.scale + input.offset);
        let outputs = (self.infer)(&InputTensor {
            dims: vec![1, 1, input.height as u32, input.width as u32],
            data: Elements::collect(input.element_type, values),
        })?;
        let chances = self.chances(&outputs)?.iter().copied().enumerate();
        Ok(chances
            .max_by(|(_, a), (_, b)| a.total_cmp(b))
            .filter(|(class, _)| *class > 0))
    }

    /// Returns the probabilities of the classes.
    fn chances<'o>(&self, outputs: &'o [NamedTensor]) -> Result<&'o [f32], Error> {
        let name = &self.contract.output.name;
        let output = &named(outputs, name)?.tensor;
        let fits = self.contract.fits(&output.dims)
            && output.data.len() == self.contract.output.classes.len();
        // NaN is under every threshold, by chance.
        if fits && output.data.iter().all(|chance| chance.is_finite()) {
            return Ok(&output.data);
        }
        Err(Error::Model(format!(
            "output `{name}` is not one probability for each of the contract's {} classes",
            self.contract.output.classes.len()
        )))
    }
}

/// The windows of a picture around one component.
struct Windows<'w> {
    recognizer: &'w Recognizer<'w>,
    picture: &'w GrayImage,
    /// The number on which the model may still run.
    left: &'w Cell<u32>,
    /// The windows that were shown, and what it named there.
    known: RefCell<Vec<(Rect, Turn, Named)>>,
}

/// The most probable class of a window and its probability, unless it is `other`.
type Named = Option<(usize, f32)>;

impl Windows<'_> {
    fn named(&self, rect: &Rect, turn: Turn) -> Result<Named, Error> {
        let mut known = self.known.borrow_mut();
        if let Some((.., named)) = known.iter().find(|(r, t, _)| (r, *t) == (rect, turn)) {
            return Ok(*named);
        }
        let Some(others) = self.left.get().checked_sub(1) else {
            return Ok(None);
        };
        self.left.set(others);
        let named = self.recognizer.class(self.picture, rect, turn)?;
        known.push((*rect, turn, named));
        Ok(named)
    }

    /// Returns the class of a marker that is named on the windows of a rectangle and of a larger
    /// one with the least probability of its class, turned so.
    fn marker(
        &self,
        rect: &Rect,
        least: impl Fn(usize, Turn) -> f32,
    ) -> Result<Option<usize>, Error> {
        let grown = self.grown(rect);
        let turns: &[Turn] = if rect.width >= WIDE * rect.height {
            &[Turn::Upright]
        } else {
            &[Turn::Upright, Turn::Left, Turn::Right]
        };
        for &turn in turns {
            let Some((class, chance)) = self.named(rect, turn)? else {
                continue;
            };
            let least = least(class, turn);
            let is_same = |(again, chance)| again == class && chance >= least;
            if chance >= least && self.named(&grown, turn)?.is_some_and(is_same) {
                return Ok(Some(class));
            }
        }
        Ok(None)
    }

    /// Reports whether a rectangle shows a ruler: it is long, and each part of it is named one. On
    /// a window of the whole the ticks would vanish, and a line of outlined letters look the same.
    fn show_ruler(&self, rect: &Rect) -> Result<bool, Error> {
        let (longer, shorter) = (rect.width.max(rect.height), rect.width.min(rect.height));
        if longer < LONG * shorter || shorter > MAX_THICKNESS {
            return Ok(false);
        }
        let part = if longer >= 2 * PART * shorter {
            PART
        } else {
            SHORT_PART
        };
        let length = part * shorter;
        let others = (longer - length).div_ceil(length).max(MIN_PARTS - 1);
        for at in 0..=others {
            let start = (longer - length) * at / others;
            let (part, turn) = if rect.width == longer {
                let part = Rect {
                    x: rect.x + start,
                    width: length,
                    ..*rect
                };
                (part, Turn::Upright)
            } else {
                let part = Rect {
                    y: rect.y + start,
                    height: length,
                    ..*rect
                };
                (part, Turn::Left)
            };
            for rect in [part, self.grown(&part)] {
                let named = self.named(&rect, turn)?;
                let is_ruler = |(class, chance)| {
                    self.recognizer.sign(class) == Sign::Ruler && chance >= RULER_PART
                };
                if !named.is_some_and(is_ruler) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn grown(&self, rect: &Rect) -> Rect {
        let by = rect.width.min(rect.height) / GROWN;
        rect.grown(by, self.picture.width as u32, self.picture.height as u32)
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

/// Returns the window around a rectangle, or around the ink in it: its levels stretched to those of
/// the rectangle. Beyond the picture its last pixels are repeated. `None` if the rectangle has
/// nearly one level.
pub(super) fn window(
    picture: &GrayImage,
    rect: &Rect,
    turn: Turn,
    (width, height): (usize, usize),
) -> Option<Vec<u8>> {
    let inside = picture.part(rect);
    let Levels { ground, contrasts } = Levels::of(&inside.levels);
    let (low, high) = (ground + contrasts[1], ground + contrasts[0]);
    if high - low < MIN_CONTRAST {
        return None;
    }
    let rect = &tightened(&inside, low, high, rect);
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
    Some(levels.collect())
}

fn swap_sizes((a, b): (usize, usize), is_turned: bool) -> (usize, usize) {
    if is_turned { (b, a) } else { (a, b) }
}
