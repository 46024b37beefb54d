//! The five requests the function makes of the store, and what the answers mean. No I/O: requests out, answers in.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use md5::{Digest, Md5};

use crate::{error::Error, sigv4::uri_encode};

/// How a bucket is addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// `http://host/bucket/key`.
    Path,
    /// `http://bucket.host/key`.
    VirtualHost,
}

/// Where the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    scheme: &'static str,
    authority: String,
    addressing: Addressing,
}

impl Endpoint {
    /// Reads `http://host[:port]` or `https://host[:port]`.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str, addressing: Addressing) -> Result<Endpoint, String> {
        let (scheme, rest) = if let Some(rest) = text.strip_prefix("http://") {
            ("http", rest)
        } else if let Some(rest) = text.strip_prefix("https://") {
            ("https", rest)
        } else {
            return Err("must begin with http:// or https://".into());
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let valid = authority.parse::<http::uri::Authority>().is_ok_and(|a| {
            // A colon with no port, or one over 65535, parses; the signed host would not be the one that is sent.
            a.port_u16().is_some() || a.as_str() == a.host()
        });
        if !valid || authority.contains(['/', '?', '#', '@']) {
            return Err("must be a scheme, a host and a port and nothing more, as in https://rgw.example.com:8443".into());
        }
        Ok(Endpoint {
            scheme,
            authority: authority.to_owned(),
            addressing,
        })
    }

    /// Scheme and authority, as in `https://rgw.example.com:8443`.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// How buckets are addressed.
    pub fn addressing(&self) -> Addressing {
        self.addressing
    }

    /// The URI of an object. Keys are encoded byte by byte; nothing in them is normalised.
    fn uri(&self, bucket: &str, key: &str, query: Option<String>) -> String {
        let key = uri_encode(key.as_bytes(), false);
        let query = query.map(|q| format!("?{q}")).unwrap_or_default();
        match self.addressing {
            Addressing::Path => {
                format!("{}://{}/{bucket}/{key}{query}", self.scheme, self.authority)
            }
            Addressing::VirtualHost => {
                format!("{}://{bucket}.{}/{key}{query}", self.scheme, self.authority)
            }
        }
    }
}

/// What must be true of the object at the key for a PUT to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// There is none.
    Absent,
    /// Its ETag is this one.
    Unchanged(String),
    /// Nothing: only where it was seen to hold and the store can't tell.
    Seen,
}

/// What is to be stored.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The object's bytes.
    pub body: Bytes,
    /// Its media type.
    pub content_type: &'static str,
    /// User metadata: names without the `x-amz-meta-` prefix, and values of visible ASCII.
    pub metadata: Vec<(&'static str, String)>,
    /// When it may be stored.
    pub precondition: Precondition,
}

impl Endpoint {
    /// GET of an object, of the version it names if it names one, and only if it has this ETag.
    ///
    /// # Errors
    /// [`Error::Uri`] when bucket and key make no URI, [`Error::Header`] when the ETag can't stand in a header.
    pub fn get(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        etag: Option<&str>,
    ) -> Result<Request<Bytes>, Error> {
        let version = version.map(|v| format!("versionId={}", uri_encode(v.as_bytes(), true)));
        let uri = self.uri(bucket, key, version);
        let mut request = self.request(Method::GET, uri)?;
        if let Some(etag) = etag {
            insert(request.headers_mut(), "if-match", etag)?;
        }
        Ok(request)
    }

    /// HEAD of an object.
    ///
    /// # Errors
    /// As [`Endpoint::get`].
    pub fn head(&self, bucket: &str, key: &str) -> Result<Request<Bytes>, Error> {
        self.request(Method::HEAD, self.uri(bucket, key, None))
    }

    /// DELETE of an object.
    ///
    /// # Errors
    /// As [`Endpoint::get`].
    pub fn delete(&self, bucket: &str, key: &str) -> Result<Request<Bytes>, Error> {
        self.request(Method::DELETE, self.uri(bucket, key, None))
    }

    /// PUT of an object under a precondition, with its MD5 (which RGW checks, other than newer checksums).
    ///
    /// # Errors
    /// As [`Endpoint::get`], and when a header's value can't stand in a header.
    pub fn put(&self, bucket: &str, key: &str, upload: &Upload) -> Result<Request<Bytes>, Error> {
        let mut request = self.request(Method::PUT, self.uri(bucket, key, None))?;
        *request.body_mut() = upload.body.clone();
        let headers = request.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(upload.content_type),
        );
        insert(
            headers,
            "content-md5",
            &STANDARD.encode(Md5::digest(&upload.body)),
        )?;
        match &upload.precondition {
            Precondition::Absent => insert(headers, "if-none-match", "*")?,
            // Bare: RGW compares the header with the stored ETag as it stands, so that a quoted one, which the RFC wants,
            // never matches (seen on 16.2.15). AWS, MinIO and s3s take both forms.
            Precondition::Unchanged(etag) => insert(headers, "if-match", etag)?,
            Precondition::Seen => {}
        }
        for (name, value) in &upload.metadata {
            insert(headers, &format!("x-amz-meta-{name}"), value)?;
        }
        Ok(request)
    }

    fn request(&self, method: Method, uri: String) -> Result<Request<Bytes>, Error> {
        Request::builder()
            .method(method)
            .uri(uri)
            .body(Bytes::new())
            .map_err(|_| Error::Uri)
    }
}

