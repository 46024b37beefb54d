//! Verifies that a redacted copy is clean, by the share of the picture that was redacted and by
//! searching the encoded file again.

use crate::{
    error::Error,
    picture::boxes::Rect,
    picture::limits::Limits,
    picture::redact::{self, Redaction},
    picture::source::Source,
    text::{Detector, Found, Looks},
};

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

/// Counts the places of residual text in the file that is going to be stored: around its covers if
/// the looks at its source are given, otherwise everywhere.
///
/// # Errors
/// As [`crate::picture::decode::decode`] and [`Detector::residual`].
pub(crate) fn residual_text(
    bytes: &[u8],
    redacted: &[Rect],
    detector: &Detector<'_>,
    found: &Found,
    looks: Option<&Looks>,
    limits: &Limits,
) -> Result<usize, Error> {
    let planes = Source::planes_of(bytes, &limits.of_own_file())?;
    let markers = &found.side_markers;
    match looks {
        Some(looks) => detector.residual_around(&planes, redacted, markers, looks),
        None => detector.residual(&planes, redacted, markers),
    }
}
