//! Whether a covered copy is clean: by how much was covered, and by looking again at what is going to be stored.

use crate::{
    error::Error,
    picture::decode::Limits,
    picture::redact::{self, Rect, Redaction},
    picture::source::Source,
    text::{Detector, Found},
};

/// Why an anonymized copy is not clean for sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclean {
    /// The model still sees text in so many places.
    TextLeft(usize),
    /// What was found would take too much of the picture.
    TooMuchText,
}

/// The anonymized copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Redacted {
    /// The file.
    pub bytes: Vec<u8>,
    /// What was covered on it.
    pub redaction: Redaction,
    /// Why it must not be given away.
    pub unclean: Option<Unclean>,
}

/// The share of the picture that only found text takes. What the boxes of the settings take does not count: where they are large or the
/// picture is small, that is as it was wanted.
pub(crate) fn by_text(all: &[Rect], specified: &[Rect], (width, height): (u32, u32)) -> f64 {
    let by_text = redact::covered(all, height) - redact::covered(specified, height);
    by_text as f64 / (f64::from(width) * f64::from(height))
}

/// Looks at the file as it is going to be stored, for text that is still there.
///
/// # Errors
/// As [`crate::picture::decode::decode`] and [`Detector::left`].
pub(crate) fn left(
    bytes: &[u8],
    covered: &[Rect],
    detector: &Detector<'_>,
    found: &Found,
    limits: &Limits,
) -> Result<Option<Unclean>, Error> {
    // The limits are for what comes in; our own file may be larger.
    let limits = Limits {
        max_bytes: u64::MAX,
        ..*limits
    };
    let grey = Source::open(bytes, &limits)?.grey()?;
    let left = detector.left(&grey, covered, &found.marks)?;
    Ok((left > 0).then_some(Unclean::TextLeft(left)))
}
