//! Uploading one picture: in one piece or in parts, and not at all where it is there already.
//!
//! What is there already is told by its size and its ETag, which in S3 is the MD5 of an object put in one piece, and of one put
//! in parts the MD5 of the parts' MD5s with their number. A store that encrypts with keys of its own may make other ETags, and
//! somebody else other parts: what can't be told to be the same is sent again.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http::header;
use md5::{Digest, Md5};
use tokio::{fs::File, io::AsyncReadExt};

use super::{Source, Upload, content_type};
use crate::{
    Client,
    client::{Multipart, etag},
};

/// How pictures are sent.
#[derive(Debug, Clone)]
pub struct Manner {
    /// What is larger than this, in bytes, goes in parts of this size. At least 5 MiB, but for tests of a store that is not
    /// S3's.
    pub part_size: usize,
    /// Whether what the store has already is left out.
    pub skips_present: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            part_size: 16 << 20,
            skips_present: false,
        }
    }
}

/// What was done for a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It was uploaded: so many bytes.
    Uploaded(u64),
    /// It was there already.
    Present,
}

/// Why a picture was not sent.
#[derive(Debug)]
pub enum Failure {
    /// Its file can't be read; another one may.
    File(anyhow::Error),
    /// The store did not take it.
    Store(anyhow::Error),
}

/// Uploads one picture.
///
/// # Errors
/// When its file can't be read, or the store does not take it.
pub async fn send_one(
    client: &Client,
    bucket: &str,
    upload: &Upload,
    manner: &Manner,
) -> Result<Sent, Failure> {
    let kind = content_type(Path::new(&upload.key)).unwrap_or("application/octet-stream");
    let mut pieces = Pieces::open(&upload.source, manner.part_size).await?;
    let size = pieces.size;
    if manner.skips_present {
        let head = client.head(bucket, &upload.key).await;
        let head = head.map_err(Failure::Store)?;
        if let Some(head) = head
            && head.headers().get(header::CONTENT_LENGTH) == Some(&size.into())
            && etag(&head).ok() == Some(pieces.etag().await?)
        {
            return Ok(Sent::Present);
        }
        pieces = Pieces::open(&upload.source, manner.part_size).await?;
    }
    if !pieces.are_many() {
        let body = pieces.next().await?.unwrap_or_default();
        let put = client.put(bucket, &upload.key, kind, body).await;
        put.map_err(Failure::Store)?;
        return Ok(Sent::Uploaded(size));
    }
    let begun = client.multipart(bucket, &upload.key, kind).await;
    let mut parts = begun.map_err(Failure::Store)?;
    match send_parts(&mut parts, &mut pieces).await {
        Ok(()) => parts.complete().await.map_err(Failure::Store)?,
        Err(failure) => {
            // Said is what went wrong first; parts that stay behind are for the bucket's lifecycle rules.
            _ = parts.abort().await;
            return Err(failure);
        }
    };
    Ok(Sent::Uploaded(size))
}

async fn send_parts(parts: &mut Multipart<'_>, pieces: &mut Pieces) -> Result<(), Failure> {
    while let Some(piece) = pieces.next().await? {
        parts.part(piece).await.map_err(Failure::Store)?;
    }
    Ok(())
}

/// A source, piece by piece.
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
    async fn open(source: &Source, part_size: usize) -> Result<Self, Failure> {
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
                    .map_err(|error| Failure::File(anyhow!(error).context(what.clone())))?;
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

    /// The next piece; a source that has become shorter meanwhile is an error.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
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
                    .map_err(Failure::File)?;
                Ok(Some(piece.into()))
            }
        }
    }

    /// The ETag that S3 gives to all that is left.
    async fn etag(&mut self) -> Result<String, Failure> {
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
