//! Pictures from the store, as they are: this process decodes none, browsers do. DICOM objects are
//! shown by the function's component. A picture that is not there is drawn as a card that says why.

use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use s3::Client;
use tokio::sync::Semaphore;
use xray::{config::Config, event::ObjectRef, picture::sniff, store::decide};

use super::{access::roles::Kind, live::Row, module::Module};
use crate::outputs::outputs_of;

/// Pictures that are fetched at a time: each is in memory as a whole.
const AT_A_TIME: usize = 4;

/// Reads pictures of rows.
pub struct Pictures {
    client: Client,
    module: Option<Module>,
    places: Arc<Semaphore>,
}

/// A picture and its media type.
pub struct Picture {
    /// The file.
    pub bytes: Bytes,
    /// `image/jpeg`, `image/png`, or `image/svg+xml` for a card.
    pub content_type: &'static str,
}

impl Pictures {
    /// Reads with this client's keys, and shows DICOM objects if there is a component for it.
    pub fn new(client: Client, module: Option<Module>) -> Self {
        Self {
            client,
            module,
            places: Arc::new(Semaphore::new(AT_A_TIME)),
        }
    }

    /// Fetches a picture of a row, or a card if it is no longer there. The caller has checked the
    /// role.
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
                let is_released = outputs.anonymized.is_some();
                match kind {
                    Kind::Anonymized => outputs.anonymized.map(|key| (buckets.anonymized, key)),
                    _ if is_released && outputs.quarantined.is_none() => {
                        return Ok(Some(Picture::card(["Released", "from quarantine"])));
                    }
                    _ => buckets.quarantine.zip(outputs.quarantined),
                }
            }
        };
        let found = match place {
            Some((bucket, key)) => self.fetch(&bucket, &key).await?,
            None => None,
        };
        let gone = match kind {
            Kind::Quarantined => ["Rejected,", "or replaced"],
            _ => ["No longer", "in the store"],
        };
        Ok(Some(found.unwrap_or_else(|| Picture::card(gone))))
    }

    /// Fetches a source. The caller has checked the role.
    ///
    /// # Errors
    /// When the store does not respond.
    pub async fn source(&self, object: &ObjectRef) -> Result<Option<Picture>> {
        let _place = self.places.acquire().await.context("the page has ended")?;
        self.fetch(object.bucket(), object.key()).await
    }

    /// Fetches a copy for its review, when there is a place, and shows it; `None` if it is gone.
    ///
    /// # Errors
    /// When the store or the function's component does not respond.
    pub async fn of_review(
        &self,
        fetch: impl Future<Output = Result<Option<Bytes>>>,
    ) -> Result<Option<Picture>> {
        let _place = self.places.acquire().await.context("the page has ended")?;
        match fetch.await? {
            Some(file) => self.show(file).await.map(Some),
            None => Ok(None),
        }
    }

    async fn fetch(&self, bucket: &str, key: &str) -> Result<Option<Picture>> {
        let object = self.client.get(bucket, key).await;
        let object = object.with_context(|| bucket.to_owned())?;
        match object {
            Some(object) => self.show(object.body).await.map(Some),
            None => Ok(None),
        }
    }

    /// Returns a file as browsers show it: a picture as it is, a DICOM object as a PNG.
    ///
    /// # Errors
    /// When the function's component does not respond.
    async fn show(&self, file: Bytes) -> Result<Picture> {
        if let Some(picture) = Picture::of(file.clone()) {
            return Ok(picture);
        }
        let is_dicom = sniff::is_dicom(&file);
        let Some(module) = self.module.as_ref().filter(|_| is_dicom) else {
            let what = if is_dicom { "A DICOM object" } else { "A file" };
            return Ok(Picture::card([what, "not shown here"]));
        };
        let shown = module.shown(file).await?;
        let picture = shown.and_then(Picture::of);
        Ok(picture.unwrap_or_else(|| Picture::card(["A DICOM object", "not shown here"])))
    }
}

impl Picture {
    /// Draws two lines of text.
    pub fn card([first, second]: [&'static str; 2]) -> Self {
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 144 144\" width=\"720\" height=\"720\">\
             <rect width=\"144\" height=\"144\" fill=\"#1b2530\"/><g fill=\"#dfe7ee\" font-family=\"system-ui, sans-serif\" \
             font-size=\"18\" text-anchor=\"middle\"><text x=\"72\" y=\"68\">{first}</text><text x=\"72\" y=\"92\">{second}</text>\
             </g></svg>"
        );
        Self {
            bytes: svg.into(),
            content_type: "image/svg+xml",
        }
    }

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

    #[tokio::test]
    async fn pictures_of_a_review_wait_for_a_place() {
        let endpoint = s3::Endpoint::parse("http://store.example", s3::Addressing::Path);
        let never = s3::Transport::from_fn(|_| std::future::pending());
        let keys = s3::Credentials::new("a", "b");
        let pictures = Pictures::new(Client::new(endpoint.unwrap(), keys, never), None);
        let begun = std::cell::Cell::new(0);
        let go = Semaphore::new(0);
        let fetch = || async {
            begun.set(begun.get() + 1);
            _ = go.acquire().await?;
            Ok(Some(Bytes::from_static(b"\xFF\xD8\xFF\xE0")))
        };
        let all = (0..3 * AT_A_TIME).map(|_| pictures.of_review(fetch()));
        let mut all = std::pin::pin!(futures_util::future::join_all(all));
        assert!(futures_util::poll!(&mut all).is_pending());
        assert_eq!(begun.get(), AT_A_TIME);
        go.add_permits(1);
        let shown = all.await;
        assert!(shown.into_iter().all(|one| one.unwrap().is_some()));
    }

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
