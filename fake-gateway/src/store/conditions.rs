//! Conditions of requests, checked while the key's lock is held.

use s3s::{
    S3Result,
    dto::{ETag, ETagCondition},
    s3_error,
};

/// Makes an ETag for a response.
pub(super) fn strong(etag: &str) -> ETag {
    ETag::Strong(etag.to_owned())
}

fn matches(condition: &ETagCondition, stored: Option<&str>) -> bool {
    match (condition, stored) {
        (_, None) => false,
        (ETagCondition::Any, Some(_)) => true,
        (ETagCondition::ETag(expected), Some(etag)) => expected.value() == etag,
    }
}

/// Checks `If-Match`: 412 unless the object is the one that the client has seen.
pub(super) fn check_match(condition: Option<&ETagCondition>, stored: Option<&str>) -> S3Result<()> {
    match condition {
        Some(condition) if !matches(condition, stored) => Err(s3_error!(PreconditionFailed)),
        _ => Ok(()),
    }
}

/// Checks `If-None-Match` of a write: 412 if the client did not expect the stored object.
pub(super) fn check_none(condition: Option<&ETagCondition>, stored: Option<&str>) -> S3Result<()> {
    match condition {
        Some(condition) if matches(condition, stored) => Err(s3_error!(PreconditionFailed)),
        _ => Ok(()),
    }
}

/// Checks `If-None-Match` of a read: 304 if the client has the stored object.
pub(super) fn check_changed(
    condition: Option<&ETagCondition>,
    stored: Option<&str>,
) -> S3Result<()> {
    match condition {
        Some(condition) if matches(condition, stored) => Err(s3_error!(NotModified)),
        _ => Ok(()),
    }
}
