//! One attempt at a record, and the repair after a later event overtook one.

use s3::ObjectHead;

use super::{
    archives::Archives,
    commit::{ATTEMPTS, Attempt, Commit, contended},
    contracts::ModelContracts,
};
use crate::{
    config::Config,
    deidentify,
    error::{Error, Outcome, Reason},
    event::ObjectEvent,
    picture::sniff::is_dicom,
    pipeline,
    ports::Ports,
    record::removal::current_source,
    report::{Report, Stored, millis},
    store::decide,
    store::fetch::{Fetched, fetch},
    store::outputs::OutputStore,
    text::{Detector, Withheld},
};

/// Attempts a record once. The report holds the facts that are known at the end of the attempt,
/// failed or not.
pub async fn attempt(
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
        report.ms.head = Some(millis(ports.since(start)));
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
        report.ms.fetch = Some(millis(ports.since(start)));
        let (bytes, source) = match fetched {
            Fetched::Object { bytes, source } => (bytes, source),
            Fetched::Gone => return Ok(Attempt::Skipped(Reason::Gone)),
            Fetched::Changed => return Ok(Attempt::Skipped(Reason::Changed)),
        };
        report.bytes.source = Some(bytes.len() as u64);
        let find = |tensor: &_| contracts.find(ports, tensor);
        let recognize = |tensor: &_| contracts.recognize(ports, tensor);
        let recognizer = contracts.recognizer(&recognize);
        let key = event.object.key();
        let withheld = Withheld {
            initials: deidentify::initials(key),
            short: deidentify::short_letters(key),
        };
        let detector = contracts.detector.as_ref().map(|(_, contract)| Detector {
            contract,
            keep_side_markers: !deidentify::may_look_like_a_marker(key),
            withheld,
            recognizer: recognizer.as_ref(),
            infer: &find,
        });
        let contract = &contracts.classifier;
        let clock = || ports.elapsed();
        let infer = |tensor: &_| ports.infer(&config.model, &contract.input.name, tensor);
        let (pixels, detector) = (&config.pixels, detector.as_ref());
        let outputs = match is_dicom(&bytes) {
            true => {
                let dicom = &config.dicom;
                pipeline::dicom::process(&bytes, pixels, dicom, contract, detector, clock, infer)?
            }
            false => pipeline::process(&bytes, pixels, contract, detector, clock, infer)?,
        };
        report.record_outputs(&outputs, contracts.detector_sha256());

        let start = ports.elapsed();
        let archives = Archives::new(ports, config, outputs.format);
        let ended = commit.run(outputs, &source, stored, archives).await;
        report.ms.store = Some(millis(ports.since(start)));
        ended
    }
    .await;
    (report, ended)
}

/// Confirms outputs that were stored without a guard against other writers: if the source has
/// changed since it was read, they may have replaced those of a later event, so the current
/// source's outputs are made, unless they are there.
///
/// Of several such writers the last one to store is also the last one to ask.
pub async fn confirm(
    ports: &impl Ports,
    config: &Config,
    event: &ObjectEvent,
    contracts: &ModelContracts,
    mut ended: Attempt,
) -> Result<Attempt, Error> {
    for _ in 0..ATTEMPTS {
        let made_from = match &ended {
            Attempt::Stored {
                unguarded: Some(etag),
                ..
            } => etag.clone(),
            _ => return Ok(ended),
        };
        let changed =
            |source: &ObjectEvent| source.etag.as_ref().is_some_and(|now| *now != made_from);
        let source = current_source(ports, config, event).await?;
        let Some(source) = source.filter(changed) else {
            return Ok(ended);
        };
        ended = attempt(ports, config, &source, contracts, false).await.1?;
    }
    Err(contended())
}

/// Makes the outputs of a later event again; `by` is its processed object.
///
/// The later event completed while we were writing the anonymized copy, so that copy may now be
/// ours. The later event will not be retried.
pub async fn restore(
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
            Attempt::Failed { error, .. } => return Err(error),
            Attempt::Overtaken { by: next, .. } => by = next,
        }
    }
    Err(contended())
}
