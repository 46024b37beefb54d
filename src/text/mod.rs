//! Finds burned-in text anywhere on a picture with a model of its own, and residual text on a
//! redacted one.
//!
//! The model gives a map of the picture. The rest is here: the sizes and pieces at which it is run
//! (`tiles`), its input (`input`), the connected components of its map (`map`, `components`), the
//! side and view markers among them that stay (`side_markers`), and the margin of the redaction.
//! When in doubt, a component counts as text.

mod components;
pub mod contract;
mod input;
mod map;
#[cfg(test)]
mod mutations;
mod scale;
mod side_markers;
#[cfg(test)]
mod tests;
mod tiles;

use crate::{
    error::Error,
    model::tensor::{InputTensor, NamedTensor},
    picture::{boxes::Rect, gray::GrayImage},
};
use components::Component;
use contract::TextContract;
use map::maps;
use scale::Scale;

/// The least margin of a redaction around text, in pixels.
const MARGIN: u32 = 8;
/// The margin is at least the text's shorter side divided by this.
const MARGIN_PART: u32 = 6;

/// A text model, ready to run.
pub struct Detector<'a> {
    /// Its contract.
    pub contract: &'a TextContract,
    /// Keeps side and view markers. Not set where a marker could be a part of the patient's name.
    pub keep_side_markers: bool,
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
}

impl Detector<'_> {
    /// Finds the text on a picture.
    ///
    /// # Errors
    /// Those of the model's run, and [`Error::Model`] when its map does not fit the contract.
    pub fn find(&self, gray: &GrayImage) -> Result<Found, Error> {
        let thresholds = &self.contract.thresholds;
        let (searched, scale) = self.enlarged(gray);
        let mut found: Vec<Component> = Vec::new();
        for map in maps(&searched, self.contract, self.infer)? {
            found.extend(map.components(thresholds.low, thresholds.high, |_, _| true));
        }
        let (text, markers) = side_markers::split(found, self.marker_threshold());
        let cover = |rect: &Rect| {
            let rect = scale.rect(rect);
            let by = MARGIN.max(rect.width.min(rect.height).div_ceil(MARGIN_PART));
            rect.grown(by, gray.width as u32, gray.height as u32)
        };
        Ok(Found {
            text: outermost(text.iter().map(cover).collect()),
            side_markers: outermost(markers.iter().map(|rect| scale.rect(rect)).collect()),
        })
    }

    /// Counts the places where text is still visible on a redacted picture, outside the redacted
    /// rectangles and the side markers that stay.
    ///
    /// # Errors
    /// As [`Detector::find`].
    pub fn residual(
        &self,
        gray: &GrayImage,
        redacted: &[Rect],
        side_markers: &[Rect],
    ) -> Result<usize, Error> {
        let threshold = self.contract.thresholds.residual;
        let (searched, scale) = self.enlarged(gray);
        let (width, height) = (gray.width as u32, gray.height as u32);
        let mut residual: Vec<Component> = Vec::new();
        for map in maps(&searched, self.contract, self.infer)? {
            // A marker's edge may fall into the next cell.
            let cell = scale.length(map.cell());
            let allowed: Vec<Rect> = side_markers
                .iter()
                .map(|marker| marker.grown(cell, width, height))
                .chain(redacted.iter().copied())
                .collect();
            let open = |x: u32, y: u32| {
                let (x, y) = scale.pixel(x, y);
                !allowed.iter().any(|rect| rect.contains(x, y))
            };
            residual.extend(map.components(threshold, threshold, open));
        }
        // Marker-like shapes that appear only after redaction are ignored: they are bones cut by
        // the edge of a box, not text.
        let (text, _) = side_markers::split(residual, self.marker_threshold());
        Ok(text.len())
    }

    /// Enlarges a picture that is smaller than the contract's `min_side`.
    fn enlarged<'g>(&self, gray: &'g GrayImage) -> (std::borrow::Cow<'g, GrayImage>, Scale) {
        let searched = gray.enlarged(self.contract.min_side.unwrap_or(0));
        let scale = Scale::new(gray, &searched);
        (searched, scale)
    }

    /// Returns the marker share from which on a component is a side marker.
    fn marker_threshold(&self) -> f32 {
        // No share is over one, so no component is a marker.
        if self.keep_side_markers {
            self.contract.thresholds.marker
        } else {
            2.0
        }
    }
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
