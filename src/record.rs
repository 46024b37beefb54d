//! One record's way through everything, against the outside world as [`Ports`] offers it.
//!
//! HEAD, decide, GET, make all outputs, then store: the anonymized copy first, so that a processed object means that all is
//! there. PUTs are conditional on what was seen; where a condition fails, it looks and decides again.

use crate::{
    config::Config,
    contract::Contract,
    error::{Error, Outcome},
    event::{EventKind, ObjectEvent, Record},
    fetch::{Fetched, fetch},
    outputs::{OutputStore, Put},
    pipeline::{self, Outputs},
    ports::Ports,
    removal,
    report::{Covered, Model, Report, Stored, millis},
    s3::{ObjectHead, Precondition, Upload},
    store::{self, Decision},
};

/// How often outputs are tried when others write the same ones.
const ATTEMPTS: usize = 4;

/// Handles one record and reports on it. Never fails: a failure is a report too.
pub async fn process_record(ports: &impl Ports, config: &Config, record: &Record) -> Report {
    let start = ports.elapsed();
    let mut report = Report::new(Outcome::Done);
    let ended = match record {
        Ok(event) => handle(ports, config, event, &mut report).await,
        Err(error) => Err(error.clone()),
    };
    if let Err(error) = ended {
        report.fail(error);
    }
    report.ms.total = millis(ports.elapsed().saturating_sub(start));
    report
}

async fn handle(
    ports: &impl Ports,
    config: &Config,
    event: &ObjectEvent,
    report: &mut Report,
) -> Result<(), Error> {
    report.source = Some(store::log_digest(&event.object, config));
    report.bucket = Some(event.object.bucket().to_owned());
    let follows = event.kind == EventKind::Removed && config.remove_outputs;
    if event.kind != EventKind::Created && !follows {
        report.skip("not-a-creation");
        return Ok(());
    }
    if store::is_own_output(event.object.bucket(), config) {
        report.skip("own-output");
        return Ok(());
    }
    if follows {
        return match removal::follow(ports, config, event, report).await? {
            Some(there) => make(ports, config, &there, true, report).await,
            None => Ok(()),
        };
    }
    if event.object.key().ends_with('/') && event.size == Some(0) {
        // What consoles put as a "folder".
        report.skip("folder-marker");
        return Ok(());
    }
    make(ports, config, event, false, report).await
}

/// Makes and stores what is due for a source that is there; `forced` where that is due even if it seems to be stored.
async fn make(
    ports: &impl Ports,
    config: &Config,
    event: &ObjectEvent,
    forced: bool,
    report: &mut Report,
) -> Result<(), Error> {
    let contract = ports.contract(&config.model)?;
    let settings = config.settings_digest();
    report.model = Some(Model {
        name: config.model.clone(),
        sha256: contract.model_sha256.clone(),
    });
    report.settings = Some(settings.clone());
    let mut overtaken = attempt(ports, config, event, &contract, &settings, forced, report).await?;
    // A later event finished while this one had its hands on the anonymized copy, which may be this one's now. The later one
    // won't look again, so its outputs are made again here.
    for _ in 0..ATTEMPTS {
        let Some(stored) = overtaken else {
            return Ok(());
        };
        let later = store::made_for(event, &stored)?;
        let mut again = Report::new(Outcome::Done);
        overtaken = attempt(
            ports, config, &later, &contract, &settings, true, &mut again,
        )
        .await?;
        report.anonymized = again.anonymized;
    }
    match overtaken {
        Some(_) => Err(raced()),
        None => Ok(()),
    }
}

fn raced() -> Error {
    Error::Store(format!(
        "others wrote the same outputs {ATTEMPTS} times over"
    ))
}

/// One way through. Gives back what is stored when a later event overtook this one after it had touched the anonymized copy.
async fn attempt(
    ports: &impl Ports,
    config: &Config,
    event: &ObjectEvent,
    contract: &Contract,
    settings: &str,
    forced: bool,
    report: &mut Report,
) -> Result<Option<ObjectHead>, Error> {
    let store = OutputStore::new(ports, config, event);
    let mark = ports.elapsed();
    let stored = store.head_processed().await?;
    report.ms.head = Some(millis(ports.elapsed().saturating_sub(mark)));
    let work = Work {
        event,
        contract,
        settings,
        store,
        forced,
        seen: stored.clone(),
    };
    if work.decide(stored.as_ref(), report).is_none() {
        return Ok(None);
    }

    let mark = ports.elapsed();
    let fetched = fetch(ports, config, event).await?;
    report.ms.fetch = Some(millis(ports.elapsed().saturating_sub(mark)));
    let (bytes, source) = match fetched {
        Fetched::Object {
            bytes,
            etag,
            version,
        } => (bytes, store::Source { etag, version }),
        Fetched::Gone => {
            report.skip("gone");
            return Ok(None);
        }
        Fetched::Changed => {
            report.skip("changed");
            return Ok(None);
        }
    };
    report.bytes.source = Some(bytes.len() as u64);
    let outputs = pipeline::process(
        &bytes,
        &config.pixels,
        contract,
        || ports.elapsed(),
        |tensor| ports.infer(&config.model, tensor),
    )?;
    describe(&outputs, report);

    let mark = ports.elapsed();
    let ended = work.store_outputs(outputs, &source, stored, report).await;
    report.ms.store = Some(millis(ports.elapsed().saturating_sub(mark)));
    ended
}

