//! Events as they happen: report lines from the function, joined with the objects of its requests,
//! and rows of other hosts.
//!
//! A report names its object by a keyed digest only. The requests hold the keys, so each is read
//! before the function gets it, and the digest is computed as the function computes it.

pub mod counts;
mod objects;
mod row;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::request::Parts;
use jiff::Timestamp;
use tokio::sync::watch;
use xray::{
    config::Config,
    deidentify::Pseudonyms,
    event::{self, ObjectRef},
    report::{Report, Stored},
    store::{decide, metadata},
};

pub use self::row::Row;
use self::{counts::Counts, objects::Objects};
use crate::serve::{
    logs::{Listener, report_listener},
    runtime::RequestObserver,
};

/// Rows that are kept.
pub const ROWS: usize = 200;
/// Failures that are kept.
const FAILURES: usize = 20;

/// Events since this process started: its own, and those that other hosts have sent.
pub struct Live {
    config: Config,
    state: Mutex<State>,
    newest: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    rows: VecDeque<Arc<Row>>,
    failures: VecDeque<Arc<Row>>,
    objects: Objects,
    /// Sources of copies in quarantine, by the digest that the copies carry.
    quarantined: Objects,
    counts: Counts,
}

impl Live {
    /// Starts with no events.
    pub fn new(config: Config) -> Arc<Self> {
        Arc::new(Self {
            config,
            state: Mutex::default(),
            newest: watch::Sender::new(0),
        })
    }

    /// Returns an observer that remembers the objects which requests name.
    pub fn observer(self: &Arc<Self>) -> RequestObserver {
        let this = self.clone();
        Arc::new(move |head: &Parts, body: &Bytes| {
            let Ok(delivery) = event::intake(&head.method, &head.headers, body) else {
                return;
            };
            let mut state = this.state();
            for event in delivery.records.into_iter().flatten() {
                let digest = decide::log_digest(&event.object, &this.config);
                state.objects.remember(digest, event.object);
            }
        })
    }

    /// Returns a listener that makes a row of each report line.
    pub fn listener(self: &Arc<Self>) -> Listener {
        let this = self.clone();
        report_listener(move |report| this.add(report, Timestamp::now(), None))
    }

    /// Adds a row of another host. Its pictures are there only if this process happens to know the
    /// object.
    pub fn add_of(&self, host: String, report: Report, at: Timestamp) {
        self.add(report, at, Some(host));
    }

    fn add(&self, report: Report, at: Timestamp, host: Option<String>) {
        let mut state = self.state();
        state.counts.add(&report, at);
        let id = state.counts.events;
        let object = report.source.as_deref();
        let object = object.and_then(|digest| state.objects.find(digest));
        if let (Some(object), Some(Stored::Quarantined), Some(pseudonyms)) =
            (&object, report.anonymized, Pseudonyms::of(&self.config))
        {
            let digest = metadata::source_digest(object, &pseudonyms);
            state.quarantined.remember(digest, object.clone());
        }
        let row = Arc::new(Row {
            id,
            at,
            report,
            object,
            host,
        });
        if row.is_failure() {
            keep(&mut state.failures, row.clone(), FAILURES);
        }
        keep(&mut state.rows, row, ROWS);
        drop(state);
        self.newest.send_replace(id);
    }

    /// Returns the number of the newest row, and notice of later ones.
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Returns the rows after a number, the oldest first, at most `most` of the newest.
    pub fn rows_after(&self, id: u64, most: usize) -> Vec<Arc<Row>> {
        let state = self.state();
        let later = state.rows.iter().filter(|row| row.id > id);
        let later: Vec<_> = later.cloned().collect();
        later[later.len().saturating_sub(most)..].to_vec()
    }

    /// Returns a row by its number.
    pub fn row(&self, id: u64) -> Option<Arc<Row>> {
        let state = self.state();
        let mut all = state.rows.iter().chain(&state.failures);
        all.find(|row| row.id == id).cloned()
    }

    /// Returns the source of a copy in quarantine by the digest that the copy carries, if the copy
    /// was made by this process.
    pub fn source_of(&self, digest: &str) -> Option<ObjectRef> {
        self.state().quarantined.find(digest)
    }

