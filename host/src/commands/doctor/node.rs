//! The check of a DICOM node's user: it may write into the input bucket, and do nothing else.

use anyhow::Result;
use http::Method;
use s3::Client;

use super::{Site, line::Finding, reviews::may};

const REMEDY: &str = "run xray setup with --node-credentials-file, which grants its rights";

/// Checks the rights of the node's keys.
pub async fn rights(site: &Site, node: &Client) -> Finding {
    match rights_of(site, node).await {
        Ok(finding) => finding,
        Err(error) => Finding::failed(
            format!("the node's keys: {error:#}"),
            "check the keys in --node-credentials-file against radosgw-admin user info",
        ),
    }
}

async fn rights_of(site: &Site, node: &Client) -> Result<Finding> {
    let input = site.settings.buckets.input.as_str();
    if !may(node, Method::PUT, input, "").await? {
        let found = format!("{input}: the node may not PUT objects there");
        return Ok(Finding::failed(found, REMEDY));
    }
    let others = site.settings.buckets.all();
    let others = others.into_iter().filter(|bucket| *bucket != input);
    let writes = others.map(|bucket| (bucket, Method::PUT));
    let reads = [(input, Method::GET), (input, Method::DELETE)];
    for (bucket, verb) in reads.into_iter().chain(writes) {
        if may(node, verb.clone(), bucket, "").await? {
            let found = format!("{bucket}: the node may {verb} objects there");
            return Ok(Finding::warning(
                found,
                "give it a user of its own, and no other rights",
            ));
        }
    }
    Ok(Finding::ok(format!("its user may only write into {input}")))
}
