//! Covering more of a copy: a person's boxes, the function's component, and the copy in quarantine
//! replaced by what it makes.

use std::sync::Arc;

use anyhow::{Context, Result};
use s3::{NewObject, Precondition};
use xray::{picture::boxes::Rect, store::metadata};

use super::{
    Review,
    bucket::{is_etag, known},
    record::Millis,
    steps::{Refusal, Step, to_its_end, word},
};
use crate::page::{
    audit::{Action, Event},
    module::Module,
};

/// Reason of a copy that a person has covered further, and in which no text was found.
pub const COVERED: &str = "covered";
/// Reason of one in which text may still be left.
pub const COVERED_TEXT_LEFT: &str = "covered-text-left";

impl Review {
    /// Covers boxes, in the picture's pixels, of a copy of which the person has seen the bytes with
    /// the ETag `seen`. The copy stays in quarantine, claimed by that person.
    ///
    /// # Errors
    /// When the store or the function refuses.
    pub async fn cover(
        self: &Arc<Self>,
        module: &Module,
        (id, seen): (&str, &str),
        boxes: &[Rect],
        who: &str,
        now: Millis,
    ) -> Result<Step> {
        let (review, module) = (self.clone(), module.clone());
        let (id, seen) = (id.to_owned(), seen.to_owned());
        let (boxes, who) = (boxes.to_vec(), who.to_owned());
        to_its_end(async move {
            let copy = (id.as_str(), seen.as_str());
            review.cover_now(&module, copy, &boxes, &who, now).await
        })
        .await
    }

    async fn cover_now(
        &self,
        module: &Module,
        (id, seen): (&str, &str),
        boxes: &[Rect],
        who: &str,
        now: Millis,
    ) -> Result<Step> {
        if !is_etag(seen) {
            return Ok(Step::Refused(Refusal::Changed));
        }
        let event = Event::new(who, Action::Cover).of_copy(id).of_bytes(seen);
        let count = format!("{} boxes", boxes.len());
        let intent = self.audit.intend(event.what(&count)).await?;
        let step = self.replace(module, (id, seen), boxes, who, now).await;
        self.audit.conclude(intent, word(&step)).await;
        step
    }

    async fn replace(
        &self,
        module: &Module,
        (id, seen): (&str, &str),
        boxes: &[Rect],
        who: &str,
        now: Millis,
    ) -> Result<Step> {
        // Nobody else decides while the person has the claim.
        let claim = self.step(id, Some(seen), |record, copy| record.claim(copy, who, now));
        if let step @ Step::Refused(_) = claim.await? {
            return Ok(step);
        }
        let Some(entry) = self.find(id).await? else {
            return Ok(Step::Refused(Refusal::Gone));
        };
        let object = self.bucket.copy(&entry.key).await?;
        let Some(object) = object.filter(|object| object.head.etag == seen) else {
            return Ok(Step::Refused(Refusal::Changed));
        };
        let covered = module.cover(object.body, boxes).await?;
        let reason = match covered.residual {
            Some(0) => COVERED,
            _ => COVERED_TEXT_LEFT,
        };
        let head = &object.head;
        let mut metadata = known(head);
        metadata.push((metadata::REASON, reason.to_owned()));
        let new = NewObject {
            body: covered.bytes.into(),
            content_type: covered.content_type,
            metadata,
            precondition: Precondition::Unchanged(seen.to_owned()),
        };
        let source = metadata::source_of(head);
        self.bucket.hold(source, "covered").await?;
        let Some(etag) = self.bucket.replace(&entry.key, &new).await? else {
            return Ok(Step::Refused(Refusal::Changed));
        };
        // The copy is covered. If this fails, or somebody was first, it is in the queue without
        // this history.
        if let Err(error) = self.remember(id, (&etag, source), who, now).await {
            tracing::warn!("the history of a copy lacks a cover: {error:#}");
        }
        self.look_again().await;
        tracing::info!("{who} covered more of the copy {}", &id[..16]);
        Ok(Step::Taken)
    }

    async fn remember(&self, id: &str, copy: (&str, &str), who: &str, now: Millis) -> Result<()> {
        let (record, stored) = self.bucket.record(id).await?.context("the claim is gone")?;
        let next = record.covered(copy, who, now);
        self.bucket.write(id, &next, Some(&stored)).await.map(drop)
    }
}
