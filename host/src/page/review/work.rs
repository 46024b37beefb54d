//! Carrying decisions out.

use std::sync::Arc;

use anyhow::{Context, Result};
use futures_util::{StreamExt, stream};

use super::{
    AT_A_TIME, Entry, Review,
    bucket::Effect,
    locked,
    record::{LEASE, Millis, Stage, Verdict},
};
use crate::page::audit::{Action, Event};

impl Review {
    /// Carries out the decisions that are due; returns false if one failed.
    pub async fn work(&self, now: Millis) -> bool {
        let due: Vec<_> = {
            let (queue, own) = (locked(&self.queue), locked(&self.own));
            let is_due = |entry: &&Arc<Entry>| {
                entry.decision().is_some_and(|decision| {
                    match (decision.stage, own.get(&entry.id)) {
                        // The same bytes were made again.
                        (Stage::Done, _) => true,
                        (Stage::Taken, Some(due)) => *due <= now,
                        // A process that still runs does it itself.
                        (Stage::Taken, None) => decision.due + LEASE <= now,
                        (Stage::Underway, _) => decision.due <= now,
                    }
                })
            };
            queue.entries().iter().filter(is_due).cloned().collect()
        };
        let carry_out = |entry: Arc<Entry>| async move {
            let result = self.carry_out(&entry, now).await;
            if let Err(error) = &result {
                tracing::warn!("a decision is not carried out yet: {error:#}");
            }
            result.is_ok()
        };
        let results = stream::iter(due).map(carry_out).buffer_unordered(AT_A_TIME);
        results
            .fold(true, |all, one| async move { all && one })
            .await
    }

    async fn carry_out(&self, entry: &Entry, now: Millis) -> Result<()> {
        let (record, _) = entry.record.as_ref().context("no record")?;
        let decision = record.decision.as_ref().context("no decision")?;
        let action = match decision.verdict {
            Verdict::Release => Action::Release,
            Verdict::Reject => Action::Reject,
        };
        let event = Event::new(&decision.by, action).of_copy(&entry.id);
        let intent = self.audit.intend(event.of_bytes(&entry.etag)).await?;
        let effect = self.take_effect(entry, now).await;
        let word = match &effect {
            Ok(Some(Effect::Done)) => "done",
            Ok(Some(Effect::Overtaken)) => "refused: the copy was replaced or removed",
            Ok(Some(Effect::Refused(problem))) => &format!("refused: {problem}"),
            Ok(None) => "elsewhere",
            Err(_) => "failed: the store",
        };
        self.audit.conclude(intent, word).await;
        effect.map(drop)
    }

    /// Returns the effect, or `None` if another process was first, or the decision was undone.
    async fn take_effect(&self, entry: &Entry, now: Millis) -> Result<Option<Effect>> {
        let (record, seen) = entry.record.as_ref().context("no record")?;
        let id = &entry.id;
        let record = record.at_stage(Stage::Underway, now + LEASE);
        let Some(seen) = self.bucket.write(id, &record, Some(seen)).await? else {
            let stored = self.bucket.record(id).await?;
            locked(&self.queue).set_record(id, stored);
            return Ok(None);
        };
        locked(&self.queue).set_record(id, Some((record.clone(), seen.clone())));
        let verdict = record.decision.as_ref().context("no decision")?.verdict;
        let effect = match verdict {
            Verdict::Release => self.bucket.release(&entry.key, &record).await?,
            Verdict::Reject => self.bucket.reject(&entry.key, &record).await?,
        };
        let next = match effect {
            Effect::Done => record.at_stage(Stage::Done, now),
            Effect::Overtaken => {
                record.failed("the copy was replaced or removed before the decision took effect")
            }
            Effect::Refused(problem) => record.failed(problem),
        };
        let stored = self.bucket.write(id, &next, Some(&seen)).await?;
        locked(&self.own).remove(id);
        tracing::info!("{verdict:?} of the copy {}: {effect:?}", &id[..16]);
        match effect {
            Effect::Done => locked(&self.queue).remove(id),
            // The next listing has what is there now.
            Effect::Overtaken => self.refresh(std::time::Duration::ZERO).await?,
            Effect::Refused(_) => {
                let record = stored.map(|etag| (next, etag));
                locked(&self.queue).set_record(id, record);
            }
        }
        Ok(Some(effect))
    }
}
