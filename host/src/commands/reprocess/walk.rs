//! Walks through the bucket: lists it, checks which outputs are current, and processes the rest.

use std::{cell::RefCell, pin::pin, time::Duration};

use anyhow::{Context, Result};
use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use http::{Request, header};
use indicatif::ProgressBar;
use jiff::Timestamp;
use s3::{Client, Listed};
use serde_json::json;
use xray::{
    config::Config,
    error::{Outcome, Reason},
    event::{EventKind, ObjectEvent, ObjectRef},
    report::{Report, response},
    store::decide::{self, OutOfDate},
};

use super::{former::Names, tally::Tally};
use crate::serve::runtime::Runtime;

/// Objects per listing request; the maximum of S3.
const PAGE: u16 = 1000;
/// Further attempts at an object that may still work.
const RETRIES: usize = 3;
/// Pause before the second attempt; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(500);

/// State for walking through a bucket.
pub(super) struct Walk {
    pub(super) client: Client,
    pub(super) config: Config,
    pub(super) settings: String,
    pub(super) model_sha256: String,
    /// `None` if nothing is to be processed.
    pub(super) runtime: Option<Runtime>,
    pub(super) bucket: String,
    pub(super) prefix: String,
    pub(super) since: Option<Timestamp>,
    pub(super) limit: usize,
    pub(super) at_a_time: usize,
    pub(super) shows_keys: bool,
    pub(super) bar: ProgressBar,
}

impl Walk {
    /// Walks through the whole bucket until `stop` is ready, then finishes the running objects. At
    /// most one page of the listing is in memory. Returns the sources with current outputs too.
    pub(super) async fn all(&self, stop: impl Future<Output = ()>) -> Result<(Tally, Names)> {
        let tally = RefCell::new(Tally::new(self.runtime.is_none()));
        let names = RefCell::new(Names::new(&self.config));
        {
            let looked = listing(&self.client, &self.bucket, &self.prefix)
                .take_until(stop)
                .try_filter(|object| std::future::ready(self.is_meant(object)))
                .map(async |object| {
                    let object = object?;
                    let out_of_date = self.out_of_date(&object).await?;
                    anyhow::Ok((object, out_of_date))
                })
                .buffered(self.at_a_time);
            let due = looked.try_filter_map(async |(object, out_of_date)| {
                tally.borrow_mut().listed(out_of_date);
                self.bar.inc_length(1);
                if out_of_date.is_none() {
                    self.bar.inc(1);
                    names.borrow_mut().add(&self.reference(&object)?);
                }
                Ok(out_of_date.map(|_| object))
            });
            let ended = due
                .take(self.limit)
                .map(async |object| {
                    let object = object?;
                    let ended = self.process(&object).await;
                    anyhow::Ok((object, ended))
                })
                .buffered(self.at_a_time);
            let mut ended = pin!(ended);
            while let Some(one) = ended.next().await {
                let (object, ended) = one?;
                self.bar.inc(1);
                let Some(ended) = ended else { continue };
                if ended.as_ref().is_ok_and(is_current) {
                    names.borrow_mut().add(&self.reference(&object)?);
                }
                if let Some(complaint) = tally.borrow_mut().ended(ended) {
                    let which = self.name(&object);
                    self.bar.suspend(|| eprintln!("xray: {which}: {complaint}"));
                }
            }
        }
        Ok((tally.into_inner(), names.into_inner()))
    }

    fn is_meant(&self, object: &Listed) -> bool {
        // Consoles create empty objects as "folders".
        let is_folder = object.key.ends_with('/') && object.size == 0;
        !is_folder && self.since.is_none_or(|since| object.modified >= since)
    }

    /// Determines why the outputs of an object are out of date.
    async fn out_of_date(&self, object: &Listed) -> Result<Option<OutOfDate>> {
        let bucket = self.config.buckets(&self.bucket).processed;
        let key = decide::processed_key(&object.key);
        let stored = self.client.head(&bucket, &key).await.context(bucket)?;
        let event = ObjectEvent {
            object: self.reference(object)?,
            kind: EventKind::Created,
            etag: Some(object.etag.clone()),
            size: Some(object.size),
            sequencer: None,
        };
        Ok(decide::out_of_date(
            &event,
            stored.as_ref(),
            &self.model_sha256,
            &self.settings,
        ))
    }

    /// Hands an object to the function, again where that may help; does nothing in a dry run.
    async fn process(&self, object: &Listed) -> Option<Result<Report>> {
        let runtime = self.runtime.as_ref()?;
        let attempt = || async {
            match self.call(runtime, object).await {
                Ok(report) if report.outcome != Outcome::Retry => Ok(report),
                may_still_work => Err(may_still_work),
            }
        };
        let pauses = ExponentialBuilder::default().with_min_delay(PAUSE);
        let ended = attempt.retry(pauses.with_max_times(RETRIES)).await;
        Some(ended.map_or_else(|last| last, Ok))
    }

    async fn call(&self, runtime: &Runtime, object: &Listed) -> Result<Report> {
        let event = Request::post("http://xray.internal/")
            .header(header::CONTENT_TYPE, "application/json")
            .body(self.notification(object))?;
        Ok(response::read(&runtime.call(event).await)?)
    }

    /// Builds the notification of an object whose event is unknown: without a sequencer, so that
    /// the function goes by the ETag.
    fn notification(&self, object: &Listed) -> Bytes {
        let record = json!({
            "eventSource": "ceph:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {
                "bucket": { "name": self.bucket },
                "object": { "key": object.key, "eTag": object.etag, "size": object.size },
            },
        });
        json!({ "Records": [record] }).to_string().into()
    }

    fn reference(&self, object: &Listed) -> Result<ObjectRef> {
        let reference = ObjectRef::new(&self.bucket, &object.key, None);
        reference.context("the bucket holds a key that can't be one")
    }

    /// Names an object in messages: by the digest in the function's reports, or by its key.
    fn name(&self, object: &Listed) -> String {
        match (self.shows_keys, self.reference(object)) {
            (false, Ok(reference)) => decide::log_digest(&reference, &self.config),
            (false, Err(_)) => "an object".into(),
            (true, _) => object.key.clone(),
        }
    }
}

/// Reports whether the outputs of an object are current after its processing.
fn is_current(report: &Report) -> bool {
    match report.outcome {
        Outcome::Done | Outcome::Quarantined => true,
        Outcome::Skipped => report.reason == Some(Reason::Duplicate),
        Outcome::Rejected | Outcome::Retry => false,
    }
}

/// Streams every object below a prefix.
pub(super) fn listing(
    client: &Client,
    bucket: &str,
    prefix: &str,
) -> impl Stream<Item = Result<Listed>> {
    let pages = stream::try_unfold(Some(String::new()), async move |after| {
        let Some(after) = after else {
            return Ok(None);
        };
        let page = client.list(bucket, prefix, &after, PAGE).await;
        let page = page.with_context(|| bucket.to_owned())?;
        let next = page.objects.last().filter(|_| page.is_truncated);
        let next = next.map(|object| object.key.clone());
        anyhow::Ok(Some((stream::iter(page.objects).map(Ok), next)))
    });
    pages.try_flatten()
}
