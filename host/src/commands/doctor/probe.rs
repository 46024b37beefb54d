//! Sends a phantom through the whole pipeline, waits for its outputs, and removes everything again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use phantoms::{Kind, Phantom, Style};
use s3::Client;
use xray::{
    deidentify::Pseudonyms,
    dicom::Companion,
    pipeline::AnonymizeWhen,
    store::decide::{companion_key, processed_key},
};

use super::{Site, kafka::Tail, line::Finding, topic::Found};
use crate::commands::shared::random;

/// Time between two checks for an output.
const PAUSE: Duration = Duration::from_millis(200);

/// The phantom's objects.
struct Probe<'a> {
    site: &'a Site,
    owner: &'a Client,
    /// Part of every key of this probe and of no other key.
    mark: String,
    source: String,
    processed: String,
    /// Further results, which a DICOM object has beside the processed one.
    further: [String; 2],
    /// The two possible names of the anonymized copy, also in quarantine; empty if the pseudonym
    /// key is not known.
    anonymized: Vec<String>,
}

/// Runs the probe.
pub async fn run(site: &Site, found: &Found, timeout: u64) -> Finding {
    let Some(owner) = &site.owner else {
        return Finding::skipped("sending a phantom needs the keys of the buckets' owner");
    };
    // A picture if there is a rule about pictures, since the first rule is about DICOM objects.
    let mut entries = found.entries.iter().map(|(entry, _)| entry);
    let picture = entries.find(|entry| !is_dicom(entry.rule("suffix")));
    let Some(entry) = picture.or(found.entries.first().map(|(entry, _)| entry)) else {
        return Finding::skipped("no notification");
    };
    let probe = Probe::new(site, owner, entry.rule("prefix"), entry.rule("suffix"));
    let outcome = probe.go(Duration::from_secs(timeout)).await;
    let cleaned = probe.clean().await;
    match (outcome, cleaned) {
        (Ok(finding), Ok(())) => finding,
        (Ok(_), Err(error)) => Finding::warning(
            format!("it works, but the phantom could not be removed: {error:#}"),
            format!(
                "delete the keys with {} in all of these buckets",
                probe.mark
            ),
        ),
        (Err(error), _) => Finding::failed(
            format!("{error:#}"),
            "PUT by the owner must work; a notification whose persistent topic is gone is one reason why it may not",
        ),
    }
}

impl<'a> Probe<'a> {
    fn new(site: &'a Site, owner: &'a Client, prefix: &str, suffix: &str) -> Self {
        let mark = format!("xray-doctor-{}", random::hex(8));
        let extension = if suffix.is_empty() { ".jpeg" } else { suffix };
        let name = "phantom_DOCTOR_0000000_1900-01-01_2000-01-01";
        let source = format!("{prefix}{mark}/{name}{extension}");
        let config = &site.settings.config;
        let bucket = &site.settings.buckets.input;
        let keys =
            Pseudonyms::of(config).map(|pseudonyms| pseudonyms.anonymized_keys(bucket, &source));
        Self {
            site,
            owner,
            mark,
            processed: processed_key(&source),
            further: Companion::ALL.map(|companion| companion_key(&source, companion)),
            source,
            anonymized: keys.map_or_else(Vec::new, |keys| vec![keys.base, keys.alternative]),
        }
    }

    /// Returns the client that may see the outputs: the function's, since the function stores them.
    fn reader(&self) -> &Client {
        self.site.function.as_ref().unwrap_or(self.owner)
    }

    async fn go(&self, timeout: Duration) -> Result<Finding> {
        let buckets = &self.site.settings.buckets;
        let tail = match &self.site.kafka {
            None => None,
            Some(config) => {
                let config = config.clone();
                let begun = tokio::task::spawn_blocking(move || Tail::begin(&config)).await;
                Some(begun.context("reading from Kafka")??)
            }
        };
        let (phantom, object) = Phantom::draw_dicom(1, 0, Kind::Pneumonia, &Style::default());
        let (kind, bytes) = match is_dicom(&self.source) {
            true => ("application/dicom", object),
            false => ("image/jpeg", phantom.jpeg),
        };
        let put = self
            .owner
            .put(&buckets.input, &self.source, kind, bytes.into());
        put.await.context("sending the phantom")?;
        let begun = Instant::now();
        let (mut tail, mut in_kafka) = (tail, false);
        while begun.elapsed() < timeout {
            let output = self.reader().head(&buckets.processed, &self.processed);
            if output.await.context("checking for the output")?.is_some() {
                return self.done(begun.elapsed()).await;
            }
            match tail.take().filter(|_| !in_kafka) {
                None => tokio::time::sleep(PAUSE).await,
                Some(own) => {
                    let mark = self.mark.clone();
                    let looked = tokio::task::spawn_blocking(move || (own.has_seen(&mark), own));
                    let (seen, own) = looked.await.context("reading from Kafka")?;
                    (in_kafka, tail) = (seen, Some(own));
                }
            }
        }
        Ok(self.nothing_came(timeout, in_kafka))
    }

