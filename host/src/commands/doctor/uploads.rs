//! Check of people's uploads: their store user may write in one folder, and do nothing else.

use anyhow::Result;
use http::Method;
use s3::Client;

use super::{Site, line::Finding, reviews::may};
use crate::{ceph::user::user_id, page::upload::FOLDER};

const REMEDY: &str =
    "run xray setup with --page-upload-credentials-file, which grants its rights and no others";

/// Checks the keys and the rights of the user for uploads.
pub async fn check(site: &Site, uploads: &Client) -> Finding {
    match rights(site, uploads).await {
        Ok(finding) => finding,
        Err(error) => Finding::failed(
            format!("the keys for uploads: {error:#}"),
            "check the keys in --page-upload-credentials-file against radosgw-admin user info",
        ),
    }
}

async fn rights(site: &Site, uploads: &Client) -> Result<Finding> {
    let own = user_id(uploads).await?;
    for (whose, other) in [
        ("the function's", &site.function),
        ("the reviewers'", &site.reviewers),
        ("the owner's", &site.owner),
    ] {
        let Some(other) = other else { continue };
        if own.is_some() && user_id(other).await.ok().flatten() == own {
            return Ok(Finding::failed(
                format!("the user for uploads is {whose}, so it may do more than write"),
                "make a user of its own: radosgw-admin user create --uid=xray-upload --display-name=xray-upload \
                 --max-buckets=-1",
            ));
        }
    }
    let buckets = &site.settings.buckets;
    let input = buckets.input.as_str();
    if !may(uploads, Method::PUT, input, FOLDER).await? {
        let found = format!("{input}: the user for uploads may not write into {FOLDER}");
        return Ok(Finding::failed(found, REMEDY));
    }
    // Who may not list gets 403 for a missing object, so that says nothing of reading; but who may
    // list sees names, and who may read a folder may usually list it.
    let mut others = vec![(input, "", Method::PUT), (input, FOLDER, Method::DELETE)];
    others.extend(
        buckets
            .all()
            .into_iter()
            .map(|bucket| (bucket, "", Method::GET)),
    );
    let outputs = buckets.all().into_iter().skip(1);
    others.extend(outputs.map(|bucket| (bucket, "", Method::PUT)));
    for (bucket, folder, verb) in others {
        if may(uploads, verb.clone(), bucket, folder).await? {
            let found = format!("{bucket}: the user for uploads may {verb} there too");
            return Ok(Finding::failed(found, REMEDY));
        }
    }
    Ok(Finding::ok(format!(
        "{input}: uploads are written into {FOLDER}, and their user may do nothing else"
    )))
}
