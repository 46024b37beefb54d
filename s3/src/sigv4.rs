//! AWS Signature Version 4 in headers, stage by stage. Pure: the time is a parameter.
//!
//! After "AWS Signature Version 4 signing process" and, for S3, "Authenticating Requests: Using the
//! Authorization Header". S3 encodes each path segment once and normalizes nothing; a key's `..`
//! and `//` are signed as they are.

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header, header::HeaderName};
use sha2::{Digest, Sha256};

use crate::{Secret, body::PayloadHash, error::Error};

/// Identity and scope of a signature.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Access key.
    pub access_key: &'a str,
    /// Secret key.
    pub secret_key: &'a Secret,
    /// Session token of temporary credentials.
    pub session_token: Option<&'a Secret>,
    /// Region: any text that the store accepts.
    pub region: &'a str,
    /// Service: `s3`, or `sns` for RGW's topics.
    pub service: &'a str,
}

/// Returns the SHA-256 of the data in lower-case hex.
pub fn sha256_hex(data: &[u8]) -> String {
    hex::encode(Sha256::digest(data))
}

/// Computes HMAC-SHA-256 (RFC 2104) under a key of any length.
pub fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; 32] {
    // HMAC accepts keys of every length. The unreachable fallback only keeps a panic out of the
    // code.
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(data);
            mac.finalize().into_bytes().into()
        }
        Err(_) => Sha256::digest([key, data].concat()).into(),
    }
}

/// Percent-encodes all bytes but the unreserved characters of RFC 3986, and `/` unless `slash`.
///
/// ```
/// assert_eq!(s3::sigv4::uri_encode("a b/é+".as_bytes(), false), "a%20b/%C3%A9%2B");
/// ```
pub fn uri_encode(text: &[u8], slash: bool) -> String {
    let mut out = String::with_capacity(text.len() * 3);
    for &b in text {
        match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(b as char)
            }
            b'/' if !slash => out.push('/'),
            _ => {
                out.push('%');
                out.push_str(&hex::encode_upper([b]));
            }
        }
    }
    out
}

/// Sorts a query's encoded parameters by name and value; a bare name gets an empty value.
pub fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(&str, &str)> = query
        .split('&')
        .filter(|p| !p.is_empty())
        .map(|p| p.split_once('=').unwrap_or((p, "")))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// Returns the headers' names in lower case, sorted and joined by `;`.
pub fn signed_headers(headers: &HeaderMap) -> String {
    let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names.join(";")
}

/// Stage 1: makes the canonical request. `path` is encoded already; every header given is signed.
pub fn canonical_request(
    method: &str,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    payload_hash: &str,
) -> String {
    let mut names: Vec<&HeaderName> = headers.keys().collect();
    names.sort_unstable_by_key(|n| n.as_str());
    let mut lines = String::new();
    for name in names {
        let values: Vec<String> = headers
            .get_all(name)
            .iter()
            .map(|v| {
                let text = String::from_utf8_lossy(v.as_bytes()).into_owned();
                text.split_whitespace().collect::<Vec<_>>().join(" ")
            })
            .collect();
        lines.push_str(&format!("{}:{}\n", name.as_str(), values.join(",")));
    }
    format!(
        "{method}\n{path}\n{}\n{lines}\n{}\n{payload_hash}",
        canonical_query(query),
        signed_headers(headers)
    )
}

/// Stage 2: makes the string to sign. `amz_date` is `YYYYMMDDTHHMMSSZ`.
pub fn string_to_sign(amz_date: &str, region: &str, service: &str, canonical: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256\n{amz_date}\n{}\n{}",
        credential_scope(amz_date, region, service),
        sha256_hex(canonical.as_bytes())
    )
}

/// Returns `YYYYMMDD/region/service/aws4_request`.
pub fn credential_scope(amz_date: &str, region: &str, service: &str) -> String {
    format!(
        "{}/{region}/{service}/aws4_request",
        amz_date.get(..8).unwrap_or(amz_date)
    )
}

