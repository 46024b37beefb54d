//! Conditions on what is stored, checked while its lock is held.

use s3s::{
    S3Result,
    dto::{ETag, ETagCondition},
    s3_error,
};

/// An ETag as answers carry it.
pub(super) fn strong(etag: &str) -> ETag {
    ETag::Strong(etag.to_owned())
}

fn matches(condition: &ETagCondition, stored: Option<&str>) -> bool {
    match (condition, stored) {
        (_, None) => false,
        (ETagCondition::Any, Some(_)) => true,
        (ETagCondition::ETag(wanted), Some(etag)) => wanted.value() == etag,
    }
}

/// `If-Match`: 412 unless the object still is what the client has seen.
pub(super) fn check_match(condition: Option<&ETagCondition>, stored: Option<&str>) -> S3Result<()> {
    match condition {
        Some(condition) if !matches(condition, stored) => Err(s3_error!(PreconditionFailed)),
        _ => Ok(()),
    }
}

/// `If-None-Match` of a write: 412 if the client has not counted on what is there.
pub(super) fn check_none(condition: Option<&ETagCondition>, stored: Option<&str>) -> S3Result<()> {
    match condition {
        Some(condition) if matches(condition, stored) => Err(s3_error!(PreconditionFailed)),
        _ => Ok(()),
    }
}

/// `If-None-Match` of a read: 304 if the object still is what the client has.
pub(super) fn check_changed(
    condition: Option<&ETagCondition>,
    stored: Option<&str>,
) -> S3Result<()> {
    match condition {
        Some(condition) if matches(condition, stored) => Err(s3_error!(NotModified)),
        _ => Ok(()),
    }
}
