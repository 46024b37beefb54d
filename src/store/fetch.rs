//! Gets the source, within limits, and only if it is still what the event is about.

use bytes::Bytes;
use s3::{
    Meaning, ObjectHead, meaning,
    sigv4::{self, Scope},
};

use crate::{
    config::Config,
    error::Error,
    event::ObjectEvent,
    ports::{Ports, SendError},
};

/// The largest error body or other small answer that is read, in bytes.
const SMALL: u64 = 64 << 10;

/// What a GET brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The object and its ETag.
    Object {
        /// Its bytes.
        bytes: Bytes,
        /// Its ETag, without quotes.
        etag: String,
        /// Its version, where the bucket has versions.
        version: Option<String>,
    },
    /// There is no such object any more.
    Gone,
    /// It is another object by now, whose own event will come or has come.
    Changed,
}

/// Signs a request and sends it; answers up to `limit` bytes.
///
/// # Errors
/// [`Error::Store`] when no answer came, [`Error::TooLarge`] when it is over `limit`.
pub async fn send_signed(
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
    let payload = request.body().clone();
    sigv4::sign(&mut request, &payload, &scope, ports.now())?;
    if !payload.is_empty() {
        // Set after signing, since hosts may set it themselves; without it the body would go out in chunks, which S3 refuses.
        request
            .headers_mut()
            .insert(http::header::CONTENT_LENGTH, payload.len().into());
    }
    ports
        .send(request, limit.max(SMALL))
        .await
        .map_err(|e| match e {
            SendError::Transport(kind) => {
                Error::Store(format!("no answer from s3_endpoint: {kind}"))
            }
            SendError::TooLarge { limit } => Error::TooLarge {
                what: "the object, in bytes,",
                limit,
            },
        })
}

/// Gets the object an event is about.
///
/// # Errors
/// [`Error::TooLarge`] beyond the limit on bytes, before anything is fetched where the event tells the size;
/// [`Error::Store`] when the store refuses or fails.
pub async fn fetch(
    ports: &impl Ports,
    config: &Config,
    event: &ObjectEvent,
) -> Result<Fetched, Error> {
    let limits = &config.pixels.limits;
    limits.check_bytes(event.size.unwrap_or(0))?;
    let request = config.endpoint.get(
        event.object.bucket(),
        event.object.key(),
        event.object.version(),
        event.etag.as_deref(),
    )?;
    let response = send_signed(ports, config, request, limits.max_bytes).await?;
    match meaning(&response) {
        Meaning::Fine => {}
        Meaning::NoObject | Meaning::NoBucket => return Ok(Fetched::Gone),
        Meaning::PreconditionFailed => return Ok(Fetched::Changed),
        Meaning::Encrypted => return Err(Error::Encrypted),
        Meaning::Failed(words) => return Err(Error::Store(format!("GET of the source: {words}"))),
    }
    let ObjectHead { etag, version, .. } = ObjectHead::of(&response);
    // Some stores take no notice of a condition on GET.
    if event
        .etag
        .as_ref()
        .is_some_and(|expected| *expected != etag)
    {
        return Ok(Fetched::Changed);
    }
    let bytes = response.into_body();
    limits.check_bytes(bytes.len() as u64)?;
    Ok(Fetched::Object {
        bytes,
        etag,
        version,
    })
}
