//! Carrying decisions out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use futures_util::{StreamExt, stream};
use xray::picture::sniff;

use super::{
    AT_A_TIME, Entry, Own, Review,
    bucket::{Effect, Published},
    locked,
    record::{Decision, LEASE, Millis, PATIENCE, Record, Stage, Verdict},
};
use crate::page::audit::{Action, Event};

/// Time for the requests of an effect. It ends before the lease, so that none of them is sent after
/// another process has begun.
const EFFECT: Duration = Duration::from_secs(4 * 60);

/// The time, from the one that a caller gave on.
#[derive(Clone, Copy)]
struct Clock(Millis, Instant);

impl Clock {
    fn now(self) -> Millis {
        let passed = self.1.elapsed().as_millis();
        self.0
            .saturating_add(passed.try_into().unwrap_or(Millis::MAX))
    }
}

impl Review {
    /// Carries out the decisions that are due; returns false if one failed.
    pub async fn work(&self, now: Millis) -> bool {
        let due: Vec<_> = {
            let (queue, own) = (locked(&self.queue), locked(&self.own));
            let is_due = |entry: &&Arc<Entry>| {
                let record = entry.record.as_ref().map(|(record, _)| record);
                let decision = record.and_then(|record| record.decision.as_ref());
                decision.is_some_and(|decision| {
                    // Another decision may have followed, by way of another page.
                    let is_own = |own: &&Own| own.entry.decision() == Some(decision);
                    match (decision.stage, own.get(&entry.id).filter(is_own)) {
                        // The same bytes were made again.
                        (Stage::Done, _) => entry.decision().is_some(),
                        (Stage::Taken, Some(own)) => own.due <= now,
                        // A process that still runs does it itself.
                        (Stage::Taken, None) => decision.due + PATIENCE <= now,
                        (Stage::Underway, _) => decision.due <= now,
                    }
                })
            };
            let mut due: Vec<_> = queue.entries().iter().filter(is_due).cloned().collect();
            // Decisions about copies that are no longer listed end too.
            let is_gone = |own: &&Own| own.due <= now && queue.find(&own.entry.id).is_none();
            due.extend(own.values().filter(is_gone).map(|own| own.entry.clone()));
            due
        };
        let clock = Clock(now, Instant::now());
        let carry_out = |entry: Arc<Entry>| async move {
            let result = self.carry_out(&entry, clock).await;
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

    async fn carry_out(&self, entry: &Entry, clock: Clock) -> Result<()> {
        let is_listed = locked(&self.queue).find(&entry.id).is_some();
        let known = entry.decision();
        let gone;
        let entry = match is_listed {
            true => entry,
            false => {
                gone = entry.with_record(self.bucket.record(&entry.id).await?);
                &gone
            }
        };
        let record = entry.record.as_ref().map(|(record, _)| record);
        let both = record.and_then(|record| Some((record, record.decision.as_ref()?)));
        // Otherwise another process was first.
        let is_open = |decision: &Decision| match decision.stage {
            Stage::Taken => is_listed || known == Some(decision),
            Stage::Underway => decision.due <= clock.now(),
            Stage::Done => is_listed,
        };
        let Some((record, decision)) = both.filter(|(_, decision)| is_open(decision)) else {
            locked(&self.own).remove(&entry.id);
            return Ok(());
        };
        let action = match decision.verdict {
            Verdict::Release => Action::Release,
            Verdict::Reject => Action::Reject,
        };
        let event = Event::new(&decision.by, action).of_copy(&entry.id);
        let intent = self.audit.intend(event.of_bytes(&record.copy)).await?;
        let effect = self.take_effect(entry, clock).await;
        let word = match &effect {
            Ok(Some(Effect::Done)) => "done",
            Ok(Some(Effect::Overtaken | Effect::TakeBack)) => {
                "refused: the copy was replaced or removed"
            }
            Ok(Some(Effect::Refused(problem))) => &format!("refused: {problem}"),
            Ok(None) => "elsewhere",
            Err(_) => "unknown: the store or the research archive failed",
        };
        self.audit.conclude(intent, word).await;
        effect.map(drop)
    }

    /// Returns the effect, or `None` if another process was first, or the decision was undone.
    async fn take_effect(&self, entry: &Entry, clock: Clock) -> Result<Option<Effect>> {
        let (record, seen) = entry.record.as_ref().context("no record")?;
        let id = &entry.id;
        let Some((mut record, mut seen)) = self.lease(id, record, seen, clock).await? else {
            return self.elsewhere(id).await;
        };
        let verdict = record.decision.as_ref().context("no decision")?.verdict;
        let effect = async {
            match verdict {
                Verdict::Release => self.release(&entry.key, &record).await,
                Verdict::Reject => self.bucket.reject(&entry.key, &record).await,
            }
        };
        let mut effect = in_time(effect).await?;
        if effect == Effect::TakeBack {
            // The copy may be gone from quarantine because another process has completed the
            // release; only the holder of the lease may remove what was released.
            let Some(renewed) = self.lease(id, &record, &seen, clock).await? else {
                return self.elsewhere(id).await;
            };
            (record, seen) = renewed;
            in_time(self.bucket.take_back(&entry.key, &record)).await?;
            effect = Effect::Overtaken;
        }
        let next = match effect {
            Effect::Done => record.at_stage(Stage::Done, clock.now()),
            Effect::Overtaken | Effect::TakeBack => record.overtaken(),
            Effect::Refused(problem) => record.failed(problem),
        };
        let Some(stored) = self.bucket.write(id, &next, Some(&seen)).await? else {
            return self.elsewhere(id).await;
        };
        locked(&self.own).remove(id);
        tracing::info!("{verdict:?} of the copy {}: {effect:?}", &id[..16]);
        locked(&self.queue).set_record(id, Some((next, stored)));
        match effect {
            Effect::Done => locked(&self.queue).remove(id),
            // The next listing has what is there now.
            Effect::Overtaken | Effect::TakeBack => self.look_again().await,
            Effect::Refused(_) => {}
        }
        Ok(Some(effect))
    }

    /// Releases a copy. It leaves quarantine when the research archive has it, so that a decision
    /// whose copy could not be sent is carried out again.
    async fn release(&self, key: &str, record: &Record) -> Result<Effect> {
        let copy = match self.bucket.publish(key, record).await? {
            Published::Here(copy) => copy,
            Published::Ended(effect) => return Ok(effect),
        };
        if matches!(sniff::sniff(&copy), Ok(sniff::Format::Dicom)) {
            self.send(key, &copy, record).await?;
        }
        self.bucket.leave(key, record).await
    }

    /// Takes or renews the lease of a decision, if the stored record is the one with the ETag
    /// `seen`.
    async fn lease(
        &self,
        id: &str,
        record: &Record,
        seen: &str,
        clock: Clock,
    ) -> Result<Option<(Record, String)>> {
        let record = record.at_stage(Stage::Underway, clock.now() + LEASE);
        let stored = self.bucket.write(id, &record, Some(seen)).await?;
        let leased = stored.map(|etag| (record, etag));
        if leased.is_some() {
            locked(&self.queue).set_record(id, leased.clone());
        }
        Ok(leased)
    }

    /// Leaves a decision to the process that has written its record meanwhile.
    async fn elsewhere(&self, id: &str) -> Result<Option<Effect>> {
        locked(&self.own).remove(id);
        let stored = self.bucket.record(id).await?;
        locked(&self.queue).set_record(id, stored);
        Ok(None)
    }
}

async fn in_time<T>(effect: impl Future<Output = Result<T>>) -> Result<T> {
    let ended = tokio::time::timeout(EFFECT, effect).await;
    ended.context("the store needs too long")?
}
