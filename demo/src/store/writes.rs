//! Everything that changes an object: one at a time per key, checked before anything is touched, told afterwards.

use std::time::SystemTime;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::TryStreamExt;
use md5::{Digest, Md5};
use s3s::{Body, S3, S3Request, S3Response, S3Result, dto::*, s3_error};

use super::{
    conditions::check_match,
    objects::{Found, Objects, send_all},
    reads::metadata,
};
use crate::notify::Event;

/// Uploads are held in memory until they are whole, so there is an end to them.
const LARGEST_UPLOAD: usize = 1 << 30;

impl Objects {
    /// Refuses a bucket that is not there and a key that can't be a file.
    pub(super) fn writable(&self, bucket: &str, key: &str) -> S3Result<()> {
        if !self.folder.has_bucket(bucket) {
            return Err(s3_error!(NoSuchBucket));
        }
        self.folder.object_to_write(bucket, key).map(drop)
    }

    pub(super) async fn put(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let started = SystemTime::now();
        let input = &mut request.input;
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let tags = tags(input.tagging.as_deref());
        let mut found = Found {
            metadata: metadata(input.metadata.clone()),
            ..Found::default()
        };
        // The body comes first and whole: a slow sender must not hold the lock, and a damaged body not the key.
        let body = whole(input.body.take()).await?;
        check_md5(input.content_md5.as_deref(), &body)?;
        found.size = body.len() as u64;
        input.content_length = Some(body.len() as i64);
        input.body = Some(Body::from(body).into());

        let writing = self.locks.write(&bucket, &key).await;
        self.writable(&bucket, &key)?;
        let answer = self.files.put_object(request).await?;
        found.etag = answer
            .output
            .e_tag
            .as_ref()
            .map(ETag::value)
            .unwrap_or_default()
            .to_owned();
        let pending = self.changed(Event::Put, (&bucket, &key), &found, tags, started);
        drop(writing);
        send_all(pending).await;
        Ok(answer)
    }

    pub(super) async fn copy(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let started = SystemTime::now();
        let input = &request.input;
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let CopySource::Bucket {
            bucket: from_bucket,
            key: from_key,
            ..
        } = &input.copy_source
        else {
            return Err(s3_error!(NotImplemented));
        };
        let tags = tags(input.tagging.as_deref());
        // The gateway tells of the metadata that came with the request, not of what the source had.
        let told = metadata(input.metadata.clone());

        let from = (from_bucket.as_ref(), from_key.as_ref());
        let writing = self.locks.copy(from, (&bucket, &key)).await;
        self.writable(&bucket, &key)?;
        if self.find(from.0, from.1).await?.is_none() {
            return Err(s3_error!(NoSuchKey));
        }
        if from != (&*bucket, &*key) {
            // A source that was put into the folder by hand has no metadata, and must not inherit what was here.
            self.folder.forget(&bucket, &key);
        }
        let answer = self.files.copy_object(request).await?;
        let found = self.find(&bucket, &key).await?.unwrap_or_default();
        let found = Found {
            metadata: told,
            ..found
        };
        let pending = self.changed(Event::Copy, (&bucket, &key), &found, tags, started);
        drop(writing);
        send_all(pending).await;
        Ok(answer)
    }

    pub(super) async fn complete(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let started = SystemTime::now();
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let writing = self.locks.write(&bucket, &key).await;
        self.writable(&bucket, &key)?;
        let answer = self.files.complete_multipart_upload(request).await?;
        let found = self.find(&bucket, &key).await?.unwrap_or_default();
        let event = Event::CompleteMultipartUpload;
        let pending = self.changed(event, (&bucket, &key), &found, Vec::new(), started);
        drop(writing);
        send_all(pending).await;
        Ok(answer)
    }

    /// Deletes an object; deleting one that is not there succeeds and is told as well, as the gateway does it.
    pub(super) async fn delete(
        &self,
        bucket: &str,
        key: &str,
        condition: Option<&ETagCondition>,
    ) -> S3Result<()> {
        let started = SystemTime::now();
        let writing = self.locks.write(bucket, key).await;
        if !self.folder.has_bucket(bucket) {
            return Err(s3_error!(NoSuchBucket));
        }
        let path = self.folder.object(bucket, key)?;
        let found = self.find(bucket, key).await?;
        let etag = found.as_ref().map(|found| ETag::Strong(found.etag.clone()));
        check_match(condition, etag.as_ref())?;
        if found.is_some() {
            // A folder object whose folder still holds others only loses its own name, which nobody sees.
            let removed = match key.ends_with('/') {
                true => std::fs::remove_dir(&path).or(Ok(())),
                false => std::fs::remove_file(&path),
            };
            removed.map_err(|e: std::io::Error| s3_error!(e, InternalError))?;
            self.folder.forget(bucket, key);
        }
        let found = found.unwrap_or_default();
        let pending = self.changed(Event::Delete, (bucket, key), &found, Vec::new(), started);
        drop(writing);
        send_all(pending).await;
        Ok(())
    }
}

async fn whole(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let Some(mut body) = body else {
        return Err(s3_error!(IncompleteBody));
    };
    let mut all = Vec::new();
    loop {
        // A body that is not what was signed ends in an error here.
        let piece = body
            .try_next()
            .await
            .map_err(|e| s3_error!(SignatureDoesNotMatch, "{e}"))?;
        let Some(piece) = piece else {
            return Ok(all.into());
        };
        if all.len() + piece.len() > LARGEST_UPLOAD {
            return Err(s3_error!(EntityTooLarge));
        }
        all.extend_from_slice(&piece);
    }
}

fn check_md5(claimed: Option<&str>, body: &[u8]) -> S3Result<()> {
    let Some(claimed) = claimed else {
        return Ok(());
    };
    let claimed = STANDARD
        .decode(claimed)
        .map_err(|_| s3_error!(InvalidDigest))?;
    if claimed == Md5::digest(body)[..] {
        Ok(())
    } else {
        Err(s3_error!(BadDigest))
    }
}

fn tags(header: Option<&str>) -> Vec<(String, String)> {
    let pairs = form_urlencoded::parse(header.unwrap_or_default().as_bytes());
    pairs
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}
