//! The conditions of reads and deletions, which `s3s-fs` ignores. Those of writes it knows.

use s3s::{
    S3Result,
    dto::{ETag, ETagCondition},
    s3_error,
};

fn matches(condition: &ETagCondition, etag: Option<&ETag>) -> bool {
    match (condition, etag) {
        (_, None) => false,
        (ETagCondition::Any, Some(_)) => true,
        (ETagCondition::ETag(wanted), Some(etag)) => wanted.value() == etag.value(),
    }
}

/// 412 unless the object still is what the client has seen.
pub(super) fn check_match(condition: Option<&ETagCondition>, etag: Option<&ETag>) -> S3Result<()> {
    match condition {
        Some(condition) if !matches(condition, etag) => Err(s3_error!(PreconditionFailed)),
        _ => Ok(()),
    }
}

/// 304 if the object still is what the client has.
pub(super) fn check_changed(
    condition: Option<&ETagCondition>,
    etag: Option<&ETag>,
) -> S3Result<()> {
    match condition {
        Some(condition) if matches(condition, etag) => Err(s3_error!(NotModified)),
        _ => Ok(()),
    }
}
