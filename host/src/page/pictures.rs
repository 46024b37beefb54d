//! Pictures from the store, as they are: this process decodes none, browsers do.

use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use s3::Client;
use tokio::sync::Semaphore;
use xray::{config::Config, picture::sniff, store::decide};

use super::{access::roles::Kind, live::Row};
use crate::outputs::outputs_of;

/// Pictures that are fetched at a time: each is in memory as a whole.
const AT_A_TIME: usize = 4;

/// Reads pictures of rows.
pub struct Pictures {
    client: Client,
    places: Arc<Semaphore>,
}

/// A picture and its media type.
pub struct Picture {
    /// The file.
    pub bytes: Bytes,
    /// `image/jpeg` or `image/png`.
    pub content_type: &'static str,
}

impl Pictures {
    /// Reads with this client's keys.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            places: Arc::new(Semaphore::new(AT_A_TIME)),
        }
    }

    /// Fetches a picture of a row. The caller has checked the role.
    ///
    /// # Errors
    /// When the store does not respond.
    pub async fn get(&self, config: &Config, row: &Row, kind: Kind) -> Result<Option<Picture>> {
        let Some(object) = &row.object else {
            return Ok(None);
        };
        let _place = self.places.acquire().await.context("the page has ended")?;
        let (input, key) = (object.bucket(), object.key());
        let buckets = config.buckets(input);
        let place = match kind {
            Kind::Source => Some((buckets.input, key.to_owned())),
            Kind::Processed => Some((buckets.processed, decide::processed_key(key))),
            Kind::Anonymized | Kind::Quarantined => {
                let outputs = outputs_of(&self.client, config, input, key).await?;
                match kind {
                    Kind::Anonymized => outputs.anonymized.map(|key| (buckets.anonymized, key)),
                    _ => buckets.quarantine.zip(outputs.quarantined),
                }
            }
        };
        let Some((bucket, key)) = place else {
            return Ok(None);
        };
        let Some(object) = self.client.get(&bucket, &key).await.context(bucket)? else {
            return Ok(None);
        };
        // The store's own header could name a type that a browser runs.
        let Ok(format) = sniff::sniff(&object.body) else {
            return Ok(None);
        };
        Ok(Some(Picture {
            content_type: format.content_type(),
            bytes: object.body,
        }))
    }
}
