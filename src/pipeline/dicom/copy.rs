//! The de-identified copy of one object, and its verification.

use std::time::Duration;

use crate::{
    dicom::{
        deidentify::{self, Keys, Options, Pixels, cover},
        element::DataSet,
        frame::Frame,
        object::Kind,
        render::Tables,
        syntax::Syntax,
        write,
    },
    error::Error,
    picture::boxes::Rect,
    picture::limits::Limits,
    picture::redact::{Method, Redaction},
    picture::source::Written,
    pipeline::verify::{Unclean, text_share},
    pipeline::{Timings, stopwatch::Stopwatch},
    text::{Detector, Looks},
};

use super::{read_copy, views};

/// Makes copies of an object.
pub(super) struct Copier<'c> {
    pub data: &'c DataSet<'c>,
    pub kind: Kind,
    pub syntax: &'static Syntax,
    pub frame: &'c Frame,
    pub keys: Keys,
    pub options: &'c Options,
    pub pixels: Pixels,
    pub limits: &'c Limits,
}

/// A copy.
pub(super) struct Copy {
    pub file: Vec<u8>,
    pub redaction: Redaction,
    pub written: Written,
    /// Its samples, read from the file.
    pub frame: Frame,
}

impl Copier<'_> {
    /// Makes a copy on which these boxes are covered.
    ///
    /// # Errors
    /// Those of the encoders, and [`Error::Encode`] if a sample outside the covers has changed.
    pub(super) fn copy<C: Fn() -> Duration>(
        &self,
        boxes: &[Rect],
        watch: &mut Stopwatch<C>,
        timings: &mut Timings,
    ) -> Result<Copy, Error> {
        let covered = cover::cover(self.data, self.syntax, self.frame, boxes, self.limits)?;
        let (width, height) = (self.frame.shape.width, self.frame.shape.height);
        let redaction = Redaction::of(Method::Fill, covered.boxes, width, height);
        let (data, kind) = (self.data, self.kind);
        let mut copy = deidentify::deidentify(data, kind, &self.keys, self.options, self.pixels);
        copy.put(covered.element);
        timings.redact += watch.lap();
        let file = write::file(&copy, covered.syntax)?;
        drop(copy);
        timings.encode += watch.lap();
        let written = covered.written;
        let frame = read_copy(&file, self.frame, &redaction, written, self.limits)?;
        Ok(Copy {
            file,
            redaction,
            written,
            frame,
        })
    }
}

/// Verifies the copies of an object.
pub(super) struct Verifier<'v> {
    pub detector: &'v Detector<'v>,
    pub tables: &'v Tables,
    /// The looks at each view of the object.
    pub looks: &'v [Looks],
    /// The boxes that are covered whatever is found.
    pub specified: &'v [Rect],
    /// The share of the picture that found text may cover.
    pub max_redacted: f64,
}

impl Verifier<'_> {
    /// Returns why a copy, on which these boxes were covered, may not be clean.
    ///
    /// # Errors
    /// As [`Detector::residual`].
    pub(super) fn verdict(
        &self,
        copy: &Copy,
        boxes: &[Rect],
        markers: &[Rect],
    ) -> Result<Option<Unclean>, Error> {
        let size = (copy.frame.shape.width, copy.frame.shape.height);
        if text_share(boxes, self.specified, size) > self.max_redacted {
            return Ok(Some(Unclean::TooMuchText));
        }
        let (covered, looks) = (&copy.redaction.boxes, Some(self.looks));
        let frame = &copy.frame;
        views::residual(self.detector, self.tables, frame, covered, markers, looks)
            .map(Unclean::residual)
    }

    /// Returns the covers of the text that is left on a copy.
    ///
    /// # Errors
    /// As [`Detector::residual`].
    pub(super) fn left(&self, copy: &Copy, markers: &[Rect]) -> Result<Vec<Rect>, Error> {
        let covered = &copy.redaction.boxes;
        views::left(self.detector, self.tables, &copy.frame, covered, markers)
    }
}
