//! Buckets, and the setting that keeps ACLs from making anything in them public.

use anyhow::{Context, Result};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use s3::{Client, Raw, xml};
use serde::Deserialize;

use super::resource::{Observed, Resource, State};

/// A bucket of the owner.
pub struct Bucket {
    /// Client with the owner's keys.
    pub client: Client,
    /// The bucket's name.
    pub name: String,
    /// True if the function stores into it.
    pub holds_outputs: bool,
}

#[async_trait]
impl Resource for Bucket {
    fn name(&self) -> String {
        format!("bucket {}", self.name)
    }

    fn desired(&self) -> String {
        let what = if self.holds_outputs {
            "for outputs"
        } else {
            "for incoming pictures"
        };
        what.into()
    }

    async fn read(&self) -> Result<Observed> {
        match ask(&self.client, Method::HEAD, &self.name, "", Bytes::new()).await {
            Ok(_) => Ok(Observed {
                state: State::InSync,
                notes: self.notes().await?,
            }),
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => {
                Ok(State::Missing.into())
            }
            Err(error) if error.status() == Some(StatusCode::FORBIDDEN) => {
                anyhow::bail!("it belongs to another user; choose another name with --bucket")
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn apply(&self) -> Result<()> {
        ask(&self.client, Method::PUT, &self.name, "", Bytes::new()).await?;
        Ok(())
    }

    async fn remove(&self) -> Result<()> {
        match ask(&self.client, Method::DELETE, &self.name, "", Bytes::new()).await {
            Err(error) if error.status() != Some(StatusCode::NOT_FOUND) => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn holds_data(&self) -> bool {
        true
    }
}

impl Bucket {
    async fn notes(&self) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        if self.holds_outputs && is_versioned(&self.client, &self.name).await? {
            notes.push(VERSIONED.to_owned());
        }
        Ok(notes)
    }
}

/// Reason why outputs do not go into a bucket with versioning.
pub const VERSIONED: &str = "it keeps versions: a gateway does not check the conditions of a PUT there, and what is removed stays \
     as an older version; outputs belong into a bucket without versions";

/// Reports whether a bucket keeps versions.
///
/// # Errors
/// Returns an error if the store does not report the versioning.
pub async fn is_versioned(client: &Client, bucket: &str) -> Result<bool> {
    #[derive(Deserialize)]
    struct Versioning {
        #[serde(rename = "Status", default)]
        status: String,
    }
    let body = ask(client, Method::GET, bucket, "versioning", Bytes::new()).await?;
    let versioning: Versioning = xml::from_slice(&body).context("the bucket's versioning")?;
    Ok(versioning.status == "Enabled")
}

/// `IgnorePublicAcls` on a bucket.
///
/// Of the four settings of S3's public access block, this is the only one that gateways of every
/// version implement correctly: before Ceph 17 `BlockPublicAcls` rejects every PUT by others than
/// the owner, and `BlockPublicPolicy` rejects every policy.
pub struct NoPublicAcls {
    /// Client with the owner's keys.
    pub client: Client,
    /// The bucket's name.
    pub bucket: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PublicAccessBlock {
    block_public_acls: bool,
    ignore_public_acls: bool,
    block_public_policy: bool,
    restrict_public_buckets: bool,
}

const BLOCK: &str = "publicAccessBlock";

impl NoPublicAcls {
    /// Reads the current settings; all are off if the bucket does not exist yet.
    async fn stored(&self) -> Result<PublicAccessBlock> {
        match ask(&self.client, Method::GET, &self.bucket, BLOCK, Bytes::new()).await {
            Ok(body) => Ok(xml::from_slice(&body)?),
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(Default::default()),
            Err(error) => Err(error.into()),
        }
    }
}

#[async_trait]
impl Resource for NoPublicAcls {
    fn name(&self) -> String {
        format!("public access to {}", self.bucket)
    }

    fn desired(&self) -> String {
        "public ACLs are ignored".into()
    }

    async fn read(&self) -> Result<Observed> {
        let is = self.stored().await?;
        let state = if is.ignore_public_acls {
            State::InSync
        } else {
            State::Missing
        };
        Ok(state.into())
    }

    async fn apply(&self) -> Result<()> {
        let is = self.stored().await?;
        let text = format!(
            "<PublicAccessBlockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <BlockPublicAcls>{}</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>\
             <BlockPublicPolicy>{}</BlockPublicPolicy>\
             <RestrictPublicBuckets>{}</RestrictPublicBuckets></PublicAccessBlockConfiguration>",
            is.block_public_acls, is.block_public_policy, is.restrict_public_buckets
        );
        ask(&self.client, Method::PUT, &self.bucket, BLOCK, text.into()).await?;
        Ok(())
    }

    /// Stays with the bucket: objects that are left behind must not become public.
    async fn remove(&self) -> Result<()> {
        Ok(())
    }

    fn is_removable(&self) -> bool {
        false
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    owner: Owner,
    #[serde(default)]
    buckets: Names,
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

async fn listing(client: &Client) -> Result<Listing> {
    let body = ask(client, Method::GET, "", "", Bytes::new()).await?;
    xml::from_slice(&body).context("the list of buckets")
}

/// Returns the id of the user to whom these keys belong.
///
/// # Errors
/// Returns an error if the store rejects the keys.
pub async fn user_id(client: &Client) -> Result<String> {
    Ok(listing(client).await?.owner.id)
}

/// Lists the buckets that this user owns.
///
/// # Errors
/// Returns an error if the store rejects the keys.
pub async fn owned(client: &Client) -> Result<Vec<String>> {
    let names = listing(client).await?.buckets.names;
    Ok(names.into_iter().map(|bucket| bucket.name).collect())
}

/// Sends a request about a bucket and returns the body of the response.
///
/// # Errors
/// Returns an error if there is no response, or the gateway rejects the request.
pub async fn ask(
    client: &Client,
    method: Method,
    bucket: &str,
    query: &str,
    body: Bytes,
) -> Result<Bytes, s3::Error> {
    let request = Raw {
        method,
        bucket,
        query,
        body,
        ..Raw::default()
    };
    Ok(client.send(&request).await?.into_body())
}
