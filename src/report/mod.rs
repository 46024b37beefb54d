//! The report on one object: a JSON line on stdout, and the same JSON in the HTTP response. It
//! holds no patient data.
//!
//! Functions and hosts of different versions are mixed during an upgrade. A reader therefore
//! ignores unknown keys, keeps unknown reasons as [`Reason::Other`], and drops unknown words in
//! other optional fields.

mod measures;
mod redaction;
pub mod response;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

pub use measures::{Bytes, Millis, millis};
pub use redaction::Redaction;

use crate::{
    error::{Error, Outcome, Reason},
    model::predict::Class,
    picture::sniff::Format,
    picture::source::Written,
    pipeline::Outputs,
};

/// The report on one object. Unknown values are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Kind of the line, by which it is told from others.
    pub event: Kind,
    /// Outcome of the record.
    pub outcome: Outcome,
    /// Reason for the outcome; left out when the outputs are simply stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Reason in words that say what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Keyed digest of bucket and key, 16 hex digits: equal for the same object, and irreversible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Bucket of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// Class of the risk.
    #[serde(
        default,
        deserialize_with = "known",
        skip_serializing_if = "Option::is_none"
    )]
    pub class: Option<Class>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input_check: Option<String>,
    /// `input_check` under its former name, written for one release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) doubt: Option<String>,
    /// Risk, 0 to 1; left out when an input check failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<f64>,
    /// Model that predicted the risk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// Digest of the settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<String>,
    /// State of the processed object.
    #[serde(
        default,
        deserialize_with = "known",
        skip_serializing_if = "Option::is_none"
    )]
    pub processed: Option<Stored>,
    /// State of the anonymized object.
    #[serde(
        default,
        deserialize_with = "known",
        skip_serializing_if = "Option::is_none"
    )]
    pub anonymized: Option<Stored>,
    /// Redaction of the anonymized copy.
    #[serde(
        default,
        deserialize_with = "known",
        skip_serializing_if = "Option::is_none"
    )]
    pub redaction: Option<Redaction>,
    /// Format of source and outputs.
    #[serde(
        default,
        deserialize_with = "known",
        skip_serializing_if = "Option::is_none"
    )]
    pub format: Option<Format>,
    /// Derivation of the outputs' files from the source's.
    #[serde(
        default,
        deserialize_with = "known",
        skip_serializing_if = "Option::is_none"
    )]
    pub written: Option<Written>,
    /// Width in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Sizes.
    #[serde(default)]
    pub bytes: Bytes,
    /// Durations.
    #[serde(default)]
    pub ms: Millis,
    /// Id of the event's trace, 32 hex digits, if it is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The record waits for a bucket that is missing, so that no number of retries may end it.
    #[serde(skip)]
    pub(crate) waits_for_bucket: bool,
}

/// Kind of a report line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The report on an object.
    Object,
}

/// A model's name and digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Name of the model.
    pub name: String,
    /// SHA-256 of the model.
    pub sha256: String,
}

/// State of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stored {
    /// It was stored.
    Stored,
    /// The stored one is equal to the one that would be stored.
    Unchanged,
    /// An earlier one was removed.
    Removed,
    /// None is due.
    NotDue,
    /// One is due, but there is no pseudonym key to derive its name from.
    NoKey,
    /// One is due but may still contain text, and is in quarantine.
    Quarantined,
    /// One is due but may still contain text, or nothing on it would have been covered; it is
    /// stored nowhere.
    Withheld,
}

/// Reads an optional value, dropping one this version does not know.
fn known<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

impl Report {
    /// Makes a report that holds nothing but an outcome.
    pub fn new(outcome: Outcome) -> Report {
        Report {
            event: Kind::Object,
            outcome,
            reason: None,
            detail: None,
            source: None,
            bucket: None,
            class: None,
            input_check: None,
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
            trace_id: None,
            waits_for_bucket: false,
        }
    }

    /// Ends the report with a failure.
    #[must_use]
    pub fn failed(self, error: &Error) -> Report {
        Report {
            outcome: error.outcome(),
            reason: Some(error.reason()),
            detail: Some(error.to_string()),
            waits_for_bucket: matches!(error, Error::Bucket(_)),
            ..self
        }
    }

    /// Ends the report without any work done.
    #[must_use]
    pub fn skipped(self, reason: Reason) -> Report {
        Report {
            outcome: Outcome::Skipped,
            processed: (reason == Reason::Duplicate).then_some(Stored::Unchanged),
            reason: Some(reason),
            ..self
        }
    }

    /// Records the outputs; `detector` is the SHA-256 of the model that finds text.
    pub fn record_outputs(&mut self, outputs: &Outputs, detector: Option<&str>) {
        self.class = Some(outputs.prediction.class);
        self.input_check = outputs.prediction.failed_check.clone();
        self.doubt = self.input_check.clone();
        self.risk = self
            .input_check
            .is_none()
            .then_some(outputs.prediction.risk);
        self.format = Some(outputs.format);
        self.written = Some(outputs.written);
        self.width = Some(outputs.width);
        self.height = Some(outputs.height);
        self.bytes.processed = Some(outputs.processed.len() as u64);
        self.bytes.anonymized = outputs
            .anonymized
            .as_ref()
            .map(|copy| copy.bytes.len() as u64);
        self.redaction = Redaction::of(outputs, detector);
        self.ms.record_outputs(outputs);
    }

    /// Returns the reason of the input check that failed, in the contract's word; no risk is
    /// reported then.
    pub fn input_check(&self) -> Option<&str> {
        self.input_check.as_deref().or(self.doubt.as_deref())
    }

    /// Reports whether all outputs that are due exist, made now or by an earlier event.
    pub fn is_complete(&self) -> bool {
        match self.outcome {
            Outcome::Done => true,
            Outcome::Skipped => self.reason == Some(Reason::Duplicate),
            Outcome::Rejected | Outcome::Quarantined | Outcome::Retry => false,
        }
    }

    /// Returns outcome, reason and detail in one line, unless the report is complete.
    pub fn failure(&self) -> Option<String> {
        if self.is_complete() {
            return None;
        }
        let detail = self.detail.as_deref();
        // Many details begin with it in words.
        let is_in_detail = |reason: &&str| {
            let words = reason.replace('-', " ");
            let rest = detail.and_then(|detail| detail.strip_prefix(&words));
            rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        };
        let reason = self.reason.as_ref().map(Reason::as_str);
        let reason = reason.filter(|reason| !is_in_detail(reason));
        let why: Vec<&str> = [reason, detail].into_iter().flatten().collect();
        Some(format!("{}: {}", self.outcome.as_str(), why.join(": ")))
    }

    /// Returns the report as one line of JSON.
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| r#"{"event":"object"}"#.to_owned())
    }
}
