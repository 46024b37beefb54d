//! Failures, with what to do about them.

use http::StatusCode;

use crate::refusal::Refusal;

/// Error of a transport.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Failure of a request. No text names an object, because keys may hold patients' names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bucket and key do not form a URI.
    #[error("bucket and key do not form a URI; check the bucket's name")]
    Uri,
    /// A header's name or value has a character that headers can't carry.
    #[error("the value of `{0}` can't stand in a header; remove its control characters")]
    Header(String),
    /// The access key has a character that headers can't carry.
    #[error("the access key holds a character that can't stand in a header; copy it again")]
    AccessKey,
    /// The session token has a character that headers can't carry.
    #[error("the session token holds a character that can't stand in a header; copy it again")]
    SessionToken,
    /// The store refused the request.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A body is not the document that the request asks for.
    #[error("the response is not the expected XML; check that the endpoint is an S3 gateway's")]
    Document,
    /// A response lacks a value that it must have.
    #[error("the response has no {0}; check that the endpoint is an S3 gateway's")]
    Missing(&'static str),
    /// No response came.
    #[error("no response from the endpoint: {0}")]
    Transport(BoxError),
}

impl Error {
    /// Reports whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            // A success whose body lacks the result: S3 reports late failures of a multipart upload
            // this way, and a proxy may have responded in its place.
            Error::Transport(_) | Error::Missing(_) | Error::Document => true,
            Error::Refused(refusal) => refusal.is_transient(),
            _ => false,
        }
    }

    /// Returns the status of a refusal.
    pub fn status(&self) -> Option<StatusCode> {
        self.refusal().map(|refusal| refusal.status)
    }

    /// Returns the refusal, if the store refused.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Error::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}
