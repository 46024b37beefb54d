//! Every way a record can fail, named by the step that failed, and what that means to whoever delivered it.
//!
//! No variant carries a bucket's key, a name or anything else of the patient: the texts may be logged and sent back.

use http::StatusCode;
use serde::Serialize;

/// How a record ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The outputs are stored.
    Done,
    /// There was nothing to do: a duplicate, a stale event, a source that is gone.
    Skipped,
    /// It will never work; delivering it again won't help.
    Rejected,
    /// The anonymized copy was withheld because it could not be made or verified as clean.
    Quarantined,
    /// It may work later; deliver it again.
    Retry,
}

/// A failure of one step. The text says what to do and names no object.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A variable is missing or has a value that can't be used.
    #[error("setting `{name}`: {problem}")]
    Config {
        /// The variable's name.
        name: &'static str,
        /// What is wrong with it, never its value when it is a secret.
        problem: String,
    },
    /// The request or record is not an event this function knows.
    #[error("not an event: {0}")]
    NotAnEvent(String),
    /// The request's method is not POST.
    #[error("send events by POST")]
    Method,
    /// The request's content type can't hold an event.
    #[error("unsupported content type: {0}")]
    MediaType(String),
    /// A bucket name or key that can't be used.
    #[error("unusable object reference: {0}")]
    Reference(String),
    /// The object or picture is larger than a limit.
    #[error("too large: {what} is over the limit of {limit}")]
    TooLarge {
        /// What was measured, with its unit.
        what: &'static str,
        /// The limit in that unit.
        limit: u64,
    },
    /// The bytes are not a picture this function reads; names what they are where it can tell.
    #[error("not a JPEG or PNG: {0}")]
    NotAnImage(String),
    /// The source is encrypted with a key that only its owner has.
    #[error(
        "encrypted: the source is under a customer's own key (SSE-C), which this function does not have; upload it without"
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
    /// The output could not be made.
    #[error("encoding the output: {0}")]
    Encode(String),
}

impl Error {
    /// What this failure means for the record.
    pub fn outcome(&self) -> Outcome {
        match self {
            Error::Config { .. } | Error::Model(_) | Error::Store(_) => Outcome::Retry,
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

    /// The HTTP status of this failure alone, for a caller that acts on statuses.
    pub fn status(&self) -> StatusCode {
        match self {
            Error::Config { .. } | Error::Model(_) | Error::Store(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Error::NotAnEvent(_) => StatusCode::BAD_REQUEST,
            Error::Method => StatusCode::METHOD_NOT_ALLOWED,
            Error::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Error::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Error::Reference(_)
            | Error::NotAnImage(_)
            | Error::Encrypted
            | Error::Damaged(_)
            | Error::Encode(_) => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// A word for machines, in kebab case.
    pub fn reason(&self) -> &'static str {
        match self {
            Error::Config { .. } => "misconfigured",
            Error::NotAnEvent(_) => "not-an-event",
            Error::Method => "method-not-allowed",
            Error::MediaType(_) => "unsupported-media-type",
            Error::Reference(_) => "unusable-key",
            Error::TooLarge { .. } => "too-large",
            Error::NotAnImage(_) => "not-an-image",
            Error::Encrypted => "encrypted",
            Error::Damaged(_) => "damaged",
            Error::Model(_) => "model",
            Error::Store(_) => "store",
            Error::Encode(_) => "encode",
        }
    }
}

impl From<s3::Error> for Error {
    fn from(error: s3::Error) -> Error {
        let unusable = |name| Error::Config {
            name,
            problem: "holds a character that can't stand in a header".into(),
        };
        match error {
            s3::Error::AccessKey => unusable("s3_access_key"),
            s3::Error::SessionToken => unusable("s3_session_token"),
            s3::Error::Uri => Error::Reference(error.to_string()),
            _ => Error::Encode(error.to_string()),
        }
    }
}
