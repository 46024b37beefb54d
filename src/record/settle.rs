//! Storing what was made of a source, against others who may be storing outputs of the same source.

use s3::{ObjectHead, Precondition, Upload};

use crate::{
    error::{Error, Outcome},
    event::ObjectEvent,
    model::contract::Contract,
    pipeline::Outputs,
    pipeline::verify::{Redacted, Unclean},
    ports::Ports,
    report::{Report, Stored},
    store::decide::{self, Decision},
    store::outputs::{OutputStore, Place, Put},
};

/// How often outputs are tried when others write the same ones.
pub const ATTEMPTS: usize = 4;

/// Why a redacted copy is not among the anonymized ones, for machines and in words, and what becomes of it.
type KeptBack = (&'static str, &'static str, Stored);

const NO_KEY: KeptBack = (
    "no-pseudonym-key",
    "set pseudonym_key; without it nothing is anonymized",
    Stored::NoKey,
);
const NOTHING_COVERED: KeptBack = (
    "nothing-covered",
    "no box of redact_boxes is on this picture",
    Stored::Withheld,
);
const TEXT_LEFT: (&str, &str) = (
    "text-left",
    "text may be left on the covered picture; look at it",
);
const TOO_MUCH_TEXT: (&str, &str) = (
    "too-much-text",
    "found text would cover more of the picture than max_redacted; look at it",
);

/// Others were there first, every time.
pub fn raced() -> Error {
    Error::Store(format!(
        "others wrote the same outputs {ATTEMPTS} times over"
    ))
}

/// What is to be stored for an event, and what it goes by.
pub struct Work<'a, P> {
    /// The event.
    pub event: &'a ObjectEvent,
    /// Of the model.
    pub contract: &'a Contract,
    /// The digest of the settings.
    pub settings: &'a str,
    /// Whether the settings name boxes that are always covered.
    pub has_boxes: bool,
    /// Where it is to be stored.
    pub store: OutputStore<'a, P>,
    /// Whether what is stored already is made again.
    pub forced: bool,
    /// What was stored when the work began.
    pub seen: Option<ObjectHead>,
}

