//! Checks of the buckets, as the function sees them.

use s3::{Client, GetObject, Refusal};

use super::{Site, line::Finding};
use crate::{ceph::bucket::versioning, commands::shared::random};

/// Remedy for a bucket that does not exist.
pub const MISSING_BUCKET: &str = "create it with xray setup; or name another with --bucket";

/// Checks that the bucket exists and that the function may look into it. A key that never exists
/// shows what the function may not do.
pub async fn bucket(site: &Site, function: &Client, bucket: &str) -> Finding {
    let key = format!("xray-doctor-{}", random::hex(32));
    let get = GetObject {
        bucket,
        key: &key,
        ..GetObject::default()
    };
    let response = match function.respond(&get).await {
        Ok(response) => response,
        Err(error) => return Finding::failed(format!("{bucket}: {error:#}"), "try again"),
    };
    let Some(refusal) = Refusal::of(&response) else {
        return Finding::failed(
            format!("{bucket}: returns an object for a key that was never stored"),
            "set s3_endpoint to radosgw's own address",
        );
    };
    match (refusal.status.as_u16(), refusal.code.as_str()) {
        (404, "NoSuchBucket") => Finding::failed(
            format!("{bucket} does not exist"),
            if site.settings.buckets.quarantine.as_deref() == Some(bucket) {
                "create it with xray setup; or set quarantine_suffix to nothing, so that such copies are not stored at all"
            } else {
                MISSING_BUCKET
            },
        ),
        (404, _) => versions(site, bucket).await,
        (403, _) => Finding::failed(
            format!("{bucket}: the function may not read it ({})", refusal.code),
            "run xray setup, which grants its user what it needs: GetObject on the objects, and ListBucket, without which a missing object \
             is 403",
        ),
        _ => Finding::failed(format!("{bucket}: {refusal}"), "see radosgw's log"),
    }
}

async fn versions(site: &Site, bucket: &str) -> Finding {
    let is_output = bucket != site.settings.buckets.input;
    if let Some(owner) = site.owner.as_ref().filter(|_| is_output)
        && let Ok(versioning) = versioning(owner, bucket).await
        && let Some(remark) = versioning.remark()
    {
        return Finding::warning(
            format!("{bucket}: {remark}"),
            "use another output bucket: versions can be suspended, but not removed",
        );
    }
    Finding::ok(format!("{bucket}, and the function may read it"))
}