/// Puts what is known of the outputs into the report.
fn describe(outputs: &Outputs, report: &mut Report) {
    report.class = Some(outputs.prediction.class);
    report.doubt = outputs.prediction.doubt.clone();
    let claimed = report.doubt.is_none();
    report.risk = claimed.then_some(outputs.prediction.risk);
    report.format = Some(outputs.format);
    report.written = Some(outputs.written);
    report.width = Some(outputs.width);
    report.height = Some(outputs.height);
    report.bytes.processed = Some(outputs.processed.len() as u64);
    report.bytes.anonymized = outputs
        .anonymized
        .as_ref()
        .map(|(bytes, _)| bytes.len() as u64);
    report.redaction = outputs.anonymized.as_ref().map(|(_, r)| Covered::from(r));
    let timings = &outputs.timings;
    report.ms.decode = Some(millis(timings.decode));
    report.ms.prepare = Some(millis(timings.prepare));
    report.ms.predict = Some(millis(timings.predict));
    report.ms.annotate = Some(millis(timings.annotate));
    report.ms.redact = Some(millis(timings.redact));
    report.ms.encode = Some(millis(timings.encode));
}

struct Work<'a, P> {
    event: &'a ObjectEvent,
    contract: &'a Contract,
    settings: &'a str,
    store: OutputStore<'a, P>,
    /// Whether what is stored already is made again.
    forced: bool,
    /// What was stored when the work began.
    seen: Option<ObjectHead>,
}

impl<P: Ports> Work<'_, P> {
    /// What the processed PUT must hold to; none when there is nothing to do, which the report then says.
    fn decide(&self, stored: Option<&ObjectHead>, report: &mut Report) -> Option<Precondition> {
        match store::decide(self.event, stored, self.contract, self.settings) {
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

    /// Stores what was made: the anonymized copy, or the removal of an earlier one, before the processed object.
    async fn store_outputs(
        &self,
        outputs: Outputs,
        source: &store::Source,
        mut stored: Option<ObjectHead>,
        report: &mut Report,
    ) -> Result<Option<ObjectHead>, Error> {
        let content_type = outputs.format.content_type();
        let due = outputs.anonymized.is_some();
        // Boxes that all lie beside the picture have covered nothing: such a copy is not anonymized and is not kept.
        let covered = outputs
            .anonymized
            .filter(|(_, redaction)| !redaction.boxes.is_empty());
        let withheld = match (due, &covered, self.store.pseudonyms()) {
            (true, _, None) => Some((
                "no-pseudonym-key",
                "set pseudonym_key; without it nothing is anonymized",
                Stored::NoKey,
            )),
            (true, None, _) => Some((
                "nothing-covered",
                "no box of redact_boxes is on this picture",
                Stored::Withheld,
            )),
            _ => None,
        };
        let anonymized = covered
            .zip(self.store.pseudonyms())
            .map(|((bytes, _), p)| Upload {
                body: bytes.into(),
                content_type,
                metadata: store::anonymized_metadata(
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
            let slot = match &anonymized {
                Some(_) => self.store.slot(stored.is_some()).await?,
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
            processed.metadata = store::processed_metadata(
                self.event,
                source,
                self.contract,
                self.settings,
                stored.as_ref(),
            );
            report.anonymized = Some(match (&anonymized, slot) {
                (Some(upload), Some(slot)) => {
                    if self.store.put_anonymized(&slot, upload.clone()).await? == Put::Raced {
                        continue;
                    }
                    touched = true;
                    Stored::Stored
                }
                _ if self.store.remove_anonymized(stored.is_some()).await? => {
                    touched = true;
                    Stored::Removed
                }
                _ => withheld.map_or(Stored::NotDue, |(_, _, what)| what),
            });
            if self.store.put_processed(&processed).await? == Put::Stored {
                report.processed = Some(Stored::Stored);
                if let Some((reason, detail, _)) = withheld {
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
}
