//! The outputs of one event: HEAD, conditional PUT and DELETE in the output buckets. The redacted
//! copies are in `copies.rs`.

use s3::{
    DeleteObject, HeadObject, NewObject, ObjectHead, Precondition, PutObject, Reason, Refusal,
};

use crate::{
    config::{Buckets, Config},
    deidentify::{AnonymizedKeys, Pseudonyms},
    dicom::Companion,
    error::Error,
    event::ObjectEvent,
    ports::Ports,
    store::{
        decide, metadata,
        send::{no_etag, probe, refused, send},
    },
};

/// Result of a conditional PUT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The object is stored.
    Stored,
    /// The object is stored, but at the place of a delete marker the store can't tell whether
    /// another writer was first; see [`Precondition::Marked`].
    Unguarded,
    /// Another writer was first; look and decide again.
    Conflict,
    /// A delete marker keeps the name, which other sources may want too.
    Marked,
}

/// The outputs of one event.
pub struct OutputStore<'a, P> {
    pub(super) ports: &'a P,
    pub(super) config: &'a Config,
    pub(super) event: &'a ObjectEvent,
    pub(super) buckets: Buckets,
    processed_key: String,
    key: &'a str,
    /// The pseudonyms, and the names of the copy under them.
    pub(super) names: Option<(Pseudonyms, AnonymizedKeys)>,
}

impl<'a, P: Ports> OutputStore<'a, P> {
    /// Names the outputs of `event`. Without a pseudonym key the anonymized one has no name.
    pub fn new(ports: &'a P, config: &'a Config, event: &'a ObjectEvent) -> Self {
        let (bucket, key) = (event.object.bucket(), event.object.key());
        let names = Pseudonyms::of(config).map(|pseudonyms| {
            let keys = pseudonyms.anonymized_keys(bucket, key);
            (pseudonyms, keys)
        });
        OutputStore {
            ports,
            config,
            event,
            buckets: config.buckets(bucket),
            processed_key: decide::processed_key(key),
            key,
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

    /// Returns the precondition for storing a further result over the one that is there.
    ///
    /// # Errors
    /// As [`OutputStore::head_processed`].
    pub async fn companion_precondition(
        &self,
        companion: Companion,
    ) -> Result<Precondition, Error> {
        let key = decide::companion_key(self.key, companion);
        let head = self.head(&self.buckets.processed, &key).await?;
        Ok(head.map_or(Precondition::Absent, |h| Precondition::Unchanged(h.etag)))
    }

    /// Stores a further result.
    ///
    /// # Errors
    /// As [`OutputStore::head_processed`].
    pub async fn put_companion(
        &self,
        companion: Companion,
        object: &NewObject,
    ) -> Result<Put, Error> {
        let key = decide::companion_key(self.key, companion);
        self.put(&self.buckets.processed, &key, object).await
    }

    /// Removes a further result of this source.
    ///
    /// # Errors
    /// As [`OutputStore::head_processed`].
    pub async fn remove_companion(&self, companion: Companion) -> Result<(), Error> {
        let bucket = &self.buckets.processed;
        let key = decide::companion_key(self.key, companion);
        let stored = self.look(bucket, &key).await?;
        match stored.is_some_and(|stored| metadata::is_processed(&stored)) {
            true => self.delete(bucket, &key).await,
            false => Ok(()),
        }
    }

    /// Looks for the processed object where no PUT checks the result.
    ///
    /// # Errors
    /// As [`OutputStore::head_processed`].
    pub async fn look_for_processed(&self) -> Result<Option<ObjectHead>, Error> {
        self.look(&self.buckets.processed, &self.processed_key)
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

    /// Returns the head of an object for a decision that a PUT does not check: a missing object is
    /// told by the store's document.
    async fn look(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, Error> {
        probe(self.ports, self.config, bucket, key)
            .await?
            .map_err(|refusal| self.refused(&refusal, bucket, "GET"))
    }

    /// Returns the head of an object for a conditional PUT, which fails if a 404 meant something
    /// else than a missing object.
    pub(super) async fn head(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, Error> {
        let head = send(self.ports, self.config, &HeadObject { bucket, key }, 0)
            .await?
            .map_err(|refusal| self.refused(&refusal, bucket, "HEAD"))?;
        match head {
            Some(head) if head.etag.is_empty() => Err(no_etag(bucket, "HEAD")),
            head => Ok(head),
        }
    }

    pub(super) async fn delete(&self, bucket: &str, key: &str) -> Result<(), Error> {
        send(self.ports, self.config, &DeleteObject { bucket, key }, 0)
            .await?
            .map_err(|refusal| self.refused(&refusal, bucket, "DELETE"))
    }

    /// Stores an object at a name that no other source has, also in place of a delete marker.
    pub(super) async fn put(
        &self,
        bucket: &str,
        key: &str,
        object: &NewObject,
    ) -> Result<Put, Error> {
        match self.put_guarded(bucket, key, object).await? {
            Put::Marked => {
                let mut object = object.clone();
                object.precondition = Precondition::Marked;
                Ok(match self.try_put(bucket, key, &object).await? {
                    Put::Stored => Put::Unguarded,
                    put => put,
                })
            }
            put => Ok(put),
        }
    }

    pub(super) async fn put_guarded(
        &self,
        bucket: &str,
        key: &str,
        object: &NewObject,
    ) -> Result<Put, Error> {
        match (
            self.try_put(bucket, key, object).await?,
            &object.precondition,
        ) {
            // After a DELETE in a bucket with suspended versioning there is no object, and yet
            // `If-None-Match: *` fails forever.
            (Put::Conflict, Precondition::Absent) => Ok(match self.look(bucket, key).await? {
                None => Put::Marked,
                Some(_) => Put::Conflict,
            }),
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
        let refusal = match send(self.ports, self.config, &put, 0).await? {
            Ok(Some(_)) => return Ok(Put::Stored),
            Ok(None) => return Err(no_etag(bucket, "PUT")),
            Err(refusal) => refusal,
        };
        match (refusal.reason, &object.precondition) {
            (Reason::PreconditionFailed, _) => Ok(Put::Conflict),
            // The object to be replaced no longer exists.
            (Reason::NoSuchObject, Precondition::Unchanged(_)) => Ok(Put::Conflict),
            _ => Err(self.refused(&refusal, bucket, "PUT")),
        }
    }

    pub(super) fn refused(&self, refusal: &Refusal, bucket: &str, verb: &str) -> Error {
        let is_quarantine = self.buckets.quarantine.as_deref() == Some(bucket);
        match (refused(refusal, bucket, verb), refusal.reason) {
            (Error::Bucket(text), Reason::NoSuchBucket) if is_quarantine => {
                Error::Bucket(format!("{text}, or set quarantine_suffix to nothing"))
            }
            (_, Reason::CustomerKey) => Error::Store(format!(
                "{verb} in {bucket}: the stored object needs a customer-provided key (SSE-C)"
            )),
            (error, _) => error,
        }
    }
}
