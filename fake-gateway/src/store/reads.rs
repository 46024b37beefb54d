//! HEAD and GET, consistent with the last write.

use bytes::Bytes;
use s3s::{Body, S3, S3Request, S3Response, S3Result, dto::*, s3_error};

use super::{
    conditions::{check_changed, check_match, strong},
    disk::{Attributes, Object},
    objects::{Objects, failed},
};

impl Objects {
    /// Returns the object at a key whose lock is held.
    pub(super) fn find(&self, bucket: &str, key: &str) -> S3Result<Option<Object>> {
        if !self.folder.has_bucket(bucket) {
            return Err(s3_error!(NoSuchBucket));
        }
        let path = self.folder.object(bucket, key)?;
        // `a/` is an object only if it is a folder, and a folder is an object only as `a/`.
        if path.exists() && path.is_dir() != key.ends_with('/') {
            return Ok(None);
        }
        self.disk.find(&path).map_err(failed)
    }

    /// Returns the object if it exists and meets the conditions.
    fn find_matching(
        &self,
        bucket: &str,
        key: &str,
        if_match: Option<&ETagCondition>,
        if_none_match: Option<&ETagCondition>,
    ) -> S3Result<Object> {
        let found = self.find(bucket, key)?;
        let object = found.ok_or_else(|| s3_error!(NoSuchKey))?;
        check_match(if_match, Some(&object.attributes.etag))?;
        check_changed(if_none_match, Some(&object.attributes.etag))?;
        Ok(object)
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
        } = request.input;
        let _reading = self.locks.read(&bucket, &key).await;
        let Object {
            attributes,
            size,
            modified,
        } = self.find_matching(&bucket, &key, if_match.as_ref(), if_none_match.as_ref())?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: Some(size as i64),
            last_modified: Some(modified.into()),
            e_tag: Some(strong(&attributes.etag)),
            metadata: user_metadata(&attributes),
            content_type: attributes.content_type,
            content_encoding: attributes.content_encoding,
            content_disposition: attributes.content_disposition,
            content_language: attributes.content_language,
            cache_control: attributes.cache_control,
            ..Default::default()
        }))
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
        } = request.input;
        let reading = self.locks.read(&bucket, &key).await;
        let Object {
            attributes,
            size,
            modified,
        } = self.find_matching(&bucket, &key, if_match.as_ref(), if_none_match.as_ref())?;
        let mut body = Bytes::new();
        if !key.ends_with('/') {
            let path = self.folder.object(&bucket, &key)?;
            body = tokio::fs::read(path).await.map_err(failed)?.into();
        }
        drop(reading);
        let mut content_range = None;
        if let Some(range) = range {
            let part = range.check(size)?;
            content_range = Some(format!("bytes {}-{}/{size}", part.start, part.end - 1));
            body = body.slice(part.start as usize..part.end as usize);
        }
        Ok(S3Response::new(GetObjectOutput {
            content_length: Some(body.len() as i64),
            content_range,
            body: Some(Body::from(body).into()),
            last_modified: Some(modified.into()),
            e_tag: Some(strong(&attributes.etag)),
            metadata: user_metadata(&attributes),
            content_type: attributes.content_type,
            content_encoding: attributes.content_encoding,
            content_disposition: attributes.content_disposition,
            content_language: attributes.content_language,
            cache_control: attributes.cache_control,
            ..Default::default()
        }))
    }

    /// Lists a bucket with ETags and, if asked for, encoded keys: `s3s-fs` leaves both out.
    pub(super) async fn list(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let bucket = request.input.bucket.clone();
        let mut response = self.files.list_objects_v2(request).await?;
        let output = &mut response.output;
        let is_encoded = output
            .encoding_type
            .as_ref()
            .is_some_and(|kind| kind.as_str() == EncodingType::URL);
        for entry in output.contents.iter_mut().flatten() {
            let key = entry.key.take().unwrap_or_default();
            // One that was removed since it was listed has no ETag any more.
            let found = self.find(&bucket, &key)?;
            let etag = found.map_or_else(String::new, |object| object.attributes.etag);
            entry.e_tag = Some(strong(&etag));
            entry.key = Some(match is_encoded {
                true => s3::form([("", key.as_str())])[1..].to_owned(),
                false => key,
            });
        }
        Ok(response)
    }
}

fn user_metadata(attributes: &Attributes) -> Option<Metadata> {
    let pairs = attributes
        .metadata
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()));
    (!attributes.metadata.is_empty()).then(|| pairs.collect())
}
