//! One record's way through everything, against the outside world as [`Ports`] offers it.
//!
//! HEAD, decide, GET, make all outputs, then store: the anonymized copy first, so that a processed object means that all is
//! there. PUTs are conditional on what was seen; where a condition fails, it looks and decides again.

pub mod removal;
mod settle;

use s3::ObjectHead;

use crate::{
    config::Config,
    deidentify,
    error::{Error, Outcome},
    event::{EventKind, ObjectEvent, Record},
    model::contract::Contract,
    pipeline::{self, Outputs},
    ports::Ports,
    record::settle::{ATTEMPTS, Work, raced},
    report::{Covered, Model, Report, millis},
    store::decide,
    store::fetch::{Fetched, fetch},
    store::outputs::OutputStore,
    text::{Detector, contract::TextContract},
};

/// What the models want and give, and the digest of the settings with them.
struct Terms {
    contract: Contract,
    /// Of the model that finds text, with its name.
    text: Option<(String, TextContract)>,
    settings: String,
}

impl Terms {
    fn read(ports: &impl Ports, config: &Config) -> Result<Terms, Error> {
        let contract = ports.contract(&config.model)?;
        let text = match &config.text_detector {
            Some(name) => Some((name.clone(), ports.text_contract(name)?)),
            None => None,
        };
        let sha256 = text.as_ref().map(|(_, text)| text.model_sha256.as_str());
        Ok(Terms {
            settings: config.settings_digest(sha256),
            contract,
            text,
        })
    }
}

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
    report.source = Some(decide::log_digest(&event.object, config));
    report.bucket = Some(event.object.bucket().to_owned());
    let follows = event.kind == EventKind::Removed && config.remove_outputs;
    if event.kind != EventKind::Created && !follows {
        report.skip("not-a-creation");
        return Ok(());
    }
    if decide::is_own_output(event.object.bucket(), config) {
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
    let terms = Terms::read(ports, config)?;
    report.model = Some(Model {
        name: config.model.clone(),
        sha256: terms.contract.model_sha256.clone(),
    });
    report.settings = Some(terms.settings.clone());
    let mut overtaken = attempt(ports, config, event, &terms, forced, report).await?;
    // A later event finished while this one had its hands on the anonymized copy, which may be this one's now. The later one
    // won't look again, so its outputs are made again here.
    for _ in 0..ATTEMPTS {
        let Some(stored) = overtaken else {
            return Ok(());
        };
        let later = decide::made_for(event, &stored)?;
        let mut again = Report::new(Outcome::Done);
        overtaken = attempt(ports, config, &later, &terms, true, &mut again).await?;
        report.anonymized = again.anonymized;
    }
    match overtaken {
        Some(_) => Err(raced()),
        None => Ok(()),
    }
}

/// One way through. Gives back what is stored when a later event overtook this one after it had touched the anonymized copy.
async fn attempt(
    ports: &impl Ports,
    config: &Config,
    event: &ObjectEvent,
    terms: &Terms,
    forced: bool,
    report: &mut Report,
) -> Result<Option<ObjectHead>, Error> {
    let store = OutputStore::new(ports, config, event);
    let mark = ports.elapsed();
    let stored = store.head_processed().await?;
    report.ms.head = Some(millis(ports.elapsed().saturating_sub(mark)));
    let work = Work {
        event,
        contract: &terms.contract,
        settings: &terms.settings,
        has_boxes: !config.pixels.boxes.is_empty(),
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
        } => (bytes, decide::Source { etag, version }),
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
    let (contract, text) = (&terms.contract, &terms.text);
    let find = |tensor: &_| match text {
        Some((name, text)) => ports.infer(name, &text.input.name, tensor),
        None => Err(Error::Model("nothing finds text here".into())),
    };
    let detector = text.as_ref().map(|(_, contract)| Detector {
        contract,
        marks_stay: !deidentify::may_look_like_a_mark(event.object.key()),
        infer: &find,
    });
    let outputs = pipeline::process(
        &bytes,
        &config.pixels,
        contract,
        detector.as_ref(),
        || ports.elapsed(),
        |tensor| ports.infer(&config.model, &contract.input.name, tensor),
    )?;
    let sha256 = text.as_ref().map(|(_, text)| text.model_sha256.as_str());
    describe(&outputs, sha256, report);

    let mark = ports.elapsed();
    let ended = work.store_outputs(outputs, &source, stored, report).await;
    report.ms.store = Some(millis(ports.elapsed().saturating_sub(mark)));
    ended
}

/// Puts what is known of the outputs into the report.
fn describe(outputs: &Outputs, detector: Option<&str>, report: &mut Report) {
    report.class = Some(outputs.prediction.class);
    report.doubt = outputs.prediction.doubt.clone();
    let claimed = report.doubt.is_none();
    report.risk = claimed.then_some(outputs.prediction.risk);
    report.format = Some(outputs.format);
    report.written = Some(outputs.written);
    report.width = Some(outputs.width);
    report.height = Some(outputs.height);
    report.bytes.processed = Some(outputs.processed.len() as u64);
    let anonymized = outputs.anonymized.as_ref();
    report.bytes.anonymized = anonymized.map(|copy| copy.bytes.len() as u64);
    report.redaction = Covered::of(outputs, detector);
    let timings = &outputs.timings;
    report.ms.decode = Some(millis(timings.decode));
    report.ms.prepare = Some(millis(timings.prepare));
    report.ms.predict = Some(millis(timings.predict));
    report.ms.detect = outputs.found.as_ref().map(|_| millis(timings.detect));
    report.ms.annotate = Some(millis(timings.annotate));
    report.ms.redact = Some(millis(timings.redact));
    report.ms.encode = Some(millis(timings.encode));
    report.ms.verify =
        (outputs.found.is_some() && anonymized.is_some()).then(|| millis(timings.verify));
}
