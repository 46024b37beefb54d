//! The record of one copy's review, an object beside the copy. All that reviewers do is a step from
//! one record to the next, stored only if nobody else took a step meanwhile.

use serde::{Deserialize, Serialize};

use crate::page::access::users::secret;

/// Milliseconds since 1970.
pub type Millis = i64;

/// Time in which a decision can be undone.
pub const UNDO: Millis = 10_000;
/// Time for which a copy is kept for the person who looks at it.
const CLAIM: Millis = 5 * 60_000;
/// Time in which the process of a decision begins to carry it out; afterwards any other may.
pub const PATIENCE: Millis = 60_000;
/// Time for carrying out a decision; afterwards another process may do it.
pub const LEASE: Millis = 5 * 60_000;
/// Earlier decisions that are kept.
const HISTORY: usize = 20;

/// Decision about a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is clean and goes to the anonymized copies.
    Release,
    /// It is not, and is removed.
    Reject,
}

impl Verdict {
    /// Returns the word in forms and in the audit log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Reject => "reject",
        }
    }
}

/// A person's claim to look at a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Name of the person.
    pub by: String,
    /// End of the claim.
    pub until: Millis,
}

/// State of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It can be undone until it is due.
    Taken,
    /// A process carries it out, and has until it is due.
    Underway,
    /// It was carried out.
    Done,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Release or reject.
    pub verdict: Verdict,
    /// Name of the person.
    pub by: String,
    /// Time of the decision.
    pub at: Millis,
    /// Stage.
    pub stage: Stage,
    /// End of the stage.
    pub due: Millis,
}

/// Act that ended an earlier copy under the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// It was released.
    Release,
    /// It was rejected.
    Reject,
    /// More of it was covered, which gave other bytes.
    Cover,
    /// Somebody decided about it, and it was replaced or removed before that took effect.
    Overtaken,
}

impl From<Verdict> for Act {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Release => Self::Release,
            Verdict::Reject => Self::Reject,
        }
    }
}

/// An act about an earlier copy under the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Act. Records call it by the verdict that it mostly is.
    #[serde(rename = "verdict")]
    pub act: Act,
    /// Name of the person.
    pub by: String,
    /// Time of the act.
    pub at: Millis,
    /// ETag of that copy.
    pub copy: String,
}

/// The record of a copy's review. Nothing in it comes from the picture or its key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// ETag of the copy, the MD5 of its bytes.
    pub copy: String,
    /// Keyed digest of the copy's source.
    pub source: String,
    /// Claim.
    #[serde(default)]
    pub claim: Option<Claim>,
    /// Decision.
    #[serde(default)]
    pub decision: Option<Decision>,
    /// Reason why a decision could not be carried out.
    #[serde(default)]
    pub problem: Option<String>,
    /// Decisions about earlier copies under this name, the oldest first.
    #[serde(default)]
    pub history: Vec<Past>,
    /// Random, so that no two records have one ETag.
    #[serde(default)]
    pub nonce: String,
}

/// Reason why a step was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// This person looks at it.
    Claimed(String),
    /// This person has decided.
    Decided(String),
    /// There is no decision of this person that can still be undone.
    NothingToUndo,
}

impl Record {
    /// Returns a successor about this copy, with the decision about another one in its history.
    fn about(&self, copy: &str, source: &str) -> Self {
        let mut next = self.clone();
        next.nonce = secret();
        if self.is_about(copy, source) {
            return next;
        }
        next.claim = None;
        next.problem = None;
        next.copy = copy.to_owned();
        next.source = source.to_owned();
        if let Some(decision) = next.decision.take() {
            let act = match decision.stage {
                Stage::Done => decision.verdict.into(),
                Stage::Taken | Stage::Underway => Act::Overtaken,
            };
            next.remember(act, &decision.by, decision.at, &self.copy);
        }
        next
    }

    fn remember(&mut self, act: Act, by: &str, at: Millis, copy: &str) {
        self.history.push(Past {
            act,
            by: by.to_owned(),
            at,
            copy: copy.to_owned(),
        });
        let extra = self.history.len().saturating_sub(HISTORY);
        self.history.drain(..extra);
    }

