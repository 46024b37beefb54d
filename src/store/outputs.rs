//! The outputs of one event: HEAD, conditional PUT and DELETE in the output buckets.

use s3::{
    DeleteObject, HeadObject, NewObject, ObjectHead, Precondition, PutObject, Reason, Refusal,
};

use crate::{
    config::{Buckets, Config},
    deidentify::{AnonymizedKeys, Pseudonyms},
    error::Error,
    event::ObjectEvent,
    ports::Ports,
    store::{
        decide, metadata,
        send::{describe, send},
    },
};

/// Result of a conditional PUT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The object is stored.
    Stored,
    /// Another writer was first; look and decide again.
    Conflict,
}

/// Bucket of a redacted copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The bucket of anonymized copies.
    Anonymized,
    /// The bucket of copies that may still contain text.
    Quarantine,
}

/// Destination of a redacted copy, and the precondition for writing it.
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
    buckets: Buckets,
    processed_key: String,
    names: Option<(Pseudonyms, AnonymizedKeys)>,
}

impl<'a, P: Ports> OutputStore<'a, P> {
    /// Names the outputs of `event`. Without a pseudonym key the anonymized one has no name.
    pub fn new(ports: &'a P, config: &'a Config, event: &'a ObjectEvent) -> Self {
        let (bucket, key) = (event.object.bucket(), event.object.key());
        let names = config.pseudonym_key.clone().map(|secret| {
            let pseudonyms = Pseudonyms::new(secret, config.naming.clone());
            let keys = pseudonyms.anonymized_keys(bucket, key);
            (pseudonyms, keys)
        });
        OutputStore {
            ports,
            config,
            event,
            buckets: config.buckets(bucket),
            processed_key: decide::processed_key(key),
            names,
        }
    }

    /// Returns the pseudonyms, if there is a key for them.
    pub fn pseudonyms(&self) -> Option<&Pseudonyms> {
        self.names.as_ref().map(|(pseudonyms, _)| pseudonyms)
    }

    /// Returns the head of the processed object.
    ///
    /// # Errors
    /// [`Error::Store`] when the store refuses or fails, or the bucket is missing.
    pub async fn head_processed(&self) -> Result<Option<ObjectHead>, Error> {
        self.head(&self.buckets.processed, &self.processed_key)
            .await
    }

    /// Stores the processed object.
    ///
    /// # Errors
    /// As [`OutputStore::head_processed`].
    pub async fn put_processed(&self, object: &NewObject) -> Result<Put, Error> {
        self.put(&self.buckets.processed, &self.processed_key, object)
            .await
    }

    /// Removes the processed object.
    ///
    /// # Errors
    /// As [`OutputStore::head_processed`].
    pub async fn remove_processed(&self) -> Result<(), Error> {
        self.delete(&self.buckets.processed, &self.processed_key)
            .await
    }

    /// Returns the bucket of a place; `None` if such copies are not stored.
    fn bucket(&self, place: Place) -> Option<&str> {
        match place {
            Place::Anonymized => Some(&self.buckets.anonymized),
            Place::Quarantine => self.buckets.quarantine.as_deref(),
        }
    }

    /// Reports whether copies are stored there at all.
    pub fn stores(&self, place: Place) -> bool {
        self.bucket(place).is_some()
    }

