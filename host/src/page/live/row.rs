//! One event on the page.

use jiff::Timestamp;
use xray::{
    error::Outcome,
    event::ObjectRef,
    report::{Report, Stored},
};

use crate::page::access::roles::Kind;

/// A report with its place on the page. The object's key stays in this process.
#[derive(Debug)]
pub struct Row {
    /// Number on the page, from 1.
    pub id: u64,
    /// Time of the report.
    pub at: Timestamp,
    /// Report.
    pub report: Report,
    /// Object, if a request that named it came through this host.
    pub object: Option<ObjectRef>,
    /// Name of the other host whose event it is.
    pub host: Option<String>,
}

impl Row {
    /// Reports whether a person should see to it.
    pub fn is_failure(&self) -> bool {
        matches!(
            self.report.outcome,
            Outcome::Rejected | Outcome::Retry | Outcome::Quarantined
        )
    }

    /// Returns the kinds of pictures that the store should have.
    pub fn kinds(&self) -> Vec<Kind> {
        let report = &self.report;
        let is_there =
            |stored: Option<Stored>| matches!(stored, Some(Stored::Stored | Stored::Unchanged));
        let has = |kind: &Kind| match kind {
            Kind::Source => report.class.is_some() || is_there(report.processed),
            Kind::Processed => is_there(report.processed),
            Kind::Anonymized => is_there(report.anonymized),
            Kind::Quarantined => report.anonymized == Some(Stored::Quarantined),
        };
        if self.object.is_none() {
            return Vec::new();
        }
        Kind::ALL.into_iter().filter(has).collect()
    }
}
