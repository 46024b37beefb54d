//! Output keys, and the decision about an event given the stored outputs. Pure functions.

use s3::{ObjectHead, Precondition};

use crate::{
    config::Config,
    deidentify::split_extension,
    dicom::Companion,
    error::Error,
    event::{MAX_KEY_BYTES, ObjectEvent, ObjectRef},
    model::contract::Contract,
    secret::{hmac_sha256, sha256_hex},
    store::metadata::{self, sequencer},
};

/// Returns the key of the processed object: `<stem>-processed.<ext>` in the same folder.
///
/// A key that would grow beyond 1,024 bytes is cut and gets a digest of the whole, so that two
/// sources never share one.
pub fn processed_key(key: &str) -> String {
    beside(key, "-processed")
}

/// Returns the key of a further result of a DICOM object: `<stem>-processed.sr.<ext>` beside the
/// processed object.
pub fn companion_key(key: &str, companion: Companion) -> String {
    beside(key, &format!("-processed.{}", companion.word()))
}

/// Returns a key with `suffix` after its stem.
fn beside(key: &str, suffix: &str) -> String {
    let (folder, file) = match key.rfind('/') {
        Some(at) => key.split_at(at + 1),
        None => ("", key),
    };
    let (stem, extension) = split_extension(file);
    let whole = format!("{folder}{stem}{suffix}{extension}");
    if whole.len() <= MAX_KEY_BYTES {
        return whole;
    }
    let tail = format!("-{}{suffix}", &sha256_hex(key.as_bytes())[..32]);
    // No program goes by an extension this long.
    let extension = if extension.len() <= 16 { extension } else { "" };
    let room = MAX_KEY_BYTES - tail.len() - extension.len();
    let body = format!("{folder}{stem}");
    let cut = (0..=room.min(body.len()))
        .rev()
        .find(|&i| body.is_char_boundary(i))
        .unwrap_or(0);
    format!("{}{tail}{extension}", &body[..cut])
}

/// Returns a keyed digest of the object for logs and reports, 16 hex digits. Without a pseudonym
/// key it is keyed by the store's secret.
pub fn log_digest(object: &ObjectRef, config: &Config) -> String {
    let key = config.pseudonym_key.as_ref().unwrap_or(&config.secret_key);
    let text = format!("xray/log\0{}/{}", object.bucket(), object.key());
    hex::encode(&hmac_sha256(key.expose().as_bytes(), text.as_bytes())[..8])
}

/// Decision about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The stored outputs were made from this very source, model and settings.
    Duplicate,
    /// The stored outputs were made for a later event.
    Stale,
    /// The outputs must be made and stored, the processed one under this precondition.
    Write(Precondition),
}

/// Decides by the response to HEAD of the processed key.
pub(crate) fn decide(
    event: &ObjectEvent,
    stored: Option<&ObjectHead>,
    contract: &Contract,
    settings: &str,
) -> Decision {
    let Some(stored) = stored else {
        return Decision::Write(Precondition::Absent);
    };
    let then = sequencer(stored);
    let out_of_date = out_of_date(event, Some(stored), &contract.model_sha256, settings);
    // Re-uploading identical bytes counts as a new event. Treating it as a duplicate would let an
    // older event that is still in flight overwrite it.
    let later = matches!((&event.sequencer, &then), (Some(now), Some(then)) if now > then);
    if out_of_date.is_none() && !later {
        return Decision::Duplicate;
    }
    match (&event.sequencer, &then) {
        (Some(now), Some(then)) if now < then => Decision::Stale,
        // Reprocessing without an event keeps the sequencer of the object it replaces, whose event
        // may be redelivered.
        (Some(now), Some(then)) if now == then && out_of_date == Some(OutOfDate::SourceChanged) => {
            Decision::Stale
        }
        _ => Decision::Write(Precondition::Unchanged(stored.etag.clone())),
    }
}

/// Reason why a processed object is out of date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfDate {
    /// The processed object does not exist.
    Missing,
    /// It was made from another state of the source.
    SourceChanged,
    /// It was made by another model.
    ModelChanged,
    /// It was made under other settings.
    SettingsChanged,
}

/// Returns why the outputs of an event are out of date; `None` if they were made from this source,
/// model and settings.
///
/// An event without a sequencer, as made from a listing, identifies the source by its ETag alone.
pub fn out_of_date(
    event: &ObjectEvent,
    stored: Option<&ObjectHead>,
    model_sha256: &str,
    settings: &str,
) -> Option<OutOfDate> {
    let Some(stored) = stored else {
        return Some(OutOfDate::Missing);
    };
    let same_version = match (event.object.version(), &event.sequencer) {
        (None, None) => true,
        (version, _) => stored.get(metadata::VERSION) == version.unwrap_or(""),
    };
    let same_source = match &event.etag {
        Some(etag) => stored.get(metadata::ETAG) == etag && same_version,
        None => event.sequencer.is_some() && sequencer(stored) == event.sequencer,
    };
    if !same_source {
        Some(OutOfDate::SourceChanged)
    } else if stored.get(metadata::MODEL) != model_sha256 {
        Some(OutOfDate::ModelChanged)
    } else if stored.get(metadata::SETTINGS) != settings {
        Some(OutOfDate::SettingsChanged)
    } else {
        None
    }
}

/// Relation of a removed source to the processed object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removed {
    /// The processed object was made from a later source.
    Earlier,
    /// The processed object was made from the removed version.
    SameVersion,
    /// The processed object does not decide it; the existence of the source does.
    Unknown,
}

/// Compares a removal with the response to HEAD of the processed key.
pub(crate) fn removed(event: &ObjectEvent, stored: Option<&ObjectHead>) -> Removed {
    let Some(stored) = stored else {
        return Removed::Unknown;
    };
    let version = stored.get(metadata::VERSION);
    match (&event.sequencer, sequencer(stored)) {
        (Some(now), Some(then)) if *now < then => Removed::Earlier,
        _ if !version.is_empty() && event.object.version() == Some(version) => Removed::SameVersion,
        _ => Removed::Unknown,
    }
}

/// Reconstructs the event for which a processed object was made from its metadata.
///
/// # Errors
/// [`Error::Reference`] when the stored version is unusable.
pub(crate) fn made_for(event: &ObjectEvent, stored: &ObjectHead) -> Result<ObjectEvent, Error> {
    let object = ObjectRef::new(
        event.object.bucket(),
        event.object.key(),
        Some(stored.get(metadata::VERSION)),
    )?;
    Ok(ObjectEvent {
        object,
        kind: event.kind,
        etag: Some(stored.get(metadata::ETAG).to_owned()).filter(|e| !e.is_empty()),
        size: None,
        sequencer: sequencer(stored),
    })
}
