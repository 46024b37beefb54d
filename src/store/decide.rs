//! What is stored where: output keys, metadata, and what to do given what is stored already. Pure decisions.

use s3::{ObjectHead, Precondition};

use crate::{
    config::Config,
    deidentify::{Pseudonyms, split_extension},
    error::Error,
    event::{MAX_KEY_BYTES, ObjectEvent, ObjectRef, Sequencer},
    model::contract::Contract,
    secret::{hmac_sha256, sha256_hex},
};

/// Metadata names on the processed object.
const ETAG: &str = "xray-source-etag";
const VERSION: &str = "xray-source-version";
const SEQUENCER: &str = "xray-sequencer";
const MODEL: &str = "xray-model";
const SETTINGS: &str = "xray-settings";
/// On the anonymized object: a keyed digest of what it was made from.
const SOURCE: &str = "xray-source";
/// On the anonymized object: a keyed digest of the state it was made from.
const STATE: &str = "xray-state";

/// The key of the processed object: `<stem>-processed.<ext>` in the same folder.
///
/// A key that would grow beyond 1,024 bytes is cut and gets a digest of the whole, so that two sources never share one.
pub fn processed_key(key: &str) -> String {
    let (folder, file) = match key.rfind('/') {
        Some(at) => key.split_at(at + 1),
        None => ("", key),
    };
    let (stem, extension) = split_extension(file);
    let whole = format!("{folder}{stem}-processed{extension}");
    if whole.len() <= MAX_KEY_BYTES {
        return whole;
    }
    let tail = format!("-{}-processed", &sha256_hex(key.as_bytes())[..32]);
    // An extension this long is none that anything goes by.
    let extension = if extension.len() <= 16 { extension } else { "" };
    let room = MAX_KEY_BYTES - tail.len() - extension.len();
    let body = format!("{folder}{stem}");
    let cut = (0..=room.min(body.len()))
        .rev()
        .find(|&i| body.is_char_boundary(i))
        .unwrap_or(0);
    format!("{}{tail}{extension}", &body[..cut])
}

/// True when the bucket is one of our own outputs: an event from there must do nothing, or we would feed ourselves.
pub fn is_own_output(bucket: &str, config: &Config) -> bool {
    [&config.processed_suffix, &config.anonymized_suffix]
        .into_iter()
        .chain(&config.quarantine_suffix)
        .any(|suffix| bucket.ends_with(suffix))
}

/// A keyed digest of the object for logs and reports, 16 hex digits. Without a pseudonym key it is keyed by the store's secret.
pub fn log_digest(object: &ObjectRef, config: &Config) -> String {
    let key = config.pseudonym_key.as_ref().unwrap_or(&config.secret_key);
    let text = format!("xray/log\0{}/{}", object.bucket(), object.key());
    hex::encode(&hmac_sha256(key.expose().as_bytes(), text.as_bytes())[..8])
}

/// What the store holds for an event, and so what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The outputs of this very source, model and settings are there.
    Duplicate,
    /// What is there was made from a later event.
    Stale,
    /// Make and store the outputs, the processed one under this precondition.
    Write(Precondition),
}

/// Decides by what HEAD found at the processed key.
pub fn decide(
    event: &ObjectEvent,
    stored: Option<&ObjectHead>,
    contract: &Contract,
    settings: &str,
) -> Decision {
    let Some(stored) = stored else {
        return Decision::Write(Precondition::Absent);
    };
    let then = sequencer(stored);
    let lack = lack(event, Some(stored), &contract.model_sha256, settings);
    // The same bytes put again are a later event: if it were a duplicate, one between the two that is still at work would win.
    let later = matches!((&event.sequencer, &then), (Some(now), Some(then)) if now > then);
    if lack.is_none() && !later {
        return Decision::Duplicate;
    }
    match (&event.sequencer, &then) {
        (Some(now), Some(then)) if now < then => Decision::Stale,
        // Work without an event keeps the sequencer of what it replaces, whose event may come again.
        (Some(now), Some(then)) if now == then && lack == Some(Lack::Source) => Decision::Stale,
        _ => Decision::Write(Precondition::Unchanged(stored.etag.clone())),
    }
}

/// What makes a processed object out of date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// There is none.
    Missing,
    /// It was made from another state of the source.
    Source,
    /// Another model made it.
    Model,
    /// Other settings made it.
    Settings,
}

/// What is out of date about the outputs of an event; `None` if they are those of this source, model and settings.
///
/// An event without a sequencer, as a listing gives it, knows the source by its ETag alone.
pub fn lack(
    event: &ObjectEvent,
    stored: Option<&ObjectHead>,
    model_sha256: &str,
    settings: &str,
) -> Option<Lack> {
    let Some(stored) = stored else {
        return Some(Lack::Missing);
    };
    let same_version = match (event.object.version(), &event.sequencer) {
        (None, None) => true,
        (version, _) => stored.get(VERSION) == version.unwrap_or(""),
    };
    let same_source = match &event.etag {
        Some(etag) => stored.get(ETAG) == etag && same_version,
        None => event.sequencer.is_some() && sequencer(stored) == event.sequencer,
    };
    if !same_source {
        Some(Lack::Source)
    } else if stored.get(MODEL) != model_sha256 {
        Some(Lack::Model)
    } else if stored.get(SETTINGS) != settings {
        Some(Lack::Settings)
    } else {
        None
    }
}

