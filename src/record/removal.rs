//! Removal of the outputs of a removed source, if `remove_outputs` is set.
//!
//! An event alone does not prove that a source is gone: it may be late, or about one version of
//! several. So the store is asked, and asked again afterwards, because the outputs of a new
//! source's event that came meanwhile would have been removed with the rest.

use http::StatusCode;
use s3::{HeadObject, ObjectHead};

use crate::{
    config::Config,
    deidentify::is_picture_name,
    dicom::Companion,
    error::{Error, Reason},
    event::{EventKind, ObjectEvent, ObjectRef},
    ports::Ports,
    report::Stored,
    store::copies::{Names, Place},
    store::decide::{self, Removed},
    store::metadata,
    store::outputs::OutputStore,
    store::send::{no_etag, probe, refused, send},
};

/// Result of a removal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Removal {
    /// Reason for removing nothing.
    pub skipped: Option<Reason>,
    /// State of the processed object, if it was looked for.
    pub processed: Option<Stored>,
    /// State of the redacted copies, if they were looked for.
    pub anonymized: Option<Stored>,
    /// Source that exists now and whose outputs must be made: it was stored while the others were
    /// removed, or became visible because the version that hid it was removed.
    pub source: Option<ObjectEvent>,
    /// Failure to ask for the source again after the outputs were removed.
    pub unconfirmed: Option<Error>,
}

impl Removal {
    fn skipped(reason: Reason) -> Removal {
        Removal {
            skipped: Some(reason),
            ..Removal::default()
        }
    }
}

/// Removes the outputs of a source that is gone.
///
/// # Errors
/// [`Error::Store`] when the store refuses or fails.
pub async fn remove_outputs(
    ports: &impl Ports,
    config: &Config,
    event: &ObjectEvent,
) -> Result<Removal, Error> {
    let outputs = OutputStore::new(ports, config, event);
    let stored = outputs.look_for_processed().await?;
    match decide::removed(event, stored.as_ref()) {
        Removed::Earlier => return Ok(Removal::skipped(Reason::Stale)),
        Removed::SameVersion => {}
        Removed::Unknown => {
            let source = current_source(ports, config, event).await?;
            if source.is_some() && stored.is_some() {
                return Ok(Removal::skipped(Reason::SourceExists));
            } else if source.is_some() {
                return Ok(Removal {
                    source,
                    ..Removal::default()
                });
            }
        }
    }
    // The processed object first: its presence means that all outputs are there.
    let had_processed = stored.as_ref().is_some_and(metadata::is_processed);
    if had_processed {
        outputs.remove_processed().await?;
    }
    // Only a DICOM object has any; an interrupted attempt may have stored them alone.
    for companion in Companion::ALL {
        let is_named = |stored| metadata::has_companion(stored, companion);
        if !is_picture_name(event.object.key()) || stored.as_ref().is_some_and(is_named) {
            outputs.remove_companion(companion).await?;
        }
    }
    let had_anonymized = outputs.remove_copies(Place::Anonymized, Names::All).await?;
    let had_quarantined = outputs.remove_copies(Place::Quarantine, Names::All).await?;
    let had_copies = had_anonymized || had_quarantined;
    let state = |removed| match removed {
        true => Stored::Removed,
        false => Stored::NotDue,
    };
    let (source, unconfirmed) = match current_source(ports, config, event).await {
        Ok(source) => (source, None),
        Err(error) => (None, Some(error)),
    };
    let had_none = source.is_none() && !had_processed && !had_copies;
    Ok(Removal {
        skipped: had_none.then_some(Reason::NoOutputs),
        processed: Some(state(had_processed)),
        anonymized: Some(match outputs.pseudonyms() {
            Some(_) => state(had_copies),
            None => Stored::NoKey,
        }),
        source,
        unconfirmed,
    })
}

/// Returns the source as it is now, as an event without a sequencer; `None` only if the store's
/// document says that it is gone.
///
/// # Errors
/// As [`remove_outputs`].
pub async fn current_source(
    ports: &impl Ports,
    config: &Config,
    event: &ObjectEvent,
) -> Result<Option<ObjectEvent>, Error> {
    let (bucket, key) = (event.object.bucket(), event.object.key());
    let head = match send(ports, config, &HeadObject { bucket, key }, 0).await? {
        Ok(Some(head)) if head.etag.is_empty() => {
            return Err(no_etag(bucket, "HEAD of the source"));
        }
        Ok(Some(head)) => head,
        Ok(None) => match probe(ports, config, bucket, key).await? {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(None),
            Err(refusal) => return Err(refused(&refusal, bucket, "GET of the source")),
        },
        // HEAD on an SSE-C object returns a bare 400 with no error body.
        Err(refusal) if refusal.status == StatusCode::BAD_REQUEST => ObjectHead::default(),
        Err(refusal) => return Err(refused(&refusal, bucket, "HEAD of the source")),
    };
    Ok(Some(ObjectEvent {
        object: ObjectRef::new(bucket, key, None)?,
        kind: EventKind::Created,
        etag: Some(head.etag).filter(|etag| !etag.is_empty()),
        size: None,
        sequencer: None,
    }))
}
