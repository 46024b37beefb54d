//! A source was removed: where `remove_outputs` says so, what was made of it goes too.
//!
//! An event alone does not say that a source is gone: it may be late, or about one version of several. So the store is asked,
//! and asked again afterwards, because what a new source's event has stored meanwhile would have gone with the rest.

use http::StatusCode;
use s3::{Meaning, ObjectHead, meaning};

use crate::{
    config::Config,
    error::Error,
    event::{EventKind, ObjectEvent, ObjectRef},
    ports::Ports,
    report::{Report, Stored},
    store::decide::{self, Removed},
    store::fetch::send_signed,
    store::outputs::{OutputStore, Place},
};

/// Removes the outputs of a source that is gone. Gives back the source that is there now, if its outputs have to be made: it
/// was put while the others were removed, or it has come to light because what lay over it was removed.
///
/// # Errors
/// [`Error::Store`] when the store refuses or fails.
pub async fn follow(
    ports: &impl Ports,
    config: &Config,
    event: &ObjectEvent,
    report: &mut Report,
) -> Result<Option<ObjectEvent>, Error> {
    let outputs = OutputStore::new(ports, config, event);
    let stored = outputs.head_processed().await?;
    match decide::removed(event, stored.as_ref()) {
        Removed::Earlier => {
            report.skip("stale");
            return Ok(None);
        }
        Removed::ItsVersion => {}
        Removed::Unknown => {
            let there = source(ports, config, event).await?;
            if there.is_some() && stored.is_some() {
                report.skip("source-exists");
                return Ok(None);
            } else if there.is_some() {
                return Ok(there);
            }
        }
    }
    // The processed object first: while it is there it means that all is there.
    let ours = stored.is_some_and(|stored| decide::is_processed(&stored));
    if ours {
        outputs.remove_processed().await?;
    }
    let anonymized = outputs.remove_copies(Place::Anonymized, true).await?;
    let copies = outputs.remove_copies(Place::Quarantine, true).await? || anonymized;
    let said = |removed| {
        if removed {
            Stored::Removed
        } else {
            Stored::NotDue
        }
    };
    report.processed = Some(said(ours));
    report.anonymized = Some(match outputs.pseudonyms() {
        Some(_) => said(copies),
        None => Stored::NoKey,
    });
    let there = source(ports, config, event).await?;
    if there.is_none() && !ours && !copies {
        report.skip("no-outputs");
    }
    Ok(there)
}

/// The source as it is now, as an event without a place in the order.
async fn source(
    ports: &impl Ports,
    config: &Config,
    event: &ObjectEvent,
) -> Result<Option<ObjectEvent>, Error> {
    let (bucket, key) = (event.object.bucket(), event.object.key());
    let request = config.endpoint.head(bucket, key)?;
    let response = send_signed(ports, config, request, 0).await?;
    let there = match meaning(&response) {
        Meaning::NoObject | Meaning::NoBucket => false,
        Meaning::Fine | Meaning::Encrypted => true,
        // So a HEAD of what is encrypted with a customer's key ends, without a body that would say it.
        Meaning::Failed(_) if response.status() == StatusCode::BAD_REQUEST => true,
        Meaning::PreconditionFailed => return Err(Error::Store("HEAD of the source: 412".into())),
        Meaning::Failed(words) => {
            return Err(Error::Store(format!("HEAD of the source: {words}")));
        }
    };
    if !there {
        return Ok(None);
    }
    Ok(Some(ObjectEvent {
        object: ObjectRef::new(bucket, key, None)?,
        kind: EventKind::Created,
        etag: Some(ObjectHead::of(&response).etag).filter(|etag| !etag.is_empty()),
        size: None,
        sequencer: None,
    }))
}
