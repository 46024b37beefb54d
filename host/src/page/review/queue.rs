//! The queue: copies in quarantine as they were listed last, with their records.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use s3::Listed;

use super::{
    bucket::{Listing, id_of},
    record::{Decision, Millis, Record},
};

/// Properties of a copy that a listing lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Reason why the copy is in quarantine; empty if it was stored by an earlier version.
    pub reason: String,
    /// Keyed digest of its source.
    pub source: String,
    /// Its format.
    pub format: Format,
}

/// Kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A picture that browsers show.
    Picture,
    /// A DICOM object, which the function can show.
    Dicom,
    /// Anything else.
    Other,
}

/// A copy in quarantine. There is no `Debug`: its key stays in this process.
pub struct Entry {
    /// Name of the copy in addresses.
    pub id: String,
    /// Key.
    pub key: String,
    /// ETag.
    pub etag: String,
    /// Time of its PUT, in milliseconds since 1970.
    pub since: Millis,
    /// Record and its ETag.
    pub record: Option<(Record, String)>,
    /// Properties, once they have been asked for.
    pub facts: Arc<OnceLock<Facts>>,
}

impl Entry {
    /// Returns the decision about this very copy.
    pub fn decision(&self) -> Option<&Decision> {
        self.record.as_ref()?.0.decision_about(&self.etag)
    }

    /// Returns the name of another person who looks at the copy.
    pub fn claimed_by_other(&self, who: &str, now: Millis) -> Option<&str> {
        self.record.as_ref()?.0.claimed_by_other(who, now)
    }

    /// Returns the same copy with another record.
    pub fn with_record(&self, record: Option<(Record, String)>) -> Self {
        Self {
            id: self.id.clone(),
            key: self.key.clone(),
            etag: self.etag.clone(),
            since: self.since,
            record,
            facts: self.facts.clone(),
        }
    }
}

/// Entries, the oldest first.
#[derive(Default)]
pub struct Queue {
    entries: Vec<Arc<Entry>>,
}

impl Queue {
    /// Makes the queue of a listing. Records are taken from `before` if they are the listed ones;
    /// returns the ids of the others too.
    pub fn of(listing: Listing, before: &Self) -> (Self, Vec<String>) {
        let (copies, records) = listing;
        let before: HashMap<&str, &Arc<Entry>> = before
            .entries
            .iter()
            .map(|entry| (entry.id.as_str(), entry))
            .collect();
        let mut stale = Vec::new();
        let mut entry = |copy: Listed| {
            let id = id_of(&copy.key);
            let known = before.get(id.as_str());
            let record = records.get(&id).and_then(|etag| {
                let record = known.and_then(|known| known.record.clone());
                let record = record.filter(|(_, own)| own == etag);
                if record.is_none() {
                    stale.push(id.clone());
                }
                record
            });
            let facts = known.filter(|known| known.etag == copy.etag);
            Arc::new(Entry {
                facts: facts.map(|known| known.facts.clone()).unwrap_or_default(),
                since: copy.modified.as_millisecond(),
                key: copy.key,
                etag: copy.etag,
                id,
                record,
            })
        };
        let mut entries: Vec<_> = copies.into_iter().map(&mut entry).collect();
        entries.sort_by(|a, b| (a.since, &a.id).cmp(&(b.since, &b.id)));
        (Self { entries }, stale)
    }

    /// Returns the entries, the oldest first.
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// Returns an entry.
    pub fn find(&self, id: &str) -> Option<&Arc<Entry>> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// Replaces the record of an entry.
    pub fn set_record(&mut self, id: &str, record: Option<(Record, String)>) {
        let mut entries = self.entries.iter_mut();
        if let Some(entry) = entries.find(|entry| entry.id == id) {
            *entry = Arc::new(entry.with_record(record));
        }
    }

    /// Removes an entry.
    pub fn remove(&mut self, id: &str) {
        self.entries.retain(|entry| entry.id != id);
    }
}
