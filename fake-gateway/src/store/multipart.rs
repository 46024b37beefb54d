//! Multipart uploads: `s3s-fs` keeps the parts and joins them, this store does the rest.

use std::{fs, time::SystemTime};

use s3s::{S3, S3Request, S3Response, S3Result, dto::*, s3_error};

use super::{
    disk::Attributes,
    objects::{Objects, failed, send_all},
};
use crate::notify::Event;

impl Objects {
    pub(super) async fn create_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let (bucket, key) = (&request.input.bucket, &request.input.key);
        self.find(bucket, key)?;
        self.folder.object_to_write(bucket, key)?;
        if !self.folder.takes_parts_of(bucket, key) {
            return Err(s3_error!(KeyTooLongError));
        }
        self.files.create_multipart_upload(request).await
    }

    pub(super) async fn complete(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let started = SystemTime::now();
        let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
        let writing = self.locks.write(&bucket, &key).await;
        let path = self.folder.object_to_write(&bucket, &key)?;
        let response = self.files.complete_multipart_upload(request).await?;
        let head = HeadObjectInput::builder()
            .bucket(bucket.clone())
            .key(key.clone())
            .build();
        let head = S3Request {
            input: head.map_err(|e| s3_error!(e, InternalError))?,
            method: Default::default(),
            uri: Default::default(),
            headers: Default::default(),
            extensions: Default::default(),
            credentials: None,
            region: None,
            service: None,
            trailing_headers: None,
        };
        let head = self.files.head_object(head).await?.output;
        let attributes = Attributes {
            etag: head.e_tag.map(ETag::into_value).unwrap_or_default(),
            content_type: head.content_type,
            content_encoding: head.content_encoding,
            content_disposition: head.content_disposition,
            content_language: head.content_language,
            cache_control: head.cache_control,
            metadata: head.metadata.into_iter().flatten().collect(),
            ..Attributes::default()
        };
        self.disk.describe(&path, attributes).map_err(failed)?;
        // The attributes are stored now. The files of `s3s-fs` go, because their names hold the
        // key.
        for name in self.folder.files_of_s3s(&bucket, &key) {
            fs::remove_file(name).or_else(|e| match e.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(failed(e)),
            })?;
        }
        let found = self.find(&bucket, &key)?;
        let event = Event::CompleteMultipartUpload;
        let pending = self.changed(event, &bucket, &key, found, started);
        drop(writing);
        send_all(pending).await;
        Ok(response)
    }
}
