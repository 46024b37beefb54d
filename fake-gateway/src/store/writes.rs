//! Writes: one at a time per key, checked before anything changes, notified of afterward.

use std::time::SystemTime;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::TryStreamExt;
use md5::{Digest, Md5};
use s3s::{S3Request, S3Response, S3Result, dto::*, s3_error};

use super::{
    conditions::{check_match, check_none, strong},
    disk::{Attributes, Object},
    objects::{Objects, failed, send_all},
};
use crate::notify::Event;

/// Limit on uploads, which are held in memory until they are complete.
const LARGEST_UPLOAD: usize = 1 << 30;

impl Objects {
    pub(super) async fn put(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let started = SystemTime::now();
        let input = request.input;
        let (bucket, key) = (&*input.bucket, &*input.key);
        // Read the whole body first: a slow sender must not hold the lock, and a damaged body must
        // change nothing.
        let body = whole(input.body).await?;
        check_md5(input.content_md5.as_deref(), &body)?;
        let attributes = Attributes {
            content_type: input.content_type,
            content_encoding: input.content_encoding,
            content_disposition: input.content_disposition,
            content_language: input.content_language,
            cache_control: input.cache_control,
            metadata: input.metadata.into_iter().flatten().collect(),
            tags: tags(input.tagging.as_deref()),
            ..Attributes::default()
        };

        let writing = self.locks.write(bucket, key).await;
        let stored = self.find(bucket, key)?.map(|object| object.attributes.etag);
        check_match(input.if_match.as_ref(), stored.as_deref())?;
        check_none(input.if_none_match.as_ref(), stored.as_deref())?;
        let etag = self.store(bucket, key, &body, attributes)?;
        let pending = self.changed(Event::Put, bucket, key, self.find(bucket, key)?, started);
        drop(writing);
        send_all(pending).await;
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(strong(&etag)),
            ..Default::default()
        }))
    }

    fn store(
        &self,
        bucket: &str,
        key: &str,
        body: &[u8],
        attributes: Attributes,
    ) -> S3Result<String> {
        let path = self.folder.object_to_write(bucket, key)?;
        if key.ends_with('/') {
            if !body.is_empty() {
                return Err(s3_error!(InvalidArgument, "a folder can't have content"));
            }
            std::fs::create_dir_all(path).map_err(failed)?;
            return Ok(hex::encode(Md5::digest(b"")));
        }
        self.disk.put(&path, body, attributes).map_err(failed)
    }

    pub(super) async fn copy(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let started = SystemTime::now();
        let input = request.input;
        let (bucket, key) = (&*input.bucket, &*input.key);
        let CopySource::Bucket {
            bucket: from_bucket,
            key: from_key,
            ..
        } = &input.copy_source
        else {
            return Err(s3_error!(NotImplemented));
        };
        let from = (&**from_bucket, &**from_key);

        let writing = self.locks.copy(from, (bucket, key)).await;
        let source = self
            .find(from.0, from.1)?
            .ok_or_else(|| s3_error!(NoSuchKey))?;
        let etag = Some(source.attributes.etag.as_str());
        check_match(input.copy_source_if_match.as_ref(), etag)?;
        check_none(input.copy_source_if_none_match.as_ref(), etag)?;
        let sent: Vec<(String, String)> = input.metadata.into_iter().flatten().collect();
        let mut attributes = source.attributes.clone();
        let replaces = |d: &MetadataDirective| d.as_str() == MetadataDirective::REPLACE;
        if input.metadata_directive.as_ref().is_some_and(replaces) {
            attributes.content_type = input.content_type;
            attributes.metadata = sent.iter().cloned().collect();
        }
        let path = self.folder.object(from.0, from.1)?;
        let body = if path.is_dir() {
            Vec::new()
        } else {
            std::fs::read(path).map_err(failed)?
        };
        self.find(bucket, key)?;
        let etag = self.store(bucket, key, &body, attributes)?;
        let mut found = self.find(bucket, key)?;
        if let Some(Object { attributes, .. }) = &mut found {
            // The gateway's notification has the metadata of the request, not that of the source.
            attributes.metadata = sent.into_iter().collect();
            attributes.tags = tags(input.tagging.as_deref());
        }
        let pending = self.changed(Event::Copy, bucket, key, found, started);
        drop(writing);
        send_all(pending).await;
        let result = CopyObjectResult {
            e_tag: Some(strong(&etag)),
            last_modified: Some(SystemTime::now().into()),
            ..Default::default()
        };
        let copy_object_result = Some(result);
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result,
            ..Default::default()
        }))
    }

    /// Deletes an object. Deleting one that does not exist succeeds and is notified of too, as on
    /// the gateway.
    pub(super) async fn delete(
        &self,
        bucket: &str,
        key: &str,
        condition: Option<&ETagCondition>,
    ) -> S3Result<()> {
        let started = SystemTime::now();
        let writing = self.locks.write(bucket, key).await;
        let found = self.find(bucket, key)?;
        check_match(
            condition,
            found.as_ref().map(|object| object.attributes.etag.as_str()),
        )?;
        if found.is_some() {
            self.disk
                .remove(&self.folder.object(bucket, key)?)
                .map_err(failed)?;
        }
        let pending = self.changed(Event::Delete, bucket, key, found, started);
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
        // A body that differs from the signed one ends in an error here.
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
