//! Sends a phantom through everything, waits for what comes out, and takes it all away again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use phantoms::{Kind, Phantom, Style};
use s3::Client;
use xray::{deidentify::Pseudonyms, pipeline::AnonymizeWhen, store::decide::processed_key};

use super::{Site, kafka::Tail, line::Finding, topic::Found};

/// Time between two looks for an output.
const PAUSE: Duration = Duration::from_millis(200);

/// The phantom's objects.
struct Probe<'a> {
    site: &'a Site,
    owner: &'a Client,
    /// Part of every key of this probe, and of no other.
    mark: String,
    source: String,
    processed: String,
    /// The two names that the anonymized copy may have, in quarantine too; none where the pseudonym key is not known.
    anonymized: Vec<String>,
}

/// Runs it.
pub async fn run(site: &Site, found: &Found, timeout: u64) -> Finding {
    let Some(owner) = &site.owner else {
        return Finding::skipped("a phantom is sent as the buckets' owner, whose keys are not set");
    };
    let Some((entry, _)) = found.entries.first() else {
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
        let random = s3::fresh_key();
        let mark = format!("xray-doctor-{}", random.get(..16).unwrap_or(&random));
        let extension = if suffix.is_empty() { ".jpeg" } else { suffix };
        let name = "phantom_DOCTOR_0000000_1900-01-01_2000-01-01";
        let source = format!("{prefix}{mark}/{name}{extension}");
        let config = &site.settings.config;
        let bucket = &site.settings.buckets.input;
        let keys = config.pseudonym_key.clone().map(|secret| {
            Pseudonyms::new(secret, config.study_id, config.exam_date)
                .anonymized_keys(bucket, &source)
        });
        Self {
            site,
            owner,
            mark,
            processed: processed_key(&source),
            source,
            anonymized: keys.map_or_else(Vec::new, |keys| vec![keys.base, keys.alternative]),
        }
    }

    /// Who sees the outputs: the function, since it stores them.
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
                Some(begun.context("looking at Kafka")??)
            }
        };
        let jpeg = Phantom::draw_as(1, 0, Kind::Pneumonia, &Style::default()).jpeg;
        let put = self
            .owner
            .put(&buckets.input, &self.source, "image/jpeg", jpeg.into());
        put.await.context("sending the phantom")?;
        let begun = Instant::now();
        let (mut tail, mut in_kafka) = (tail, false);
        while begun.elapsed() < timeout {
            let output = self.reader().head(&buckets.processed, &self.processed);
            if output.await.context("looking for the output")?.is_some() {
                return self.done(begun.elapsed()).await;
            }
            match tail.take().filter(|_| !in_kafka) {
                None => tokio::time::sleep(PAUSE).await,
                Some(own) => {
                    let mark = self.mark.clone();
                    let looked = tokio::task::spawn_blocking(move || (own.has_seen(&mark), own));
                    let (seen, own) = looked.await.context("looking at Kafka")?;
                    (in_kafka, tail) = (seen, Some(own));
                }
            }
        }
        Ok(self.nothing_came(timeout, in_kafka))
    }

    /// The labelled picture is there, and so the anonymized one must be, if it is due.
    async fn done(&self, took: Duration) -> Result<Finding> {
        let config = &self.site.settings.config;
        let labelled = format!("labelled within {:.1} s", took.as_secs_f64());
        let buckets = &self.site.settings.buckets;
        if self.has_copy_in(&buckets.anonymized).await? {
            return Ok(Finding::ok(format!(
                "a phantom was {labelled}, and anonymized"
            )));
        }
        if let Some(bucket) = &buckets.quarantine
            && self.has_copy_in(bucket).await?
        {
            return Ok(Finding::warning(
                format!(
                    "a phantom was {labelled}, and its copy is not clean for sure: it went to quarantine"
                ),
                "the function's report says whether text was left or too much was covered; see redact_boxes, max_redacted and \
                 text_detector",
            ));
        }
        let is_due = config.pixels.anonymize != AnonymizeWhen::None && !self.anonymized.is_empty();
        if is_due && config.model == "pneumonia" {
            return Ok(Finding::warning(
                format!(
                    "a phantom was {labelled}, but there is no anonymized copy under the name that this pseudonym_key gives"
                ),
                "give doctor the settings that the function has; its report says what it made of the phantom",
            ));
        }
        Ok(Finding::ok(format!("a phantom was {labelled}")))
    }

    async fn has_copy_in(&self, bucket: &str) -> Result<bool> {
        for key in &self.anonymized {
            let head = self.reader().head(bucket, key).await;
            if head.context("looking for the anonymized copy")?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn nothing_came(&self, timeout: Duration, in_kafka: bool) -> Finding {
        let waited = timeout.as_secs();
        match (&self.site.kafka, in_kafka) {
            (Some(_), true) => Finding::failed(
                format!("the record came to Kafka, and no output came within {waited} s"),
                "see that xray up runs and reads this topic with a group of its own; its log and `xray dead-letters` say more",
            ),
            (Some(_), false) => Finding::failed(
                format!(
                    "the gateway took the phantom, and no record came to Kafka within {waited} s"
                ),
                "the gateway does not deliver: it may be built without Kafka (Debian's is: ldd radosgw shows no librdkafka), may \
                 not reach the broker, or lack its user or certificate; radosgw's log says why, at its default level only for a topic that \
                 is not persistent",
            ),
            (None, _) => Finding::failed(
                format!("the gateway took the phantom, and no output came within {waited} s"),
                "see whether the function got a request (its log); if not, the gateway does not reach it, has older events in its \
                 queue, or pushes to where the topic went when the notification was made: xray teardown and xray setup make both anew",
            ),
        }
    }

    async fn clean(&self) -> Result<()> {
        let buckets = &self.site.settings.buckets;
        // The source first: what has not begun by now finds it gone.
        self.owner.delete(&buckets.input, &self.source).await?;
        self.owner
            .delete(&buckets.processed, &self.processed)
            .await?;
        for key in &self.anonymized {
            self.owner.delete(&buckets.anonymized, key).await?;
            if let Some(bucket) = &buckets.quarantine {
                self.owner.delete(bucket, key).await?;
            }
        }
        Ok(())
    }
}
