//! Pictures from the store, as they are: this process decodes none, browsers do.

use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use s3::Client;
use tokio::sync::Semaphore;
use xray::{config::Config, event::ObjectRef, picture::sniff, store::decide};

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
        self.fetch(&bucket, &key).await
    }

    /// Fetches a source. The caller has checked the role.
    ///
    /// # Errors
    /// When the store does not respond.
    pub async fn source(&self, object: &ObjectRef) -> Result<Option<Picture>> {
        let _place = self.places.acquire().await.context("the page has ended")?;
        self.fetch(object.bucket(), object.key()).await
    }

    async fn fetch(&self, bucket: &str, key: &str) -> Result<Option<Picture>> {
        let object = self.client.get(bucket, key).await;
        let object = object.with_context(|| bucket.to_owned())?;
        Ok(object.and_then(|object| Picture::of(object.body)))
    }
}

impl Picture {
    /// Recognizes a file that browsers show. The store's own header could name a type that a
    /// browser runs.
    pub fn of(bytes: Bytes) -> Option<Self> {
        let content_type = sniff::sniff(&bytes).ok()?.content_type();
        content_type.starts_with("image/").then_some(Self {
            bytes,
            content_type,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_browsers_do_not_show_are_no_pictures() {
        let dicom = [&[0; 128][..], b"DICM"].concat();
        for (file, expect) in [
            (&b"\xFF\xD8\xFF\xE0"[..], Some("image/jpeg")),
            (b"\x89PNG\r\n\x1a\n", Some("image/png")),
            (&dicom, None),
            (b"<html>", None),
        ] {
            let picture = Picture::of(Bytes::copy_from_slice(file));
            assert_eq!(picture.map(|picture| picture.content_type), expect);
        }
    }
}
