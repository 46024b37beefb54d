//! Events of the log.

use jiff::Timestamp;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Act of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Signs in, or tries to.
    SignIn,
    /// Signs out.
    SignOut,
    /// Gets a picture.
    View,
    /// Puts a picture into the input bucket.
    Upload,
    /// Takes a copy to look at, so that nobody else does.
    Claim,
    /// Leaves a copy for later.
    Skip,
    /// Decides about a copy.
    Decide,
    /// Takes a decision back.
    Undo,
    /// Has a copy covered further.
    Cover,
    /// A person's decision to release takes effect.
    Release,
    /// A person's decision to reject takes effect.
    Reject,
    /// A released copy is sent to the research archive.
    Send,
}

/// Half of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It is about to happen.
    Intent,
    /// It has happened, or not.
    Outcome,
}

/// An event. All of it is words, digests and the names of people who have signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Time, as RFC 3339 writes it.
    pub at: String,
    /// Name of the person; empty if it is not known.
    pub who: String,
    /// Act.
    pub action: Action,
    /// Half of the act, if it has two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Id of the copy, the digest in its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<String>,
    /// ETag of the copy's bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<String>,
    /// Keyed digest of the source, as in reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Further word: the verdict, the kind of picture, or the format of an upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// Result, of an outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Random; the same in an intent and its outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<String>,
}

impl Event {
    /// Begins an event of now.
    pub fn new(who: &str, action: Action) -> Self {
        Self {
            at: format!("{:.3}", Timestamp::now()),
            who: who.to_owned(),
            action,
            phase: None,
            copy: None,
            bytes: None,
            source: None,
            what: None,
            result: None,
            attempt: None,
        }
    }

    /// Sets the copy, by its id.
    pub fn of_copy(mut self, id: &str) -> Self {
        self.copy = Some(id.to_owned());
        self
    }

    /// Sets the ETag of the copy's bytes.
    pub fn of_bytes(mut self, etag: &str) -> Self {
        self.bytes = Some(etag.to_owned());
        self
    }

    /// Sets the source, by its keyed digest.
    pub fn of_source(mut self, digest: &str) -> Self {
        self.source = Some(digest.to_owned());
        self
    }

    /// Sets the further word.
    pub fn what(mut self, what: &str) -> Self {
        self.what = Some(what.to_owned());
        self
    }

    /// Sets the result.
    pub fn result(mut self, result: &str) -> Self {
        self.result = Some(result.to_owned());
        self
    }

    /// Makes it an intent.
    pub(super) fn intent(mut self) -> Self {
        self.phase = Some(Phase::Intent);
        self.attempt = Some(random());
        self
    }

    /// Returns the outcome of this intent.
    pub(super) fn outcome(self, result: &str) -> Self {
        Self {
            at: format!("{:.3}", Timestamp::now()),
            phase: Some(Phase::Outcome),
            ..self
        }
        .result(result)
    }
}

/// Returns 8 random bytes in hex.
pub(super) fn random() -> String {
    let mut bytes = [0; 8];
    rand::rng().fill(&mut bytes);
    hex::encode(bytes)
}
