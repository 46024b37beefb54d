//! Output for each picture: a line for people, or a JSON object for programs.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::place::Paths;
use crate::commands::shared::results::Report;

/// One picture with everything known about it.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    /// The path given by the user, or found in a given folder.
    source: &'a Path,
    outcome: &'a str,
    reason: Option<&'a str>,
    class: Option<&'a str>,
    doubt: Option<&'a str>,
    risk: Option<f64>,
    #[serde(flatten)]
    paths: Paths,
    redaction: Option<&'a Value>,
    format: Option<&'a str>,
    width: Option<u32>,
    height: Option<u32>,
    model: Option<&'a Value>,
    settings: Option<&'a str>,
    ms: &'a std::collections::BTreeMap<String, f64>,
    error: Option<String>,
}

impl<'a> Line<'a> {
    /// Builds the line of a picture that the function reported on.
    pub(super) fn new(
        source: &'a Path,
        report: &'a Report,
        paths: Paths,
        error: Option<String>,
    ) -> Self {
        Self {
            source,
            outcome: &report.outcome,
            reason: report.reason.as_deref(),
            class: report.class.as_deref(),
            doubt: report.doubt.as_deref(),
            risk: report.risk,
            paths,
            redaction: report.redaction.as_ref(),
            format: report.format.as_deref(),
            width: report.width,
            height: report.height,
            model: report.model.as_ref(),
            settings: report.settings.as_deref(),
            ms: &report.ms,
            error,
        }
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers always serialize")
    }

    pub(super) fn text(&self) -> String {
        let class = self.class.unwrap_or("-");
        let risk = self
            .risk
            .map_or("-".into(), |risk| format!("{:.2}%", 100.0 * risk));
        let made: Vec<&str> = [
            self.paths.processed.as_ref().map(|_| "processed"),
            self.paths.anonymized.as_ref().map(|_| "anonymized"),
            self.paths.quarantined.as_ref().map(|_| "quarantined"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let made = if made.is_empty() {
            "nothing".into()
        } else {
            made.join(" + ")
        };
        let total = self
            .ms
            .get("total")
            .map_or(String::new(), |ms| format!("{ms:.1} ms"));
        let source = self.source.display();
        let doubt = self.doubt.map_or(String::new(), |d| format!("  {d}"));
        let line = format!("{class:<9} {risk:>7}  {made:<23} {total:>9}  {source}{doubt}");
        match &self.error {
            Some(error) => format!("{line}\n    {error}"),
            None => line,
        }
    }
}