    /// Returns the last failures, the newest first.
    pub fn failures(&self) -> Vec<Arc<Row>> {
        self.state().failures.iter().rev().cloned().collect()
    }

    /// Returns a copy of the counts.
    pub fn counts(&self) -> Counts {
        self.state().counts.clone()
    }

    /// Returns the settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep(rows: &mut VecDeque<Arc<Row>>, row: Arc<Row>, most: usize) {
    if rows.len() == most {
        rows.pop_front();
    }
    rows.push_back(row);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::logs::Stream;

    /// Settings with nothing but the store's keys.
    pub(crate) fn config() -> Config {
        Config::from_lookup(|name| match name {
            "s3_access_key" | "s3_secret_key" => Some("key".to_owned()),
            _ => None,
        })
        .unwrap()
    }

    #[test]
    fn report_is_joined_with_its_request() {
        let live = Live::new(config());
        let body = r#"{"Records":[{"eventSource":"ceph:s3","eventName":"ObjectCreated:Put","s3":{
            "bucket":{"name":"in"},"object":{"key":"a_DOE_1_2_3.png"}}}]}"#;
        let (head, ()) = http::Request::post("/").body(()).unwrap().into_parts();
        live.observer()(&head, &Bytes::from_static(body.as_bytes()));
        let object = xray::event::ObjectRef::new("in", "a_DOE_1_2_3.png", None).unwrap();
        let digest = decide::log_digest(&object, live.config());
        let newest = live.newest();
        let listener = live.listener();
        let line = format!(
            r#"{{"event":"object","outcome":"done","source":"{digest}","class":"Normal","processed":"stored"}}"#
        );
        listener(Stream::Stdout, &line);
        listener(Stream::Stdout, &line.replace(&digest, "0000000000000000"));
        listener(Stream::Stderr, &line);
        listener(Stream::Stdout, "something else");
        assert_eq!(*newest.borrow(), 2);
        let rows = live.rows_after(0, 10);
        assert_eq!(rows[0].object.as_ref().unwrap().key(), "a_DOE_1_2_3.png");
        assert_eq!(rows[0].kinds().len(), 2);
        assert!(rows[1].object.is_none() && rows[1].kinds().is_empty());
        // Neither in logs.
        assert!(!format!("{rows:?}").contains("DOE"));
    }

    #[test]
    fn row_of_another_host_has_pictures_only_of_a_known_object() {
        let live = Live::new(config());
        let object = ObjectRef::new("in", "a_DOE_1_2_3.png", None).unwrap();
        let digest = decide::log_digest(&object, live.config());
        let report = |source: &str| {
            let json = format!(
                r#"{{"event":"object","outcome":"done","source":"{source}","class":"Normal","processed":"stored"}}"#
            );
            serde_json::from_str::<Report>(&json).unwrap()
        };
        live.add_of("pod-1".to_owned(), report(&digest), Timestamp::now());
        live.state().objects.remember(digest.clone(), object);
        live.add_of("pod-1".to_owned(), report(&digest), Timestamp::now());
        let rows = live.rows_after(0, 10);
        assert_eq!((rows[0].kinds().len(), rows[1].kinds().len()), (0, 2));
        assert_eq!(rows[1].host.as_deref(), Some("pod-1"));
        assert_eq!(live.counts().events, 2);
    }

    #[test]
    fn rows_and_failures_are_bounded() {
        let live = Live::new(config());
        let report = |outcome: &str| {
            let json = format!(r#"{{"event":"object","outcome":"{outcome}"}}"#);
            serde_json::from_str::<Report>(&json).unwrap()
        };
        live.add(report("rejected"), Timestamp::now(), None);
        for _ in 0..2 * ROWS {
            live.add(report("done"), Timestamp::now(), None);
        }
        let rows = live.rows_after(0, usize::MAX);
        assert_eq!((rows.len(), rows[0].id), (ROWS, 1 + ROWS as u64 + 1));
        let last = live.rows_after(0, 3);
        let last: Vec<_> = last.iter().map(|row| row.id).collect();
        assert_eq!(last, [399, 400, 401]);
        // The failure is still there, with its number.
        assert_eq!(live.failures()[0].id, 1);
        assert!(live.row(1).is_some() && live.row(2).is_none());
    }
}
