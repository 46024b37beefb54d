//! The steps of a person: claim, decide, undo.

use std::time::Duration;

use anyhow::Result;
use xray::store::metadata;

use super::{
    Review, locked,
    record::{Millis, Record, Refused, UNDO, Verdict},
};
use crate::page::audit::{Action, Event};

/// Attempts when others write the same record.
const ATTEMPTS: usize = 4;

/// Result of a person's step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is recorded.
    Taken,
    /// It is refused: another person was first, or it is too late.
    Refused(Refusal),
}

/// Reason for a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// This person looks at the copy.
    Claimed(String),
    /// This person has decided about it.
    Decided(String),
    /// It is no longer in quarantine.
    Gone,
    /// It is another copy than the person has seen.
    Changed,
    /// The decision has taken effect already.
    TooLate,
}

impl Review {
    /// Claims the next copy after `after` that nobody else looks at; without any after it, one from
    /// the start.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn next(
        &self,
        after: Option<&str>,
        who: &str,
        now: Millis,
    ) -> Result<Option<String>> {
        if let Some(after) = after {
            self.let_go(after, who).await?;
        }
        for id in self.candidates(after, who, now).await? {
            let step = self
                .step(&id, None, |record, copy| record.claim(copy, who, now))
                .await?;
            if step == Step::Taken {
                // Nothing is seen by it yet, and without this entry it ends by itself.
                let event = Event::new(who, Action::Claim).of_copy(&id);
                self.audit.record(event).await?;
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Returns the ids of copies that [`Review::next`] would try, in this order.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn candidates(
        &self,
        after: Option<&str>,
        who: &str,
        now: Millis,
    ) -> Result<Vec<String>> {
        // The place of the last one, also if it has left the queue's waiting part.
        let place = {
            let queue = locked(&self.queue);
            after
                .and_then(|after| queue.find(after))
                .map(|entry| (entry.since, entry.id.clone()))
        };
        let (waiting, _) = self.waiting().await?;
        let free = waiting.iter().filter(|entry| {
            Some(entry.id.as_str()) != after && entry.claimed_by_other(who, now).is_none()
        });
        let (later, earlier): (Vec<_>, Vec<_>) = free.partition(|entry| {
            place
                .as_ref()
                .is_none_or(|place| (entry.since, &entry.id) > (place.0, &place.1))
        });
        let all = later.into_iter().chain(earlier);
        Ok(all.map(|entry| entry.id.clone()).collect())
    }

    /// Decides about a copy of which the person has seen the bytes with the ETag `seen`.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn decide(
        &self,
        id: &str,
        seen: &str,
        verdict: Verdict,
        who: &str,
        now: Millis,
    ) -> Result<Step> {
        let decide = |record: &Record, copy: (&str, &str)| record.decide(copy, verdict, who, now);
        let event = Event::new(who, Action::Decide).of_copy(id).of_bytes(seen);
        let intent = self.audit.intend(event.what(verdict.word())).await?;
        let step = self.step(id, Some(seen), decide).await;
        self.audit.conclude(intent, word(&step)).await;
        let step = step?;
        if step == Step::Taken {
            locked(&self.own).insert(id.to_owned(), now + UNDO);
            tracing::info!("{who} decided about the copy {}: {verdict:?}", &id[..16]);
        }
        Ok(step)
    }

    /// Takes a person's decision back.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn undo(&self, id: &str, who: &str, now: Millis) -> Result<Step> {
        let event = Event::new(who, Action::Undo).of_copy(id);
        let intent = self.audit.intend(event).await?;
        let step = self.step(id, None, |record, _| record.undo(who, now)).await;
        self.audit.conclude(intent, word(&step)).await;
        let step = step?;
        if step == Step::Taken {
            locked(&self.own).remove(id);
            tracing::info!("{who} took a decision back, about the copy {}", &id[..16]);
        }
        Ok(step)
    }

    /// Ends the time in which a person's decisions can be undone.
    pub fn hurry(&self, who: &str, now: Millis) {
        for entry in self.undoable(who, now) {
            if let Some(due) = locked(&self.own).get_mut(&entry.id) {
                *due = now;
            }
        }
    }

    async fn let_go(&self, id: &str, who: &str) -> Result<()> {
        let Some((record, seen)) = self.bucket.record(id).await? else {
            return Ok(());
        };
        let Some(next) = record.let_go(who) else {
            return Ok(());
        };
        let event = Event::new(who, Action::Skip).of_copy(id);
        self.audit.record(event).await?;
        // If somebody was first, the claim has ended by itself.
        if let Some(etag) = self.bucket.write(id, &next, Some(&seen)).await? {
            locked(&self.queue).set_record(id, Some((next, etag)));
        }
        Ok(())
    }

    /// Takes a step from the stored record, again if somebody else was first.
    pub(super) async fn step(
        &self,
        id: &str,
        seen: Option<&str>,
        step: impl Fn(&Record, (&str, &str)) -> Result<Record, Refused>,
    ) -> Result<Step> {
        let refused = |refusal| Ok(Step::Refused(refusal));
        let Some(entry) = self.find(id).await? else {
            return refused(Refusal::Gone);
        };
        for _ in 0..ATTEMPTS {
            let Some(head) = self.bucket.head(&entry.key).await? else {
                locked(&self.queue).remove(id);
                return refused(Refusal::Gone);
            };
            if seen.unwrap_or(&entry.etag) != head.etag {
                self.refresh(Duration::ZERO).await?;
                return refused(Refusal::Changed);
            }
            let stored = self.bucket.record(id).await?;
            let (record, etag) =
                stored.map_or_else(Default::default, |(record, etag)| (record, Some(etag)));
            let next = match step(&record, (&head.etag, metadata::source_of(&head))) {
                Ok(next) => next,
                Err(reason) => {
                    locked(&self.queue).set_record(id, etag.map(|etag| (record, etag)));
                    return refused(reason.into());
                }
            };
            if let Some(etag) = self.bucket.write(id, &next, etag.as_deref()).await? {
                locked(&self.queue).set_record(id, Some((next, etag)));
                return Ok(Step::Taken);
            }
        }
        anyhow::bail!("others wrote the same record {ATTEMPTS} times in a row")
    }
}

/// Returns the word for the audit log.
pub(super) fn word(step: &Result<Step>) -> &'static str {
    match step {
        Ok(Step::Taken) => "taken",
        Ok(Step::Refused(refusal)) => match refusal {
            Refusal::Claimed(_) => "refused: claimed by another person",
            Refusal::Decided(_) => "refused: decided already",
            Refusal::Gone => "refused: gone",
            Refusal::Changed => "refused: other bytes",
            Refusal::TooLate => "refused: too late",
        },
        Err(_) => "failed: the store",
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Claimed(by) => Self::Claimed(by),
            Refused::Decided(by) => Self::Decided(by),
            Refused::NothingToUndo => Self::TooLate,
        }
    }
}
