//! Finds burned-in text anywhere on a picture with a model of its own, and residual text on a
//! redacted one.
//!
//! The model gives a map of the picture (`map`). The rest is here. Lowest layer first:
//!
//! - the model's input: sizes and pieces at which it is run (`tiles`), tensors (`input`); after a
//!   part of the picture was covered, the places that differ (`squares`), the parts that are looked
//!   at again (`windows`), and the maps of the pieces (`piece`), which make that of the picture
//!   (`map`);
//! - the connected components of its map (`groups`) and the rectangles that cover them
//!   (`components`);
//! - pixels: ground and contrast (`contrast`), connected ones (`flood`, `blobs`), strokes of print
//!   (`strokes`, `near`), the ink of a marker (`ink`);
//! - the recognition of markers by a model of its own (`recognizer`, `marker_contract`), what it
//!   sees (`view`), and the markers that could be a part of the name (`withheld`);
//! - the search: a look at one size (`look`), large letters (`plateaus`),
//!   lines of single letters (`line`), print that touches a marker (`around`), all of them on one
//!   plane (`search`);
//! - the side markers that stay (`side_markers`), gaps in lines (`gaps`), places on an enlarged
//!   picture (`scale`), and the margin of the redaction.
//!
//! When in doubt, a component counts as text.

mod around;
mod blobs;
mod components;
pub mod contract;
mod contrast;
mod flood;
mod gaps;
mod groups;
mod ink;
mod input;
mod line;
mod look;
mod map;
pub mod marker_contract;
#[cfg(test)]
mod mutations;
mod near;
mod piece;
mod plateaus;
mod recognizer;
mod scale;
mod search;
mod side_markers;
mod sighted;
mod squares;
mod strokes;
#[cfg(test)]
mod tests;
mod tiles;
mod view;
mod windows;
mod withheld;

use std::{borrow::Cow, cell::Cell};

use crate::{
    error::Error,
    model::tensor::{InputTensor, NamedTensor},
    picture::{boxes::Rect, gray::GrayImage},
};
use components::Component;
use contract::TextContract;
use look::Criteria;
pub use recognizer::Recognizer;
use scale::Scale;
use search::{Former, Sizes};
use sighted::Sighted;
use squares::Squares;
pub use withheld::Withheld;

/// The least margin of a redaction around text, in pixels.
const MARGIN: u32 = 8;
/// The margin is at least the text's shorter side divided by this.
const MARGIN_PART: u32 = 6;

/// At extra sizes scores have to be this share of the way from the threshold to 1, because the
/// model is surer there of text and takes more of the anatomy for it.
const FIND_EXTRA: f32 = 0.3;
/// The same for residual text: higher, since a cover may change the scores of what is beside it,
/// and a shape that was let pass must not come back.
const RESIDUAL_EXTRA: f32 = 0.55;

/// A threshold of the marker share that none reaches.
const NO_MARKER: f32 = 2.0;

/// The pixels of the original around a changed one that change on an enlarged picture.
const BLEND: u32 = 2;

/// Searches all planes, each enlarged, in pixels of the enlarged picture. Returns the model's maps
/// as well, and takes those of a former search where the planes have not changed since.
fn sight(
    planes: &[GrayImage],
    searched: &[Cow<'_, GrayImage>],
    criteria: &Criteria<'_>,
    former: Option<&Looks>,
) -> Result<(Sighted, Vec<Sizes>), Error> {
    let mut sighted = Sighted::default();
    let mut looks = Vec::with_capacity(planes.len());
    for (at, (plane, searched)) in planes.iter().zip(searched).enumerate() {
        let former = former.and_then(|looks| looks.planes.get(at));
        let former = former.and_then(|(squares, sizes)| Some((squares.changes(plane)?, sizes)));
        let scale = Scale::new(plane, searched);
        let (width, height) = (plane.width as u32, plane.height as u32);
        let blended = |rect: &Rect| match searched {
            Cow::Borrowed(_) => *rect,
            Cow::Owned(_) => scale.searched(&rect.grown(BLEND, width, height)),
        };
        let changed = former
            .iter()
            .flat_map(|(changed, _)| changed)
            .map(blended)
            .collect::<Vec<_>>();
        let former = former.as_ref().map(|(_, sizes)| Former {
            sizes,
            changed: &changed,
        });
        let sizes = search::search(criteria, searched, plane, former.as_ref(), &mut sighted)?;
        looks.push(sizes);
    }
    Ok((sighted, looks))
}

fn between(threshold: f32, share: f32) -> f32 {
    threshold + share * (1.0 - threshold)
}

/// A text model, ready to run.
pub struct Detector<'a> {
    /// Its contract.
    pub contract: &'a TextContract,
    /// Keeps side and view markers. Not set where any of them could be a part of the patient's
    /// name.
    pub keep_side_markers: bool,
    /// The markers that could be a part of the patient's name.
    pub withheld: Withheld,
    /// Recognizes the markers that stay; without one none does.
    pub recognizer: Option<&'a Recognizer<'a>>,
    /// Runs it on one input.
    pub infer: &'a dyn Fn(&InputTensor) -> Result<Vec<NamedTensor>, Error>,
}

