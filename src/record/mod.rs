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
//!   +---> GET hold ----------- a person holds the copies -----------------> to quarantine
//!   |            |
//!   |     HEAD slot of the copy
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
//!   |     POST to the archives, of a DICOM object
//!   |            |
//!   `<-- 412 -- PUT processed ---------------------------------------------> stored
//!
//!   after 4 rounds: failed with `retry`
//! ```
//!
//! The order of the two HEAD requests matters: if a later event writes the slot before ours is
//! read, its processed object is there to be seen; if it writes the slot afterwards, our PUT of the
//! copy fails.

mod archives;
mod attempt;
mod commit;
pub(crate) mod contracts;
mod meanwhile;
mod removal;

use crate::{
    config::Config,
    error::{Outcome, Reason},
    event::{EventKind, ObjectEvent, Record},
    ports::Ports,
    report::{Millis, Model, Report, Stored, millis},
    store::decide,
};
use attempt::{attempt, confirm, restore};
use commit::Attempt;
use contracts::ModelContracts;

/// Processes one record and reports on it. A failure is a report too.
pub async fn process_record(ports: &impl Ports, config: &Config, record: &Record) -> Report {
    let start = ports.elapsed();
    let report = match record {
        Ok(event) => handle(ports, config, event).await,
        Err(error) => Report::new(Outcome::Rejected).failed(error),
    };
    let total = millis(ports.since(start));
    Report {
        ms: Millis { total, ..report.ms },
        ..report
    }
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
#[derive(Debug, PartialEq, Eq)]
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
    let report = match (&removal.unconfirmed, &removal.source, removal.skipped) {
        (Some(error), _, _) => Report::new(Outcome::Retry).failed(error),
        (None, Some(source), _) => make(ports, config, source, true).await,
        (None, None, Some(reason)) => Report::new(Outcome::Skipped).skipped(reason),
        (None, None, None) => Report::new(Outcome::Done),
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
    let ended = match ended {
        Ok(ended) => confirm(ports, config, event, &contracts, ended).await,
        Err(error) => Err(error),
    };
    match ended {
        Ok(Attempt::Skipped(reason)) => report.skipped(reason),
        Ok(Attempt::Stored {
            anonymized,
            kept_back,
            ..
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
        Ok(Attempt::Failed { error, anonymized }) => Report {
            anonymized: Some(anonymized),
            ..report.failed(&error)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ObjectRef;

    #[test]
    fn action_depends_on_kind_bucket_and_key() {
        let (created, removed) = (EventKind::Created, EventKind::Removed);
        let skip = Action::Skip;
        for (kind, bucket, key, remove_outputs, expect) in [
            (created, "in", "a.png", "false", Action::Make),
            (created, "in", "ward/", "false", skip(Reason::FolderMarker)),
            (
                created,
                "in-processed",
                "a.png",
                "false",
                skip(Reason::OwnOutput),
            ),
            (
                created,
                "in-quarantine",
                "a.png",
                "true",
                skip(Reason::OwnOutput),
            ),
            (removed, "in", "a.png", "false", skip(Reason::NotACreation)),
            (removed, "in", "a.png", "true", Action::Remove),
            (removed, "in", "ward/", "true", Action::Remove),
            (
                removed,
                "in-anonymized",
                "a.png",
                "true",
                skip(Reason::OwnOutput),
            ),
            (
                EventKind::Other,
                "in",
                "a.png",
                "true",
                skip(Reason::NotACreation),
            ),
        ] {
            let config = Config::from_lookup(|name| match name {
                "s3_access_key" | "s3_secret_key" => Some("key".to_owned()),
                "remove_outputs" => Some(remove_outputs.to_owned()),
                _ => None,
            });
            let event = ObjectEvent {
                object: ObjectRef::new(bucket, key, None).unwrap(),
                kind,
                etag: None,
                size: Some(0),
                sequencer: None,
            };
            assert_eq!(action(&config.unwrap(), &event), expect, "{event:?} {key}");
        }
    }
}
