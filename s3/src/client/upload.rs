//! Uploading files: in one piece or in parts, skipping those that are stored already.
//!
//! A stored object is recognized by its size and ETag. In S3 the ETag of an object stored in one piece is its MD5; of one
//! stored in parts it is the MD5 of the parts' MD5s, followed by their number. A store that encrypts with its own keys may
//! compute other ETags, and another client may have chosen other parts: when in doubt the file is uploaded again.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::header;
use md5::{Digest, Md5};
use tokio::{fs::File, io::AsyncReadExt};

use super::{Client, Multipart, etag};

/// An object to upload.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Its key.
    pub key: String,
    /// Its media type.
    pub content_type: &'static str,
    /// Its bytes.
    pub source: Source,
}

/// Source of an upload's bytes.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file, opened when its turn comes.
    File(PathBuf),
    /// Bytes in memory.
    Bytes(Bytes),
}

/// Options of an upload.
#[derive(Debug, Clone)]
pub struct UploadOptions {
    /// Size of a part in bytes; larger objects are uploaded in parts of this size. S3 wants at least 5 MiB.
    pub part_size: usize,
    /// Whether objects that are stored already are skipped.
    pub skip_stored: bool,
}

impl Default for UploadOptions {
    fn default() -> Self {
        Self {
            part_size: 16 << 20,
            skip_stored: false,
        }
    }
}

/// Outcome of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uploaded {
    /// This many bytes were uploaded.
    Sent(u64),
    /// The object was stored already.
    AlreadyStored,
}

/// UploadError of an upload.
#[derive(Debug)]
pub enum UploadError {
    /// The file can't be read; other files may still work.
    File(anyhow::Error),
    /// The store refused or could not be reached.
    Store(anyhow::Error),
}

/// Uploads all objects, at most `concurrency` at a time; calls `sent` after each.
///
/// # Errors
/// Returns the first failure; uploads under way are dropped.
pub async fn send_all(
    client: &Client,
    bucket: &str,
    uploads: &[Upload],
    concurrency: usize,
    sent: impl Fn(&Upload),
) -> Result<()> {
    stream::iter(uploads)
        .map(async |upload| {
            match send_one(client, bucket, upload, &UploadOptions::default()).await {
                Ok(_) => sent(upload),
                Err(UploadError::File(error)) => return Err(error),
                Err(UploadError::Store(error)) => {
                    return Err(error.context(format!("uploading {}", upload.key)));
                }
            }
            Ok(())
        })
        .buffer_unordered(concurrency.max(1))
        .try_collect()
        .await
}

/// Uploads one object.
///
/// # Errors
/// Fails when its file can't be read, or the store refuses it.
pub async fn send_one(
    client: &Client,
    bucket: &str,
    upload: &Upload,
    manner: &UploadOptions,
) -> Result<Uploaded, UploadError> {
    let kind = upload.content_type;
    let mut pieces = Pieces::open(&upload.source, manner.part_size).await?;
    let size = pieces.size;
    if manner.skip_stored {
        let head = client.head(bucket, &upload.key).await;
        let head = head.map_err(UploadError::Store)?;
        if let Some(head) = head
            && head.headers().get(header::CONTENT_LENGTH) == Some(&size.into())
            && etag(&head).ok() == Some(pieces.etag().await?)
        {
            return Ok(Uploaded::AlreadyStored);
        }
        pieces = Pieces::open(&upload.source, manner.part_size).await?;
    }
    if !pieces.are_many() {
        let body = pieces.next().await?.unwrap_or_default();
        let put = client.put(bucket, &upload.key, kind, body).await;
        put.map_err(UploadError::Store)?;
        return Ok(Uploaded::Sent(size));
    }
    let begun = client.multipart(bucket, &upload.key, kind).await;
    let mut parts = begun.map_err(UploadError::Store)?;
    match send_parts(&mut parts, &mut pieces).await {
        Ok(()) => parts.complete().await.map_err(UploadError::Store)?,
        Err(failure) => {
            // The first failure counts. Parts that stay behind are for the bucket's lifecycle rules.
            _ = parts.abort().await;
            return Err(failure);
        }
    };
    Ok(Uploaded::Sent(size))
}

async fn send_parts(parts: &mut Multipart<'_>, pieces: &mut Pieces) -> Result<(), UploadError> {
    while let Some(piece) = pieces.next().await? {
        parts.part(piece).await.map_err(UploadError::Store)?;
    }
    Ok(())
}

/// A source, read in pieces.
struct Pieces {
    from: Reader,
    what: String,
    size: u64,
    left: u64,
    part_size: usize,
}

enum Reader {
    File(File),
    Bytes(Bytes),
}

impl Pieces {
    async fn open(source: &Source, part_size: usize) -> Result<Self, UploadError> {
        let (from, size, what) = match source {
            Source::Bytes(bytes) => {
                let size = bytes.len() as u64;
                (Reader::Bytes(bytes.clone()), size, String::new())
            }
            Source::File(path) => {
                let what = format!("reading {}", path.display());
                let opened = async {
                    let file = File::open(path).await?;
                    let size = file.metadata().await?.len();
                    std::io::Result::Ok((Reader::File(file), size))
                };
                let (from, size) = opened
                    .await
                    .map_err(|error| UploadError::File(anyhow!(error).context(what.clone())))?;
                (from, size, what)
            }
        };
        Ok(Self {
            from,
            what,
            size,
            left: size,
            part_size: part_size.max(1),
        })
    }

    fn are_many(&self) -> bool {
        self.size > self.part_size as u64
    }

    /// Returns the next piece; fails if the file has become shorter.
    async fn next(&mut self) -> Result<Option<Bytes>, UploadError> {
        if self.left == 0 {
            return Ok(None);
        }
        let length = self.left.min(self.part_size as u64) as usize;
        self.left -= length as u64;
        match &mut self.from {
            Reader::Bytes(bytes) => Ok(Some(bytes.split_to(length))),
            Reader::File(file) => {
                let mut piece = vec![0; length];
                let read = file.read_exact(&mut piece).await;
                read.with_context(|| self.what.clone())
                    .map_err(UploadError::File)?;
                Ok(Some(piece.into()))
            }
        }
    }

    /// Computes the ETag that S3 gives to the remaining pieces.
    async fn etag(&mut self) -> Result<String, UploadError> {
        let is_whole = !self.are_many();
        let (mut digests, mut count) = (Vec::new(), 0);
        while let Some(piece) = self.next().await? {
            digests.extend_from_slice(&Md5::digest(&piece));
            count += 1;
        }
        Ok(match (is_whole, count) {
            (true, 0) => hex::encode(Md5::digest(b"")),
            (true, _) => hex::encode(digests),
            (false, _) => format!("{}-{count}", hex::encode(Md5::digest(&digests))),
        })
    }
}
