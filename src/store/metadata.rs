//! Metadata of the outputs, by which later events are compared with them.

use s3::ObjectHead;

use crate::{
    deidentify::Pseudonyms,
    dicom::Companion,
    event::{ObjectEvent, ObjectRef, Sequencer},
    model::contract::Contract,
};

/// ETag of the source; on the processed object like those down to [`SETTINGS`].
pub(super) const ETAG: &str = "xray-source-etag";
/// Version of the source.
pub(super) const VERSION: &str = "xray-source-version";
/// Sequencer of the event.
const SEQUENCER: &str = "xray-sequencer";
/// SHA-256 of the model; a keyed digest of it on the anonymized object.
pub(super) const MODEL: &str = "xray-model";
/// Digest of the settings; a keyed digest of it on the anonymized object.
pub(super) const SETTINGS: &str = "xray-settings";
/// Words of the further results beside the processed object.
const COMPANIONS: &str = "xray-report";
/// Keyed digest of the source; on the anonymized object.
const SOURCE: &str = "xray-source";
/// Keyed digest of the source's state; on the anonymized object.
const STATE: &str = "xray-state";

/// Reason for which a copy is in quarantine; only there.
pub const REASON: &str = "xray-reason";

/// Metadata of a redacted copy, wherever it is.
pub const OF_COPIES: [&str; 4] = [SOURCE, STATE, MODEL, SETTINGS];

/// State of a fetched source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// ETag without quotes.
    pub etag: String,
    /// Version, if the bucket is versioned.
    pub version: Option<String>,
}

impl Source {
    /// Returns the version that the event names, or else the one that was fetched.
    fn version<'a>(&'a self, event: &'a ObjectEvent) -> &'a str {
        let named = event.object.version();
        // An event with a sequencer would name the version if there were any.
        let fetched = self
            .version
            .as_deref()
            .filter(|_| event.sequencer.is_none());
        named.or(fetched).unwrap_or("")
    }
}

/// Returns the metadata of the processed object; `replaced` is the one it overwrites.
pub(crate) fn processed(
    event: &ObjectEvent,
    source: &Source,
    contract: &Contract,
    settings: &str,
    replaced: Option<&ObjectHead>,
) -> Vec<(&'static str, String)> {
    // Reprocessing without an event has no sequencer; it must not lose the one that later decisions
    // need.
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

/// Returns the metadata of the anonymized object: keyed digests only, because the source's ETag
/// would lead back to it.
pub(crate) fn anonymized(
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

/// Returns the sequencer of the event for which a processed object was made.
pub(super) fn sequencer(stored: &ObjectHead) -> Option<Sequencer> {
    Sequencer::from_stored(stored.get(SEQUENCER))
}

/// Reports whether the object is a processed one of this function, which records its source.
pub(crate) fn is_processed(stored: &ObjectHead) -> bool {
    !stored.get(ETAG).is_empty()
}

/// Names the further results that a processed object has beside it in its metadata.
pub(crate) fn name_companions(
    metadata: &mut Vec<(&'static str, String)>,
    companions: impl Iterator<Item = Companion>,
) {
    let words: Vec<&str> = companions.map(Companion::word).collect();
    if !words.is_empty() {
        metadata.push((COMPANIONS, words.join(" ")));
    }
}

/// Reports whether a processed object has such a result beside it.
pub(crate) fn has_companion(stored: &ObjectHead, companion: Companion) -> bool {
    let mut words = stored.get(COMPANIONS).split(' ');
    words.any(|word| word == companion.word())
}

/// Reports whether a processed object was made under the settings of this digest.
pub(crate) fn has_settings(stored: &ObjectHead, settings: &str) -> bool {
    stored.get(SETTINGS) == settings
}

/// Returns the keyed digest of the source of a copy; empty for any other object.
pub fn source_of(stored: &ObjectHead) -> &str {
    stored.get(SOURCE)
}

/// Reports whether an anonymized object was made from this source.
pub fn is_made_from(stored: &ObjectHead, object: &ObjectRef, pseudonyms: &Pseudonyms) -> bool {
    stored.get(SOURCE) == source_digest(object, pseudonyms)
}

/// Returns the keyed digest of a source that its copies carry.
pub fn source_digest(object: &ObjectRef, pseudonyms: &Pseudonyms) -> String {
    pseudonyms.digest(
        "source",
        &format!("{}/{}", object.bucket(), object.key()),
        32,
    )
}
