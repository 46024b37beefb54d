//! Single objects: GET, HEAD, PUT and DELETE.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};

use super::{Action, checked, insert, request};
use crate::{
    Body, Endpoint, Error, Object, ObjectHead, Refusal, etag, object::METADATA_PREFIX,
    refusal::Reason, sigv4::uri_encode,
};

/// GET of an object; `None` if the store's document says that there is no such object or version.
#[derive(Debug, Clone, Copy, Default)]
pub struct GetObject<'a> {
    /// Bucket.
    pub bucket: &'a str,
    /// Key.
    pub key: &'a str,
    /// Version; without one the latest.
    pub version: Option<&'a str>,
    /// ETag that the object must have. Some stores ignore the condition on GET: compare the
    /// response's ETag too.
    pub if_match: Option<&'a str>,
    /// Number of bytes to read from the start; without one all. A store refuses any range of an
    /// empty object with 416.
    pub first_bytes: Option<u32>,
}

impl Action for GetObject<'_> {
    type Output = Option<Object>;

    fn request(&self, endpoint: &Endpoint) -> Result<Request<Bytes>, Error> {
        let query = self.version.map_or_else(String::new, |version| {
            format!("versionId={}", uri_encode(version.as_bytes(), true))
        });
        let place = (self.bucket, self.key, query.as_str());
        let mut request = request(endpoint, Method::GET, place, Bytes::new())?;
        if let Some(etag) = self.if_match {
            insert(request.headers_mut(), "if-match", etag)?;
        }
        if let Some(last) = self.first_bytes.and_then(|count| count.checked_sub(1)) {
            insert(request.headers_mut(), "range", &format!("bytes=0-{last}"))?;
        }
        Ok(request)
    }

    fn response(&self, response: Response<Bytes>) -> Result<Option<Object>, Error> {
        match Refusal::in_bucket(&response, self.bucket) {
            None => Ok(Some(Object {
                head: ObjectHead::of(&response),
                body: response.into_body(),
            })),
            // 405 is about a version that is a delete marker.
            Some(refusal)
                if refusal.reason == Reason::NoSuchObject
                    && (refusal.status == StatusCode::NOT_FOUND || self.version.is_some()) =>
            {
                Ok(None)
            }
            Some(refusal) => Err(refusal.into()),
        }
    }
}

/// HEAD of an object; `None` on 404. A response to HEAD has no document, so the object may be
/// missing, or the bucket, or the endpoint is not the store's. Where that matters, ask by
/// [`GetObject`] with [`GetObject::first_bytes`].
#[derive(Debug, Clone, Copy, Default)]
pub struct HeadObject<'a> {
    /// Bucket.
    pub bucket: &'a str,
    /// Key.
    pub key: &'a str,
}

impl Action for HeadObject<'_> {
    type Output = Option<ObjectHead>;

    fn request(&self, endpoint: &Endpoint) -> Result<Request<Bytes>, Error> {
        let place = (self.bucket, self.key, "");
        request(endpoint, Method::HEAD, place, Bytes::new())
    }

    fn response(&self, response: Response<Bytes>) -> Result<Option<ObjectHead>, Error> {
        match Refusal::of(&response) {
            None => Ok(Some(ObjectHead::of(&response))),
            Some(refusal) if refusal.status == StatusCode::NOT_FOUND => Ok(None),
            Some(refusal) => Err(refusal.into()),
        }
    }
}

/// Precondition of a PUT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// There is no object at the key.
    Absent,
    /// The object at the key has this ETag.
    Unchanged(String),
    /// Something is at the key, though GET finds no object: the null delete marker that a DELETE
    /// leaves in a bucket with suspended versioning. [`Precondition::Absent`] never holds there
    /// (seen on RGW 16.2.15 and 18.2.7).
    Marked,
    /// None: the condition was seen to hold, and the store can't check it.
    Seen,
}

/// An object to store.
#[derive(Debug, Clone)]
pub struct NewObject {
    /// Bytes.
    pub body: Body,
    /// Media type.
    pub content_type: &'static str,
    /// User metadata: names without their prefix, and values of visible ASCII.
    pub metadata: Vec<(&'static str, String)>,
    /// Precondition.
    pub precondition: Precondition,
}

/// PUT of an object in one piece; returns its ETag, if the response has one. The store checks the
/// bytes against their MD5.
#[derive(Debug, Clone, Copy)]
pub struct PutObject<'a> {
    /// Bucket.
    pub bucket: &'a str,
    /// Key.
    pub key: &'a str,
    /// The object.
    pub object: &'a NewObject,
}

impl Action for PutObject<'_> {
    type Output = Option<String>;

    fn request(&self, endpoint: &Endpoint) -> Result<Request<Bytes>, Error> {
        let object = self.object;
        let place = (self.bucket, self.key, "");
        let mut request = request(endpoint, Method::PUT, place, object.body.bytes().clone())?;
        let digests = object.body.digests();
        request.extensions_mut().insert(digests.sha256.clone());
        insert(request.headers_mut(), "content-md5", &digests.md5)?;
        let headers = request.headers_mut();
        insert(headers, "content-type", object.content_type)?;
        match &object.precondition {
            Precondition::Absent => insert(headers, "if-none-match", "*")?,
            // Without quotes: RGW compares the header with the stored ETag verbatim, so that a
            // quoted one, which the RFC wants, never matches (seen on 16.2.15). AWS, MinIO and s3s
            // take both forms.
            Precondition::Unchanged(etag) => insert(headers, "if-match", etag)?,
            Precondition::Marked => insert(headers, "if-match", "*")?,
            Precondition::Seen => {}
        }
        for (name, value) in &object.metadata {
            insert(headers, &format!("{METADATA_PREFIX}{name}"), value)?;
        }
        Ok(request)
    }

    fn response(&self, response: Response<Bytes>) -> Result<Option<String>, Error> {
        Ok(etag_of(&checked(response)?))
    }
}

/// DELETE of an object; succeeds if it does not exist.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeleteObject<'a> {
    /// Bucket.
    pub bucket: &'a str,
    /// Key.
    pub key: &'a str,
}

impl Action for DeleteObject<'_> {
    type Output = ();

    fn request(&self, endpoint: &Endpoint) -> Result<Request<Bytes>, Error> {
        let place = (self.bucket, self.key, "");
        request(endpoint, Method::DELETE, place, Bytes::new())
    }

    fn response(&self, response: Response<Bytes>) -> Result<(), Error> {
        match Refusal::in_bucket(&response, self.bucket) {
            Some(refusal) if refusal.reason != Reason::NoSuchObject => Err(refusal.into()),
            _ => Ok(()),
        }
    }
}

/// Returns the ETag in a response.
pub(super) fn etag_of(response: &Response<Bytes>) -> Option<String> {
    let value = response.headers().get(http::header::ETAG)?;
    Some(etag(&String::from_utf8_lossy(value.as_bytes())))
}
