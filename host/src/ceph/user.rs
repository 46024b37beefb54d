//! A user, as the list of its buckets shows it.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Method;
use s3::{Client, Reason, form, xml};
use serde::Deserialize;

use super::bucket::ask;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    owner: Owner,
    #[serde(default)]
    buckets: Names,
    #[serde(default)]
    continuation_token: String,
}

#[derive(Deserialize)]
struct Owner {
    #[serde(rename = "ID")]
    id: String,
}

#[derive(Default, Deserialize)]
struct Names {
    #[serde(rename = "Bucket", default)]
    names: Vec<Name>,
}

#[derive(Deserialize)]
struct Name {
    #[serde(rename = "Name")]
    name: String,
}

async fn page(client: &Client, query: &str) -> Result<Listing, s3::Error> {
    xml::from_slice(&ask(client, Method::GET, "", query, Bytes::new()).await?)
}

/// Returns the id of the user to whom these keys belong. `None` if the gateway accepts the keys,
/// but the user may not list its buckets, as a user of an account (Ceph 19 and later) may not.
///
/// # Errors
/// Returns an error if the store rejects the keys.
pub async fn user_id(client: &Client) -> Result<Option<String>, s3::Error> {
    match page(client, "").await {
        Ok(listing) => Ok(Some(listing.owner.id)),
        Err(s3::Error::Refused(refusal))
            if refusal.reason == Reason::Forbidden && refusal.code == "AccessDenied" =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Lists the buckets that this user owns.
///
/// # Errors
/// Returns an error if the store does not list them.
pub async fn owned(client: &Client) -> Result<Vec<String>> {
    let (mut all, mut query) = (Vec::new(), String::new());
    loop {
        let listing = page(client, &query).await.context("the list of buckets")?;
        all.extend(listing.buckets.names.into_iter().map(|bucket| bucket.name));
        if listing.continuation_token.is_empty() {
            return Ok(all);
        }
        query = form([("continuation-token", listing.continuation_token.as_str())]);
    }
}