    /// Finds the destination of this event's redacted copy: its base name, or its alternative name
    /// if the base belongs to another source or the alternative holds a copy of this one already.
    /// `None` without a pseudonym key, and where such copies are not stored.
    ///
    /// In quarantine it is always the alternative, which no other source has: a reviewer who
    /// releases a copy moves it under that name, and must not replace the anonymized copy of
    /// another picture of the same patient and day.
    ///
    /// # Errors
    /// As [`OutputStore::head_processed`].
    pub async fn slot(&self, place: Place, existed: bool) -> Result<Option<Slot>, Error> {
        let Some(((pseudonyms, keys), bucket)) = self.names.as_ref().zip(self.bucket(place)) else {
            return Ok(None);
        };
        let ours = |head: &ObjectHead| metadata::is_made_from(head, &self.event.object, pseudonyms);
        let at = |key: &str, head: Option<ObjectHead>| Slot {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            precondition: head.map_or(Precondition::Absent, |h| Precondition::Unchanged(h.etag)),
        };
        if place == Place::Quarantine {
            let head = self.head(bucket, &keys.alternative).await?;
            return Ok(Some(at(&keys.alternative, head)));
        }
        // An alternative stays in use even when the base has become free: one source has one copy.
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

    /// Stores a redacted copy in its slot.
    ///
    /// # Errors
    /// As [`OutputStore::head_processed`].
    pub async fn put_copy(&self, slot: &Slot, mut object: NewObject) -> Result<Put, Error> {
        object.precondition = slot.precondition.clone();
        self.put(&slot.bucket, &slot.key, &object).await
    }

    /// Removes the redacted copies of this source from a place, and reports whether there was one.
    /// If nothing was stored for the source before (`existed`), only the base name can hold one,
    /// left by an interrupted attempt: one HEAD.
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
            if found.is_some_and(|h| metadata::is_made_from(&h, &self.event.object, pseudonyms)) {
                self.delete(bucket, key).await?;
                removed = true;
            }
        }
        Ok(removed)
    }

    async fn head(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, Error> {
        // HEAD has no body that tells a missing bucket from a missing object; the PUT will.
        send(self.ports, self.config, &HeadObject { bucket, key }, 0)
            .await?
            .map_err(|refusal| self.refused(&refusal, bucket, "HEAD"))
    }

    async fn delete(&self, bucket: &str, key: &str) -> Result<(), Error> {
        send(self.ports, self.config, &DeleteObject { bucket, key }, 0)
            .await?
            .map_err(|refusal| self.refused(&refusal, bucket, "DELETE"))
    }

    async fn put(&self, bucket: &str, key: &str, object: &NewObject) -> Result<Put, Error> {
        match (
            self.try_put(bucket, key, object).await?,
            &object.precondition,
        ) {
            (Put::Conflict, Precondition::Unchanged(etag)) => {
                // In a versioned bucket RGW checks the condition against the version that is about
                // to be made, so it never holds (seen on 16.2.15). If the object we saw is still
                // there, that is the cause.
                let now = self.head(bucket, key).await?;
                if !now.is_some_and(|now| now.etag == *etag && now.version.is_some()) {
                    return Ok(Put::Conflict);
                }
                let mut object = object.clone();
                object.precondition = Precondition::Seen;
                self.try_put(bucket, key, &object).await
            }
            (put, _) => Ok(put),
        }
    }

    async fn try_put(&self, bucket: &str, key: &str, object: &NewObject) -> Result<Put, Error> {
        let put = PutObject {
            bucket,
            key,
            object,
        };
        let Err(refusal) = send(self.ports, self.config, &put, 0).await? else {
            return Ok(Put::Stored);
        };
        match (refusal.reason, &object.precondition) {
            (Reason::PreconditionFailed, _) => Ok(Put::Conflict),
            // The object to be replaced no longer exists.
            (Reason::NoSuchObject, Precondition::Unchanged(_)) => Ok(Put::Conflict),
            _ => Err(self.refused(&refusal, bucket, "PUT")),
        }
    }

    fn refused(&self, refusal: &Refusal, bucket: &str, verb: &str) -> Error {
        Error::Store(match refusal.reason {
            Reason::NoSuchBucket => {
                let or = match self.bucket(Place::Quarantine) {
                    Some(quarantine) if quarantine == bucket => {
                        ", or set quarantine_suffix to nothing"
                    }
                    _ => "",
                };
                format!("{verb}: the bucket {bucket} does not exist; create it{or}")
            }
            Reason::CustomerKey => format!(
                "{verb} in {bucket}: the stored object needs a customer-provided key (SSE-C)"
            ),
            _ => format!("{verb} in {bucket}: {}", describe(refusal)),
        })
    }
}