/// The text and side markers found on a picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Rectangles to redact, with a margin.
    pub text: Vec<Rect>,
    /// Side and view markers that stay.
    pub side_markers: Vec<Rect>,
    /// Other places that stay: shapes that are no print, and the anatomy.
    pub shapes: Vec<Rect>,
}

impl Found {
    /// Returns all places that stay.
    pub fn stays(&self) -> Vec<Rect> {
        [self.side_markers.as_slice(), &self.shapes].concat()
    }
}

/// The model's maps of a picture, and digests of its pixels. A redacted copy of it shows the same
/// outside of its covers, so there the maps are the copy's, too.
#[derive(Default)]
pub struct Looks {
    planes: Vec<(Squares, Sizes)>,
}

impl Detector<'_> {
    /// Finds the text on a picture, given by its planes, which have one size: its brightness first,
    /// then other views of it that may show text.
    ///
    /// # Errors
    /// Those of the model's run, and [`Error::Model`] when its map does not fit the contract.
    pub fn find(&self, planes: &[GrayImage]) -> Result<Found, Error> {
        self.look(planes).map(|(found, _)| found)
    }

    /// Finds the text as [`Detector::find`], and returns what [`Detector::residual_around`] needs.
    ///
    /// # Errors
    /// As [`Detector::find`].
    pub fn look(&self, planes: &[GrayImage]) -> Result<(Found, Looks), Error> {
        let thresholds = &self.contract.thresholds;
        let mut found = Found::default();
        let Some(first) = planes.first() else {
            return Ok((found, Looks::default()));
        };
        let (width, height) = (first.width as u32, first.height as u32);
        let criteria = Criteria {
            low: thresholds.low,
            high: thresholds.high,
            extra: (thresholds.low, between(thresholds.high, FIND_EXTRA)),
            by_pixels: true,
            ..self.criteria(&|_, _| true)
        };
        let searched = self.enlarged(planes);
        let scale = Scale::new(first, &searched[0]);
        let (sighted, sizes) = sight(planes, &searched, &criteria, None)?;
        let (mut text, markers, shapes) = side_markers::split(sighted);
        text.extend(gaps::gaps(&text));
        found.text = outermost(covers(&text, &scale, (width, height)));
        let placed = |rects: &[Rect]| outermost(rects.iter().map(|r| scale.rect(r)).collect());
        found.side_markers = placed(&markers);
        found.shapes = placed(&shapes);
        let planes = planes.iter().map(Squares::of).zip(sizes).collect();
        Ok((found, Looks { planes }))
    }

    /// Counts the places where text is still visible on a redacted picture, outside the redacted
    /// rectangles and the side markers that stay.
    ///
    /// # Errors
    /// As [`Detector::find`].
    pub fn residual(
        &self,
        planes: &[GrayImage],
        redacted: &[Rect],
        side_markers: &[Rect],
    ) -> Result<usize, Error> {
        self.count(planes, redacted, side_markers, None)
            .map(|(places, _)| places)
    }

    /// Counts them as [`Detector::residual`], on a copy of the picture that the looks are of. The
    /// model runs around the pixels that differ, as far as the contract's `field` says; if it sees
    /// text there or nearly does, the whole copy decides.
    ///
    /// # Errors
    /// As [`Detector::find`].
    pub fn residual_around(
        &self,
        planes: &[GrayImage],
        redacted: &[Rect],
        side_markers: &[Rect],
        looks: &Looks,
    ) -> Result<usize, Error> {
        let (places, is_final) = self.count(planes, redacted, side_markers, Some(looks))?;
        if is_final {
            return Ok(places);
        }
        self.residual(planes, redacted, side_markers)
    }

    /// Returns the covers of the text that is left on a redacted picture, with all that may belong
    /// to it; see [`Detector::residual`].
    ///
    /// # Errors
    /// As [`Detector::find`].
    pub fn left(
        &self,
        planes: &[GrayImage],
        redacted: &[Rect],
        side_markers: &[Rect],
    ) -> Result<Vec<Rect>, Error> {
        let Some(first) = planes.first() else {
            return Ok(Vec::new());
        };
        let redaction = Redacted {
            boxes: redacted,
            side_markers,
        };
        // All of it is text: markers are recognized at first sight.
        let criteria = Criteria {
            recognizer: None,
            marker: NO_MARKER,
            low: self.contract.thresholds.low,
            ..self.criteria(&|_, _| true)
        };
        let (sighted, _) = self.sight_copy(planes, &redaction, criteria, None)?;
        let (width, height) = (first.width as u32, first.height as u32);
        let scale = Scale::new(first, &self.enlarged(planes)[0]);
        Ok(outermost(covers(&sighted.text, &scale, (width, height))))
    }

    /// Counts the places of residual text, and reports whether a look at the whole picture can't
    /// come to another verdict.
    fn count(
        &self,
        planes: &[GrayImage],
        redacted: &[Rect],
        side_markers: &[Rect],
        former: Option<&Looks>,
    ) -> Result<(usize, bool), Error> {
        if planes.is_empty() {
            return Ok((0, true));
        }
        let redaction = Redacted {
            boxes: redacted,
            side_markers,
        };
        let criteria = Criteria {
            low: self.contract.thresholds.residual,
            ..self.criteria(&|_, _| true)
        };
        let (mut sighted, covered) = self.sight_copy(planes, &redaction, criteria, former)?;
        side_markers::cut(&mut sighted, &covered);
        let (in_part, in_doubt) = (sighted.in_part, sighted.in_doubt);
        // Marker-like shapes that appear only after redaction are ignored: they are bones cut by
        // the edge of a box, not text.
        let places = side_markers::split(sighted).0.len();
        Ok((places, !in_part || places == 0 && !in_doubt))
    }

    /// Searches a redacted picture outside of what was redacted and of the markers that stay, with
    /// these criteria, apart from what depends on the redaction. Returns what was redacted on the
    /// searched picture, too. There is at least one plane.
    fn sight_copy(
        &self,
        planes: &[GrayImage],
        redacted: &Redacted<'_>,
        criteria: Criteria<'_>,
        former: Option<&Looks>,
    ) -> Result<(Sighted, Vec<Rect>), Error> {
        let (width, height) = (planes[0].width as u32, planes[0].height as u32);
        let searched = self.enlarged(planes);
        let scale = Scale::new(&planes[0], &searched[0]);
        // A marker's edge may fall into the next cell.
        let cell = scale.length(self.contract.output.stride as u32);
        let markers = redacted.side_markers.iter();
        let allowed: Vec<Rect> = markers
            .map(|marker| marker.grown(cell, width, height))
            .chain(redacted.boxes.iter().copied())
            .collect();
        let counts = |x: u32, y: u32| {
            let (x, y) = scale.pixel(x, y);
            !allowed.iter().any(|rect| rect.contains(x, y))
        };
        let on_searched = |rects: &[Rect]| -> Vec<Rect> {
            rects.iter().map(|rect| scale.searched(rect)).collect()
        };
        let (covered, kept) = (
            on_searched(redacted.boxes),
            on_searched(redacted.side_markers),
        );
        let thresholds = &self.contract.thresholds;
        let criteria = Criteria {
            high: thresholds.residual,
            extra: (thresholds.low, between(thresholds.residual, RESIDUAL_EXTRA)),
            counts: &counts,
            covered: &covered,
            kept: &kept,
            ..criteria
        };
        let (sighted, _) = sight(planes, &searched, &criteria, former)?;
        Ok((sighted, covered))
    }

    /// Returns the criteria of this detector, to be completed.
    fn criteria<'s>(&'s self, counts: &'s dyn Fn(u32, u32) -> bool) -> Criteria<'s> {
        Criteria {
            contract: self.contract,
            infer: self.infer,
            recognizer: self.recognizer.filter(|_| self.keep_side_markers),
            withheld: &self.withheld,
            windows: Cell::new(recognizer::MAX_WINDOWS),
            marker: self.marker_threshold(),
            low: 0.0,
            high: 0.0,
            extra: (0.0, 0.0),
            counts,
            covered: &[],
            kept: &[],
            by_pixels: false,
        }
    }

    /// Enlarges the planes of a picture that is smaller than the contract's `min_side`.
    fn enlarged<'g>(&self, planes: &'g [GrayImage]) -> Vec<Cow<'g, GrayImage>> {
        let min_side = self.contract.min_side.unwrap_or(0);
        planes
            .iter()
            .map(|plane| plane.enlarged(min_side))
            .collect()
    }

    /// Returns the marker share from which on a component is a side marker.
    fn marker_threshold(&self) -> f32 {
        if self.keep_side_markers {
            self.contract.thresholds.marker
        } else {
            NO_MARKER
        }
    }
}

/// The redaction of a picture.
struct Redacted<'r> {
    boxes: &'r [Rect],
    side_markers: &'r [Rect],
}

/// Returns the rectangles that cover text of a searched picture, with their margin, on the picture,
/// which has this size.
fn covers(text: &[Component], scale: &Scale, (width, height): (u32, u32)) -> Vec<Rect> {
    let cover = |text: &Component, rect: &Rect| {
        let by = scale.length(text.thickness()).div_ceil(MARGIN_PART);
        scale.rect(rect).grown(MARGIN.max(by), width, height)
    };
    text.iter()
        .flat_map(|text| text.covers.iter().map(move |rect| cover(text, rect)))
        .collect()
}

/// Drops rectangles that lie inside others: text that is found at several sizes counts once.
fn outermost(mut rects: Vec<Rect>) -> Vec<Rect> {
    rects.sort_by_key(|r| std::cmp::Reverse(u64::from(r.width) * u64::from(r.height)));
    let mut kept: Vec<Rect> = Vec::new();
    for rect in rects {
        if !kept.iter().any(|other| other.holds(&rect)) {
            kept.push(rect);
        }
    }
    kept
}