    /// Returns a successor about the bytes that a person has made of the copy by covering more of
    /// it, claimed by that person.
    pub fn covered(&self, (copy, source): (&str, &str), who: &str, now: Millis) -> Self {
        let mut next = self.about(copy, source);
        next.remember(Act::Cover, who, now, &self.copy);
        next.problem = None;
        next.claim = Some(Claim {
            by: who.to_owned(),
            until: now + CLAIM,
        });
        next
    }

    /// Reports whether the record is about these very bytes of this source.
    pub fn is_about(&self, copy: &str, source: &str) -> bool {
        self.copy == copy && self.source == source
    }

    /// Returns the decision about a copy with this ETag.
    pub fn decision_about(&self, copy: &str) -> Option<&Decision> {
        self.decision.as_ref().filter(|_| self.copy == copy)
    }

    /// Returns the name of another person who looks at the copy.
    pub fn claimed_by_other(&self, who: &str, now: Millis) -> Option<&str> {
        let claim = self.claim.as_ref();
        let claim = claim.filter(|claim| claim.until > now && claim.by != who)?;
        Some(&claim.by)
    }

    fn check(&self, who: &str, now: Millis) -> Result<(), Refused> {
        if let Some(decision) = &self.decision {
            return Err(Refused::Decided(decision.by.clone()));
        }
        match self.claimed_by_other(who, now) {
            Some(other) => Err(Refused::Claimed(other.to_owned())),
            None => Ok(()),
        }
    }

    /// Claims the copy for a person.
    ///
    /// # Errors
    /// When another person looks at it, or somebody has decided.
    pub fn claim(
        &self,
        (copy, source): (&str, &str),
        who: &str,
        now: Millis,
    ) -> Result<Self, Refused> {
        let mut next = self.about(copy, source);
        next.check(who, now)?;
        next.claim = Some(Claim {
            by: who.to_owned(),
            until: now + CLAIM,
        });
        Ok(next)
    }

    /// Ends a person's claim; `None` if the person has no claim.
    pub fn let_go(&self, who: &str) -> Option<Self> {
        self.claim.as_ref().filter(|claim| claim.by == who)?;
        let mut next = self.clone();
        next.nonce = secret();
        next.claim = None;
        Some(next)
    }

    /// Decides about the copy.
    ///
    /// # Errors
    /// As [`Record::claim`].
    pub fn decide(
        &self,
        (copy, source): (&str, &str),
        verdict: Verdict,
        who: &str,
        now: Millis,
    ) -> Result<Self, Refused> {
        let mut next = self.about(copy, source);
        next.check(who, now)?;
        next.claim = None;
        next.problem = None;
        next.decision = Some(Decision {
            verdict,
            by: who.to_owned(),
            at: now,
            stage: Stage::Taken,
            due: now + UNDO,
        });
        Ok(next)
    }

    /// Takes a person's own decision back, and claims the copy for that person.
    ///
    /// # Errors
    /// When it is too late.
    pub fn undo(&self, who: &str, now: Millis) -> Result<Self, Refused> {
        let decision = self.decision.as_ref();
        let can = decision.is_some_and(|decision| {
            decision.by == who && decision.stage == Stage::Taken && decision.due > now
        });
        if !can {
            return Err(Refused::NothingToUndo);
        }
        let mut next = self.clone();
        next.nonce = secret();
        next.decision = None;
        next.claim = Some(Claim {
            by: who.to_owned(),
            until: now + CLAIM,
        });
        Ok(next)
    }

    /// Moves the decision to a stage.
    pub fn at_stage(&self, stage: Stage, due: Millis) -> Self {
        let mut next = self.clone();
        next.nonce = secret();
        if let Some(decision) = &mut next.decision {
            decision.stage = stage;
            decision.due = due;
        }
        next
    }

    /// Ends a decision whose copy is no longer there.
    pub fn overtaken(&self) -> Self {
        let text = "the copy was replaced or removed before the decision took effect";
        let mut next = self.failed(text);
        if let Some(decision) = &self.decision {
            next.remember(Act::Overtaken, &decision.by, decision.at, &self.copy);
        }
        next
    }

