//! Failures of a record, named by the step that failed, and their meaning for the sender.
//!
//! No variant carries a key, a name or anything else of the patient: the texts may be logged and
//! sent back.

mod reason;

use http::StatusCode;
use serde::{Deserialize, Serialize};

pub use reason::Reason;

/// Outcome of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The outputs are stored.
    Done,
    /// There was nothing to do: a duplicate, a stale event, a source that is gone.
    Skipped,
    /// The record will never work; delivering it again does not help.
    Rejected,
    /// The anonymized copy was withheld because it could not be made or verified as clean.
    Quarantined,
    /// The record may work later; deliver it again.
    Retry,
}

impl Outcome {
    /// Returns the word that reports carry.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Skipped => "skipped",
            Outcome::Rejected => "rejected",
            Outcome::Quarantined => "quarantined",
            Outcome::Retry => "retry",
        }
    }
}

/// Failure of one step. The text says what to do and names no object.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A variable is missing or has an unusable value.
    #[error("setting `{name}`: {problem}")]
    Config {
        /// Name of the variable.
        name: &'static str,
        /// Fault of the value; never the value itself when it is a secret.
        problem: String,
    },
    /// The request or record is not an event this function knows.
    #[error("not an event: {0}")]
    NotAnEvent(String),
    /// The request's method is not POST.
    #[error("send events by POST")]
    Method,
    /// The request's content type cannot hold an event.
    #[error("unsupported content type: {0}")]
    MediaType(String),
    /// The bucket's name or the key is unusable.
    #[error("unusable object reference: {0}")]
    Reference(String),
    /// The object or picture is larger than a limit.
    #[error("too large: {what} is over the limit of {limit}")]
    TooLarge {
        /// The measured thing, with its unit.
        what: &'static str,
        /// The limit in that unit.
        limit: u64,
    },
    /// The bytes are not a picture this function reads; the text names their format where it can be
    /// recognized.
    #[error("not a JPEG, PNG or DICOM image: {0}")]
    NotAnImage(String),
    /// The source is encrypted with a key that only its owner has.
    #[error(
        "encrypted: the source needs a customer-provided key (SSE-C), which this function does not have; upload it without SSE-C"
    )]
    Encrypted,
    /// The picture is damaged.
    #[error("damaged picture: {0}")]
    Damaged(String),
    /// The model or its contract is missing, does not fit, or failed to run.
    #[error("model: {0}")]
    Model(String),
    /// The store refused or could not be reached.
    #[error("store: {0}")]
    Store(String),
    /// A bucket is missing, or the endpoint does not know it; the text names it.
    #[error("store: {0}")]
    Bucket(String),
    /// An archive refused an instance or could not be reached.
    #[error("archive: {0}")]
    Archive(String),
    /// An output could not be encoded.
    #[error("encoding the output: {0}")]
    Encode(String),
}

impl Error {
    /// Returns the outcome of a record that failed this way.
    pub fn outcome(&self) -> Outcome {
        match self {
            Error::Config { .. }
            | Error::Model(_)
            | Error::Store(_)
            | Error::Bucket(_)
            | Error::Archive(_) => Outcome::Retry,
            Error::NotAnEvent(_)
            | Error::Method
            | Error::MediaType(_)
            | Error::Reference(_)
            | Error::TooLarge { .. }
            | Error::NotAnImage(_)
            | Error::Encrypted
            | Error::Damaged(_)
            | Error::Encode(_) => Outcome::Rejected,
        }
    }

    /// Returns the HTTP status of this failure alone, for a caller that acts on statuses.
    pub fn status(&self) -> StatusCode {
        self.reason().status()
    }

    /// Returns the reason, a word for machines.
    pub fn reason(&self) -> Reason {
        match self {
            Error::Config { .. } => Reason::Misconfigured,
            Error::NotAnEvent(_) => Reason::NotAnEvent,
            Error::Method => Reason::MethodNotAllowed,
            Error::MediaType(_) => Reason::UnsupportedMediaType,
            Error::Reference(_) => Reason::UnusableKey,
            Error::TooLarge { .. } => Reason::TooLarge,
            Error::NotAnImage(_) => Reason::NotAnImage,
            Error::Encrypted => Reason::Encrypted,
            Error::Damaged(_) => Reason::Damaged,
            Error::Model(_) => Reason::Model,
            Error::Store(_) | Error::Bucket(_) => Reason::Store,
            Error::Archive(_) => Reason::Archive,
            Error::Encode(_) => Reason::Encode,
        }
    }
}

impl From<s3::Error> for Error {
    fn from(error: s3::Error) -> Error {
        let unusable = |name| Error::Config {
            name,
            problem: "contains a character that is not allowed in a header".into(),
        };
        match error {
            s3::Error::AccessKey => unusable("s3_access_key"),
            s3::Error::SessionToken => unusable("s3_session_token"),
            s3::Error::Uri => Error::Reference(error.to_string()),
            s3::Error::Header(_) => Error::Encode(error.to_string()),
            _ => Error::Store(error.to_string()),
        }
    }
}
