//! Verifies that a redacted copy is clean, by the share of the picture that was redacted and by
//! searching the encoded file again.

use crate::{
    error::Error,
    picture::boxes::Rect,
    picture::limits::Limits,
    picture::redact::{self, Redaction},
    picture::source::Source,
    text::{Detector, Looks},
};

use super::{Settings, drawing::Copy};

/// The reason why an anonymized copy may not be clean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclean {
    /// The model still finds text in this many places.
    ResidualText(usize),
    /// The found text covers too much of the picture.
    TooMuchText,
}

impl Unclean {
    /// Returns the reason why a copy is unclean in which so many places are found.
    pub(crate) fn residual(places: usize) -> Option<Self> {
        (places > 0).then_some(Self::ResidualText(places))
    }
}

/// The anonymized copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Redacted {
    /// The file.
    pub bytes: Vec<u8>,
    /// The redaction of it.
    pub redaction: Redaction,
    /// The reason why it must not be published, if there is one.
    pub unclean: Option<Unclean>,
}

/// Returns the share of the picture that is redacted because of found text only. The configured
/// boxes don't count: if they are large or the picture is small, that was intended.
pub(crate) fn text_share(all: &[Rect], specified: &[Rect], (width, height): (u32, u32)) -> f64 {
    let found = redact::covered(all, height) - redact::covered(specified, height);
    found as f64 / (f64::from(width) * f64::from(height))
}

/// Verifies the copies of one picture.
pub(super) struct Verifier<'v> {
    pub detector: &'v Detector<'v>,
    /// The looks at the picture, if its copies show outside of their covers what it does.
    pub looks: Option<Looks>,
    pub settings: &'v Settings,
    /// The boxes that are redacted whatever is found.
    pub specified: &'v [Rect],
    /// Of the picture.
    pub size: (u32, u32),
}

impl Verifier<'_> {
    /// Returns why a copy, on which these boxes were redacted, may not be clean.
    ///
    /// # Errors
    /// As [`residual_text`].
    pub(super) fn verdict(
        &self,
        copy: &Copy,
        boxes: &[Rect],
        side_markers: &[Rect],
    ) -> Result<Option<Unclean>, Error> {
        if text_share(boxes, self.specified, self.size) > self.settings.max_redacted {
            return Ok(Some(Unclean::TooMuchText));
        }
        let places = residual_text(
            copy.verified(),
            &copy.redaction.boxes,
            self.detector,
            side_markers,
            self.looks.as_ref(),
            &self.settings.limits,
        )?;
        Ok(Unclean::residual(places))
    }

    /// Returns the covers of the text that is left on a copy.
    ///
    /// # Errors
    /// As [`residual_text`].
    pub(super) fn left(&self, copy: &Copy, side_markers: &[Rect]) -> Result<Vec<Rect>, Error> {
        let planes = Source::planes_of(copy.verified(), &self.settings.limits.of_own_file())?;
        self.detector
            .left(&planes, &copy.redaction.boxes, side_markers)
    }
}

/// Counts the places of residual text in the file that is going to be stored: around its covers if
/// the looks at its source are given, otherwise everywhere.
///
/// # Errors
/// As [`crate::picture::decode::decode`] and [`Detector::residual`].
pub(crate) fn residual_text(
    bytes: &[u8],
    redacted: &[Rect],
    detector: &Detector<'_>,
    side_markers: &[Rect],
    looks: Option<&Looks>,
    limits: &Limits,
) -> Result<usize, Error> {
    let planes = Source::planes_of(bytes, &limits.of_own_file())?;
    match looks {
        Some(looks) => detector.residual_around(&planes, redacted, side_markers, looks),
        None => detector.residual(&planes, redacted, side_markers),
    }
}
