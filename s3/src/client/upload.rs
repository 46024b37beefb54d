//! Uploading files: in one piece or in parts, skipping those that are stored already.
//!
//! A stored object is recognized by its size and ETag. In S3 the ETag of an object stored in one
//! piece is its MD5; of one stored in parts it is the MD5 of the parts' MD5s, followed by their
//! number. A store that encrypts with its own keys may compute other ETags, and another client may
//! have chosen other parts: when in doubt the file is uploaded again.

use std::{io, path::PathBuf};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use md5::{Digest, Md5};
use tokio::{fs::File, io::AsyncReadExt};

use super::{Client, Multipart};
use crate::{Error, actions::multipart_etag};

/// An object to upload.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Key.
    pub key: String,
    /// Media type.
    pub content_type: &'static str,
    /// Bytes.
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
    /// Size of a part in bytes; larger objects are uploaded in parts of this size. S3 wants at
    /// least 5 MiB.
    pub part_size: usize,
    /// Skips objects that are already stored.
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

/// Failure of an upload.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The file can't be read; other files may still work.
    #[error("reading {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// The store refused or could not be reached.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Client {
    /// Uploads all objects, at most `concurrency` at a time; calls `sent` after each.
    ///
    /// # Errors
    /// Returns the first failure with its upload; uploads under way are dropped.
    pub async fn upload_all<'a>(
        &self,
        bucket: &str,
        uploads: &'a [Upload],
        concurrency: usize,
        sent: impl Fn(&Upload),
    ) -> Result<(), (&'a Upload, UploadError)> {
        let options = UploadOptions::default();
        stream::iter(uploads)
            .map(async |upload| {
                let uploaded = self.upload(bucket, upload, &options).await;
                uploaded
                    .map(|_| sent(upload))
                    .map_err(|error| (upload, error))
            })
            .buffer_unordered(concurrency.max(1))
            .try_collect()
            .await
    }

    /// Uploads one object.
    ///
    /// # Errors
    /// Fails when its file can't be read, or the store refuses it.
    pub async fn upload(
        &self,
        bucket: &str,
        upload: &Upload,
        options: &UploadOptions,
    ) -> Result<Uploaded, UploadError> {
        let (key, content_type) = (&*upload.key, upload.content_type);
        let mut pieces = Pieces::open(&upload.source, options.part_size).await?;
        let size = pieces.size;
        if options.skip_stored {
            if let Some(head) = self.head(bucket, key).await?
                && head.size == Some(size)
                && head.etag == pieces.etag().await?
            {
                return Ok(Uploaded::AlreadyStored);
            }
            pieces = Pieces::open(&upload.source, options.part_size).await?;
        }
        if pieces.is_single() {
            let body = pieces.next().await?.unwrap_or_default();
            self.put(bucket, key, content_type, body).await?;
            return Ok(Uploaded::Sent(size));
        }
        let mut parts = self.multipart(bucket, key, content_type).await?;
        match send_parts(&mut parts, &mut pieces).await {
            Ok(()) => parts.complete().await?,
            Err(error) => {
                // The first failure counts. Parts that stay behind are for the bucket's lifecycle
                // rules.
                _ = parts.abort().await;
                return Err(error);
            }
        };
        Ok(Uploaded::Sent(size))
    }
}

async fn send_parts(parts: &mut Multipart<'_>, pieces: &mut Pieces) -> Result<(), UploadError> {
    while let Some(piece) = pieces.next().await? {
        parts.part(piece).await?;
    }
    Ok(())
}

/// A source, read in pieces.
struct Pieces {
    reader: Reader,
    size: u64,
    remaining: u64,
    part_size: usize,
}

enum Reader {
    File(PathBuf, File),
    Bytes(Bytes),
}

impl Pieces {
    async fn open(source: &Source, part_size: usize) -> Result<Self, UploadError> {
        let (reader, size) = match source {
            Source::Bytes(bytes) => (Reader::Bytes(bytes.clone()), bytes.len() as u64),
            Source::File(path) => {
                let open = async {
                    let file = File::open(path).await?;
                    let size = file.metadata().await?.len();
                    Ok((Reader::File(path.clone(), file), size))
                };
                open.await.map_err(|error| unreadable(path, error))?
            }
        };
        Ok(Self {
            reader,
            size,
            remaining: size,
            part_size: part_size.max(1),
        })
    }

    fn is_single(&self) -> bool {
        self.size <= self.part_size as u64
    }

    /// Returns the next piece; fails if the file has become shorter.
    async fn next(&mut self) -> Result<Option<Bytes>, UploadError> {
        if self.remaining == 0 {
            return Ok(None);
        }
        let length = self.remaining.min(self.part_size as u64) as usize;
        self.remaining -= length as u64;
        match &mut self.reader {
            Reader::Bytes(bytes) => Ok(Some(bytes.split_to(length))),
            Reader::File(path, file) => {
                let mut piece = vec![0; length];
                match file.read_exact(&mut piece).await {
                    Ok(_) => Ok(Some(piece.into())),
                    Err(error) => Err(unreadable(path, error)),
                }
            }
        }
    }

    /// Computes the ETag that S3 gives to the whole source.
    async fn etag(&mut self) -> Result<String, UploadError> {
        let mut md5s = Vec::new();
        while let Some(piece) = self.next().await? {
            md5s.push(Md5::digest(&piece).into());
        }
        Ok(match md5s.as_slice() {
            [] => hex::encode(Md5::digest(b"")),
            [md5] if self.is_single() => hex::encode(md5),
            md5s => multipart_etag(md5s),
        })
    }
}

fn unreadable(path: &std::path::Path, error: io::Error) -> UploadError {
    UploadError::File {
        path: path.to_owned(),
        error,
    }
}
