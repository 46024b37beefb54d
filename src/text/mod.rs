//! Burned-in text, found anywhere on a picture by a model of its own, and what is still there on one that was covered.
//!
//! The model gives a map of the picture; all else is here: at which sizes and in which pieces it is asked (`tiles`), what hangs
//! together on its map (`map`), what of that stays because it is a side or view mark (`marks`), and how far a cover reaches. In doubt it
//! is text.

pub mod contract;
mod map;
mod marks;
#[cfg(test)]
mod mutations;
pub mod tiles;

use crate::{
    error::Error,
    model::predict::{NamedTensor, Tensor},
    picture::boxes::Rect,
    picture::resize::Grey,
};
use contract::TextContract;
use map::{Component, maps};

/// The least by which a cover reaches beyond what was found, in pixels.
const MARGIN: u32 = 8;
/// The part of its shorter side by which it does.
const MARGIN_PART: u32 = 6;

/// The model that finds text, ready to be asked.
pub struct Detector<'a> {
    /// What it wants and gives.
    pub contract: &'a TextContract,
    /// Whether side and view marks stay. They don't where a mark could be a part of the patient's name.
    pub marks_stay: bool,
    /// Runs it on one input.
    pub infer: &'a dyn Fn(&Tensor) -> Result<Vec<NamedTensor>, Error>,
}

/// What was found on a picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// What has to be covered, with a margin.
    pub text: Vec<Rect>,
    /// Marks that stay.
    pub marks: Vec<Rect>,
}

impl Detector<'_> {
    /// Looks for text on a picture.
    ///
    /// # Errors
    /// What the model's run returns, and [`Error::Model`] when its map is not what the contract says.
    pub fn find(&self, grey: &Grey) -> Result<Found, Error> {
        let wanted = &self.contract.thresholds;
        let mut found: Vec<Component> = Vec::new();
        for map in maps(grey, self.contract, self.infer)? {
            found.extend(map.components(wanted.faint, wanted.sure, |_, _| true));
        }
        let (text, marks) = marks::part(found, self.mark_share());
        let cover = |rect: Rect| {
            let by = MARGIN.max(rect.width.min(rect.height).div_ceil(MARGIN_PART));
            rect.grown(by, grey.width as u32, grey.height as u32)
        };
        Ok(Found {
            text: outermost(text.into_iter().map(cover).collect()),
            marks: outermost(marks),
        })
    }

    /// From this share of mark on something stays.
    fn mark_share(&self) -> f32 {
        // No share is more than one.
        if self.marks_stay {
            self.contract.thresholds.mark
        } else {
            2.0
        }
    }

    /// How much is still to be seen of text on a picture where `covered` is covered and `marks` stay.
    ///
    /// # Errors
    /// As [`Detector::find`].
    pub fn left(&self, grey: &Grey, covered: &[Rect], marks: &[Rect]) -> Result<usize, Error> {
        let from = self.contract.thresholds.left;
        let size = (grey.width as u32, grey.height as u32);
        let mut left: Vec<Component> = Vec::new();
        for map in maps(grey, self.contract, self.infer)? {
            // A mark's edge may fall into the next cell.
            let allowed: Vec<Rect> = marks
                .iter()
                .map(|mark| mark.grown(map.cell(), size.0, size.1))
                .chain(covered.iter().copied())
                .collect();
            // The centre of a cell that reaches over the picture's edge may lie beyond it.
            let open = |x: u32, y: u32| {
                let (x, y) = (x.min(size.0 - 1), y.min(size.1 - 1));
                !allowed.iter().any(|rect| rect.contains(x, y))
            };
            left.extend(map.components(from, from, open));
        }
        // What looks like a mark only now tells of nobody either: bones that a cover cuts do.
        Ok(marks::part(left, self.mark_share()).0.len())
    }
}

/// Without those that lie inside others: what is found at several sizes counts once.
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
