//! Copies under former names: those that other settings of names gave.
//!
//! A copy's metadata has a keyed digest of its source. A copy whose source is current under another
//! name is superfluous, and its name may say more than the settings want. Sources whose outputs
//! could not be made again keep their copies.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use s3::{Client, Reason};
use xray::{
    config::Config,
    deidentify::{AnonymizedKeys, Pseudonyms},
    event::ObjectRef,
    store::metadata,
};

use super::walk::listing;

/// Sources with current outputs, and hashes of the names that their copies have now.
pub(super) struct Names {
    pseudonyms: Option<Pseudonyms>,
    by_source: HashMap<String, [u64; 2]>,
}

impl Names {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            pseudonyms: Pseudonyms::of(config),
            by_source: HashMap::new(),
        }
    }

    /// Adds a source whose outputs are current.
    pub(super) fn add(&mut self, source: &ObjectRef) {
        if let Some(pseudonyms) = &self.pseudonyms {
            let AnonymizedKeys { base, alternative } =
                pseudonyms.anonymized_keys(source.bucket(), source.key());
            let digest = metadata::source_digest(source, pseudonyms);
            self.by_source
                .insert(digest, [base, alternative].map(|key| hash(&key)));
        }
    }

    /// Reports whether a copy of this source has another name now.
    fn is_former(&self, source: &str, key: &str) -> bool {
        let names = self.by_source.get(source);
        names.is_some_and(|names| !names.contains(&hash(key)))
    }

    /// Removes the copies under former names from a bucket, and returns their number. A missing
    /// bucket has none.
    ///
    /// # Errors
    /// Fails when the store refuses or does not respond.
    pub(super) async fn remove_former(
        &self,
        client: &Client,
        bucket: &str,
        at_a_time: usize,
    ) -> Result<usize> {
        if self.by_source.is_empty() {
            return Ok(0);
        }
        let removed = listing(client, bucket, "")
            .map_ok(async |copy| {
                let head = client.head(bucket, &copy.key).await?;
                let is_former =
                    head.is_some_and(|head| self.is_former(metadata::source_of(&head), &copy.key));
                if is_former {
                    client.delete(bucket, &copy.key).await?;
                }
                anyhow::Ok(usize::from(is_former))
            })
            .try_buffer_unordered(at_a_time)
            .try_fold(0, async |sum, one| Ok(sum + one))
            .await;
        match removed {
            Err(error) if is_missing(&error) => Ok(0),
            removed => removed.with_context(|| {
                format!("looking for copies under former names in {bucket}; some may be left")
            }),
        }
    }
}

fn is_missing(error: &anyhow::Error) -> bool {
    let refusal = error
        .downcast_ref::<s3::Error>()
        .and_then(s3::Error::refusal);
    refusal.is_some_and(|refusal| refusal.reason == Reason::NoSuchBucket)
}

fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
