//! Counts of a run.

use std::collections::BTreeMap;

use anyhow::Result;
use xray::{
    error::{Outcome, Reason},
    report::Report,
    store::decide::OutOfDate,
};

/// Counts of objects.
#[derive(Debug, Default)]
pub(super) struct Tally {
    is_dry: bool,
    current: usize,
    due: BTreeMap<&'static str, usize>,
    /// By outcome, and within it by reason.
    ended: BTreeMap<&'static str, BTreeMap<String, usize>>,
    /// Copies under former names.
    removed: usize,
}

impl Tally {
    pub(super) fn new(is_dry: bool) -> Self {
        Self {
            is_dry,
            ..Self::default()
        }
    }

    /// Counts an object by the reason for which its outputs are out of date.
    pub(super) fn listed(&mut self, out_of_date: Option<OutOfDate>) {
        let why = match out_of_date {
            None => {
                self.current += 1;
                return;
            }
            Some(OutOfDate::Missing) => "without output",
            Some(OutOfDate::SourceChanged) => "overwritten",
            Some(OutOfDate::ModelChanged) => "of another model",
            Some(OutOfDate::SettingsChanged) => "of other settings",
        };
        *self.due.entry(why).or_default() += 1;
    }

    /// Counts an object's result, and returns the message about it, if there is one.
    pub(super) fn ended(&mut self, ended: Result<Report>) -> Option<String> {
        let (outcome, reason, complaint) = match ended {
            Ok(report) => {
                let outcome = match report.outcome {
                    Outcome::Retry => "failed",
                    outcome => outcome.as_str(),
                };
                let reason = report.reason.as_ref().map_or("", Reason::as_str);
                let complaint = match report.outcome {
                    Outcome::Done | Outcome::Skipped => None,
                    _ => report.failure(),
                };
                (outcome, reason.to_owned(), complaint)
            }
            Err(error) => {
                let complaint = format!("{error:#}");
                ("failed", String::new(), Some(complaint))
            }
        };
        let reasons = self.ended.entry(outcome).or_default();
        *reasons.entry(reason).or_default() += 1;
        complaint
    }

    /// Counts copies under former names that were removed.
    pub(super) fn removed(&mut self, copies: usize) {
        self.removed += copies;
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
        if self.removed > 0 {
            text += &format!("\n{} removed under former names", self.removed);
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
            Some(OutOfDate::Missing),
            Some(OutOfDate::ModelChanged),
            Some(OutOfDate::ModelChanged),
        ] {
            tally.listed(lack);
        }
        let report = |outcome, reason: Option<&str>| {
            let mut report = Report::new(outcome);
            report.reason = reason.map(Reason::from);
            Ok(report)
        };
        assert_eq!(tally.ended(report(Outcome::Done, None)), None);
        assert_eq!(tally.ended(report(Outcome::Skipped, Some("changed"))), None);
        let said = tally.ended(report(Outcome::Rejected, Some("damaged")));
        assert_eq!(said.unwrap(), "rejected: damaged");
        assert_eq!(tally.failed(), 0);
        tally.ended(report(Outcome::Retry, Some("store")));
        tally.ended(Err(anyhow::anyhow!("nothing")));
        assert_eq!(tally.failed(), 2);
        assert_eq!(
            tally.text(),
            "2 current, 3 due (2 of another model, 1 without output)\n1 done\n2 failed (1 store)\n1 rejected (1 damaged)\n1 skipped (1 changed)"
        );
        assert_eq!(Tally::new(true).text(), "0 current, 0 to process");
        let mut tally = Tally::new(false);
        tally.removed(2);
        assert_eq!(
            tally.text(),
            "0 current, 0 due\n2 removed under former names"
        );
    }
}
