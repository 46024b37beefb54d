//! The redacted copies of one event: their names, and their removal from other places.

use s3::{NewObject, ObjectHead, Precondition, Reason};

use crate::{
    deidentify::{AnonymizedKeys, Pseudonyms},
    error::Error,
    ports::Ports,
    store::{
        metadata,
        outputs::{OutputStore, Put},
        send::probe,
    },
};

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
    /// Other sources may have this name too.
    is_shared: bool,
}

/// Names under which copies are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// The base name, the only one that an interrupted first attempt can have used.
    First,
    /// Both names.
    Current,
    /// Both names, and former ones.
    All,
}

impl<P: Ports> OutputStore<'_, P> {
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
    /// if the base belongs to another source or to a delete marker (`avoids_base`), or the
    /// alternative holds a copy of this one already. `None` without a pseudonym key, and where such
    /// copies are not stored.
    ///
    /// In quarantine it is always the alternative, which no other source has: a reviewer who
    /// releases a copy moves it under that name, and must not replace the anonymized copy of
    /// another picture of the same patient and day.
    ///
    /// # Errors
    /// As [`OutputStore::head_processed`].
    pub async fn slot(
        &self,
        place: Place,
        existed: bool,
        avoids_base: bool,
    ) -> Result<Option<Slot>, Error> {
        let Some(((pseudonyms, keys), bucket)) = self.names.as_ref().zip(self.bucket(place)) else {
            return Ok(None);
        };
        let ours = |head: &ObjectHead| metadata::is_made_from(head, &self.event.object, pseudonyms);
        let at = |key: &str, head: Option<ObjectHead>| Slot {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            precondition: head.map_or(Precondition::Absent, |h| Precondition::Unchanged(h.etag)),
            is_shared: key == keys.base,
        };
        if place == Place::Quarantine || avoids_base {
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
        match slot.is_shared {
            true => self.put_guarded(&slot.bucket, &slot.key, &object).await,
            false => self.put(&slot.bucket, &slot.key, &object).await,
        }
    }

    /// Removes the redacted copies of this source from a place, and reports whether there was one.
    ///
    /// # Errors
    /// As [`OutputStore::head_processed`].
    pub async fn remove_copies(&self, place: Place, names: Names) -> Result<bool, Error> {
        let Some(((pseudonyms, keys), bucket)) = self.names.as_ref().zip(self.bucket(place)) else {
            return Ok(false);
        };
        let AnonymizedKeys { base, alternative } = keys.clone();
        let mut keys = match (place, names) {
            (Place::Quarantine, _) => vec![alternative],
            (Place::Anonymized, Names::First) => vec![base],
            (Place::Anonymized, _) => vec![base, alternative],
        };
        if names == Names::All {
            keys.extend(self.former_keys(pseudonyms));
        }
        self.remove_own(bucket, &keys, pseudonyms).await
    }

    /// Removes the redacted copies of this source under former names, and reports whether there was
    /// one.
    ///
    /// # Errors
    /// As [`OutputStore::head_processed`].
    pub async fn remove_former(&self) -> Result<bool, Error> {
        let Some((pseudonyms, _)) = &self.names else {
            return Ok(false);
        };
        let former = self.former_keys(pseudonyms);
        let mut removed = false;
        let buckets = [Place::Anonymized, Place::Quarantine].map(|place| self.bucket(place));
        for bucket in buckets.into_iter().flatten() {
            removed |= self.remove_own(bucket, &former, pseudonyms).await?;
        }
        Ok(removed)
    }

    fn former_keys(&self, pseudonyms: &Pseudonyms) -> Vec<String> {
        pseudonyms.former_keys(self.event.object.bucket(), self.event.object.key())
    }

    async fn remove_own(
        &self,
        bucket: &str,
        keys: &[String],
        pseudonyms: &Pseudonyms,
    ) -> Result<bool, Error> {
        let mut removed = false;
        for key in keys {
            let found = match probe(self.ports, self.config, bucket, key).await? {
                Ok(found) => found,
                // A missing bucket has no copies. An installation that anonymizes nothing needs
                // none.
                Err(refusal) if refusal.reason == Reason::NoSuchBucket => return Ok(removed),
                Err(refusal) => return Err(self.refused(&refusal, bucket, "GET")),
            };
            if found.is_some_and(|h| metadata::is_made_from(&h, &self.event.object, pseudonyms)) {
                self.delete(bucket, key).await?;
                removed = true;
            }
        }
        Ok(removed)
    }
}
