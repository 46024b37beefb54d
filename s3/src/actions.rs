//! One type an action: each makes its request and reads its response, without I/O.

mod listing;
mod multipart;
mod objects;

use std::fmt::Write;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use md5::{Digest, Md5};

pub use self::{
    listing::{ListObjects, Listed, Page},
    multipart::{
        AbortMultipartUpload, CompleteMultipartUpload, CreateMultipartUpload, UploadPart,
        multipart_etag,
    },
    objects::{DeleteObject, GetObject, HeadObject, NewObject, Precondition, PutObject},
};
use crate::{Endpoint, Error, Refusal, sigv4::uri_encode};

/// An action of a store.
pub trait Action {
    /// Service that the request is signed for.
    const SERVICE: &'static str = "s3";

    /// Result of a success.
    type Output;

    /// Makes the request, which is to be signed for [`Action::SERVICE`].
    ///
    /// # Errors
    /// [`Error::Uri`] when the bucket's name can't be part of a URI, [`Error::Header`] when a value
    /// can't stand in a header.
    fn request(&self, endpoint: &Endpoint) -> Result<Request<Bytes>, Error>;

    /// Reads the response.
    ///
    /// # Errors
    /// [`Error::Refused`] when the store refused, and when the response lacks what it must have.
    fn response(&self, response: Response<Bytes>) -> Result<Self::Output, Error>;
}

/// Any other request about an object, a bucket or the service; returns the response if it is a
/// success.
#[derive(Debug, Clone, Default)]
pub struct Raw<'a> {
    /// HTTP method.
    pub method: Method,
    /// Bucket; empty for a request about the service.
    pub bucket: &'a str,
    /// Key; empty for a request about the bucket.
    pub key: &'a str,
    /// Everything after the question mark, encoded.
    pub query: &'a str,
    /// Headers, all of which are signed.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Action for Raw<'_> {
    type Output = Response<Bytes>;

    fn request(&self, endpoint: &Endpoint) -> Result<Request<Bytes>, Error> {
        let mut request = request(
            endpoint,
            self.method.clone(),
            (self.bucket, self.key, self.query),
            self.body.clone(),
        )?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }

    fn response(&self, response: Response<Bytes>) -> Result<Response<Bytes>, Error> {
        checked(response)
    }
}

/// An action of the notification service, SNS; returns the body of a success.
///
/// The parameters go in the body, as a form: SNS takes them in the query too, where RGW silently
/// ignores them.
#[derive(Debug, Clone, Copy)]
pub struct Sns<'a> {
    /// Parameters, `Action` among them.
    pub parameters: &'a [(&'a str, &'a str)],
}

impl Action for Sns<'_> {
    const SERVICE: &'static str = "sns";
    type Output = Bytes;

    fn request(&self, endpoint: &Endpoint) -> Result<Request<Bytes>, Error> {
        let body = form(self.parameters.iter().copied());
        let mut request = request(endpoint, Method::POST, ("", "", ""), body.into())?;
        let headers = request.headers_mut();
        insert(headers, "content-type", "application/x-www-form-urlencoded")?;
        Ok(request)
    }

    fn response(&self, response: Response<Bytes>) -> Result<Bytes, Error> {
        Ok(checked(response)?.into_body())
    }
}

/// Encodes parameters as a query or a form.
///
/// ```
/// assert_eq!(s3::form([("Action", "GetTopic"), ("Name", "a b")]), "Action=GetTopic&Name=a%20b");
/// ```
pub fn form<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut form = String::new();
    for (name, value) in parameters {
        if !form.is_empty() {
            form.push('&');
        }
        let name = uri_encode(name.as_bytes(), true);
        let value = uri_encode(value.as_bytes(), true);
        _ = write!(form, "{name}={value}");
    }
    form
}

fn request(
    endpoint: &Endpoint,
    method: Method,
    (bucket, key, query): (&str, &str, &str),
    body: Bytes,
) -> Result<Request<Bytes>, Error> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = endpoint.uri(bucket, key, query)?;
    Ok(request)
}

fn insert(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Error> {
    let field: HeaderName = name.parse().map_err(|_| Error::Header(name.into()))?;
    let value = HeaderValue::from_str(value).map_err(|_| Error::Header(name.into()))?;
    headers.insert(field, value);
    Ok(())
}

/// Has the store check the body against its MD5; RGW ignores the newer `x-amz-checksum-*` before
/// 20.
fn insert_md5(request: &mut Request<Bytes>) -> Result<(), Error> {
    let md5 = STANDARD.encode(Md5::digest(request.body()));
    insert(request.headers_mut(), "content-md5", &md5)
}

fn checked(response: Response<Bytes>) -> Result<Response<Bytes>, Error> {
    Refusal::check(response).map_err(Error::Refused)
}
