//! GET of the source, within limits, and only if it still is the object the event is about.

use bytes::Bytes;
use s3::{Meaning, ObjectHead, meaning};

use crate::{
    config::Config,
    error::Error,
    event::ObjectEvent,
    ports::Ports,
    store::{metadata::Source, send::send_signed},
};

/// Result of a GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// The object.
    Object {
        /// Its bytes.
        bytes: Bytes,
        /// Its state.
        source: Source,
    },
    /// The object no longer exists.
    Gone,
    /// The object has been overwritten; its own event is still to come or has come.
    Changed,
}

/// Fetches the object an event is about.
///
/// # Errors
/// [`Error::TooLarge`] beyond the limit on bytes, before the GET if the event says the size;
/// [`Error::Store`] when the store refuses or fails.
pub(crate) async fn fetch(
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
    // Some stores ignore a condition on GET.
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
        source: Source { etag, version },
    })
}
