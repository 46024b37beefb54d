//! Buckets, and the setting that keeps ACLs from making anything in them public.

use anyhow::{Context, Result};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode};
use s3::{Client, Raw, xml};
use serde::Deserialize;

use super::resource::{Observed, Resource, State};

/// Purpose of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Incoming pictures.
    Input,
    /// Outputs of the function.
    Outputs,
    /// Audit log of the page.
    Audit,
}

/// A bucket of the owner.
pub struct Bucket {
    /// Client with the owner's keys.
    pub client: Client,
    /// The bucket's name.
    pub name: String,
    /// Its purpose.
    pub purpose: Purpose,
}

#[async_trait]
impl Resource for Bucket {
    fn name(&self) -> String {
        format!("bucket {}", self.name)
    }

    fn desired(&self) -> String {
        let what = match self.purpose {
            Purpose::Input => "for incoming pictures",
            Purpose::Outputs => "for outputs",
            Purpose::Audit => "for the audit log of the page",
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
        if self.purpose == Purpose::Input {
            return Ok(notes);
        }
        let versioning = versioning(&self.client, &self.name).await?;
        let remark = match self.purpose {
            Purpose::Audit => (versioning != Versioning::Off).then_some(VERSIONED_LOG),
            _ => versioning.remark(),
        };
        notes.extend(remark.map(str::to_owned));
        Ok(notes)
    }
}

/// Versioning of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versioning {
    /// Never enabled.
    Off,
    /// Each PUT makes a version.
    Enabled,
    /// Enabled once: what is removed leaves a delete marker, and older versions stay.
    Suspended,
}

impl Versioning {
    /// Returns the reason why outputs do not belong into such a bucket, if there is one.
    pub fn remark(self) -> Option<&'static str> {
        match self {
            Self::Off => None,
            Self::Enabled => Some(VERSIONED),
            Self::Suspended => Some(SUSPENDED),
        }
    }
}

/// Reason why outputs do not go into a bucket with versioning.
const VERSIONED: &str = "it keeps versions: a gateway does not check the conditions of a PUT there, and what is removed stays \
     as an older version; outputs belong into a bucket without versions";

/// Reason why outputs do not go into a bucket with suspended versioning.
const SUSPENDED: &str = "its versioning is suspended: what is removed leaves a delete marker there, and older versions stay; outputs \
     belong into a bucket that never had versions";

/// Remark on an audit log in a bucket with versioning.
const VERSIONED_LOG: &str = "it is versioned, or was: before Ceph 20 a gateway can't check conditions there, and the page does not \
     start; use a bucket that never had versions";

/// Reads the versioning of a bucket.
///
/// # Errors
/// Returns an error if the store does not report the versioning.
pub async fn versioning(client: &Client, bucket: &str) -> Result<Versioning> {
    #[derive(Deserialize)]
    struct Document {
        #[serde(rename = "Status", default)]
        status: String,
    }
    let body = ask(client, Method::GET, bucket, "versioning", Bytes::new()).await?;
    let document: Document = xml::from_slice(&body).context("the bucket's versioning")?;
    Ok(match document.status.as_str() {
        "Enabled" => Versioning::Enabled,
        "Suspended" => Versioning::Suspended,
        _ => Versioning::Off,
    })
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