fn sequencer(stored: &ObjectHead) -> Option<Sequencer> {
    Sequencer::from_stored(stored.get(SEQUENCER))
}

/// What a removal is about, as far as the processed object tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// A source earlier than the one that it was made from.
    Earlier,
    /// The very version that it was made from.
    ItsVersion,
    /// Any other; whether the source is still there decides.
    Unknown,
}

/// Compares a removal with what HEAD found at the processed key.
pub fn removed(event: &ObjectEvent, stored: Option<&ObjectHead>) -> Removed {
    let Some(stored) = stored else {
        return Removed::Unknown;
    };
    let version = stored.get(VERSION);
    match (&event.sequencer, sequencer(stored)) {
        (Some(now), Some(then)) if *now < then => Removed::Earlier,
        _ if !version.is_empty() && event.object.version() == Some(version) => Removed::ItsVersion,
        _ => Removed::Unknown,
    }
}

/// True when the object is a processed one of ours, which says what it was made from.
pub fn is_processed(stored: &ObjectHead) -> bool {
    !stored.get(ETAG).is_empty()
}

/// The event that a processed object was made for, as its metadata tells it.
pub fn made_for(event: &ObjectEvent, stored: &ObjectHead) -> Result<ObjectEvent, Error> {
    let object = ObjectRef::new(
        event.object.bucket(),
        event.object.key(),
        Some(stored.get(VERSION)),
    )?;
    Ok(ObjectEvent {
        object,
        kind: event.kind,
        etag: Some(stored.get(ETAG).to_owned()).filter(|e| !e.is_empty()),
        size: None,
        sequencer: Sequencer::from_stored(stored.get(SEQUENCER)),
    })
}

/// The state of a source that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its ETag, without quotes.
    pub etag: String,
    /// Its version, where the bucket has versions.
    pub version: Option<String>,
}

impl Source {
    /// The version that the event names, or else the one that was fetched.
    fn version<'a>(&'a self, event: &'a ObjectEvent) -> &'a str {
        let named = event.object.version();
        // An event that knows its place in the order would name the version if there were any.
        let fetched = self
            .version
            .as_deref()
            .filter(|_| event.sequencer.is_none());
        named.or(fetched).unwrap_or("")
    }
}

/// The processed object's metadata.
pub fn processed_metadata(
    event: &ObjectEvent,
    source: &Source,
    contract: &Contract,
    settings: &str,
    replaced: Option<&ObjectHead>,
) -> Vec<(&'static str, String)> {
    // Work that is done again without an event has no sequencer; it must not lose the one that later decisions need.
    let sequencer = match (&event.sequencer, replaced) {
        (Some(sequencer), _) => sequencer.stored(),
        (None, Some(replaced)) => replaced.get(SEQUENCER),
        (None, None) => "",
    };
    [
        (ETAG, source.etag.as_str()),
        (VERSION, source.version(event)),
        (SEQUENCER, sequencer),
        (MODEL, contract.model_sha256.as_str()),
        (SETTINGS, settings),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name, value.to_owned()))
    .collect()
}

/// The anonymized object's metadata: keyed digests only, because the source's ETag would be a way back.
pub fn anonymized_metadata(
    event: &ObjectEvent,
    source: &Source,
    contract: &Contract,
    settings: &str,
    pseudonyms: &Pseudonyms,
) -> Vec<(&'static str, String)> {
    let sequencer = event
        .sequencer
        .as_ref()
        .map(Sequencer::stored)
        .unwrap_or("");
    let (etag, version) = (&source.etag, source.version(event));
    let state = format!("{etag}\0{version}\0{sequencer}");
    vec![
        (SOURCE, source_digest(&event.object, pseudonyms)),
        (STATE, pseudonyms.digest("state", &state, 32)),
        (
            MODEL,
            pseudonyms.digest("model", &contract.model_sha256, 32),
        ),
        (SETTINGS, pseudonyms.digest("settings", settings, 32)),
    ]
}

/// True when an anonymized object was made from this source.
pub fn is_made_from(stored: &ObjectHead, object: &ObjectRef, pseudonyms: &Pseudonyms) -> bool {
    stored.get(SOURCE) == source_digest(object, pseudonyms)
}

fn source_digest(object: &ObjectRef, pseudonyms: &Pseudonyms) -> String {
    pseudonyms.digest(
        "source",
        &format!("{}/{}", object.bucket(), object.key()),
        32,
    )
}
