//! Buckets, and that no ACL makes anything in them public.

use anyhow::{Context, Result};
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use s3::Client;
use serde::Deserialize;

use super::{
    part::{Found, Look, Part},
    refusal::{accept, refused},
    xml,
};

/// A bucket of the owner's.
pub struct Bucket {
    /// The owner.
    pub client: Client,
    /// Its name.
    pub name: String,
    /// Whether the function stores into it.
    pub holds_outputs: bool,
}

#[async_trait]
impl Part for Bucket {
    fn name(&self) -> String {
        format!("bucket {}", self.name)
    }

    fn wanted(&self) -> String {
        let what = if self.holds_outputs {
            "for outputs"
        } else {
            "for pictures that come in"
        };
        what.into()
    }

    async fn look(&self) -> Result<Look> {
        let answer = ask(&self.client, Method::HEAD, &self.name, "", Bytes::new()).await?;
        Ok(match refused(&answer) {
            None => Look {
                found: Found::Same,
                notes: self.notes().await?,
            },
            Some(refusal) if refusal.status == StatusCode::NOT_FOUND => Found::Missing.into(),
            Some(refusal) if refusal.status == StatusCode::FORBIDDEN => {
                anyhow::bail!("it belongs to another user; take another name with --bucket")
            }
            Some(refusal) => return Err(refusal.into()),
        })
    }

    async fn make(&self) -> Result<()> {
        let answer = ask(&self.client, Method::PUT, &self.name, "", Bytes::new()).await?;
        accept(answer).map(drop)
    }

    async fn remove(&self) -> Result<()> {
        let answer = ask(&self.client, Method::DELETE, &self.name, "", Bytes::new()).await?;
        match refused(&answer) {
            Some(refusal) if refusal.status != StatusCode::NOT_FOUND => Err(refusal.into()),
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

/// Why outputs do not go into a bucket with versions.
pub const VERSIONED: &str = "it keeps versions: a gateway does not check the conditions of a PUT there, and what is removed stays \
     as an older version; outputs belong into a bucket without versions";

/// Whether a bucket keeps versions.
///
/// # Errors
/// When the store does not say.
pub async fn is_versioned(client: &Client, bucket: &str) -> Result<bool> {
    #[derive(Deserialize)]
    struct Versioning {
        #[serde(rename = "Status", default)]
        status: String,
    }
    let answer = ask(client, Method::GET, bucket, "versioning", Bytes::new()).await?;
    let versioning: Versioning = xml::read(&accept(answer)?).context("the bucket's versioning")?;
    Ok(versioning.status == "Enabled")
}

/// That public ACLs count for nothing in a bucket.
///
/// Of the four settings of S3's block on public access this is the one that a gateway of every version gets right: before
/// Ceph 17 `BlockPublicAcls` refuses every PUT by others than the owner, and `BlockPublicPolicy` every policy.
pub struct NoPublicAcls {
    /// The owner.
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
    /// What is set; nothing, where there is no bucket yet.
    async fn read(&self) -> Result<PublicAccessBlock> {
        let answer = ask(&self.client, Method::GET, &self.bucket, BLOCK, Bytes::new()).await?;
        match refused(&answer) {
            None => xml::read(answer.body()),
            Some(refusal) if refusal.status == StatusCode::NOT_FOUND => Ok(Default::default()),
            Some(refusal) => Err(refusal.into()),
        }
    }
}

#[async_trait]
impl Part for NoPublicAcls {
    fn name(&self) -> String {
        format!("public access to {}", self.bucket)
    }

    fn wanted(&self) -> String {
        "public ACLs are ignored".into()
    }

    async fn look(&self) -> Result<Look> {
        let is = self.read().await?;
        let found = if is.ignore_public_acls {
            Found::Same
        } else {
            Found::Missing
        };
        Ok(found.into())
    }

    async fn make(&self) -> Result<()> {
        let is = self.read().await?;
        let text = format!(
            "<PublicAccessBlockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <BlockPublicAcls>{}</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>\
             <BlockPublicPolicy>{}</BlockPublicPolicy>\
             <RestrictPublicBuckets>{}</RestrictPublicBuckets></PublicAccessBlockConfiguration>",
            is.block_public_acls, is.block_public_policy, is.restrict_public_buckets
        );
        let answer = ask(&self.client, Method::PUT, &self.bucket, BLOCK, text.into()).await?;
        accept(answer).map(drop)
    }

    /// Stays with the bucket: what is left behind must not become public.
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
    let answer = ask(client, Method::GET, "", "", Bytes::new()).await?;
    xml::read(&accept(answer)?).context("the list of buckets")
}

/// The id of the user that these keys belong to.
///
/// # Errors
/// When the store refuses the keys.
pub async fn user_id(client: &Client) -> Result<String> {
    Ok(listing(client).await?.owner.id)
}

/// The buckets that this user owns.
///
/// # Errors
/// When the store refuses the keys.
pub async fn owned(client: &Client) -> Result<Vec<String>> {
    let names = listing(client).await?.buckets.names;
    Ok(names.into_iter().map(|bucket| bucket.name).collect())
}

/// Sends a request about a bucket.
///
/// # Errors
/// When there is no answer.
pub async fn ask(
    client: &Client,
    method: Method,
    bucket: &str,
    query: &str,
    body: Bytes,
) -> Result<http::Response<Bytes>> {
    client
        .send(method, bucket, "", query, HeaderMap::new(), body)
        .await
}
