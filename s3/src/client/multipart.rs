//! Uploading in parts, so that a file need not fit in memory.

use bytes::Bytes;
use http::StatusCode;
use md5::{Digest, Md5};

use super::Client;
use crate::{
    Error,
    actions::{
        AbortMultipartUpload, CompleteMultipartUpload, CreateMultipartUpload, UploadPart,
        multipart_etag,
    },
};

/// An upload that has begun. Until it is completed or aborted, the store keeps its parts.
pub struct Multipart<'a> {
    client: &'a Client,
    bucket: &'a str,
    key: &'a str,
    upload_id: String,
    etags: Vec<String>,
    md5s: Vec<[u8; 16]>,
}

impl Client {
    /// Begins an upload in parts.
    ///
    /// # Errors
    /// Fails when the store refuses.
    pub async fn multipart<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        content_type: &str,
    ) -> Result<Multipart<'a>, Error> {
        let create = CreateMultipartUpload {
            bucket,
            key,
            content_type,
        };
        Ok(Multipart {
            client: self,
            bucket,
            key,
            upload_id: self.send(&create).await?,
            etags: Vec::new(),
            md5s: Vec::new(),
        })
    }
}

impl Multipart<'_> {
    /// Uploads the next part, of at least 5 MiB unless it is the last. The store checks it against
    /// its MD5.
    ///
    /// # Errors
    /// Fails when the store refuses it.
    pub async fn part(&mut self, body: Bytes) -> Result<(), Error> {
        self.md5s.push(Md5::digest(&body).into());
        let part = UploadPart {
            bucket: self.bucket,
            key: self.key,
            upload_id: &self.upload_id,
            number: self.md5s.len(),
            body,
        };
        self.etags.push(self.client.send(&part).await?);
        Ok(())
    }

    /// Joins the parts to one object and returns its ETag without quotes.
    ///
    /// # Errors
    /// Fails when the store refuses.
    pub async fn complete(self) -> Result<String, Error> {
        let complete = CompleteMultipartUpload {
            bucket: self.bucket,
            key: self.key,
            upload_id: &self.upload_id,
            etags: &self.etags,
        };
        match self.client.send(&complete).await {
            // If the response to an earlier attempt was lost, the upload is gone and the object is
            // stored.
            Err(Error::Refused(refusal)) if refusal.status == StatusCode::NOT_FOUND => {
                let etag = multipart_etag(&self.md5s);
                match self.client.head(self.bucket, self.key).await? {
                    Some(head) if head.etag == etag => Ok(etag),
                    _ => Err(refusal.into()),
                }
            }
            completed => completed,
        }
    }

    /// Gives the upload up, so that the store forgets its parts.
    ///
    /// # Errors
    /// Fails when the store refuses.
    pub async fn abort(self) -> Result<(), Error> {
        let abort = AbortMultipartUpload {
            bucket: self.bucket,
            key: self.key,
            upload_id: &self.upload_id,
        };
        self.client.send(&abort).await
    }
}
