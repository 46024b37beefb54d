//! Draws and encodes the outputs of a picture.

use std::time::Duration;

use crate::{
    error::Error, picture::annotate::Label, picture::boxes::Rect, picture::heatmap::Heatmap,
    picture::redact::Redaction, picture::source::Source,
};

use super::{Settings, Timings, stopwatch::Stopwatch};

/// The content of the outputs, besides the redaction.
pub(super) struct Drawing<'d> {
    pub settings: &'d Settings,
    pub label: &'d Label,
    pub heatmap: Option<&'d Heatmap>,
    /// An anonymized copy is due.
    pub is_due: bool,
    /// The copy is searched for text.
    pub is_verified: bool,
}

/// The outputs of a picture, encoded.
pub(super) struct Drawn {
    pub processed: Vec<u8>,
    pub anonymized: Option<Copy>,
}

/// An anonymized copy.
pub(super) struct Copy {
    pub bytes: Vec<u8>,
    pub redaction: Redaction,
    /// The copy without the label that it has. The label is text too, and text may lie under it, so
    /// this one is verified.
    pub bare: Option<Vec<u8>>,
}

impl Copy {
    /// Returns the file that is verified.
    pub(super) fn verified(&self) -> &[u8] {
        self.bare.as_ref().unwrap_or(&self.bytes)
    }
}

impl Drawing<'_> {
    /// Makes the outputs, with these boxes redacted on the copy. The copy is made from the source,
    /// not from the labeled picture. Each draft is encoded at once: two pictures may not fit in
    /// memory.
    ///
    /// # Errors
    /// Those of the source and its encoder.
    pub(super) fn on<C: Fn() -> Duration>(
        &self,
        mut source: Source<'_>,
        boxes: &[Rect],
        watch: &mut Stopwatch<C>,
        timings: &mut Timings,
    ) -> Result<Drawn, Error> {
        let settings = self.settings;
        let mut copy = |label| -> Result<(Vec<u8>, Redaction), Error> {
            let (draft, redaction) = source.redacted(boxes, settings.method, label)?;
            timings.redact += watch.lap();
            let bytes = source.encode(&draft)?;
            timings.encode += watch.lap();
            Ok((bytes, redaction))
        };
        let label = settings.anonymized_label.then_some(self.label);
        let anonymized = if self.is_due {
            let (bytes, redaction) = copy(label)?;
            let bare = label.filter(|_| self.is_verified).map(|_| copy(None));
            Some(Copy {
                bytes,
                redaction,
                bare: bare.transpose()?.map(|(bytes, _)| bytes),
            })
        } else {
            None
        };
        let outline = self.heatmap.map(|map| (map, &settings.thresholds));
        let redacted = settings
            .redact_processed
            .then_some((boxes, settings.method));
        let draft = source.labeled(self.label, outline, redacted)?;
        timings.annotate += watch.lap();
        let processed = source.encode(&draft)?;
        timings.encode += watch.lap();
        Ok(Drawn {
            processed,
            anonymized,
        })
    }
}
