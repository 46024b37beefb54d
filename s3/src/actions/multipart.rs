//! Uploading an object in parts.

use bytes::Bytes;
use http::{Method, Request, Response};
use md5::{Digest, Md5};

use super::{Action, checked, form, insert, insert_md5, objects::etag_of, request};
use crate::{Endpoint, Error, etag, xml};

/// Begins an upload; returns its id. Until it is completed or aborted, the store keeps its parts.
#[derive(Debug, Clone, Copy)]
pub struct CreateMultipartUpload<'a> {
    /// Bucket.
    pub bucket: &'a str,
    /// Key.
    pub key: &'a str,
    /// Media type.
    pub content_type: &'a str,
}

impl Action for CreateMultipartUpload<'_> {
    type Output = String;

    fn request(&self, endpoint: &Endpoint) -> Result<Request<Bytes>, Error> {
        let place = (self.bucket, self.key, "uploads=");
        let mut request = request(endpoint, Method::POST, place, Bytes::new())?;
        insert(request.headers_mut(), "content-type", self.content_type)?;
        Ok(request)
    }

    fn response(&self, response: Response<Bytes>) -> Result<String, Error> {
        xml::text(checked(response)?.body(), "UploadId").ok_or(Error::Missing("upload id"))
    }
}

/// Uploads one part; returns its ETag. The store checks the bytes against their MD5.
#[derive(Debug, Clone)]
pub struct UploadPart<'a> {
    /// Bucket.
    pub bucket: &'a str,
    /// Key.
    pub key: &'a str,
    /// Id of the upload.
    pub upload_id: &'a str,
    /// Number of the part, from 1.
    pub number: usize,
    /// Bytes; at least 5 MiB unless it is the last part.
    pub body: Bytes,
}

impl Action for UploadPart<'_> {
    type Output = String;

    fn request(&self, endpoint: &Endpoint) -> Result<Request<Bytes>, Error> {
        let number = self.number.to_string();
        let query = form([
            ("partNumber", number.as_str()),
            ("uploadId", self.upload_id),
        ]);
        let place = (self.bucket, self.key, query.as_str());
        let mut request = request(endpoint, Method::PUT, place, self.body.clone())?;
        insert_md5(&mut request)?;
        Ok(request)
    }

    fn response(&self, response: Response<Bytes>) -> Result<String, Error> {
        etag_of(&checked(response)?).ok_or(Error::Missing("ETag"))
    }
}

/// Joins the parts to one object; returns its ETag.
#[derive(Debug, Clone, Copy)]
pub struct CompleteMultipartUpload<'a> {
    /// Bucket.
    pub bucket: &'a str,
    /// Key.
    pub key: &'a str,
    /// Id of the upload.
    pub upload_id: &'a str,
    /// ETags of the parts, in order.
    pub etags: &'a [String],
}

impl Action for CompleteMultipartUpload<'_> {
    type Output = String;

    fn request(&self, endpoint: &Endpoint) -> Result<Request<Bytes>, Error> {
        let query = form([("uploadId", self.upload_id)]);
        let part = |(number, etag)| {
            format!("<Part><PartNumber>{number}</PartNumber><ETag>&quot;{etag}&quot;</ETag></Part>")
        };
        let parts: String = (1..).zip(self.etags).map(part).collect();
        let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        let place = (self.bucket, self.key, query.as_str());
        request(endpoint, Method::POST, place, body.into())
    }

    fn response(&self, response: Response<Bytes>) -> Result<String, Error> {
        // S3 returns 200 before it has joined the parts, and may then report a failure in the body.
        let response = checked(response)?;
        let text =
            xml::text(response.body(), "ETag").ok_or(Error::Missing("ETag of the object"))?;
        Ok(etag(&text))
    }
}

/// Gives an upload up, so that the store forgets its parts.
#[derive(Debug, Clone, Copy)]
pub struct AbortMultipartUpload<'a> {
    /// Bucket.
    pub bucket: &'a str,
    /// Key.
    pub key: &'a str,
    /// Id of the upload.
    pub upload_id: &'a str,
}

impl Action for AbortMultipartUpload<'_> {
    type Output = ();

    fn request(&self, endpoint: &Endpoint) -> Result<Request<Bytes>, Error> {
        let query = form([("uploadId", self.upload_id)]);
        let place = (self.bucket, self.key, query.as_str());
        request(endpoint, Method::DELETE, place, Bytes::new())
    }

    fn response(&self, response: Response<Bytes>) -> Result<(), Error> {
        checked(response).map(drop)
    }
}

/// Computes the ETag that S3 gives to an object of these parts: the MD5 of their MD5s, and their
/// number.
pub fn multipart_etag(md5s: &[[u8; 16]]) -> String {
    let digest = Md5::digest(md5s.as_flattened());
    format!("{}-{}", hex::encode(digest), md5s.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Addressing;

    #[test]
    fn complete_reads_a_failure_behind_a_200() {
        let complete = CompleteMultipartUpload {
            bucket: "b",
            key: "k",
            upload_id: "u",
            etags: &["1".into()],
        };
        let respond = |body: &str| complete.response(Response::new(body.to_owned().into()));
        let done = "<CompleteMultipartUploadResult><ETag>&quot;5-1&quot;</ETag></CompleteMultipartUploadResult>";
        assert_eq!(respond(done).unwrap(), "5-1");
        let failed = "<Error><Code>InternalError</Code></Error>";
        assert!(matches!(respond(failed), Err(Error::Missing(_))));
    }

    #[test]
    fn upload_ids_are_encoded() {
        let endpoint = Endpoint::parse("http://rgw", Addressing::Path).unwrap();
        let abort = AbortMultipartUpload {
            bucket: "b",
            key: "k",
            upload_id: "2~a/b+c",
        };
        let request = abort.request(&endpoint).unwrap();
        assert_eq!(request.uri(), "http://rgw/b/k?uploadId=2~a%2Fb%2Bc");
    }
}
