//! The end of the chain: entries are added to it, and its head is published.

use std::{fmt, str::FromStr};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use s3::{Client, Error, NewObject, Precondition};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    event::{Event, random},
    verify::Entry,
};
use crate::page::store::{self, is_conflict};

/// Folder of the entries.
pub(super) const FOLDER: &str = "log/";
/// Key of the published head.
pub(super) const HEAD: &str = "head";
/// Key of the object on which conditions are tried.
const CONDITIONS: &str = "conditions";
/// Error of a log that was begun and has no head.
const MISSING: &str = "the head of the audit log is missing, so somebody may have cut the log off: check it with `xray \
     audit verify --head HEAD` against a head that was noted";
/// Attempts to publish the head when others do too.
const ATTEMPTS: usize = 4;

/// Number and SHA-256 of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Number, from 1.
    pub number: u64,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
}

impl Head {
    /// Returns the head of an empty log.
    pub(super) fn start() -> Self {
        Self {
            number: 0,
            sha256: "0".repeat(64),
        }
    }

    pub(super) fn of(number: u64, bytes: &[u8]) -> Self {
        Self {
            number,
            sha256: hex::encode(Sha256::digest(bytes)),
        }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.sha256)
    }
}

impl FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_digest =
            |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let pair = text.split_once(':').filter(|(_, sha256)| is_digest(sha256));
        let head = pair.and_then(|(number, sha256)| {
            Some(Self {
                number: number.parse().ok()?,
                sha256: sha256.to_ascii_lowercase(),
            })
        });
        head.ok_or_else(|| "expected NUMBER:SHA256, as `xray audit verify` prints it".to_owned())
    }
}

/// Returns the key of an entry. A listing has them in their order.
pub(super) fn key_of(number: u64) -> String {
    format!("{FOLDER}{number:020}")
}

/// The end of the log, as far as this process knows it.
pub(super) struct Chain {
    client: Client,
    bucket: String,
    last: Option<Head>,
    /// Published head and its ETag.
    published: Option<(Head, String)>,
}

impl Chain {
    pub(super) fn new(client: Client, bucket: String) -> Self {
        Self {
            client,
            bucket,
            last: None,
            published: None,
        }
    }

    /// Adds an entry with these events behind all others.
    pub(super) async fn append(&mut self, events: Vec<Event>) -> Result<()> {
        // Unknown again until this has succeeded.
        let mut last = match self.last.take() {
            Some(last) => last,
            None => self.find_end().await?,
        };
        let nonce = random();
        loop {
            let entry = Entry {
                number: last.number + 1,
                previous: last.sha256,
                nonce: nonce.clone(),
                events: events.clone(),
            };
            let (key, body) = (
                key_of(entry.number),
                Bytes::from(serde_json::to_vec(&entry)?),
            );
            let added = put(
                &self.client,
                &self.bucket,
                &key,
                body.clone(),
                Precondition::Absent,
            );
            match added.await {
                Ok(_) => {
                    last = Head::of(entry.number, &body);
                    break;
                }
                Err(error) if is_conflict(&error) => {
                    let stored = self.client.get(&self.bucket, &key).await?;
                    let stored = stored
                        .context("an entry of the audit log was removed")?
                        .body;
                    last = Head::of(entry.number, &stored);
                    // Otherwise another process was first. If they are equal, an earlier attempt
                    // was stored, and its response was lost.
                    if stored == body {
                        break;
                    }
                }
                Err(error) => return Err(error).context("adding an entry to the audit log"),
            }
        }
        self.last = Some(last.clone());
        tracing::debug!("the audit log ends with {last}");
        // The entry is stored; the next one publishes the head again.
        if let Err(error) = self.publish(last).await {
            tracing::warn!("the head of the audit log is not published: {error:#}");
        }
        Ok(())
    }

    /// Finds the last entry: the published one, or one of those behind it.
    async fn find_end(&mut self) -> Result<Head> {
        self.published = read_head(&self.client, &self.bucket).await?;
        // Before the first entry, so that entries without a head are never a crash's.
        if self.published.is_none() {
            begin(&self.client, &self.bucket).await?;
            self.published = read_head(&self.client, &self.bucket).await?;
        }
        let published = self.published.as_ref().map(|(head, _)| head.clone());
        let mut last = published.unwrap_or_else(Head::start);
        loop {
            let key = key_of(last.number + 1);
            let next = self.client.get(&self.bucket, &key).await;
            match next.context("reading the audit log")? {
                Some(next) => last = Head::of(last.number + 1, &next.body),
                None => return Ok(last),
            }
        }
    }

