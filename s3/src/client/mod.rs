//! A client of the store, as small as the sender, `reprocess`, the demo and the tests need it: signed requests, whole bodies.

mod list;
mod multipart;
mod transport;
pub mod upload;

use std::fmt;

use anyhow::{Context, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use jiff::Timestamp;
use md5::{Digest, Md5};

pub use self::{
    list::{Listed, Page},
    multipart::Multipart,
    transport::Transport,
};
use crate::{
    Credentials, Secret,
    sigv4::{Scope, sign, uri_encode},
};

/// Signs requests for one endpoint and sends them.
#[derive(Debug, Clone)]
pub struct Client {
    endpoint: String,
    is_virtual_host: bool,
    region: String,
    access_key: String,
    secret_key: Secret,
    session_token: Option<Secret>,
    transport: Transport,
}

impl Client {
    /// A client for `http://host:port`, reached through `transport`.
    pub fn new(
        endpoint: impl Into<String>,
        credentials: Credentials,
        transport: Transport,
    ) -> Self {
        let endpoint = endpoint.into().trim_end_matches('/').to_owned();
        Self {
            endpoint,
            is_virtual_host: false,
            region: "us-east-1".into(),
            access_key: credentials.access_key,
            secret_key: Secret::new(credentials.secret_key),
            session_token: None,
            transport,
        }
    }

    /// Signs for this region.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = region.into();
        self
    }

    /// Sends the token that temporary credentials come with.
    #[must_use]
    pub fn session_token(mut self, token: Option<Secret>) -> Self {
        self.session_token = token;
        self
    }

    /// Addresses buckets as `bucket.host`, or by path.
    #[must_use]
    pub fn virtual_host(mut self, is_virtual_host: bool) -> Self {
        self.is_virtual_host = is_virtual_host;
        self
    }

    /// Sends one signed request and brings the answer, whatever its status. Without a bucket it is about the service, without
    /// a key about the bucket.
    ///
    /// `query` is everything after the question mark, encoded and in the order of its names.
    ///
    /// # Errors
    /// When the request can't be made or there is no answer.
    pub async fn send(
        &self,
        method: Method,
        bucket: &str,
        key: &str,
        query: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Bytes>> {
        let key = uri_encode(key.as_bytes(), false);
        let path = match self.endpoint.split_once("://") {
            _ if bucket.is_empty() => format!("{}/", self.endpoint),
            Some((scheme, host)) if self.is_virtual_host => {
                format!("{scheme}://{bucket}.{host}/{key}")
            }
            _ => format!("{}/{bucket}/{key}", self.endpoint),
        };
        let uri = if query.is_empty() {
            path
        } else {
            format!("{path}?{query}")
        };
        let mut request = Request::builder().method(method).uri(uri).body(body)?;
        *request.headers_mut() = headers;
        self.send_signed(request, "s3").await
    }

    /// Sends an action of the notification service: its parameters go in the body, as a form. In the query, which
    /// SNS takes too, Ceph's gateway ignores them.
    ///
    /// # Errors
    /// When the request can't be made or there is no answer.
    pub async fn sns(&self, parameters: &[(&str, &str)]) -> Result<Response<Bytes>> {
        let pair = |(name, value): &(&str, &str)| {
            let encoded = |text: &str| uri_encode(text.as_bytes(), true);
            format!("{}={}", encoded(name), encoded(value))
        };
        let form = parameters.iter().map(pair).collect::<Vec<_>>().join("&");
        let request = Request::post(format!("{}/", self.endpoint))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.into())?;
        self.send_signed(request, "sns").await
    }

    async fn send_signed(
        &self,
        mut request: Request<Bytes>,
        service: &str,
    ) -> Result<Response<Bytes>> {
        let payload = request.body().clone();
        let scope = Scope {
            access_key: &self.access_key,
            secret_key: &self.secret_key,
            session_token: self.session_token.as_ref(),
            region: &self.region,
            service,
        };
        sign(&mut request, &payload, &scope, Timestamp::now())?;
        // RGW wants a length of those that may have a body, even of one that is empty.
        if !payload.is_empty() || matches!(*request.method(), Method::PUT | Method::POST) {
            let headers = request.headers_mut();
            headers.insert(header::CONTENT_LENGTH, payload.len().into());
        }
        self.transport.send(request).await
    }

    /// Stores an object and returns its ETag without quotes. The store checks the bytes against their MD5.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn put(&self, bucket: &str, key: &str, kind: &str, body: Bytes) -> Result<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, kind.parse()?);
        headers.insert("content-md5", STANDARD.encode(Md5::digest(&body)).parse()?);
        let answer = self
            .send(Method::PUT, bucket, key, "", headers, body)
            .await?;
        check(&answer)?;
        etag(&answer)
    }

    /// Fetches an object with its headers; `None` if there is none.
    ///
    /// # Errors
    /// When the store answers with anything else than the object or 404.
    pub async fn get(&self, bucket: &str, key: &str) -> Result<Option<Response<Bytes>>> {
        self.read(Method::GET, bucket, key).await
    }

    /// Fetches an object's headers; `None` if there is none.
    ///
    /// # Errors
    /// When the store answers with anything else than the headers or 404.
    pub async fn head(&self, bucket: &str, key: &str) -> Result<Option<Response<Bytes>>> {
        self.read(Method::HEAD, bucket, key).await
    }

    /// Deletes an object; it is no error if there is none.
    ///
    /// # Errors
    /// When the store does not do it.
    pub async fn delete(&self, bucket: &str, key: &str) -> Result<()> {
        let none = HeaderMap::new();
        check(
            &self
                .send(Method::DELETE, bucket, key, "", none, Bytes::new())
                .await?,
        )
    }

    async fn read(
        &self,
        method: Method,
        bucket: &str,
        key: &str,
    ) -> Result<Option<Response<Bytes>>> {
        let none = HeaderMap::new();
        let answer = self
            .send(method, bucket, key, "", none, Bytes::new())
            .await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        check(&answer)?;
        Ok(Some(answer))
    }
}

/// An answer that is no success: its status and the store's own code, with nothing of the object in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The status.
    pub status: StatusCode,
    /// The text of `<Code>`, empty where the answer has none.
    pub code: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store answered {} {}", self.status, self.code)
    }
}

impl std::error::Error for Refused {}

fn check(answer: &Response<Bytes>) -> Result<()> {
    if answer.status().is_success() {
        return Ok(());
    }
    let code = crate::error_code(answer.body()).to_owned();
    let status = answer.status();
    Err(Refused { status, code }.into())
}

/// The text of the first element of this name, as it stands there.
fn element(body: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.to_owned())
}

/// The answer's ETag without quotes.
///
/// # Errors
/// When there is none.
pub fn etag(answer: &Response<Bytes>) -> Result<String> {
    let etag = answer.headers().get(header::ETAG);
    let etag = etag.context("the store gave no ETag")?;
    Ok(crate::etag(etag.to_str()?))
}
