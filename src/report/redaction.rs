use serde::{Deserialize, Serialize};

use crate::{picture::redact::Method, pipeline::Outputs, pipeline::verify::Unclean};

/// Redaction of an anonymized copy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Redaction {
    /// Method of covering.
    pub method: Method,
    /// Number of boxes on the picture, configured and found.
    pub boxes: usize,
    /// Share of the picture that is covered, 0 to 1, to four decimals.
    pub area: f64,
    /// Number of places with text; like the fields below, left out without a text detector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detected: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    side_markers: Option<usize>,
    /// `side_markers` under its former name, written for one release.
    #[serde(skip_serializing_if = "Option::is_none")]
    marks: Option<usize>,
    /// SHA-256 of the text detector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detector: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    residual_text: Option<usize>,
    /// `residual_text` under its former name, written for one release.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<usize>,
}

impl Redaction {
    /// Describes the redaction of the anonymized copy, if there is one; `detector` is the SHA-256
    /// of the text detector.
    pub(super) fn of(outputs: &Outputs, detector: Option<&str>) -> Option<Redaction> {
        let copy = outputs.anonymized.as_ref()?;
        let found = outputs.found.as_ref();
        let side_markers = found.map(|found| found.side_markers.len());
        let residual_text = match copy.unclean {
            Some(Unclean::ResidualText(places)) => Some(places),
            _ => None,
        };
        Some(Redaction {
            method: copy.redaction.method,
            boxes: copy.redaction.boxes.len(),
            area: (copy.redaction.area * 1e4).round() / 1e4,
            detected: found.map(|found| found.text.len()),
            side_markers,
            marks: side_markers,
            detector: found.and(detector).map(str::to_owned),
            residual_text,
            left: residual_text,
        })
    }

    /// Returns the number of side and view markers that were found and kept.
    pub fn side_markers(&self) -> Option<usize> {
        self.side_markers.or(self.marks)
    }

    /// Returns the number of places that still contain text, if there are any.
    pub fn residual_text(&self) -> Option<usize> {
        self.residual_text.or(self.left)
    }
}
