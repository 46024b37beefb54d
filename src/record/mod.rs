//! The state machine of one record, against the outside world as [`Ports`] offers it.
//!
//! All outputs exist before the first of them is stored, and the processed object is stored last,
//! so that its presence means that all outputs are there. Every PUT is a compare-and-swap: it holds
//! only if the object at the key is the one that was seen (`If-Match`), or is still missing
//! (`If-None-Match: *`). After a conflict everything is read and decided again.
//!
//! ```text
//!          HEAD processed
//!                |
//!             decide ----------- duplicate, stale ------------------------> skipped
//!                | write
//!           GET source --------- gone, changed ---------------------------> skipped
//!                |
//!         make all outputs
//!                |
//!   +---> HEAD slot of the copy
//!   |            |
//!   |     HEAD processed
//!   |            |
//!   |         decide ----------- duplicate, stale; no copy changed -------> skipped
//!   |            | write    `--- duplicate, stale; a copy changed --------> overtaken: the later
//!   |            |                                                          event's outputs are
//!   |     DELETE copies that                                                made again
//!   |     belong elsewhere
//!   |            |
//!   |<-- 412 -- PUT copy
//!   |            |
//!   `<-- 412 -- PUT processed ---------------------------------------------> stored
//!
//!   after 4 rounds: failed with `retry`
//! ```
//!
//! The order of the two HEAD requests matters: if a later event writes the slot before ours is
//! read, its processed object is there to be seen; if it writes the slot afterwards, our PUT of the
//! copy fails.

mod commit;
mod removal;

use std::time::Duration;

use crate::{
    config::Config,
    deidentify,
    error::{Error, Outcome, Reason},
    event::{EventKind, ObjectEvent, Record},
    model::contract::Contract,
    pipeline,
    ports::Ports,
    report::{Millis, Model, Report, Stored, millis},
    s3::ObjectHead,
    store::decide,
    store::fetch::{Fetched, fetch},
    store::outputs::OutputStore,
    text::{Detector, contract::TextContract},
};
use commit::{ATTEMPTS, Attempt, Commit, contended};

/// Contracts of the models, and the digest of the settings together with the text detector.
struct ModelContracts {
    classifier: Contract,
    /// Name and contract of the text detector.
    detector: Option<(String, TextContract)>,
    settings: String,
}

impl ModelContracts {
    fn read(ports: &impl Ports, config: &Config) -> Result<ModelContracts, Error> {
        let classifier = ports.contract(&config.model)?;
        let detector = match &config.text_detector {
            Some(name) => Some((name.clone(), ports.text_contract(name)?)),
            None => None,
        };
        let sha256 = detector
            .as_ref()
            .map(|(_, text)| text.model_sha256.as_str());
        let settings = config.settings_digest(sha256);
        Ok(ModelContracts {
            classifier,
            detector,
            settings,
        })
    }

    fn detector_sha256(&self) -> Option<&str> {
        let (_, contract) = self.detector.as_ref()?;
        Some(&contract.model_sha256)
    }
}

/// Processes one record and reports on it. A failure is a report too.
pub async fn process_record(ports: &impl Ports, config: &Config, record: &Record) -> Report {
    let start = ports.elapsed();
    let report = match record {
        Ok(event) => handle(ports, config, event).await,
        Err(error) => Report::new(Outcome::Rejected).failed(error),
    };
    let total = millis(since(ports, start));
    Report {
        ms: Millis { total, ..report.ms },
        ..report
    }
}

fn since(ports: &impl Ports, start: Duration) -> Duration {
    ports.elapsed().saturating_sub(start)
}

async fn handle(ports: &impl Ports, config: &Config, event: &ObjectEvent) -> Report {
    let report = match action(config, event) {
        Action::Skip(reason) => Report::new(Outcome::Skipped).skipped(reason),
        Action::Make => make(ports, config, event, false).await,
        Action::Remove => remove(ports, config, event).await,
    };
    Report {
        source: Some(decide::log_digest(&event.object, config)),
        bucket: Some(event.object.bucket().to_owned()),
        ..report
    }
}

/// Action that an event asks for.
enum Action {
    Skip(Reason),
    Make,
    Remove,
}

fn action(config: &Config, event: &ObjectEvent) -> Action {
    let action = match event.kind {
        EventKind::Created => Action::Make,
        EventKind::Removed if config.remove_outputs => Action::Remove,
        EventKind::Removed | EventKind::Other => return Action::Skip(Reason::NotACreation),
    };
    if config.is_output_bucket(event.object.bucket()) {
        return Action::Skip(Reason::OwnOutput);
    }
    let is_folder = event.object.key().ends_with('/') && event.size == Some(0);
    match action {
        Action::Make if is_folder => Action::Skip(Reason::FolderMarker),
        action => action,
    }
}