    /// Takes a decision back that can't be carried out.
    pub fn failed(&self, problem: &str) -> Self {
        let mut next = self.clone();
        next.nonce = secret();
        next.decision = None;
        next.problem = Some(problem.to_owned());
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COPY: (&str, &str) = ("etag", "source");

    #[test]
    fn copy_is_decided_once_by_the_person_who_looks_at_it() {
        let start = Record::default();
        let claimed = start.claim(COPY, "alice", 0).unwrap();
        assert_eq!(
            claimed.claim(COPY, "bob", CLAIM - 1),
            Err(Refused::Claimed("alice".into()))
        );
        assert!(
            claimed
                .decide(COPY, Verdict::Reject, "bob", CLAIM - 1)
                .is_err()
        );
        // Her claim ends by itself.
        let bobs = claimed.claim(COPY, "bob", CLAIM).unwrap();
        assert_eq!(bobs.claimed_by_other("alice", CLAIM), Some("bob"));
        assert!(bobs.let_go("alice").is_none());
        assert_eq!(bobs.let_go("bob").unwrap().claim, None);

        let decided = claimed.decide(COPY, Verdict::Release, "alice", 5).unwrap();
        for who in ["alice", "bob"] {
            assert_eq!(
                decided.decide(COPY, Verdict::Reject, who, CLAIM),
                Err(Refused::Decided("alice".into()))
            );
        }
        assert_ne!(decided.nonce, claimed.nonce);
    }

    #[test]
    fn covered_copy_is_another_one_with_its_history_and_claim() {
        let claimed = Record::default().claim(COPY, "alice", 0).unwrap();
        let covered = claimed.covered(("other", "source"), "alice", 7);
        assert_eq!(covered.copy, "other");
        assert_eq!(covered.claimed_by_other("bob", 8), Some("alice"));
        let [past] = &covered.history[..] else {
            panic!("{:?}", covered.history)
        };
        let told = (past.act, past.by.as_str(), past.copy.as_str(), past.at);
        assert_eq!(told, (Act::Cover, "alice", "etag", 7));
        // Records of former versions are read.
        let text = r#"{"verdict":"reject","by":"alice","at":1,"copy":"etag"}"#;
        assert_eq!(serde_json::from_str::<Past>(text).unwrap().act, Act::Reject);
    }

    #[test]
    fn decision_can_be_undone_for_ten_seconds_by_its_person() {
        let decided = Record::default()
            .decide(COPY, Verdict::Reject, "alice", 100)
            .unwrap();
        assert_eq!(decided.undo("bob", 101), Err(Refused::NothingToUndo));
        assert_eq!(
            decided.undo("alice", 100 + UNDO),
            Err(Refused::NothingToUndo)
        );
        let underway = decided.at_stage(Stage::Underway, 99_999);
        assert_eq!(underway.undo("alice", 101), Err(Refused::NothingToUndo));
        let undone = decided.undo("alice", 99 + UNDO).unwrap();
        assert_eq!(undone.decision, None);
        assert_eq!(undone.claimed_by_other("bob", 100), Some("alice"));
    }

    #[test]
    fn other_bytes_or_another_source_begin_with_the_history() {
        let mut record = Record::default();
        for number in 0..30 {
            let copy = format!("etag{number}");
            record = record
                .decide((&copy, "source"), Verdict::Reject, "alice", number)
                .unwrap()
                .at_stage(Stage::Done, number);
            assert!(record.decision_about(&copy).is_some());
            assert!(record.decision_about("etag").is_none());
        }
        assert_eq!(record.history.len(), HISTORY);
        let last = record.history.last().unwrap();
        assert_eq!((last.copy.as_str(), last.act), ("etag28", Act::Reject));
        // Equal bytes of another source are another copy.
        let other = record
            .decide(("etag29", "other"), Verdict::Release, "bob", 1)
            .unwrap();
        assert_eq!(other.history.last().unwrap().by, "alice");
        // A decision that never took effect is remembered as such, also if the other bytes are a
        // person's.
        let replaced = other.claim(("next", "other"), "carol", 2).unwrap();
        let covered = other.covered(("next", "other"), "carol", 2);
        for next in [&replaced.history[..], &covered.history[..HISTORY - 1]] {
            let last = next.last().unwrap();
            assert_eq!((last.by.as_str(), last.act), ("bob", Act::Overtaken));
        }
    }
}
