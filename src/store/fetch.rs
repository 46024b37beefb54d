//! GET of the source, within limits, and only if it still is the object the event is about.

use bytes::Bytes;
use s3::{GetObject, Object, ObjectHead, Reason};

use crate::{
    config::Config,
    deidentify::is_picture_name,
    error::Error,
    event::ObjectEvent,
    picture::{limits::Limits, sniff::is_dicom},
    ports::Ports,
    store::{
        metadata::Source,
        send::{no_etag, refused, send},
    },
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
    /// The store says that the object no longer exists.
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
    // A DICOM object has a limit of its own, and shows only by its bytes what it is.
    let pictures = config.pixels.limits;
    let limits = match is_picture_name(event.object.key()) {
        true => pictures,
        false => Limits {
            max_bytes: pictures.max_bytes.max(config.dicom.max_bytes),
            ..pictures
        },
    };
    limits.check_bytes(event.size.unwrap_or(0))?;
    let get = GetObject {
        bucket: event.object.bucket(),
        key: event.object.key(),
        version: event.object.version(),
        if_match: event.etag.as_deref(),
        first_bytes: None,
    };
    let Object { head, body: bytes } = match send(ports, config, &get, limits.max_bytes).await? {
        Ok(Some(object)) => object,
        Ok(None) => return Ok(Fetched::Gone),
        Err(refusal) => match refusal.reason {
            Reason::PreconditionFailed => return Ok(Fetched::Changed),
            Reason::CustomerKey => return Err(Error::Encrypted),
            _ => return Err(refused(&refusal, get.bucket, "GET of the source")),
        },
    };
    let ObjectHead { etag, version, .. } = head;
    if etag.is_empty() {
        return Err(no_etag(get.bucket, "GET of the source"));
    }
    // Some stores ignore a condition on GET.
    if event
        .etag
        .as_ref()
        .is_some_and(|expected| *expected != etag)
    {
        return Ok(Fetched::Changed);
    }
    let limits = match is_dicom(&bytes) {
        true => Limits {
            max_bytes: config.dicom.max_bytes,
            ..limits
        },
        false => pictures,
    };
    limits.check_bytes(bytes.len() as u64)?;
    Ok(Fetched::Object {
        bytes,
        source: Source { etag, version },
    })
}
