//! Signed requests to the store.

use bytes::Bytes;
use http::StatusCode;
use s3::{
    Action, Addressing, GetObject, ObjectHead, Reason, Refusal,
    sigv4::{self, Scope},
};

use crate::{
    config::Config,
    error::Error,
    ports::{Ports, SendError},
};

/// Limit on an error body or another small response, in bytes.
const SMALL: u64 = 64 << 10;

/// Sends an action and reads its response, of up to `limit` bytes. The caller judges a refusal.
///
/// # Errors
/// [`Error::Store`] without a response, [`Error::TooLarge`] for one over `limit`.
pub async fn send<A: Action>(
    ports: &impl Ports,
    config: &Config,
    action: &A,
    limit: u64,
) -> Result<Result<A::Output, Refusal>, Error> {
    let request = action.request(&config.endpoint)?;
    let response = send_signed(ports, config, request, limit).await?;
    match action.response(response) {
        Ok(output) => Ok(Ok(output)),
        Err(s3::Error::Refused(refusal)) => Ok(Err(refusal)),
        Err(error) => Err(error.into()),
    }
}

async fn send_signed(
    ports: &impl Ports,
    config: &Config,
    mut request: http::Request<Bytes>,
    limit: u64,
) -> Result<http::Response<Bytes>, Error> {
    let scope = Scope {
        access_key: &config.access_key,
        secret_key: &config.secret_key,
        session_token: config.session_token.as_ref(),
        region: &config.region,
        service: "s3",
    };
    sigv4::sign(&mut request, &scope, ports.now())?;
    // Each bucket has a host name of its own there, which may be missing in the DNS.
    let host = match config.endpoint.addressing() {
        Addressing::VirtualHost => format!(" for the host {}", request.uri().host().unwrap_or("")),
        Addressing::Path => String::new(),
    };
    ports
        .send(request, limit.max(SMALL))
        .await
        .map_err(|error| match error {
            SendError::Transport(kind) => {
                Error::Store(format!("no response from s3_endpoint{host}: {kind}"))
            }
            SendError::TooLarge { limit } => Error::TooLarge {
                what: "the object, in bytes,",
                limit,
            },
        })
}

/// Looks for an object by a GET of its first byte; `None` only if the store's document says that
/// the object is gone. HEAD has no document, so its 404 may also come from an ingress, or mean that
/// the bucket is missing.
///
/// # Errors
/// As [`send`].
pub async fn probe(
    ports: &impl Ports,
    config: &Config,
    bucket: &str,
    key: &str,
) -> Result<Result<Option<ObjectHead>, Refusal>, Error> {
    let get = GetObject {
        bucket,
        key,
        first_bytes: Some(1),
        ..GetObject::default()
    };
    Ok(match send(ports, config, &get, 0).await? {
        Ok(object) => Ok(object.map(|object| object.head)),
        // An empty object has no first byte.
        Err(refusal) if refusal.status == StatusCode::RANGE_NOT_SATISFIABLE => {
            Ok(Some(ObjectHead::default()))
        }
        Err(refusal) => Err(refusal),
    })
}

/// Turns a refusal into an error that names the bucket.
pub(crate) fn refused(refusal: &Refusal, bucket: &str, what: &str) -> Error {
    match refusal.reason {
        Reason::NoSuchBucket => Error::Bucket(format!(
            "{what}: the bucket {bucket} does not exist; create it"
        )),
        Reason::NotFound => Error::Bucket(format!("{what} in {bucket}: {}", describe(refusal))),
        _ => Error::Store(format!("{what} in {bucket}: {}", describe(refusal))),
    }
}

/// The failure of a response without an ETag, which another server has sent than a gateway.
pub(crate) fn no_etag(bucket: &str, what: &str) -> Error {
    Error::Store(format!(
        "{what} in {bucket}: the response has no ETag; check that s3_endpoint is an S3 gateway's"
    ))
}

/// Describes a refusal by the names of this function's settings.
pub(crate) fn describe(refusal: &Refusal) -> String {
    let remedy = match refusal.reason {
        Reason::AccessKey => "check s3_access_key",
        Reason::Signature => "check s3_secret_key and s3_region",
        Reason::NotFound => {
            "check that the bucket exists, and that s3_endpoint and s3_style are its gateway's"
        }
        _ => return refusal.to_string(),
    };
    format!("{}; {remedy}", refusal.summary())
}
