//! Compare-and-swap of the outputs, against other events of the same source.

use s3::{NewObject, ObjectHead, Precondition};

use crate::{
    dicom::Companion,
    error::{Error, Reason},
    event::ObjectEvent,
    model::contract::Contract,
    pipeline::Outputs,
    pipeline::verify::{Redacted, Unclean},
    ports::Ports,
    record::archives::Archives,
    record::meanwhile::meanwhile,
    report::Stored,
    store::copies::{Names, Place},
    store::decide::{self, Decision},
    store::metadata::{self, Source},
    store::outputs::{OutputStore, Put},
};

/// Number of attempts when others write the same outputs.
pub const ATTEMPTS: usize = 4;

/// Result of one attempt at a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Attempt {
    /// There was nothing to do.
    Skipped(Reason),
    /// The outputs are stored.
    Stored {
        /// State of the anonymized copy.
        anonymized: Stored,
        /// The copy is due, but not stored among the anonymized ones.
        kept_back: Option<KeptBack>,
        /// ETag of the source, if an output was stored without a guard against other writers.
        unguarded: Option<String>,
    },
    /// The processed object could not be stored, after the redacted copies had been changed.
    Failed {
        /// Failure of the store.
        error: Error,
        /// State of the anonymized copy.
        anonymized: Stored,
    },
    /// A later event completed after this one had changed a redacted copy.
    Overtaken {
        /// Processed object of the later event.
        by: ObjectHead,
        /// Reason for the skipping of this event.
        reason: Reason,
    },
}

/// Reason why a redacted copy is not stored among the anonymized ones, and its state instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptBack {
    /// Reason, for machines.
    pub reason: Reason,
    /// Reason in words that say what to do.
    pub detail: &'static str,
    /// State of the copy.
    pub state: Stored,
}

/// Destination of a redacted copy.
struct Destination {
    /// Bucket; `None` stores no copy.
    place: Option<Place>,
    kept_back: Option<KeptBack>,
}

/// Other writers were first every time.
pub fn contended() -> Error {
    Error::Store(format!(
        "others wrote the same outputs {ATTEMPTS} times in a row"
    ))
}

/// The commit of one event's outputs.
pub struct Commit<'a, P> {
    /// The event.
    pub event: &'a ObjectEvent,
    /// Contract of the model.
    pub contract: &'a Contract,
    /// Digest of the settings.
    pub settings: &'a str,
    /// Presence of boxes in the settings, which are always covered.
    pub has_boxes: bool,
    /// Destination of the outputs.
    pub store: OutputStore<'a, P>,
    /// Makes outputs again even if they are stored.
    pub forced: bool,
    /// Processed object that was stored when the record was begun.
    pub seen: Option<ObjectHead>,
}

