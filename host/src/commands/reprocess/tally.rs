//! Counts of a run.

use std::collections::BTreeMap;

use anyhow::Result;
use xray::store::decide::Lack;

use crate::commands::shared::results::Report;

/// Counts of objects.
#[derive(Debug, Default)]
pub(super) struct Tally {
    is_dry: bool,
    current: usize,
    due: BTreeMap<&'static str, usize>,
    /// By outcome, and within it by reason.
    ended: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Tally {
    pub(super) fn new(is_dry: bool) -> Self {
        Self {
            is_dry,
            ..Self::default()
        }
    }

    /// Counts an object by the reason for which its outputs are out of date.
    pub(super) fn listed(&mut self, lack: Option<Lack>) {
        let why = match lack {
            None => {
                self.current += 1;
                return;
            }
            Some(Lack::Missing) => "without output",
            Some(Lack::Source) => "overwritten",
            Some(Lack::Model) => "of another model",
            Some(Lack::Settings) => "of other settings",
        };
        *self.due.entry(why).or_default() += 1;
    }

    /// Counts an object's result, and returns the message about it, if there is one.
    pub(super) fn ended(&mut self, ended: Result<Report>) -> Option<String> {
        let (outcome, reason, complaint) = match ended {
            Ok(report) => {
                let outcome = match report.outcome.as_str() {
                    "retry" => "failed",
                    outcome => outcome,
                };
                let complaint = match outcome {
                    "done" | "skipped" => None,
                    _ => report.failure(),
                };
                (outcome.to_owned(), report.reason().to_owned(), complaint)
            }
            Err(error) => {
                let complaint = format!("{error:#}");
                ("failed".to_owned(), String::new(), Some(complaint))
            }
        };
        let reasons = self.ended.entry(outcome).or_default();
        *reasons.entry(reason).or_default() += 1;
        complaint
    }

    /// Returns the number of objects that failed and may still work.
    pub(super) fn failed(&self) -> usize {
        self.ended.get("failed").map_or(0, |r| r.values().sum())
    }

    /// Renders all counts for people.
    pub(super) fn text(&self) -> String {
        let due: usize = self.due.values().sum();
        let what = if self.is_dry { "to process" } else { "due" };
        let mut text = format!("{} current, {due} {what}", self.current);
        text += &listed(self.due.iter().map(|(why, n)| format!("{n} {why}")));
        for (outcome, reasons) in &self.ended {
            let sum: usize = reasons.values().sum();
            let said = reasons.iter().filter(|(reason, _)| !reason.is_empty());
            let said = listed(said.map(|(reason, n)| format!("{n} {reason}")));
            text += &format!("\n{sum} {outcome}{said}");
        }
        text
    }
}

fn listed(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!(" ({})", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_counted_once() {
        let mut tally = Tally::new(false);
        for lack in [
            None,
            None,
            Some(Lack::Missing),
            Some(Lack::Model),
            Some(Lack::Model),
        ] {
            tally.listed(lack);
        }
        let report = |outcome: &str, reason: Option<&str>| {
            Ok(Report {
                outcome: outcome.into(),
                reason: reason.map(str::to_owned),
                ..Report::default()
            })
        };
        assert_eq!(tally.ended(report("done", None)), None);
        assert_eq!(tally.ended(report("skipped", Some("changed"))), None);
        let said = tally.ended(report("rejected", Some("damaged")));
        assert_eq!(said.unwrap(), "rejected: damaged");
        assert_eq!(tally.failed(), 0);
        tally.ended(report("retry", Some("store")));
        tally.ended(Err(anyhow::anyhow!("nothing")));
        assert_eq!(tally.failed(), 2);
        assert_eq!(
            tally.text(),
            "2 current, 3 due (2 of another model, 1 without output)\n1 done\n2 failed (1 store)\n1 rejected (1 damaged)\n1 skipped (1 changed)"
        );
        assert_eq!(Tally::new(true).text(), "0 current, 0 to process");
    }
}
