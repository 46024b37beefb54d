//! An unsuccessful response as an error.

use std::fmt;

use anyhow::Result;
use bytes::Bytes;
use http::{Response, StatusCode};
use s3::error_code;

/// The store's response to a request that it did not carry out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// The store's own error code, empty if it gave none.
    pub code: String,
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = format!("{} {}", self.status.as_u16(), self.code);
        f.write_str(said.trim_end())?;
        let hint = match self.code.as_str() {
            "SignatureDoesNotMatch" => "the secret key is wrong",
            "InvalidAccessKeyId" => "the access key does not exist",
            "RequestTimeTooSkewed" => {
                "the clocks of this machine and the store differ too much; set both by NTP"
            }
            "BucketAlreadyExists" => "the bucket belongs to another user",
            "BucketNotEmpty" => "it still holds objects",
            "TooManyBuckets" => {
                "the user has reached the limit on buckets; raise it with radosgw-admin user modify --max-buckets"
            }
            _ if self.status == StatusCode::FORBIDDEN => "this user lacks the permission",
            _ => return Ok(()),
        };
        write!(f, ": {hint}")
    }
}

/// Returns the body of a successful response.
///
/// # Errors
/// Returns a [`Refusal`] for any other response.
pub fn accept(response: Response<Bytes>) -> Result<Bytes> {
    match refused(&response) {
        None => Ok(response.into_body()),
        Some(refusal) => Err(refusal.into()),
    }
}

/// Returns the refusal in a response, if it is one.
pub fn refused(response: &Response<Bytes>) -> Option<Refusal> {
    (!response.status().is_success()).then(|| Refusal {
        status: response.status(),
        code: error_code(response.body()).to_owned(),
    })
}

/// Returns the status of an error that is a refusal.
pub fn status(error: &anyhow::Error) -> Option<StatusCode> {
    error
        .downcast_ref::<Refusal>()
        .map(|refusal| refusal.status)
}
