//! Uploading in parts, so that no whole file has to be in memory.

use anyhow::{Context, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Method, header};
use md5::{Digest, Md5};

use super::{Client, check, element, etag};
use crate::sigv4::uri_encode;

/// An upload in parts that has begun. Until it is completed or aborted, the store keeps what it has of it.
pub struct Multipart<'a> {
    client: &'a Client,
    bucket: &'a str,
    key: &'a str,
    /// Percent-encoded.
    id: String,
    etags: Vec<String>,
}

impl Client {
    /// Begins an upload in parts.
    ///
    /// # Errors
    /// When the store does not.
    pub async fn multipart<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        kind: &str,
    ) -> Result<Multipart<'a>> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, kind.parse()?);
        let answer = self.send(Method::POST, bucket, key, "uploads=", headers, Bytes::new());
        let answer = answer.await?;
        check(&answer)?;
        let id = element(answer.body(), "UploadId").context("the store gave no upload id")?;
        Ok(Multipart {
            client: self,
            bucket,
            key,
            id: uri_encode(id.as_bytes(), true),
            etags: Vec::new(),
        })
    }
}

impl Multipart<'_> {
    /// Uploads the next part, of 5 MiB at least unless it is the last. The store checks it against its MD5.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn part(&mut self, body: Bytes) -> Result<()> {
        let mut headers = HeaderMap::new();
        headers.insert("content-md5", STANDARD.encode(Md5::digest(&body)).parse()?);
        let query = format!("partNumber={}&uploadId={}", self.etags.len() + 1, self.id);
        let answer = self.send(Method::PUT, &query, headers, body).await?;
        self.etags.push(etag(&answer)?);
        Ok(())
    }

    /// Makes one object of the parts and returns its ETag without quotes.
    ///
    /// # Errors
    /// When the store does not.
    pub async fn complete(self) -> Result<String> {
        let parts: Vec<String> = (1..)
            .zip(&self.etags)
            .map(|(number, etag)| {
                format!(
                    "<Part><PartNumber>{number}</PartNumber><ETag>&quot;{etag}&quot;</ETag></Part>"
                )
            })
            .collect();
        let body = format!(
            "<CompleteMultipartUpload>{}</CompleteMultipartUpload>",
            parts.join("")
        );
        let query = format!("uploadId={}", self.id);
        let answer = self.send(Method::POST, &query, HeaderMap::new(), body.into());
        let answer = answer.await?;
        // S3 answers 200 before it is done, and may then say in the body that it failed.
        let etag =
            element(answer.body(), "ETag").context("the store did not put the parts together")?;
        Ok(etag.replace("&quot;", "").trim_matches('"').to_owned())
    }

    /// Gives the upload up, so that the store forgets its parts.
    ///
    /// # Errors
    /// When the store does not.
    pub async fn abort(self) -> Result<()> {
        let query = format!("uploadId={}", self.id);
        let aborted = self.send(Method::DELETE, &query, HeaderMap::new(), Bytes::new());
        aborted.await.map(|_| ())
    }

    async fn send(
        &self,
        method: Method,
        query: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<http::Response<Bytes>> {
        let sent = self
            .client
            .send(method, self.bucket, self.key, query, headers, body);
        let answer = sent.await?;
        check(&answer)?;
        Ok(answer)
    }
}
