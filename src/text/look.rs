//! A look at one plane of a picture at one size, and the kinds of the components on it.

use std::cell::{Cell, LazyCell};

use crate::{
    error::Error,
    picture::{boxes::Rect, gray::GrayImage},
};

use super::{
    between,
    components::Component,
    contract::TextContract,
    groups::Group,
    ink::{framed, is_of},
    map::Infer,
    recognizer::{Recognizer, Seen},
    scale::Scale,
    sighted::{Marker, Sighted, Sign},
    strokes::{Print, printed},
    withheld::Withheld,
};

/// The greatest ratio of the sides of a shape that stays. Words are longer.
const MAX_RATIO: u32 = 3;
/// The pixels within which the edges of print end on a picture that is not enlarged.
pub(super) const EDGE: usize = 2;
/// The least height of a letter that is too large at full size, in pixels.
const MIN_LARGE_LETTER: usize = 100;
/// Strokes of letters that are too large at full size, in pixels of the reduced copy.
const MIN_LARGE_STROKE: u32 = 3;
/// The marker share of shapes that stay is from the first to the second of these shares of the way
/// from the threshold to 1: print beside a marker has a lower one, and a few letters, initials for
/// example, have a higher one.
const SHAPE_SHARES: [f32; 2] = [0.5, 0.8];
/// Components with a lower marker share aren't shown to the recognizer as letters.
const MAY_BE_MARKER: f32 = 0.2;
/// A component is weak if no cell's score is this share of the way from the threshold to 1: among
/// such there is little but the anatomy.
const WEAK: f32 = 0.5;
/// The least ratio of the sides of a line of text. A component of less may be the anatomy.
const LINE_RATIO: u32 = 2;
/// The greatest side of a weak component, in pixels. Large faint print is seen in compact parts.
const MAX_WEAK: u32 = 96;
/// Shapes nearer to a cover than this, in cells, may be cut by it.
const COVER_EDGE: u32 = 4;
/// Large print that reaches over a marker by at most this many cells is the marker, seen again.
const SAME_PRINT: u32 = 2;

/// The rules of a search: components of cells that score at least `low`, one of them at least
/// `high`.
pub(super) struct Criteria<'a> {
    pub contract: &'a TextContract,
    pub infer: Infer<'a>,
    /// Recognizes the markers that stay; without it none does.
    pub recognizer: Option<&'a Recognizer<'a>>,
    /// The markers that could be a part of the patient's name.
    pub withheld: &'a Withheld,
    /// The windows that the recognizer may still be shown.
    pub windows: Cell<u32>,
    /// The marker share from which on a component is a marker; over 1 there are none.
    pub marker: f32,
    pub low: f32,
    pub high: f32,
    /// As `low` and `high`, at extra sizes.
    pub extra: (f32, f32),
    /// Reports whether the pixel of the searched picture counts.
    pub counts: &'a dyn Fn(u32, u32) -> bool,
    /// The parts of the searched picture that were covered before.
    pub covered: &'a [Rect],
    /// The markers of the searched picture that stay on a copy.
    pub kept: &'a [Rect],
    /// Also searches print by its pixels alone. A copy shows outside its covers what its source
    /// does, so it would show nothing new but the edges of covers.
    pub by_pixels: bool,
}

/// A look at one size.
pub(super) struct Look<'a> {
    pub criteria: &'a Criteria<'a>,
    pub plane: &'a GrayImage,
    /// The plane was reduced by this.
    pub factor: usize,
    /// At this size only large letters are searched for.
    pub large: bool,
    /// The plane as it is shown, which is smaller if the searched one was enlarged.
    pub shown: &'a GrayImage,
}

/// Kind of a component.
enum Kind {
    Text,
    Marker(Sign),
    Shape,
    Weak,
    Nothing,
}