impl<P: Ports> Commit<'_, P> {
    /// Returns the precondition for storing the processed object.
    ///
    /// # Errors
    /// The reason to skip the event.
    pub fn decide(&self, stored: Option<&ObjectHead>) -> Result<Precondition, Reason> {
        match decide::decide(self.event, stored, self.contract, self.settings) {
            // Without a sequencer the two cannot be ordered. If the stored object changed since we
            // started, a real event wrote it and must win.
            Decision::Write(_)
                if self.event.sequencer.is_none() && stored != self.seen.as_ref() =>
            {
                Err(Reason::Stale)
            }
            Decision::Write(precondition) => Ok(precondition),
            Decision::Duplicate => match stored.filter(|_| self.forced) {
                Some(stored) => Ok(Precondition::Unchanged(stored.etag.clone())),
                None => Err(Reason::Duplicate),
            },
            Decision::Stale => Err(Reason::Stale),
        }
    }

    /// Stores the outputs, the processed object last: the redacted copy at its destination, the
    /// removal of earlier copies from elsewhere, and the structured report. Before the processed
    /// object, DICOM outputs go to the archives.
    ///
    /// # Errors
    /// [`Error::Store`] when the store refuses or fails, or others write the same outputs again and
    /// again.
    pub async fn run(
        &self,
        outputs: Outputs,
        source: &Source,
        mut stored: Option<ObjectHead>,
        mut archives: Archives<'_, P>,
    ) -> Result<Attempt, Error> {
        let content_type = outputs.format.content_type();
        let Destination {
            mut place,
            mut kept_back,
        } = self.destination(outputs.anonymized.as_ref());
        let copy = outputs
            .anonymized
            .zip(self.store.pseudonyms())
            .map(|(copy, pseudonyms)| {
                let metadata = metadata::anonymized(
                    self.event,
                    source,
                    self.contract,
                    self.settings,
                    pseudonyms,
                );
                NewObject {
                    body: copy.bytes.into(),
                    content_type,
                    metadata,
                    precondition: Precondition::Absent,
                }
            });
        let mut processed = NewObject {
            body: outputs.processed.into(),
            content_type,
            metadata: Vec::new(),
            precondition: Precondition::Absent,
        };
        let further = outputs.companions.into_iter().map(|(companion, body)| {
            let object = NewObject {
                body: body.into(),
                content_type,
                metadata: Vec::new(),
                precondition: Precondition::Absent,
            };
            (companion, object)
        });
        let mut further: Vec<(Companion, NewObject)> = further.collect();
        // Whether this event has changed a redacted copy, and whether a further result.
        let (mut touched, mut reported) = (false, false);
        // Whether an output took the place of a delete marker, and whether one keeps the base name.
        let (mut is_unguarded, mut avoids_base) = (false, false);
        for attempt in 0..ATTEMPTS {
            // Nothing that a person has decided about is published without that person.
            if place == Some(Place::Anonymized) && self.store.is_held().await? {
                Destination { place, kept_back } = self.held();
            }
            // The slot is read before the processed object is read again: if a later event has
            // written the slot by then, its processed object shows it, and if it writes afterwards
            // our condition fails.
            let slot = match place {
                Some(place) => {
                    self.store
                        .slot(place, stored.is_some(), avoids_base)
                        .await?
                }
                None => None,
            };
            for (companion, object) in &mut further {
                object.precondition = self.store.companion_precondition(*companion).await?;
            }
            // The same holds for an overwrite: equal pictures have equal ETags, so a condition on
            // the ETag alone would let an earlier event replace the object that a later one has put
            // back.
            if slot.is_some() || !further.is_empty() || stored.is_some() || attempt > 0 {
                stored = self.store.head_processed().await?;
            }
            processed.precondition = match self.decide(stored.as_ref()) {
                Ok(precondition) => precondition,
                Err(reason) => {
                    return Ok(match stored.filter(|_| touched || reported) {
                        Some(by) => Attempt::Overtaken { by, reason },
                        None => Attempt::Skipped(reason),
                    });
                }
            };
            processed.metadata = metadata::processed(
                self.event,
                source,
                self.contract,
                self.settings,
                stored.as_ref(),
            );
            for (_, object) in &mut further {
                object.metadata = processed.metadata.clone();
            }
            let named = further.iter().map(|(companion, _)| *companion);
            metadata::name_companions(&mut processed.metadata, named);
            // A copy that is not clean leaves the anonymized bucket before anything else is done.
            touched |= self.remove_others(place, stored.as_ref()).await?;
            let kept_state = kept_back.as_ref().map(|kept| kept.state);
            let anonymized = match (&copy, &slot) {
                (Some(upload), Some(slot)) => {
                    let mut upload = upload.clone();
                    // For the person who reviews it.
                    if let Some(kept) = &kept_back {
                        let reason = kept.reason.as_str().to_owned();
                        upload.metadata.push((metadata::REASON, reason));
                    }
                    // The bytes of the other output are hashed while the copy is on its way.
                    let put = self.store.put_copy(slot, upload);
                    match meanwhile(put, || processed.body.digest()).await? {
                        Put::Stored => {}
                        Put::Unguarded => is_unguarded = true,
                        Put::Conflict => continue,
                        Put::Marked => {
                            avoids_base = true;
                            continue;
                        }
                    }
                    touched = true;
                    // If a reviewer decides about the former copy at the same time, one of the two
                    // sees the other: the reviewer stores the hold first and then looks for the
                    // copy, which has left quarantine before this PUT.
                    let may_be_held = place == Some(Place::Anonymized) && stored.is_some();
                    if may_be_held && self.store.is_held().await? {
                        continue;
                    }
                    kept_state.unwrap_or(Stored::Stored)
                }
                _ if touched => Stored::Removed,
                _ => kept_state.unwrap_or(Stored::NotDue),
            };
            let mut is_late = false;
            for (companion, object) in &further {
                match self.store.put_companion(*companion, object).await? {
                    Put::Stored => {}
                    Put::Unguarded => is_unguarded = true,
                    Put::Conflict | Put::Marked => {
                        is_late = true;
                        break;
                    }
                }
                reported = true;
            }
            if is_late {
                continue;
            }
            self.remove_companions(&further, stored.as_ref()).await;
            let published = copy.as_ref().filter(|_| anonymized == Stored::Stored);
            let mut sent = archives.send_results(&further, &processed).await;
            if let (Ok(()), Some(copy)) = (&sent, published) {
                sent = archives.send_copy(copy).await;
            }
            if let Err(error) = sent {
                return Ok(Attempt::Failed { error, anonymized });
            }
            match self.store.put_processed(&processed).await {
                Ok(put @ (Put::Stored | Put::Unguarded)) => {
                    is_unguarded |= put == Put::Unguarded;
                    return Ok(Attempt::Stored {
                        anonymized,
                        kept_back,
                        unguarded: is_unguarded.then(|| source.etag.clone()),
                    });
                }
                Ok(Put::Conflict | Put::Marked) => {}
                Err(error) => return Ok(Attempt::Failed { error, anonymized }),
            }
        }
        Err(contended())
    }

    /// Removes further results of what was there before that the new result doesn't have: those of
    /// a DICOM object under a picture, or those under another `dicom_result`. Without
    /// `remove_outputs` the function may lack the right to delete, which must not keep the new
    /// result back.
    async fn remove_companions(
        &self,
        kept: &[(Companion, NewObject)],
        stored: Option<&ObjectHead>,
    ) {
        for companion in Companion::ALL {
            let is_kept = kept.iter().any(|(kept, _)| *kept == companion);
            if !is_kept && stored.is_some_and(|s| metadata::has_companion(s, companion)) {
                let _ = self.store.remove_companion(companion).await;
            }
        }
    }

    fn destination(&self, copy: Option<&Redacted>) -> Destination {
        let nowhere = |kept_back| Destination {
            place: None,
            kept_back,
        };
        let Some(copy) = copy else {
            return nowhere(None);
        };
        if self.store.pseudonyms().is_none() {
            return nowhere(Some(KeptBack {
                reason: Reason::NoPseudonymKey,
                detail: "set pseudonym_key; without it nothing is anonymized",
                state: Stored::NoKey,
            }));
        }
        // If no configured box lies on the picture, nothing was covered: such a copy is not
        // anonymized and is not stored. Without configured boxes and without detected text there is
        // nothing to cover.
        if copy.redaction.boxes.is_empty() && self.has_boxes {
            return nowhere(Some(KeptBack {
                reason: Reason::NothingCovered,
                detail: "no box of redact_boxes is on this picture",
                state: Stored::Withheld,
            }));
        }
        let (reason, detail) = match copy.unclean {
            None => {
                return Destination {
                    place: Some(Place::Anonymized),
                    kept_back: None,
                };
            }
            Some(Unclean::ResidualText(_)) => (
                Reason::ResidualText,
                "the redacted picture may still contain text; review it",
            ),
            Some(Unclean::TooMuchText) => (
                Reason::TooMuchText,
                "detected text would cover more of the picture than max_redacted; review it",
            ),
        };
        let place = Some(Place::Quarantine).filter(|place| self.store.stores(*place));
        let state = match place {
            Some(_) => Stored::Quarantined,
            None => Stored::Withheld,
        };
        Destination {
            place,
            kept_back: Some(KeptBack {
                reason,
                detail,
                state,
            }),
        }
    }

    /// Returns the destination of a clean copy of a picture of which a person has rejected an
    /// earlier one, or covered more.
    fn held(&self) -> Destination {
        Destination {
            place: Some(Place::Quarantine),
            kept_back: Some(KeptBack {
                reason: Reason::Held,
                detail: "a person rejected an earlier copy, or covered more of it; review this one",
                state: Stored::Quarantined,
            }),
        }
    }

    /// Removes earlier copies from where none belongs. The quarantine is read only if something was
    /// stored before, so that a first event needs no more requests, and former names only if it was
    /// stored under other settings.
    async fn remove_others(
        &self,
        place: Option<Place>,
        stored: Option<&ObjectHead>,
    ) -> Result<bool, Error> {
        let names = stored.map_or(Names::First, |_| Names::Current);
        let mut removed = false;
        // In this order, as in the removal of a source.
        if place != Some(Place::Quarantine) && stored.is_some() {
            removed |= self.store.remove_copies(Place::Quarantine, names).await?;
        }
        if place != Some(Place::Anonymized) {
            removed |= self.store.remove_copies(Place::Anonymized, names).await?;
        }
        if stored.is_some_and(|stored| !metadata::has_settings(stored, self.settings)) {
            removed |= self.store.remove_former().await?;
        }
        Ok(removed)
    }
}
