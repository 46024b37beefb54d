//! Recognizes the markers that stay, with a model of its own: it sees a window around a component,
//! as it is shown and turned by a right angle, and names the marker or calls it other.

use std::cell::{Cell, RefCell};

use crate::{
    error::Error,
    model::tensor::{Elements, InputTensor, NamedTensor, named},
    picture::{boxes::Rect, gray::GrayImage},
};

use super::{
    components::Component,
    ink::Ink,
    map::Infer,
    marker_contract::MarkerContract,
    sighted::Sign,
    view::{Shown, Turn, window},
    withheld::Withheld,
};

/// The greatest side of a marker, in pixels. Larger components are not looked at, which bounds the
/// memory and time.
const MAX_SIDE: u32 = 900;
/// A rectangle is grown by this part of its shorter side.
const GROWN: u32 = 6;
/// The views of a marker, in the order in which they are shown: the model has to name the same one
/// on two of them. Where bones are behind it, its ink is not always found.
const VIEWS: [View; 4] = [View::Ink, View::Grown, View::GrownInk, View::Whole];
/// The views of what the detector does not take for a marker, and of turned components.
const FEW_VIEWS: &[View] = VIEWS.split_at(2).0;
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

/// The outcome of showing a rectangle to the recognizer.
pub(super) enum Seen {
    /// A marker that stays.
    Marker(Sign),
    /// A marker that could be a part of the patient's name.
    Withheld,
    /// None of them.
    Other,
}

impl Recognizer<'_> {
    /// Returns whether a rectangle of a picture shows a marker with the contract's probability, and
    /// no other print. Only arrows and rulers are recognized in what the detector takes for text.
    /// Takes the windows on which the model runs from those that are `left`.
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
    ) -> Result<Seen, Error> {
        let rect = &found.rect;
        let windows = Windows {
            recognizer: self,
            picture,
            left,
            known: RefCell::default(),
        };
        if windows.show_ruler(rect)? {
            return Ok(Seen::Marker(Sign::Ruler));
        }
        let fits = |rect: &Rect| rect.width.max(rect.height) <= MAX_SIDE;
        if !fits(rect) {
            return Ok(Seen::Other);
        }
        if is_marker {
            // Without the edge of a bone or a collimator beside it.
            let ink = Ink::of(picture, rect, usize::MAX).bounds();
            for rect in std::iter::once(*rect).chain(ink) {
                if let Some(class) =
                    windows.marker(&rect, &VIEWS, |class, turn| self.least(class, turn))?
                {
                    let is_withheld = withheld.holds(&self.contract.output.classes[class]);
                    return Ok(if is_withheld {
                        Seen::Withheld
                    } else {
                        Seen::Marker(self.sign(class))
                    });
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
                if windows.marker(&rect, FEW_VIEWS, least)?.is_some() {
                    return Ok(Seen::Marker(Sign::Arrow));
                }
            }
        }
        Ok(Seen::Other)
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

    fn class(
        &self,
        picture: &GrayImage,
        shown: &Shown,
        around: &Rect,
        turn: Turn,
    ) -> Result<Named, Error> {
        let input = &self.contract.input;
        let values = window(picture, shown, around, turn, (input.width, input.height))
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
    known: RefCell<Vec<(Rect, View, Turn, Named)>>,
}

/// A view of a rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
enum View {
    /// The surroundings of its ink.
    Ink,
    /// The surroundings of the ink of a larger rectangle.
    Grown,
    /// More of the surroundings of its ink.
    GrownInk,
    /// Its own surroundings.
    Whole,
}

/// The most probable class of a window and its probability, unless it is `other`.
type Named = Option<(usize, f32)>;

impl Windows<'_> {
    fn named(&self, rect: &Rect, view: View, turn: Turn) -> Result<Named, Error> {
        let mut known = self.known.borrow_mut();
        let is_same = |(r, v, t, _): &&(Rect, View, Turn, _)| (r, *v, *t) == (rect, view, turn);
        if let Some((.., named)) = known.iter().find(is_same) {
            return Ok(*named);
        }
        let Some(others) = self.left.get().checked_sub(1) else {
            return Ok(None);
        };
        self.left.set(others);
        let of = if view == View::Grown {
            self.grown(rect)
        } else {
            *rect
        };
        let named = match Shown::of(self.picture, &of) {
            Some(shown) => {
                let around = match view {
                    View::Ink | View::Grown => shown.ink,
                    View::GrownInk => self.grown(&shown.ink),
                    View::Whole => of,
                };
                self.recognizer.class(self.picture, &shown, &around, turn)?
            }
            None => None,
        };
        known.push((*rect, view, turn, named));
        Ok(named)
    }

    /// Returns the class of a marker that is named on two views of a rectangle with the least
    /// probability of its class, turned alike.
    fn marker(
        &self,
        rect: &Rect,
        views: &[View],
        least: impl Fn(usize, Turn) -> f32,
    ) -> Result<Option<usize>, Error> {
        let turns: &[Turn] = if rect.width >= WIDE * rect.height {
            &[Turn::Upright]
        } else {
            &[Turn::Upright, Turn::Left, Turn::Right]
        };
        for &turn in turns {
            // Most markers stand upright.
            let views = if turn == Turn::Upright {
                views
            } else {
                FEW_VIEWS
            };
            let mut classes = Vec::new();
            for (at, &view) in views.iter().enumerate() {
                match self.named(rect, view, turn)? {
                    Some((class, chance)) if chance >= least(class, turn) => {
                        if classes.contains(&class) {
                            return Ok(Some(class));
                        }
                        classes.push(class);
                    }
                    // Two of the rest have to name the same one.
                    _ if classes.is_empty() && at + 2 >= views.len() => break,
                    _ => {}
                }
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
            for view in [View::Ink, View::Grown] {
                let named = self.named(&part, view, turn)?;
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
