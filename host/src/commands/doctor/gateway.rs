//! Checks of the gateway: it responds, its clock agrees, it knows our keys, and its bucket
//! addressing matches.

use anyhow::Result;
use bytes::Bytes;
use http::{Method, Request, Response, header};
use jiff::Timestamp;
use s3::{Addressing, Client, error_code};

use super::{Site, line::Finding};
use crate::{
    ceph::{bucket::ask, user::user_id},
    serve::outbound::allowed::AllowedHosts,
};

/// Clock difference in seconds beyond which gateways reject every signature.
const LARGEST_SKEW: i64 = 15 * 60;
/// Clock difference in seconds beyond which one of the clocks is wrong.
const ODD_SKEW: i64 = 60;

/// Sends an anonymous request for nothing in particular, and returns the response with its time of
/// arrival.
pub async fn response(site: &Site) -> Result<(Response<Bytes>, Timestamp)> {
    let uri = site.settings.config.endpoint.uri("", "", "")?;
    let request = Request::get(uri).body(Bytes::new())?;
    let response = site.transport.send(request).await?;
    Ok((response, Timestamp::now()))
}

/// Checks that a store responds.
pub fn reachable(response: &Result<(Response<Bytes>, Timestamp)>) -> Finding {
    match response {
        Err(error) => Finding::failed(
            format!("{error:#}"),
            "check s3_endpoint, that radosgw runs, and that this machine may reach it",
        ),
        Ok((response, _)) => {
            let body = String::from_utf8_lossy(response.body());
            let is_store =
                body.contains("<ListAllMyBucketsResult") || !error_code(response.body()).is_empty();
            if is_store {
                Finding::ok("responds as an S3 store")
            } else {
                Finding::failed(
                    format!(
                        "something responds with {}, but not an S3 store",
                        response.status()
                    ),
                    "set s3_endpoint to radosgw's own address, with nothing after the port",
                )
            }
        }
    }
}

/// Returns the finding for a gateway that does not know the endpoint's host: it takes such a name
/// for a bucket's, in both addressing styles.
pub fn unknown_host(response: &Result<(Response<Bytes>, Timestamp)>) -> Option<Finding> {
    let (response, _) = response.as_ref().ok()?;
    let is_bucket = error_code(response.body()) == "NoSuchBucket";
    is_bucket.then(|| {
        Finding::failed(
            "the gateway mistakes the endpoint's host for a bucket's name",
            "set rgw_dns_name to that host and restart radosgw; or use a host name that it knows, or its IP address",
        )
    })
}

/// Compares the clocks.
pub fn clock(response: &Result<(Response<Bytes>, Timestamp)>) -> Finding {
    let date = response.as_ref().ok().and_then(|(response, here)| {
        let text = response.headers().get(header::DATE)?.to_str().ok()?;
        let there = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        Some(here.as_second() - there.as_second())
    });
    let Some(skew) = date else {
        return Finding::skipped("the gateway does not send its time");
    };
    let who = if skew > 0 { "ahead of" } else { "behind" };
    let text = format!("this machine is {} s {who} the gateway", skew.abs());
    let remedy = "set both clocks by NTP (chronyc tracking)";
    if skew.abs() >= LARGEST_SKEW {
        Finding::failed(
            format!("{text}, and beyond 900 s it rejects requests"),
            remedy,
        )
    } else if skew.abs() > ODD_SKEW {
        Finding::warning(text, remedy)
    } else {
        Finding::ok("within a minute of the gateway's")
    }
}

/// Checks the function's keys.
pub async fn function(site: &Site) -> Finding {
    let Some(client) = &site.function else {
        return Finding::failed(
            "the function has no keys",
            "set s3_access_key and s3_secret_key (SPIN_VARIABLE_S3_ACCESS_KEY, SPIN_VARIABLE_S3_SECRET_KEY)",
        );
    };
    match user_id(client).await {
        Ok(Some(id)) => Finding::ok(format!("the function is user {id}")),
        Ok(None) => Finding::ok(
            "the function's keys are accepted; its user may not list buckets, and need not",
        ),
        Err(error) => Finding::failed(
            format!("the function's keys: {error:#}"),
            "check s3_access_key and s3_secret_key against radosgw-admin user info",
        ),
    }
}

/// Checks the owner's keys.
pub async fn owner(site: &Site) -> Finding {
    let Some(client) = &site.owner else {
        return Finding::skipped(
            "no keys; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the buckets' owner for more checks",
        );
    };
    match user_id(client).await {
        Ok(Some(id)) => Finding::ok(format!("user {id}")),
        Ok(None) => Finding::warning(
            "the owner's keys are accepted, but may not list the owner's buckets",
            "xray setup and xray teardown need that; use keys that may",
        ),
        Err(error) => Finding::failed(
            format!("the owner's keys: {error:#}"),
            "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or unset them",
        ),
    }
}

/// Checks that the gateway finds a bucket's name where the function puts it.
pub async fn style(site: &Site, client: &Client) -> Finding {
    let bucket = &site.settings.buckets.input;
    let response = ask(client, Method::GET, bucket, "max-keys=0", Bytes::new()).await;
    let is_virtual = site.settings.config.endpoint.addressing() == Addressing::VirtualHost;
    let style = if is_virtual { "virtual" } else { "path" };
    match response {
        Ok(body) if String::from_utf8_lossy(&body).contains("<ListAllMyBucketsResult") => {
            Finding::failed(
                "the gateway finds no bucket in the host name",
                "set rgw_dns_name to the endpoint's host and restart radosgw; or set s3_style to path",
            )
        }
        Err(s3::Error::Refused(refusal)) if refusal.code == "NoSuchKey" => Finding::failed(
            "the gateway mistakes the bucket's name for a key",
            "remove the bucket's name from s3_endpoint",
        ),
        Ok(_) | Err(s3::Error::Refused(_)) if is_virtual && !may_reach_buckets(site) => {
            Finding::failed(
                "the host does not allow the function to reach the buckets' hosts",
                "set s3_bucket_hosts to them, as in https://*.rgw.example.com",
            )
        }
        Ok(_) | Err(s3::Error::Refused(_)) => Finding::ok(style),
        Err(error) if is_virtual => Finding::failed(
            format!("the host of the bucket {bucket}: {error:#}"),
            "every bucket needs a name in DNS (a wildcard) and in the certificate; or set s3_style to path",
        ),
        Err(error) => Finding::failed(format!("{error:#}"), "try again"),
    }
}

/// Reports whether `s3_bucket_hosts` covers the host of each bucket.
fn may_reach_buckets(site: &Site) -> bool {
    let settings = &site.settings;
    if settings.manifest.is_none() {
        // The function's allowed hosts are not known here.
        return true;
    }
    let hosts = settings
        .variables
        .get("s3_bucket_hosts")
        .unwrap_or_default();
    let Ok(allowed) = AllowedHosts::parse(&[hosts]) else {
        return false;
    };
    settings.buckets.all().into_iter().all(|bucket| {
        let uri = settings.config.endpoint.uri(bucket, "", "");
        uri.is_ok_and(|uri| allowed.allows(&uri))
    })
}