impl Look<'_> {
    /// Reports whether a pixel of the copy counts.
    pub(super) fn counts(&self, x: f32, y: f32) -> bool {
        let pixel = |at: f32| (at * self.factor as f32) as u32;
        (self.criteria.counts)(pixel(x), pixel(y))
    }

    /// Returns the side of a cell, in pixels of the plane.
    pub(super) fn side(&self) -> u32 {
        (self.factor * self.criteria.contract.output.stride) as u32
    }

    /// Returns the size of the plane.
    pub(super) fn size(&self) -> (u32, u32) {
        (self.plane.width as u32, self.plane.height as u32)
    }

    /// Adds a component. A look for large letters is for print only: the model takes more of the
    /// anatomy for text there.
    ///
    /// # Errors
    /// Those of the recognizer's run.
    pub(super) fn sort(&self, group: &Group, sighted: &mut Sighted) -> Result<(), Error> {
        let found = Component::new(&group.cells, self.side(), self.size(), group.marker_share);
        match self.kind(&found, group.peak, &sighted.markers)? {
            Kind::Text => sighted.text.push(found),
            Kind::Marker(sign) => sighted.markers.push(Marker {
                rect: found.rect,
                sign,
            }),
            Kind::Shape => sighted.shapes.push(found.rect),
            Kind::Weak => sighted.weak.push(found.rect),
            Kind::Nothing => {}
        }
        Ok(())
    }

    fn kind(&self, found: &Component, peak: f32, markers: &[Marker]) -> Result<Kind, Error> {
        let rect = &found.rect;
        let print = LazyCell::new(|| self.is_print(found));
        let longer = rect.width.max(rect.height);
        let ratio = longer.div_ceil(rect.width.min(rect.height).max(1));
        if self.large && !*print {
            return Ok(Kind::Nothing);
        }
        let (width, height) = self.size();
        let beside = SAME_PRINT * self.side();
        let is_of = |marker: &Rect| {
            is_of(marker, rect, self.plane, beside)
                || (marker.touches(rect) && !self.is_print_beside(marker, rect))
        };
        let markers = markers.iter().map(|marker| &marker.rect);
        if self.large && markers.chain(self.criteria.kept).any(is_of) {
            return Ok(Kind::Nothing);
        }
        let is_marker = found.marker_share >= MAY_BE_MARKER;
        let withheld = self.criteria.withheld;
        let mut may_be_name = false;
        if let Some(recognizer) = self.criteria.recognizer {
            let windows = &self.criteria.windows;
            match recognizer.recognizes(self.plane, found, is_marker, withheld, windows)? {
                Seen::Marker(sign) => return Ok(Kind::Marker(sign)),
                Seen::Withheld => return Ok(Kind::Text),
                Seen::Other => {}
            }
            let mut classes = recognizer.contract.output.classes.iter();
            may_be_name = classes.any(|class| withheld.holds(class));
        }
        let shares = SHAPE_SHARES.map(|share| between(self.criteria.marker, share));
        let is_shape = !self.large
            && !may_be_name
            && (shares[0]..shares[1]).contains(&found.marker_share)
            && ratio <= MAX_RATIO;
        // The edge of a cover is as sharp as print.
        let near = rect.grown(COVER_EDGE * self.side(), width, height);
        let is_cut = || {
            self.criteria
                .covered
                .iter()
                .any(|cover| cover.touches(&near))
        };
        // A copy shows again what stayed at the first look.
        let is_weak = self.criteria.by_pixels
            && self.criteria.marker <= 1.0
            && found.marker_share < shares[1]
            && !self.large
            && peak < between(self.criteria.high, WEAK)
            && longer < LINE_RATIO * rect.width.min(rect.height)
            && longer <= MAX_WEAK;
        Ok(if is_shape && (is_cut() || !*print) {
            Kind::Shape
        } else if is_weak && !*print {
            Kind::Weak
        } else {
            Kind::Text
        })
    }

    /// Reports whether a rectangle shows print outside of a marker and its frame.
    fn is_print_beside(&self, marker: &Rect, rect: &Rect) -> bool {
        let (width, height) = self.size();
        let marker = framed(self.plane, marker).grown(EDGE as u32, width, height);
        let mut beside = rect.without(&marker).into_iter();
        beside.any(|part| self.is_print(&Component::of(part)))
    }

    /// Reports whether a component shows print: on the searched plane, whose edges are soft if it
    /// was enlarged, or on the one that is shown.
    fn is_print(&self, found: &Component) -> bool {
        let longer = |gray: &GrayImage| gray.width.max(gray.height);
        let expected = Print {
            edge: (EDGE * longer(self.plane)).div_ceil(longer(self.shown)),
            step: self.factor,
            least_stroke: if self.large {
                MIN_LARGE_STROKE * self.factor as u32
            } else {
                1
            },
            least_height: if self.large { MIN_LARGE_LETTER } else { 1 },
        };
        if printed(self.plane, found, &expected) {
            return true;
        }
        let as_shown = || {
            let scale = Scale::new(self.shown, self.plane);
            Component {
                rect: scale.rect(&found.rect),
                covers: found.covers.iter().map(|rect| scale.rect(rect)).collect(),
                marker_share: found.marker_share,
            }
        };
        let expected = Print {
            edge: EDGE,
            ..expected
        };
        expected.least_height == 1
            && longer(self.shown) < longer(self.plane)
            && printed(self.shown, &as_shown(), &expected)
    }
}