impl<P: Ports> Work<'_, P> {
    /// What the processed PUT must hold to; none when there is nothing to do, which the report then says.
    pub fn decide(&self, stored: Option<&ObjectHead>, report: &mut Report) -> Option<Precondition> {
        match decide::decide(self.event, stored, self.contract, self.settings) {
            // Without a sequencer nothing tells which of two is the later one. What has come since is an event's, which
            // must not lose to a picture that was fetched before.
            Decision::Write(_)
                if self.event.sequencer.is_none() && stored != self.seen.as_ref() =>
            {
                report.skip("stale");
                None
            }
            Decision::Write(precondition) => Some(precondition),
            Decision::Duplicate if self.forced => {
                stored.map(|stored| Precondition::Unchanged(stored.etag.clone()))
            }
            Decision::Duplicate => {
                report.skip("duplicate");
                report.processed = Some(Stored::Unchanged);
                None
            }
            Decision::Stale => {
                report.skip("stale");
                None
            }
        }
    }

    /// Stores what was made, the processed object last: the redacted copy where it belongs, and the removal of earlier ones from
    /// where they no longer do. Gives back what is stored when a later event overtook this one after it had touched a copy.
    ///
    /// # Errors
    /// [`Error::Store`] when the store refuses or fails, or others write the same outputs again and again.
    pub async fn store_outputs(
        &self,
        outputs: Outputs,
        source: &decide::Source,
        mut stored: Option<ObjectHead>,
        report: &mut Report,
    ) -> Result<Option<ObjectHead>, Error> {
        let content_type = outputs.format.content_type();
        let (place, kept_back) = self.place(outputs.anonymized.as_ref());
        let copy = outputs.anonymized.zip(self.store.pseudonyms());
        let copy = copy.map(|(copy, p)| Upload {
            body: copy.bytes.into(),
            content_type,
            metadata: decide::anonymized_metadata(
                self.event,
                source,
                self.contract,
                self.settings,
                p,
            ),
            precondition: Precondition::Absent,
        });
        let mut processed = Upload {
            body: outputs.processed.into(),
            content_type,
            metadata: Vec::new(),
            precondition: Precondition::Absent,
        };
        let mut touched = false;
        for attempt in 0..ATTEMPTS {
            // The slot is looked up before the processed object is looked at again: whatever a later event has put into the
            // slot by then, its processed object tells us so, and whatever comes after fails our condition.
            let slot = match place {
                Some(place) => self.store.slot(place, stored.is_some()).await?,
                None => None,
            };
            // The same holds for an overwrite: equal pictures have equal ETags, so a condition on the ETag alone would let an
            // earlier event replace what a later one has put back.
            if slot.is_some() || stored.is_some() || attempt > 0 {
                stored = self.store.head_processed().await?;
            }
            let Some(precondition) = self.decide(stored.as_ref(), report) else {
                return Ok(stored.filter(|_| touched));
            };
            processed.precondition = precondition;
            processed.metadata = decide::processed_metadata(
                self.event,
                source,
                self.contract,
                self.settings,
                stored.as_ref(),
            );
            // What is not clean goes from the anonymized bucket before anything else is done.
            let removed = self.remove_others(place, stored.is_some()).await?;
            touched |= removed;
            report.anonymized = Some(match (&copy, &slot) {
                (Some(upload), Some(slot)) => {
                    if self.store.put_copy(slot, upload.clone()).await? == Put::Raced {
                        continue;
                    }
                    touched = true;
                    kept_back.map_or(Stored::Stored, |(_, _, what)| what)
                }
                _ if touched => Stored::Removed,
                _ => kept_back.map_or(Stored::NotDue, |(_, _, what)| what),
            });
            if self.store.put_processed(&processed).await? == Put::Stored {
                report.processed = Some(Stored::Stored);
                if let Some((reason, detail, _)) = kept_back {
                    report.outcome = Outcome::Quarantined;
                    report.reason = Some(reason);
                    report.detail = Some(detail.to_owned());
                }
                return Ok(None);
            }
        }
        report.anonymized = None;
        Err(raced())
    }

    /// Where the redacted copy goes, if anywhere, and, if that is not among the anonymized ones, why and what becomes of it.
    fn place(&self, copy: Option<&Redacted>) -> (Option<Place>, Option<KeptBack>) {
        let Some(copy) = copy else {
            return (None, None);
        };
        if self.store.pseudonyms().is_none() {
            return (None, Some(NO_KEY));
        }
        // Boxes that all lie beside the picture have covered nothing: such a copy is not anonymized and is not kept. Where no box is set
        // and nothing was found there is nothing to cover.
        if copy.redaction.boxes.is_empty() && self.has_boxes {
            return (None, Some(NOTHING_COVERED));
        }
        let (reason, detail) = match copy.unclean {
            None => return (Some(Place::Anonymized), None),
            Some(Unclean::TextLeft(_)) => TEXT_LEFT,
            Some(Unclean::TooMuchText) => TOO_MUCH_TEXT,
        };
        if self.store.keeps(Place::Quarantine) {
            let kept_back = (reason, detail, Stored::Quarantined);
            return (Some(Place::Quarantine), Some(kept_back));
        }
        (None, Some((reason, detail, Stored::Withheld)))
    }

    /// Removes earlier copies from where none belongs. Quarantine is looked into only where something was stored before, so that a
    /// first event costs no more requests.
    async fn remove_others(&self, place: Option<Place>, existed: bool) -> Result<bool, Error> {
        let mut removed = false;
        if place != Some(Place::Anonymized) {
            removed |= self.store.remove_copies(Place::Anonymized, existed).await?;
        }
        if place != Some(Place::Quarantine) && existed {
            removed |= self.store.remove_copies(Place::Quarantine, true).await?;
        }
        Ok(removed)
    }
}
