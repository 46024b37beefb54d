//! The output buckets of one event: asking what is there, putting and removing.

use bytes::Bytes;
use s3::{Meaning, ObjectHead, Precondition, Upload, meaning};

use crate::{
    config::Config,
    deidentify::{AnonymizedKeys, Pseudonyms},
    error::Error,
    event::ObjectEvent,
    ports::Ports,
    store::decide,
    store::fetch::send_signed,
};

/// How a conditional PUT ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is stored.
    Stored,
    /// Somebody else was there first; look and decide again.
    Raced,
}

/// Where a redacted copy is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the bucket of anonymized copies.
    Anonymized,
    /// In the bucket of those that are not clean for sure.
    Quarantine,
}

/// Where a redacted copy goes, and under which precondition.
pub struct Slot {
    bucket: String,
    key: String,
    precondition: Precondition,
}

/// The outputs of one event.
pub struct OutputStore<'a, P> {
    ports: &'a P,
    config: &'a Config,
    event: &'a ObjectEvent,
    processed_bucket: String,
    processed_key: String,
    anonymized_bucket: String,
    quarantine_bucket: Option<String>,
    names: Option<(Pseudonyms, AnonymizedKeys)>,
}

impl<'a, P: Ports> OutputStore<'a, P> {
    /// Names the outputs of `event`; the anonymized one has no name without a pseudonym key.
    pub fn new(ports: &'a P, config: &'a Config, event: &'a ObjectEvent) -> Self {
        let (bucket, key) = (event.object.bucket(), event.object.key());
        let names = config.pseudonym_key.clone().map(|secret| {
            let pseudonyms = Pseudonyms::new(secret, config.study_id, config.exam_date);
            let keys = pseudonyms.anonymized_keys(bucket, key);
            (pseudonyms, keys)
        });
        OutputStore {
            ports,
            config,
            event,
            processed_bucket: format!("{bucket}{}", config.processed_suffix),
            processed_key: decide::processed_key(key),
            anonymized_bucket: format!("{bucket}{}", config.anonymized_suffix),
            quarantine_bucket: config
                .quarantine_suffix
                .as_ref()
                .map(|suffix| format!("{bucket}{suffix}")),
            names,
        }
    }

    /// The pseudonyms, if there is a key for them.
    pub fn pseudonyms(&self) -> Option<&Pseudonyms> {
        self.names.as_ref().map(|(pseudonyms, _)| pseudonyms)
    }

    /// What is at the processed key.
    ///
    /// # Errors
    /// [`Error::Store`] when the store refuses or fails, or the bucket is missing.
    pub async fn head_processed(&self) -> Result<Option<ObjectHead>, Error> {
        self.head(&self.processed_bucket, &self.processed_key).await
    }

    /// Puts the processed object.
    ///
    /// # Errors
    /// As [`OutputStore::head_processed`].
    pub async fn put_processed(&self, upload: &Upload) -> Result<Put, Error> {
        self.put(&self.processed_bucket, &self.processed_key, upload)
            .await
    }

    /// Removes the processed object.
    ///
    /// # Errors
    /// As [`OutputStore::head_processed`].
    pub async fn remove_processed(&self) -> Result<(), Error> {
        self.delete(&self.processed_bucket, &self.processed_key)
            .await
    }

    /// The bucket of a place; none where such copies are not kept.
    fn bucket(&self, place: Place) -> Option<&str> {
        match place {
            Place::Anonymized => Some(&self.anonymized_bucket),
            Place::Quarantine => self.quarantine_bucket.as_deref(),
        }
    }

    /// Whether copies are kept there at all.
    pub fn keeps(&self, place: Place) -> bool {
        self.bucket(place).is_some()
    }

    /// Where this event's redacted copy goes: to its name, or, where that belongs to another source or a copy of this one
    /// is there already, to its alternative. None without a pseudonym key, and where such copies are not kept.
    ///
    /// In quarantine it is always the alternative, which no other source has: whoever lets a copy go moves it under that name, and must
    /// not replace what another picture of the same patient and day has left among the anonymized ones.
    ///
    /// # Errors
    /// As [`OutputStore::head_processed`].
    pub async fn slot(&self, place: Place, existed: bool) -> Result<Option<Slot>, Error> {
        let Some(((pseudonyms, keys), bucket)) = self.names.as_ref().zip(self.bucket(place)) else {
            return Ok(None);
        };
        let ours = |head: &ObjectHead| decide::is_made_from(head, &self.event.object, pseudonyms);
        let at = |key: &str, head: Option<ObjectHead>| Slot {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            precondition: head.map_or(Precondition::Absent, |h| Precondition::Unchanged(h.etag)),
        };
        if place == Place::Quarantine {
            let head = self.head(bucket, &keys.alternative).await?;
            return Ok(Some(at(&keys.alternative, head)));
        }
        // Once an alternative is in use it stays so, even when the name has become free: one source has one copy.
        if existed && let Some(head) = self.head(bucket, &keys.alternative).await? {
            return Ok(Some(at(&keys.alternative, Some(head))));
        }
        match self.head(bucket, &keys.base).await? {
            Some(head) if !ours(&head) => {
                let head = self.head(bucket, &keys.alternative).await?;
                Ok(Some(at(&keys.alternative, head)))
            }
            head => Ok(Some(at(&keys.base, head))),
        }
    }

