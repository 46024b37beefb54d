//! Output for each picture: a line for people, or a JSON object for programs.

use std::{collections::BTreeMap, path::Path};

use serde::Serialize;
use xray::{
    error::Reason,
    model::predict::Class,
    picture::sniff::Format,
    report::{Model, Redaction, Report},
};

use super::place::Paths;

/// One picture with everything known about it.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    /// The path given by the user, or found in a given folder.
    source: &'a Path,
    outcome: &'a str,
    reason: Option<&'a Reason>,
    class: Option<Class>,
    input_check: Option<&'a str>,
    /// `input_check` under its former name, written for one release.
    doubt: Option<&'a str>,
    risk: Option<f64>,
    #[serde(flatten)]
    paths: Paths,
    redaction: Option<&'a Redaction>,
    format: Option<Format>,
    width: Option<u32>,
    height: Option<u32>,
    model: Option<&'a Model>,
    settings: Option<&'a str>,
    ms: BTreeMap<&'static str, f64>,
    error: Option<String>,
}

impl<'a> Line<'a> {
    /// Builds the line of a picture that the function reported on.
    pub(super) fn new(
        source: &'a Path,
        report: Option<&'a Report>,
        paths: Paths,
        error: Option<String>,
    ) -> Self {
        let input_check = report.and_then(Report::input_check);
        Self {
            source,
            outcome: report.map_or("failed", |report| report.outcome.as_str()),
            reason: report.and_then(|report| report.reason.as_ref()),
            class: report.and_then(|report| report.class),
            input_check,
            doubt: input_check,
            risk: report.and_then(|report| report.risk),
            paths,
            redaction: report.and_then(|report| report.redaction.as_ref()),
            format: report.and_then(|report| report.format),
            width: report.and_then(|report| report.width),
            height: report.and_then(|report| report.height),
            model: report.and_then(|report| report.model.as_ref()),
            settings: report.and_then(|report| report.settings.as_deref()),
            ms: report.map_or_else(BTreeMap::new, |report| report.ms.steps().collect()),
            error,
        }
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers always serialize")
    }

    pub(super) fn text(&self) -> String {
        let class = self.class.map_or("-", Class::name);
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
        let check = self
            .input_check
            .map_or(String::new(), |check| format!("  {check}"));
        let line = format!("{class:<9} {risk:>7}  {made:<23} {total:>9}  {source}{check}");
        match &self.error {
            Some(error) => format!("{line}\n    {error}"),
            None => line,
        }
    }
}
