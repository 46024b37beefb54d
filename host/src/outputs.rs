//! Lookup of a picture's outputs in the store.

use anyhow::{Context, Result};
use s3::{Client, ObjectHead};
use xray::{
    config::Config,
    deidentify::{self, Pseudonyms},
    dicom::Companion,
    event::ObjectRef,
    store::{decide, metadata},
};

/// Keys of a picture's outputs, if they exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outputs {
    /// Key of the labeled picture.
    pub processed: Option<String>,
    /// Key of the structured report on a DICOM object.
    pub report: Option<String>,
    /// Key of the presentation state of a DICOM object.
    pub presentation: Option<String>,
    /// Key of the anonymized copy.
    pub anonymized: Option<String>,
    /// Key of the copy in quarantine.
    pub quarantined: Option<String>,
}

/// Looks up the outputs of a picture.
///
/// # Errors
/// When the store does not respond, or the key is invalid.
pub async fn outputs_of(
    client: &Client,
    config: &Config,
    bucket: &str,
    key: &str,
) -> Result<Outputs> {
    let buckets = config.buckets(bucket);
    let processed = decide::processed_key(key);
    let exists = client.head(&buckets.processed, &processed).await?.is_some();
    // Pictures have none, so that they need no further request.
    let may_have_more = exists && !deidentify::is_picture_name(key);
    let further = async |companion| -> Result<Option<String>> {
        let key = decide::companion_key(key, companion);
        let exists = may_have_more && client.head(&buckets.processed, &key).await?.is_some();
        Ok(exists.then_some(key))
    };
    let mut outputs = Outputs {
        processed: exists.then_some(processed),
        report: further(Companion::Report).await?,
        presentation: further(Companion::Presentation).await?,
        ..Outputs::default()
    };
    if let Some(pseudonyms) = Pseudonyms::of(config) {
        let object = ObjectRef::new(bucket, key, None).context("invalid object key")?;
        let keys = pseudonyms.anonymized_keys(bucket, key);
        let keys = [keys.base, keys.alternative];
        let copy_in = async |bucket: &str| -> Result<Option<String>> {
            let mut copy = None;
            for key in &keys {
                let found = client.head(bucket, key).await?;
                let ours = |head: ObjectHead| metadata::is_made_from(&head, &object, &pseudonyms);
                if found.is_some_and(ours) {
                    copy = Some(key.clone());
                }
            }
            Ok(copy)
        };
        outputs.anonymized = copy_in(&buckets.anonymized).await?;
        if let Some(bucket) = &buckets.quarantine {
            outputs.quarantined = copy_in(bucket).await?;
        }
    }
    Ok(outputs)
}
