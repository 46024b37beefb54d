//! An answer that is no success, as an error.

use std::fmt;

use anyhow::Result;
use bytes::Bytes;
use http::{Response, StatusCode};
use s3::error_code;

/// What the store answered instead of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// The store's own code, empty where it gave none.
    pub code: String,
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = format!("{} {}", self.status.as_u16(), self.code);
        f.write_str(said.trim_end())?;
        let hint = match self.code.as_str() {
            "SignatureDoesNotMatch" => "the secret key is wrong",
            "InvalidAccessKeyId" => "there is no such access key",
            "RequestTimeTooSkewed" => "this machine's clock and the store's differ too much",
            "BucketAlreadyExists" => "the bucket belongs to another user",
            "BucketNotEmpty" => "there are objects in it",
            "TooManyBuckets" => "the user's limit on buckets is reached",
            _ if self.status == StatusCode::FORBIDDEN => "this user may not do that",
            _ => return Ok(()),
        };
        write!(f, ": {hint}")
    }
}

/// The body of an answer that is a success.
///
/// # Errors
/// A [`Refusal`] for any other.
pub fn accept(answer: Response<Bytes>) -> Result<Bytes> {
    match refused(&answer) {
        None => Ok(answer.into_body()),
        Some(refusal) => Err(refusal.into()),
    }
}

/// What an answer refuses, if it does.
pub fn refused(answer: &Response<Bytes>) -> Option<Refusal> {
    (!answer.status().is_success()).then(|| Refusal {
        status: answer.status(),
        code: error_code(answer.body()).to_owned(),
    })
}

/// The status of an error that is a refusal.
pub fn status(error: &anyhow::Error) -> Option<StatusCode> {
    error
        .downcast_ref::<Refusal>()
        .map(|refusal| refusal.status)
}