async fn remove(ports: &impl Ports, config: &Config, event: &ObjectEvent) -> Report {
    let removal = match removal::remove_outputs(ports, config, event).await {
        Ok(removal) => removal,
        Err(error) => return Report::new(Outcome::Retry).failed(&error),
    };
    let report = match (&removal.source, removal.skipped) {
        (Some(source), _) => make(ports, config, source, true).await,
        (None, Some(reason)) => Report::new(Outcome::Skipped).skipped(reason),
        (None, None) => Report::new(Outcome::Done),
    };
    Report {
        processed: report.processed.or(removal.processed),
        anonymized: report.anonymized.or(removal.anonymized),
        ..report
    }
}

/// Makes and stores the outputs that are due for an existing source; `forced` makes them even if
/// they seem to be stored.
async fn make(ports: &impl Ports, config: &Config, event: &ObjectEvent, forced: bool) -> Report {
    let contracts = match ModelContracts::read(ports, config) {
        Ok(contracts) => contracts,
        Err(error) => return Report::new(Outcome::Retry).failed(&error),
    };
    let (report, ended) = attempt(ports, config, event, &contracts, forced).await;
    let report = Report {
        model: Some(Model {
            name: config.model.clone(),
            sha256: contracts.classifier.model_sha256.clone(),
        }),
        settings: Some(contracts.settings.clone()),
        ..report
    };
    match ended {
        Ok(Attempt::Skipped(reason)) => report.skipped(reason),
        Ok(Attempt::Stored {
            anonymized,
            kept_back,
        }) => Report {
            outcome: match kept_back {
                Some(_) => Outcome::Quarantined,
                None => Outcome::Done,
            },
            detail: kept_back.as_ref().map(|kept| kept.detail.to_owned()),
            reason: kept_back.map(|kept| kept.reason),
            processed: Some(Stored::Stored),
            anonymized: Some(anonymized),
            ..report
        },
        Ok(Attempt::Overtaken { by, reason }) => {
            match restore(ports, config, event, &contracts, by).await {
                Ok(anonymized) => Report {
                    anonymized,
                    ..report.skipped(reason)
                },
                Err(error) => report.failed(&error),
            }
        }
        Err(error) => report.failed(&error),
    }
}

/// Makes the outputs of a later event again; `by` is its processed object.
///
/// The later event completed while we were writing the anonymized copy, so that copy may now be
/// ours. The later event will not be retried.
async fn restore(
    ports: &impl Ports,
    config: &Config,
    event: &ObjectEvent,
    contracts: &ModelContracts,
    mut by: ObjectHead,
) -> Result<Option<Stored>, Error> {
    for _ in 0..ATTEMPTS {
        let later = decide::made_for(event, &by)?;
        let (_, ended) = attempt(ports, config, &later, contracts, true).await;
        match ended? {
            Attempt::Skipped(_) => return Ok(None),
            Attempt::Stored { anonymized, .. } => return Ok(Some(anonymized)),
            Attempt::Overtaken { by: next, .. } => by = next,
        }
    }
    Err(contended())
}

/// Attempts a record once. The report holds the facts that are known at the end of the attempt,
/// failed or not.
async fn attempt(
    ports: &impl Ports,
    config: &Config,
    event: &ObjectEvent,
    contracts: &ModelContracts,
    forced: bool,
) -> (Report, Result<Attempt, Error>) {
    let mut report = Report::new(Outcome::Done);
    let ended = async {
        let store = OutputStore::new(ports, config, event);
        let start = ports.elapsed();
        let stored = store.head_processed().await?;
        report.ms.head = Some(millis(since(ports, start)));
        let commit = Commit {
            event,
            contract: &contracts.classifier,
            settings: &contracts.settings,
            has_boxes: !config.pixels.boxes.is_empty(),
            store,
            forced,
            seen: stored.clone(),
        };
        if let Err(reason) = commit.decide(stored.as_ref()) {
            return Ok(Attempt::Skipped(reason));
        }

        let start = ports.elapsed();
        let fetched = fetch(ports, config, event).await?;
        report.ms.fetch = Some(millis(since(ports, start)));
        let (bytes, source) = match fetched {
            Fetched::Object { bytes, source } => (bytes, source),
            Fetched::Gone => return Ok(Attempt::Skipped(Reason::Gone)),
            Fetched::Changed => return Ok(Attempt::Skipped(Reason::Changed)),
        };
        report.bytes.source = Some(bytes.len() as u64);
        let find = |tensor: &_| match &contracts.detector {
            Some((name, text)) => ports.infer(name, &text.input.name, tensor),
            None => Err(Error::Model("there is no text detector".into())),
        };
        let detector = contracts.detector.as_ref().map(|(_, contract)| Detector {
            contract,
            marks_stay: !deidentify::may_look_like_a_marker(event.object.key()),
            infer: &find,
        });
        let contract = &contracts.classifier;
        let outputs = pipeline::process(
            &bytes,
            &config.pixels,
            contract,
            detector.as_ref(),
            || ports.elapsed(),
            |tensor| ports.infer(&config.model, &contract.input.name, tensor),
        )?;
        report.record_outputs(&outputs, contracts.detector_sha256());

        let start = ports.elapsed();
        let ended = commit.run(outputs, &source, stored).await;
        report.ms.store = Some(millis(since(ports, start)));
        ended
    }
    .await;
    (report, ended)
}
