//! Conditional PUTs.

use s3::{Client, Error, NewObject, PutObject, Reason};

/// Stores an object and returns its ETag.
///
/// # Errors
/// When the store refuses, or the condition does not hold: see [`is_conflict`].
pub(super) async fn put(
    client: &Client,
    bucket: &str,
    key: &str,
    object: &NewObject,
) -> Result<String, Error> {
    let put = PutObject {
        bucket,
        key,
        object,
    };
    client.send(&put).await?.ok_or(Error::Missing("ETag"))
}

/// Reports whether a condition did not hold.
pub(super) fn is_conflict(error: &Error) -> bool {
    // The second is the response to `If-Match` where there is no object any longer.
    let reasons = [Reason::PreconditionFailed, Reason::NoSuchObject];
    matches!(error, Error::Refused(refusal) if reasons.contains(&refusal.reason))
}
