//! Lookup of a picture's outputs in the store.

use anyhow::{Context, Result};
use s3::{Client, ObjectHead};
use xray::{
    config::Config,
    deidentify::{self, Pseudonyms},
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
    let report = decide::report_key(key);
    let may_have_report = exists && !deidentify::is_picture_name(key);
    let has_report = may_have_report && client.head(&buckets.processed, &report).await?.is_some();
    let mut outputs = Outputs {
        processed: exists.then_some(processed),
        report: has_report.then_some(report),
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