/// Stage 3: makes the signature, in lower-case hex.
pub fn signature(
    secret: &Secret,
    amz_date: &str,
    region: &str,
    service: &str,
    to_sign: &str,
) -> String {
    let date = amz_date.get(..8).unwrap_or(amz_date);
    let key = hmac_sha256(
        format!("AWS4{}", secret.expose()).as_bytes(),
        date.as_bytes(),
    );
    let key = [region, service, "aws4_request"]
        .iter()
        .fold(key, |key, part| hmac_sha256(&key, part.as_bytes()));
    hex::encode(hmac_sha256(&key, to_sign.as_bytes()))
}

/// Formats a time as `YYYYMMDDTHHMMSSZ` in UTC.
pub fn amz_date(time: jiff::Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Signs a request: adds `x-amz-date`, `x-amz-content-sha256`, the session token and
/// `authorization`, and then `content-length`.
///
/// The signature covers `host`, as the sender rebuilds it from the authority (with a port only
/// where it is not the scheme's default), and every header that is on the request now. Headers that
/// senders add or change, as `traceparent`, must not be among them yet; that is why the length is
/// added after signing.
///
/// # Errors
/// [`Error::AccessKey`] or [`Error::SessionToken`] when one can't stand in a header.
pub fn sign(
    request: &mut Request<Bytes>,
    scope: &Scope<'_>,
    time: jiff::Timestamp,
) -> Result<(), Error> {
    let date = amz_date(time);
    let payload_hash = match request.extensions_mut().remove::<PayloadHash>() {
        Some(PayloadHash(known)) => known,
        None => sha256_hex(request.body()),
    };
    let headers = request.headers_mut();
    insert(headers, "x-amz-date", &date)?;
    insert(headers, "x-amz-content-sha256", &payload_hash)?;
    if let Some(token) = scope.session_token {
        insert(headers, "x-amz-security-token", token.expose()).map_err(|_| Error::SessionToken)?;
    }
    let mut signed = request.headers().clone();
    if let Ok(host) = HeaderValue::from_str(&host(request.uri())) {
        signed.insert(header::HOST, host);
    }
    let canonical = canonical_request(
        request.method().as_str(),
        request.uri().path(),
        request.uri().query().unwrap_or_default(),
        &signed,
        &payload_hash,
    );
    let to_sign = string_to_sign(&date, scope.region, scope.service, &canonical);
    let signature = signature(
        scope.secret_key,
        &date,
        scope.region,
        scope.service,
        &to_sign,
    );
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={signature}",
        scope.access_key,
        credential_scope(&date, scope.region, scope.service),
        signed_headers(&signed),
    );
    let mut authorization = HeaderValue::from_str(&authorization).map_err(|_| Error::AccessKey)?;
    authorization.set_sensitive(true);
    let length = request.body().len();
    // RGW wants the length of a PUT or POST even if it is zero. Without one a body would be sent in
    // chunks, which S3 refuses.
    let needs_length = length > 0 || matches!(*request.method(), Method::PUT | Method::POST);
    let headers = request.headers_mut();
    headers.insert(header::AUTHORIZATION, authorization);
    if needs_length {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    Ok(())
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<(), Error> {
    let value = HeaderValue::from_str(value).map_err(|_| Error::Header(name.into()))?;
    headers.insert(name, value);
    Ok(())
}

/// Returns the `host` header for a URI: its authority, with the port only where it is not the
/// scheme's default.
fn host(uri: &Uri) -> String {
    let name = uri.host().unwrap_or_default();
    match (uri.scheme_str(), uri.port_u16()) {
        (Some("http"), Some(80)) | (Some("https"), Some(443)) | (_, None) => name.to_owned(),
        (_, Some(port)) => format!("{name}:{port}"),
    }
}
