//! HEAD and GET: consistent with the write before them, and honest about what is not there.

use s3s::{Body, S3, S3Request, S3Response, S3Result, dto::*, s3_error};

use super::{
    conditions::{check_changed, check_match},
    objects::{Found, Objects, inner},
};

impl Objects {
    /// Refuses a key that is not an object: `s3s-fs` would take a folder for one.
    fn existing(&self, bucket: &str, key: &str) -> S3Result<()> {
        if !self.folder.has_bucket(bucket) {
            return Err(s3_error!(NoSuchBucket));
        }
        let path = self.folder.object(bucket, key)?;
        let there = if key.ends_with('/') {
            path.is_dir()
        } else {
            path.is_file()
        };
        if there {
            Ok(())
        } else {
            Err(s3_error!(NoSuchKey))
        }
    }

    pub(super) async fn head(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let HeadObjectInput {
            bucket,
            key,
            if_match,
            if_none_match,
            ..
        } = request.input.clone();
        let _reading = self.locks.read(&bucket, &key).await;
        self.existing(&bucket, &key)?;
        let answer = self.files.head_object(request).await?;
        check_match(if_match.as_ref(), answer.output.e_tag.as_ref())?;
        check_changed(if_none_match.as_ref(), answer.output.e_tag.as_ref())?;
        Ok(answer)
    }

    pub(super) async fn get(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let GetObjectInput {
            bucket,
            key,
            range,
            if_match,
            if_none_match,
            ..
        } = request.input.clone();
        let _reading = self.locks.read(&bucket, &key).await;
        self.existing(&bucket, &key)?;
        let mut answer = self.files.get_object(request).await?;
        check_match(if_match.as_ref(), answer.output.e_tag.as_ref())?;
        check_changed(if_none_match.as_ref(), answer.output.e_tag.as_ref())?;
        if range.is_none() && !key.ends_with('/') {
            // `s3s-fs` reads in pieces of 4 kB, each a hop to another thread, and reads on when the lock is gone.
            let path = self.folder.object(&bucket, &key)?;
            let whole = tokio::fs::read(path)
                .await
                .map_err(|e| s3_error!(e, InternalError))?;
            answer.output.content_length = Some(whole.len() as i64);
            answer.output.body = Some(Body::from(whole).into());
        }
        Ok(answer)
    }

    /// What is stored under a key whose lock is held, if anything.
    pub(super) async fn find(&self, bucket: &str, key: &str) -> S3Result<Option<Found>> {
        if self.existing(bucket, key).is_err() {
            return Ok(None);
        }
        let input = HeadObjectInput::builder()
            .bucket(bucket.into())
            .key(key.into())
            .build();
        let input = input.map_err(|e| s3_error!(e, InternalError))?;
        let head = self.files.head_object(inner(input)).await?.output;
        Ok(Some(Found {
            size: head
                .content_length
                .unwrap_or_default()
                .try_into()
                .unwrap_or_default(),
            etag: head.e_tag.map(ETag::into_value).unwrap_or_default(),
            metadata: metadata(head.metadata),
        }))
    }
}

/// User metadata under the names it has in a notification, in a fixed order.
pub(super) fn metadata(of: Option<Metadata>) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = of
        .into_iter()
        .flatten()
        .map(|(name, value)| (format!("x-amz-meta-{}", name.to_lowercase()), value))
        .collect();
    pairs.sort();
    pairs
}
