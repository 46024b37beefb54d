//! Checks of the review: the reviewers' rights, the audit log, and what the function must not do.

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use s3::{Client, Raw};

use super::{Site, line::Finding};
use crate::{
    ceph::{
        bucket::{Versioning, versioning},
        user::user_id,
    },
    commands::shared::random,
    page::{audit::Audit, review::RECORDS},
};

const REMEDY: &str = "run xray setup with --page-credentials-file, which grants its rights";

/// Checks the reviewers' keys.
pub async fn user(site: &Site, reviewers: &Client) -> Finding {
    let id = match user_id(reviewers).await {
        Ok(Some(id)) => id,
        Ok(None) => {
            return Finding::ok(
                "the reviewers' keys are accepted; their user may not list buckets",
            );
        }
        Err(error) => {
            return Finding::failed(
                format!("the reviewers' keys: {error:#}"),
                "check the keys in --page-credentials-file against radosgw-admin user info",
            );
        }
    };
    if let Some(function) = &site.function
        && user_id(function).await.ok().flatten().as_ref() == Some(&id)
    {
        return Finding::failed(
            format!("the reviewers are user {id}, as the function is"),
            "make a user of their own: radosgw-admin user create --uid=xray-review --display-name=xray-review",
        );
    }
    Finding::ok(format!("the reviewers are user {id}"))
}

/// Checks that the reviewers may do their work in a bucket of copies.
pub async fn copies(site: &Site, reviewers: &Client, bucket: &str) -> Finding {
    match copies_of(site, reviewers, bucket).await {
        Ok(finding) => finding,
        Err(error) => Finding::failed(format!("{bucket}: {error:#}"), "try again"),
    }
}

async fn copies_of(site: &Site, reviewers: &Client, bucket: &str) -> Result<Finding> {
    let mut verbs = vec![Method::GET, Method::PUT];
    // In a versioned bucket DELETE leaves a marker.
    if let Some(owner) = &site.owner
        && matches!(versioning(owner, bucket).await, Ok(Versioning::Off))
    {
        verbs.push(Method::DELETE);
    }
    for verb in verbs {
        if !may(reviewers, verb.clone(), bucket, "").await? {
            return Ok(Finding::failed(
                format!("{bucket}: the reviewers may not {verb} objects there"),
                REMEDY,
            ));
        }
    }
    let is_quarantine = site.settings.buckets.quarantine.as_deref() == Some(bucket);
    if is_quarantine && may(reviewers, Method::DELETE, bucket, RECORDS).await? {
        return Ok(Finding::warning(
            format!("{bucket}: the reviewers may delete the records of decisions"),
            REMEDY,
        ));
    }
    Ok(Finding::ok(format!(
        "{bucket}, and the reviewers may release and reject"
    )))
}

/// Checks the audit log's bucket. With `writes`, conditions are tried there.
pub async fn audit(site: &Site, reviewers: &Client, writes: bool) -> Finding {
    let bucket = &site.settings.buckets.audit;
    if writes {
        let audit = Audit::new(reviewers.clone(), bucket.clone());
        if let Err(error) = audit.check().await {
            return Finding::failed(format!("{error:#}"), REMEDY);
        }
    }
    match audit_of(site, reviewers).await {
        Ok(finding) => finding,
        Err(error) => Finding::failed(format!("{bucket}: {error:#}"), "try again"),
    }
}

async fn audit_of(site: &Site, reviewers: &Client) -> Result<Finding> {
    let bucket = site.settings.buckets.audit.as_str();
    for verb in [Method::GET, Method::PUT] {
        if !may(reviewers, verb.clone(), bucket, "").await? {
            let found = format!("{bucket}: the reviewers may not {verb} objects there");
            return Ok(Finding::failed(found, REMEDY));
        }
    }
    let all = [
        ("the reviewers", Some(reviewers)),
        ("the buckets' owner", site.owner.as_ref()),
        ("the function", site.function.as_ref()),
    ];
    for (who, client) in all {
        let Some(client) = client else { continue };
        if may(client, Method::DELETE, bucket, "").await? {
            let found = format!("{bucket}: {who} may delete from the audit log");
            return Ok(Finding::failed(found, REMEDY));
        }
    }
    if let Some(owner) = &site.owner
        && let Ok(Versioning::Enabled | Versioning::Suspended) = versioning(owner, bucket).await
    {
        return Ok(Finding::warning(
            format!("{bucket} is versioned, so the page starts on Ceph 20 and later only"),
            "use a bucket that never had versions",
        ));
    }
    Ok(Finding::ok(format!(
        "{bucket}, and nobody may delete there; `xray audit verify` reads it"
    )))
}

/// Checks that the function can neither decide nor touch the log.
pub async fn function(site: &Site, function: &Client) -> Finding {
    let buckets = &site.settings.buckets;
    let quarantine = buckets.quarantine.as_deref().unwrap_or_default();
    let writes = [Method::PUT, Method::DELETE];
    let all = [Method::GET, Method::PUT, Method::DELETE];
    for (bucket, folder, what, verbs) in [
        // Who may list a bucket gets 404 for a missing object, whether it may read it or not.
        (quarantine, RECORDS, "the records of decisions", &writes[..]),
        (buckets.audit.as_str(), "", "the audit log", &all),
    ] {
        for verb in verbs {
            match may(function, verb.clone(), bucket, folder).await {
                Ok(false) => {}
                Ok(true) => {
                    let found = format!("the function may {verb} {what} in {bucket}");
                    return Finding::failed(found, REMEDY);
                }
                Err(error) => return Finding::failed(format!("{bucket}: {error:#}"), "try again"),
            }
        }
    }
    Finding::ok("the function can neither decide about copies nor write into the audit log")
}

/// Reports whether a user may do this to objects in a folder of a bucket, by a request without an
/// effect: its key never exists, and a PUT has a condition that never holds.
pub async fn may(client: &Client, method: Method, bucket: &str, folder: &str) -> Result<bool> {
    let key = format!("{folder}xray-doctor-{}", random::hex(32));
    may_object(client, method, bucket, &key).await
}

/// Reports whether a user may do this to an object; a PUT has a condition that never holds.
pub async fn may_object(client: &Client, method: Method, bucket: &str, key: &str) -> Result<bool> {
    let mut headers = HeaderMap::new();
    let mut body = Bytes::new();
    if method == Method::PUT {
        headers.insert("if-match", HeaderValue::from_static("0"));
        body = Bytes::from_static(b"x");
    }
    let request = Raw {
        method,
        bucket,
        key,
        query: "",
        headers,
        body,
    };
    let response = client.respond(&request).await?;
    let refusal = s3::Refusal::of(&response);
    if let Some(refusal) = &refusal
        && (refusal.code == "NoSuchBucket" || refusal.status.is_server_error())
    {
        anyhow::bail!("{refusal}");
    }
    Ok(response.status() != http::StatusCode::FORBIDDEN)
}
