//! The gateway: whether it answers, what time it has, whether it knows us, and how it wants buckets to be addressed.

use anyhow::{Result, anyhow};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use jiff::Timestamp;
use s3::{Addressing, Client, error_code};

use super::{Site, line::Finding};
use crate::{
    ceph::{
        bucket::{ask, user_id},
        refusal::{Refusal, refused},
    },
    serve::outbound::allowed::AllowedHosts,
};

/// Beyond this gateways refuse every signature, in seconds.
const LARGEST_SKEW: i64 = 15 * 60;
/// Beyond this something is wrong with a clock, in seconds.
const ODD_SKEW: i64 = 60;

/// Asks for nothing in particular, as nobody, and gives the answer with the time at which it came.
pub async fn answer(site: &Site) -> Result<(Response<Bytes>, Timestamp)> {
    let uri = format!("{}/", site.settings.endpoint.trim_end_matches('/'));
    let request = Request::get(uri)
        .body(Bytes::new())
        .map_err(|_| anyhow!("s3_endpoint makes no address"))?;
    let answer = site.transport.send(request).await?;
    Ok((answer, Timestamp::now()))
}

/// Whether a store is there.
pub fn reachable(answer: &Result<(Response<Bytes>, Timestamp)>) -> Finding {
    match answer {
        Err(error) => Finding::failed(
            format!("{error:#}"),
            "check s3_endpoint, that radosgw runs, and that this machine may reach it",
        ),
        Ok((answer, _)) => {
            let body = String::from_utf8_lossy(answer.body());
            let is_store =
                body.contains("<ListAllMyBucketsResult") || !error_code(answer.body()).is_empty();
            if is_store {
                Finding::ok("answers as an S3 store")
            } else {
                Finding::failed(
                    format!("something answers {}, but no S3 store", answer.status()),
                    "s3_endpoint must be radosgw's own address, with nothing behind the port",
                )
            }
        }
    }
}

/// What is wrong where the gateway does not know the endpoint's host: it takes such a name for a bucket's, in both styles.
pub fn unknown_host(answer: &Result<(Response<Bytes>, Timestamp)>) -> Option<Finding> {
    let (answer, _) = answer.as_ref().ok()?;
    let is_bucket = error_code(answer.body()) == "NoSuchBucket";
    is_bucket.then(|| {
        Finding::failed(
            "the gateway takes the endpoint's host for a bucket's name",
            "set rgw_dns_name to that host and restart radosgw; or use a host that it knows, or its IP address",
        )
    })
}

/// How far the clocks are apart.
pub fn clock(answer: &Result<(Response<Bytes>, Timestamp)>) -> Finding {
    let date = answer.as_ref().ok().and_then(|(answer, here)| {
        let text = answer.headers().get(header::DATE)?.to_str().ok()?;
        let there = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        Some(here.as_second() - there.as_second())
    });
    let Some(skew) = date else {
        return Finding::skipped("the gateway does not say what time it has");
    };
    let who = if skew > 0 { "ahead of" } else { "behind" };
    let text = format!("this machine is {} s {who} the gateway", skew.abs());
    let remedy = "set both clocks by NTP (chronyc tracking)";
    if skew.abs() >= LARGEST_SKEW {
        Finding::failed(format!("{text}, and beyond 900 s it refuses us"), remedy)
    } else if skew.abs() > ODD_SKEW {
        Finding::warning(text, remedy)
    } else {
        Finding::ok("within a minute of the gateway's")
    }
}

/// Whether the function's keys are good.
pub async fn function(site: &Site) -> Finding {
    let Some(client) = &site.function else {
        return Finding::failed(
            "the function has no keys",
            "set s3_access_key and s3_secret_key (SPIN_VARIABLE_S3_ACCESS_KEY, SPIN_VARIABLE_S3_SECRET_KEY)",
        );
    };
    match user_id(client).await {
        Ok(id) => Finding::ok(format!("the function is user {id}")),
        Err(error) => Finding::failed(
            format!("the function's keys: {error:#}"),
            "check s3_access_key and s3_secret_key against radosgw-admin user info",
        ),
    }
}

/// Whether the owner's keys are good.
pub async fn owner(site: &Site) -> Finding {
    let Some(client) = &site.owner else {
        return Finding::skipped(
            "no keys: with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the buckets' owner more is checked",
        );
    };
    match user_id(client).await {
        Ok(id) => Finding::ok(format!("user {id}")),
        Err(error) => Finding::failed(
            format!("the owner's keys: {error:#}"),
            "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or unset them",
        ),
    }
}

/// Whether the gateway takes a bucket's name from where the function puts it.
pub async fn style(site: &Site, client: &Client) -> Finding {
    let bucket = &site.settings.buckets.input;
    let answer = ask(client, Method::GET, bucket, "max-keys=0", Bytes::new()).await;
    let is_virtual = site.settings.addressing == Addressing::VirtualHost;
    let style = if is_virtual { "virtual" } else { "path" };
    match answer {
        Err(error) if is_virtual => Finding::failed(
            format!("the host of the bucket {bucket}: {error:#}"),
            "every bucket needs a name in DNS (a wildcard) and in the certificate; or set s3_style to path",
        ),
        Err(error) => Finding::failed(format!("{error:#}"), "try again"),
        Ok(answer) => {
            let body = String::from_utf8_lossy(answer.body());
            if body.contains("<ListAllMyBucketsResult") {
                return Finding::failed(
                    "the gateway does not see a bucket in the host's name",
                    "set rgw_dns_name to the endpoint's host and restart radosgw; or set s3_style to path",
                );
            }
            match refused(&answer) {
                Some(Refusal { status, code })
                    if status == StatusCode::NOT_FOUND && code == "NoSuchKey" =>
                {
                    Finding::failed(
                        "the gateway takes the bucket's name for a key",
                        "s3_endpoint must not begin with the bucket's name",
                    )
                }
                _ if is_virtual && !may_reach_buckets(site) => Finding::failed(
                    "the host does not let the function reach the buckets' hosts",
                    "set s3_bucket_hosts to them, as in https://*.rgw.example.com",
                ),
                _ => Finding::ok(style),
            }
        }
    }
}

/// Whether `s3_bucket_hosts` names the host that each bucket is.
fn may_reach_buckets(site: &Site) -> bool {
    let settings = &site.settings;
    if settings.manifest.is_none() {
        // What the function's host allows is not known here.
        return true;
    }
    let hosts = settings
        .variables
        .get("s3_bucket_hosts")
        .unwrap_or_default();
    let (Ok(allowed), Some((scheme, host))) = (
        AllowedHosts::parse(&[hosts]),
        settings.endpoint.split_once("://"),
    ) else {
        return false;
    };
    settings.buckets.all().into_iter().all(|bucket| {
        let uri = format!("{scheme}://{bucket}.{host}").parse();
        uri.is_ok_and(|uri| allowed.allows(&uri))
    })
}
