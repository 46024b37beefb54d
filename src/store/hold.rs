//! Holds: the memory of a person's act about a copy, which the function can read.
//!
//! A reviewer who rejects a copy, or covers more of it, first stores an object in the folder
//! [`HOLDS`] of the quarantine bucket. Its name is the keyed digest of the copy's source, so it is
//! found whatever names the settings give the copies. While it is there, every later copy of that
//! source goes to quarantine, where a person decides about it.

use s3::Reason;

use crate::{
    error::Error,
    ports::Ports,
    store::{metadata, outputs::OutputStore, send::probe},
};

/// Folder of the holds in the quarantine bucket.
pub const HOLDS: &str = "xray-hold/";

/// Returns the key of the hold on the copies of a source, by the digest in their metadata.
pub fn hold_key(source: &str) -> String {
    format!("{HOLDS}{source}")
}

/// Reports whether an object of the quarantine bucket is a hold: a copy in a folder of this name
/// has an extension.
pub fn is_hold(key: &str) -> bool {
    let name = key.strip_prefix(HOLDS);
    name.is_some_and(|name| !name.contains(['/', '.']))
}

impl<P: Ports> OutputStore<'_, P> {
    /// Reports whether a person holds the copies of this source. A missing bucket has no holds.
    ///
    /// # Errors
    /// As [`OutputStore::head_processed`].
    pub async fn is_held(&self) -> Result<bool, Error> {
        let Some((bucket, key)) = self.hold() else {
            return Ok(false);
        };
        match probe(self.ports, self.config, bucket, &key).await? {
            Ok(found) => Ok(found.is_some()),
            Err(refusal) if refusal.reason == Reason::NoSuchBucket => Ok(false),
            Err(refusal) => Err(self.refused(&refusal, bucket, "GET")),
        }
    }

    /// Removes the hold on the copies of this source, which is gone.
    ///
    /// # Errors
    /// As [`OutputStore::head_processed`].
    pub async fn remove_hold(&self) -> Result<(), Error> {
        match self.hold() {
            Some((bucket, key)) if self.is_held().await? => self.delete(bucket, &key).await,
            _ => Ok(()),
        }
    }

    /// Returns the bucket and key of the hold, where copies have names and go to quarantine.
    fn hold(&self) -> Option<(&str, String)> {
        let source = metadata::source_digest(&self.event.object, self.pseudonyms()?);
        Some((self.buckets.quarantine.as_deref()?, hold_key(&source)))
    }
}
