//! The store's operations: objects on disk and `s3s-fs`, with locks, conditions and notifications.

use std::{sync::Arc, time::SystemTime};

use anyhow::{Context, Result, anyhow};
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, dto::*, s3_error};
use s3s_fs::FileSystem;

use super::{
    disk::{Disk, Object},
    folder::Folder,
    locks::Locks,
};
use crate::notify::{Change, Event, Notifications, Pending};

/// The operations; the longer ones are in `reads.rs`, `writes.rs` and `multipart.rs`.
pub(super) struct Objects {
    pub(super) files: FileSystem,
    pub(super) folder: Arc<Folder>,
    pub(super) disk: Disk,
    pub(super) locks: Locks,
    pub(super) notifications: Notifications,
}

impl Objects {
    pub(super) fn new(folder: Arc<Folder>, notifications: Notifications) -> Result<Self> {
        let hidden = folder.hidden();
        let disk = Disk::open(&hidden).context("creating the store's hidden folder")?;
        let files = FileSystem::new(hidden).map_err(|e| anyhow!("opening the store: {e:?}"))?;
        Ok(Self {
            files,
            folder,
            disk,
            locks: Locks::new(),
            notifications,
        })
    }

    /// Prepares the notifications of a change under its lock; `found` is the object after a write
    /// or before a deletion.
    pub(super) fn changed(
        &self,
        event: Event,
        bucket: &str,
        key: &str,
        found: Option<Object>,
        started: SystemTime,
    ) -> Vec<Pending> {
        let size = found.as_ref().map_or(0, |object| object.size);
        let attributes = found.map(|object| object.attributes).unwrap_or_default();
        let name = |name: String| format!("x-amz-meta-{}", name.to_lowercase());
        let metadata = attributes
            .metadata
            .into_iter()
            .map(|(n, value)| (name(n), value));
        self.notifications.prepare(&Change {
            event,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            size,
            etag: attributes.etag,
            metadata: metadata.collect(),
            tags: attributes.tags,
            started,
        })
    }
}

/// A failure of the disk is the store's, not the client's.
pub(super) fn failed(error: std::io::Error) -> S3Error {
    s3_error!(error, InternalError)
}

pub(super) async fn send_all(pending: Vec<Pending>) {
    for notification in pending {
        notification.send().await;
    }
}

#[async_trait::async_trait]
impl S3 for Objects {
    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let name = &request.input.bucket;
        if self.folder.has_bucket(name) {
            return Err(s3_error!(BucketAlreadyOwnedByYou));
        }
        self.folder
            .add_bucket(name)
            .map_err(|e| s3_error!(e, InternalError))?;
        let location = Some(format!("/{name}"));
        Ok(S3Response::new(CreateBucketOutput { location }))
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.files.head_bucket(request).await
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.files.get_bucket_location(request).await
    }

    async fn list_buckets(
        &self,
        _: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let buckets = self
            .folder
            .buckets()
            .map_err(|e| s3_error!(e, InternalError))?;
        let bucket = |(name, made): (String, SystemTime)| Bucket {
            name: Some(name),
            creation_date: Some(made.into()),
            ..Default::default()
        };
        let buckets = Some(buckets.into_iter().map(bucket).collect());
        Ok(S3Response::new(ListBucketsOutput {
            buckets,
            ..Default::default()
        }))
    }

    async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        self.files.list_objects(request).await
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.list(request).await
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        self.head(request).await
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        self.get(request).await
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        self.put(request).await
    }

    async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        self.copy(request).await
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let DeleteObjectInput {
            bucket,
            key,
            if_match,
            ..
        } = request.input;
        self.delete(&bucket, &key, if_match.as_ref()).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let DeleteObjectsInput { bucket, delete, .. } = request.input;
        let mut deleted = Vec::new();
        for object in delete.objects {
            self.delete(&bucket, &object.key, None).await?;
            deleted.push(DeletedObject {
                key: Some(object.key),
                ..Default::default()
            });
        }
        let deleted = Some(deleted);
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted,
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.create_upload(request).await
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.files.upload_part(request).await
    }

    async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        self.files.upload_part_copy(request).await
    }

    async fn list_parts(
        &self,
        request: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        self.files.list_parts(request).await
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        self.complete(request).await
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.files.abort_multipart_upload(request).await
    }
}