    /// Judges the outputs: the labeled picture exists, and so must the anonymized one if it is due.
    async fn done(&self, took: Duration) -> Result<Finding> {
        let config = &self.site.settings.config;
        let labeled = format!("labeled within {:.1} s", took.as_secs_f64());
        let buckets = &self.site.settings.buckets;
        if self.has_copy_in(&buckets.anonymized).await? {
            return Ok(Finding::ok(format!(
                "a phantom was {labeled}, and anonymized"
            )));
        }
        if let Some(bucket) = &buckets.quarantine
            && self.has_copy_in(bucket).await?
        {
            return Ok(Finding::warning(
                format!(
                    "a phantom was {labeled}, and its copy may still contain text: it went to quarantine"
                ),
                "the function's report tells whether residual text or too much covered area is the reason; see redact_boxes, max_redacted and \
                 text_detector",
            ));
        }
        let is_due = config.pixels.anonymize != AnonymizeWhen::None && !self.anonymized.is_empty();
        if is_due && config.model == "pneumonia" {
            return Ok(Finding::warning(
                format!(
                    "a phantom was {labeled}, but no anonymized copy has the name that this pseudonym_key gives"
                ),
                "give doctor the settings that the function has; the function's report on the phantom has the outcome",
            ));
        }
        Ok(Finding::ok(format!("a phantom was {labeled}")))
    }

    async fn has_copy_in(&self, bucket: &str) -> Result<bool> {
        for key in &self.anonymized {
            let head = self.reader().head(bucket, key).await;
            if head.context("checking for the anonymized copy")?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn nothing_came(&self, timeout: Duration, in_kafka: bool) -> Finding {
        let waited = timeout.as_secs();
        match (&self.site.kafka, in_kafka) {
            (Some(_), true) => Finding::failed(
                format!("the record arrived in Kafka, but no output within {waited} s"),
                "check that xray up runs and reads this topic with a group of its own; see its log and `xray dead-letters`",
            ),
            (Some(_), false) => Finding::failed(
                format!(
                    "the gateway accepted the phantom, but no record arrived in Kafka within {waited} s"
                ),
                "the gateway does not deliver: it may be built without Kafka (Debian's is: ldd radosgw shows no librdkafka), may \
                 not reach the broker, or lack its user or certificate; radosgw's log says why, at its default level only for a topic that \
                 is not persistent",
            ),
            (None, _) => Finding::failed(
                format!(
                    "the gateway accepted the phantom, but no output arrived within {waited} s"
                ),
                "check in the function's log whether it got a request; if not, the gateway does not reach it, has older events in its \
                 queue, was restarted within the last two minutes, has stalled because its receiver refused connections (before Ceph \
                 19; a restart of radosgw cures it), or pushes to where the topic went when the notification was made: xray teardown and xray setup make both anew",
            ),
        }
    }

    async fn clean(&self) -> Result<()> {
        let buckets = &self.site.settings.buckets;
        // The source first: an event that has not started yet then finds it gone.
        self.owner.delete(&buckets.input, &self.source).await?;
        for key in std::iter::once(&self.processed).chain(&self.further) {
            self.owner.delete(&buckets.processed, key).await?;
        }
        for key in &self.anonymized {
            self.owner.delete(&buckets.anonymized, key).await?;
            if let Some(bucket) = &buckets.quarantine {
                self.owner.delete(bucket, key).await?;
            }
        }
        Ok(())
    }
}

/// Reports whether a key or a suffix is that of DICOM objects.
fn is_dicom(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".dcm")
}