fn insert(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Error> {
    let field: header::HeaderName = name.parse().map_err(|_| Error::Header(name.into()))?;
    let value = HeaderValue::from_str(value).map_err(|_| Error::Header(name.into()))?;
    headers.insert(field, value);
    Ok(())
}

/// What HEAD tells of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectHead {
    /// The ETag without quotes.
    pub etag: String,
    /// The version, where the bucket has versions.
    pub version: Option<String>,
    /// User metadata, names in lower case without the prefix.
    pub metadata: Vec<(String, String)>,
}

impl ObjectHead {
    /// Reads the headers of an answer.
    pub fn of<B>(response: &Response<B>) -> ObjectHead {
        let text = |v: &HeaderValue| String::from_utf8_lossy(v.as_bytes()).into_owned();
        let headers = response.headers();
        ObjectHead {
            etag: headers
                .get(header::ETAG)
                .map(text)
                .map(|e| etag(&e))
                .unwrap_or_default(),
            version: headers
                .get("x-amz-version-id")
                .map(text)
                .filter(|v| !v.is_empty() && v != "null"),
            metadata: headers
                .iter()
                .filter_map(|(n, v)| {
                    Some((n.as_str().strip_prefix("x-amz-meta-")?.to_owned(), text(v)))
                })
                .collect(),
        }
    }

    /// The value of one metadata name, empty when it is not there.
    pub fn get(&self, name: &str) -> &str {
        self.metadata
            .iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, v)| v)
    }
}

/// An ETag without its quotes and weakness, as events carry it.
pub fn etag(text: &str) -> String {
    text.trim()
        .trim_start_matches("W/")
        .trim_matches('"')
        .to_owned()
}

/// What an answer means for the step that asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// It worked.
    Fine,
    /// There is no such object or version.
    NoObject,
    /// There is no such bucket.
    NoBucket,
    /// The precondition does not hold.
    PreconditionFailed,
    /// It is encrypted with a key that comes with each request (SSE-C), and none came.
    Encrypted,
    /// Anything else, in words without the object's name.
    Failed(String),
}

/// Reads status and, where there is one, the error code of the body.
pub fn meaning(response: &Response<Bytes>) -> Meaning {
    let status = response.status();
    if status.is_success() {
        return Meaning::Fine;
    }
    let code = error_code(response.body());
    // Only looked into, never repeated: what a store says of an object may name it.
    let message = element(response.body(), "Message").unwrap_or_default();
    if status == StatusCode::BAD_REQUEST && message.contains("Server Side Encryption") {
        return Meaning::Encrypted;
    }
    // RGW says 403 InvalidAccessKeyId when its key service lacks a key, as if ours were wrong (seen on 16.2.15).
    let refused = matches!(status, StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN);
    if refused && message.to_ascii_lowercase().contains("kms") {
        let status = status.as_u16();
        return Meaning::Failed(format!(
            "{status}: the store can't get a key of SSE-KMS; check its key service, and who may use the key"
        ));
    }
    match (status, code) {
        (StatusCode::NOT_FOUND, "NoSuchBucket") => Meaning::NoBucket,
        (StatusCode::NOT_FOUND, _) => Meaning::NoObject,
        // RGW answers GET of a delete marker's version so, S3 as the specification says.
        (StatusCode::METHOD_NOT_ALLOWED, _) => Meaning::NoObject,
        (
            StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT,
            "" | "PreconditionFailed" | "ConditionalRequestConflict",
        ) => Meaning::PreconditionFailed,
        (StatusCode::FORBIDDEN, "SignatureDoesNotMatch") => {
            Meaning::Failed("403 SignatureDoesNotMatch; check s3_secret_key and s3_region".into())
        }
        (StatusCode::FORBIDDEN, "RequestTimeTooSkewed") => {
            Meaning::Failed("403 RequestTimeTooSkewed; set this machine's clock".into())
        }
        (StatusCode::FORBIDDEN, "InvalidAccessKeyId") => {
            Meaning::Failed("403 InvalidAccessKeyId; check s3_access_key".into())
        }
        (StatusCode::FORBIDDEN, code) => Meaning::Failed(
            format!("403 {code}; check the credentials and the bucket's policy")
                .replace("403 ;", "403;"),
        ),
        (status, code) => {
            Meaning::Failed(format!("{} {code}", status.as_u16()).trim_end().to_owned())
        }
    }
}

/// The `<Code>` of an S3 error body.
pub fn error_code(body: &[u8]) -> &str {
    element(body, "Code")
        .filter(|code| code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric()))
        .unwrap_or_default()
}

/// The text of one element of an S3 error body.
fn element<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}
