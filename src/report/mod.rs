//! What is said of each object: one JSON line on stdout, and the same in the HTTP answer. No patient data.

pub mod answer;

use std::time::Duration;

use serde::Serialize;

use crate::{
    error::{Error, Outcome},
    model::predict::Class,
    picture::redact::Method,
    picture::sniff::Format,
    picture::source::Written,
    pipeline::Outputs,
    pipeline::verify::Unclean,
};

/// The report on one object. Fields that are not known are left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Always `object`, so that report lines can be told from others.
    pub event: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, as a word for machines; left out when it is simply done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Why, in words that say what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// A keyed digest of bucket and key, 16 hex digits: the same object has the same one, and it can't be undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The bucket the object is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// What the risk is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// Why nothing is claimed of the picture, in the contract's word; there is no risk then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
    /// The risk, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<f64>,
    /// The model that said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// The digest of the settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<String>,
    /// What became of the processed object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processed: Option<Stored>,
    /// What became of the anonymized object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymized: Option<Stored>,
    /// What was covered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redaction: Option<Covered>,
    /// The format of source and outputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// How the outputs were made of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
    /// Pixels across.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Sizes.
    pub bytes: Bytes,
    /// Durations.
    pub ms: Millis,
    /// The failure behind the outcome, for the answer's status.
    #[serde(skip)]
    pub error: Option<Error>,
}

/// Which model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Its digest.
    pub sha256: String,
}

/// What became of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stored {
    /// It was stored.
    Stored,
    /// What is there is what would be stored.
    Unchanged,
    /// An earlier one was removed.
    Removed,
    /// None is due.
    NotDue,
    /// One is due, but there is no pseudonym key to name it by.
    NoKey,
    /// One is due, but it is not clean for sure, and is kept apart.
    Quarantined,
    /// One is due, but it is not clean for sure, or nothing on it would have been covered, and it is kept nowhere.
    Withheld,
}

/// What was covered on the anonymized copy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Covered {
    /// How.
    pub method: Method,
    /// How many boxes were on the picture, those of the settings and those that were found.
    pub boxes: usize,
    /// The share of the picture that is covered, 0 to 1, to four decimals.
    pub area: f64,
    /// In how many places text was found; left out, as what follows, where nothing looks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detected: Option<usize>,
    /// How many side and view marks were found and stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marks: Option<usize>,
    /// The digest of the model that looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detector: Option<String>,
    /// In how many places text is left, if in any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<usize>,
}

impl Covered {
    /// What was covered on the anonymized copy, if there is one; `detector` is the digest of the model that found text.
    pub fn of(outputs: &Outputs, detector: Option<&str>) -> Option<Covered> {
        let copy = outputs.anonymized.as_ref()?;
        let found = outputs.found.as_ref();
        Some(Covered {
            method: copy.redaction.method,
            boxes: copy.redaction.boxes.len(),
            area: (copy.redaction.area * 1e4).round() / 1e4,
            detected: found.map(|found| found.text.len()),
            marks: found.map(|found| found.side_markers.len()),
            detector: found.and(detector).map(str::to_owned),
            left: match copy.unclean {
                Some(Unclean::ResidualText(left)) => Some(left),
                _ => None,
            },
        })
    }
}

/// Sizes in bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Bytes {
    /// The source's.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    pub source: Option<u64>,
    /// The labelled picture's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processed: Option<u64>,
    /// The anonymized picture's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymized: Option<u64>,
}

/// Durations of the steps that ran, in milliseconds with three decimals.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Millis {
    /// Asking the store what is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<f64>,
    /// Getting the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetch: Option<f64>,
    /// Bytes to pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode: Option<f64>,
    /// Pixels to the model's tensor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prepare: Option<f64>,
    /// The model's run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predict: Option<f64>,
    /// Finding text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detect: Option<f64>,
    /// Drawing the label and the overlay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotate: Option<f64>,
    /// Covering the boxes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redact: Option<f64>,
    /// Pixels to bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encode: Option<f64>,
    /// Looking whether text is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<f64>,
    /// Putting the outputs, with what has to be asked before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<f64>,
    /// All of it.
    pub total: f64,
}

/// Milliseconds with three decimals.
pub fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

impl Report {
    /// A report with nothing in it but the outcome.
    pub fn new(outcome: Outcome) -> Report {
        Report {
            event: "object",
            outcome,
            reason: None,
            detail: None,
            source: None,
            bucket: None,
            class: None,
            doubt: None,
            risk: None,
            model: None,
            settings: None,
            processed: None,
            anonymized: None,
            redaction: None,
            format: None,
            written: None,
            width: None,
            height: None,
            bytes: Bytes::default(),
            ms: Millis::default(),
            error: None,
        }
    }

    /// Ends the report with a failure.
    pub fn fail(&mut self, error: Error) {
        self.outcome = error.outcome();
        self.reason = Some(error.reason());
        self.detail = Some(error.to_string());
        self.error = Some(error);
    }

    /// Ends the report with nothing done.
    pub fn skip(&mut self, reason: &'static str) {
        self.outcome = Outcome::Skipped;
        self.reason = Some(reason);
    }

    /// The report as one line of JSON.
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| r#"{"event":"object"}"#.to_owned())
    }
}