    async fn publish(&mut self, last: Head) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let precondition = match &self.published {
                Some((head, _)) if head.number >= last.number => return Ok(()),
                Some((_, etag)) => Precondition::Unchanged(etag.clone()),
                None => Precondition::Absent,
            };
            let body = serde_json::to_vec(&last)?.into();
            match put(&self.client, &self.bucket, HEAD, body, precondition).await {
                Ok(etag) => {
                    self.published = Some((last, etag));
                    return Ok(());
                }
                Err(error) if is_conflict(&error) => {
                    let stored = read_head(&self.client, &self.bucket).await?;
                    // Another head would hide that this one was removed.
                    self.published = Some(stored.context(MISSING)?);
                }
                Err(error) => return Err(error.into()),
            }
        }
        bail!("others wrote it {ATTEMPTS} times in a row")
    }
}

/// Reads the published head and its ETag.
async fn read_head(client: &Client, bucket: &str) -> Result<Option<(Head, String)>> {
    let object = client.get(bucket, HEAD).await;
    let object = object.with_context(|| {
        format!(
            "reading in {bucket}, the audit log of the page; `xray setup --page-credentials-file` makes the bucket and \
             grants its rights"
        )
    })?;
    let Some(object) = object else {
        return Ok(None);
    };
    let head = serde_json::from_slice(&object.body);
    let head = head.context("the head of the audit log is not readable")?;
    Ok(Some((head, object.head.etag)))
}

/// Publishes the head of an empty log, in a bucket that has none.
///
/// # Errors
/// When the log was begun before: its head was removed.
async fn begin(client: &Client, bucket: &str) -> Result<()> {
    if has_begun(client, bucket).await? {
        bail!(MISSING);
    }
    let body = serde_json::to_vec(&Head::start())?.into();
    match put(client, bucket, HEAD, body, Precondition::Absent).await {
        Err(error) if !is_conflict(&error) => {
            Err(error).context("publishing the head of the audit log")
        }
        // Or another process was first.
        _ => Ok(()),
    }
}

/// Reports whether a page has used the bucket. Conditions are tried there after the first head is
/// published, so a log without entries has begun too.
pub(super) async fn has_begun(client: &Client, bucket: &str) -> Result<bool> {
    for key in [&key_of(1), CONDITIONS] {
        let found = client.get(bucket, key).await;
        if found.context("reading the audit log")?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Tries conditions on an object of the bucket.
pub(super) async fn check(client: &Client, bucket: &str) -> Result<()> {
    if read_head(client, bucket).await?.is_none() {
        begin(client, bucket).await?;
    }
    let body = || Bytes::from_static(b"conditions are tried on this object\n");
    let put = async |precondition| {
        match put(client, bucket, CONDITIONS, body(), precondition).await
    {
        Ok(_) => Ok(true),
        Err(error) if is_conflict(&error) => Ok(false),
        Err(error) => Err(anyhow::Error::new(error).context(format!(
            "writing into {bucket}, the audit log of the page; `xray setup --page-credentials-file` makes the bucket and \
             grants its rights"
        ))),
    }
    };
    put(Precondition::Absent).await?;
    let there = client.get(bucket, CONDITIONS).await;
    let there = there.with_context(|| format!("reading in {bucket}"))?;
    let etag = there
        .context("an object that was just written is gone")?
        .head
        .etag;
    if put(Precondition::Absent).await? || !put(Precondition::Unchanged(etag)).await? {
        bail!(
            "the gateway can't check conditions in {bucket}, so the audit log would have gaps: use a bucket without versioning \
             (in a versioned one, conditions work from Ceph 20 on)"
        );
    }
    Ok(())
}

async fn put(
    client: &Client,
    bucket: &str,
    key: &str,
    body: Bytes,
    precondition: Precondition,
) -> Result<String, Error> {
    let object = &NewObject {
        body: body.into(),
        content_type: "application/json",
        metadata: Vec::new(),
        precondition,
    };
    store::put(client, bucket, key, object).await
}