    /// Puts a redacted copy into its slot.
    ///
    /// # Errors
    /// As [`OutputStore::head_processed`].
    pub async fn put_copy(&self, slot: &Slot, mut upload: Upload) -> Result<Put, Error> {
        upload.precondition = slot.precondition.clone();
        self.put(&slot.bucket, &slot.key, &upload).await
    }

    /// Removes the redacted copies that were made from this source and are kept at a place, and says whether there was one. Where nothing
    /// was stored for it (`existed`) only the name itself can hold one, left by work that broke off: one HEAD.
    ///
    /// # Errors
    /// As [`OutputStore::head_processed`].
    pub async fn remove_copies(&self, place: Place, existed: bool) -> Result<bool, Error> {
        let Some(((pseudonyms, keys), bucket)) = self.names.as_ref().zip(self.bucket(place)) else {
            return Ok(false);
        };
        let mut removed = false;
        let names = match (place, existed) {
            (Place::Quarantine, _) => vec![&keys.alternative],
            (Place::Anonymized, false) => vec![&keys.base],
            (Place::Anonymized, true) => vec![&keys.base, &keys.alternative],
        };
        for key in names {
            let found = self.head(bucket, key).await?;
            if found.is_some_and(|h| decide::is_made_from(&h, &self.event.object, pseudonyms)) {
                self.delete(bucket, key).await?;
                removed = true;
            }
        }
        Ok(removed)
    }

    async fn head(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, Error> {
        let request = self.config.endpoint.head(bucket, key)?;
        let response = send_signed(self.ports, self.config, request, 0).await?;
        match meaning(&response) {
            // HEAD has no body to tell a missing bucket from a missing object; the PUT will.
            Meaning::NoObject | Meaning::NoBucket => Ok(None),
            _ => self
                .check(&response, bucket, "HEAD")
                .map(|()| Some(ObjectHead::of(&response))),
        }
    }

    async fn delete(&self, bucket: &str, key: &str) -> Result<(), Error> {
        let request = self.config.endpoint.delete(bucket, key)?;
        let response = send_signed(self.ports, self.config, request, 0).await?;
        match meaning(&response) {
            Meaning::NoObject => Ok(()),
            _ => self.check(&response, bucket, "DELETE"),
        }
    }

    async fn put(&self, bucket: &str, key: &str, upload: &Upload) -> Result<Put, Error> {
        match (
            self.try_put(bucket, key, upload).await?,
            &upload.precondition,
        ) {
            (Put::Raced, Precondition::Unchanged(etag)) => {
                // In a bucket with versions RGW holds a condition against the version that is about to be made, so that it
                // never holds (seen on 16.2.15). Where what we saw is still there, that is what happened.
                let now = self.head(bucket, key).await?;
                if !now.is_some_and(|now| now.etag == *etag && now.version.is_some()) {
                    return Ok(Put::Raced);
                }
                let mut upload = upload.clone();
                upload.precondition = Precondition::Seen;
                self.try_put(bucket, key, &upload).await
            }
            (put, _) => Ok(put),
        }
    }

    async fn try_put(&self, bucket: &str, key: &str, upload: &Upload) -> Result<Put, Error> {
        let request = self.config.endpoint.put(bucket, key, upload)?;
        let response = send_signed(self.ports, self.config, request, 0).await?;
        match (meaning(&response), &upload.precondition) {
            (Meaning::PreconditionFailed, _) => Ok(Put::Raced),
            // The object that was to be replaced is gone by now.
            (Meaning::NoObject, Precondition::Unchanged(_)) => Ok(Put::Raced),
            _ => self.check(&response, bucket, "PUT").map(|()| Put::Stored),
        }
    }

    fn check(
        &self,
        response: &http::Response<Bytes>,
        bucket: &str,
        verb: &str,
    ) -> Result<(), Error> {
        match meaning(response) {
            Meaning::Fine => Ok(()),
            Meaning::NoBucket => {
                let or = match self.bucket(Place::Quarantine) {
                    Some(quarantine) if quarantine == bucket => {
                        ", or set quarantine_suffix to nothing"
                    }
                    _ => "",
                };
                Err(Error::Store(format!(
                    "{verb}: the bucket {bucket} does not exist; create it{or}"
                )))
            }
            Meaning::NoObject => Err(Error::Store(format!("{verb} in {bucket}: 404"))),
            Meaning::PreconditionFailed => Err(Error::Store(format!("{verb} in {bucket}: 412"))),
            Meaning::Encrypted => Err(Error::Store(format!(
                "{verb} in {bucket}: the object there is under a customer's own key (SSE-C)"
            ))),
            Meaning::Failed(words) => Err(Error::Store(format!("{verb} in {bucket}: {words}"))),
        }
    }
}
