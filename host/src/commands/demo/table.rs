//! The table of the demo's results: a row for each picture, and the totals.

use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Table, presets};

use xray::{
    error::Outcome,
    model::predict::Class,
    picture::sniff::Format,
    report::{Report, Stored},
};

use crate::outputs::Outputs;

/// Result of one picture, as far as it got.
#[derive(Debug)]
pub(super) struct Row {
    /// The picture's key.
    pub(super) key: String,
    /// The function's report.
    pub(super) report: Report,
    /// Outputs in the store.
    pub(super) outputs: Outputs,
    /// Time from the notification to the response.
    pub(super) took: Duration,
    /// The missing or unexpected output, if there is one.
    pub(super) missing: Option<String>,
}

impl Row {
    /// Compares the function's report with the store's contents; neither alone is trusted.
    pub(super) fn new(key: String, report: Report, outputs: Outputs, took: Duration) -> Self {
        let missing = contradiction(&report, &outputs)
            .map(str::to_owned)
            .or_else(|| report.failure());
        Self {
            key,
            report,
            outputs,
            took,
            missing,
        }
    }

    fn risk(&self) -> String {
        self.report
            .risk
            .map_or("-".into(), |risk| format!("{:.2}%", 100.0 * risk))
    }

    fn class(&self) -> &'static str {
        self.report.class.map_or("-", Class::name)
    }

    fn is_quarantined(&self) -> bool {
        self.report.outcome == Outcome::Quarantined
    }

    /// Returns the milliseconds that the function reported, if it reported any.
    fn total(&self) -> Option<f64> {
        Some(self.report.ms.total).filter(|ms| *ms > 0.0)
    }

    /// Renders the row on its own.
    pub(super) fn line(&self) -> String {
        let took = self.took.as_secs_f64() * 1e3;
        let class = self.class();
        let line = format!("{class:<9} {:>7} {took:>7.1} ms  {}", self.risk(), self.key);
        match &self.missing {
            Some(why) => format!("{line}: {why}"),
            None => line,
        }
    }
}

/// Finds a contradiction between report and store. A failed event may have left anything.
fn contradiction(report: &Report, outputs: &Outputs) -> Option<&'static str> {
    if !report.is_complete() && report.outcome != Outcome::Quarantined {
        return None;
    }
    if outputs.processed.is_none() {
        return Some("the processed picture is missing");
    }
    if report.outcome == Outcome::Skipped {
        // The event that made the outputs has reported them.
        return None;
    }
    let says = |state| report.anonymized == Some(state);
    match (says(Stored::Stored), outputs.anonymized.is_some()) {
        (true, false) => return Some("the anonymized copy is missing"),
        (false, true) => return Some("an anonymized copy exists that is not due"),
        _ => {}
    }
    match (says(Stored::Quarantined), outputs.quarantined.is_some()) {
        (true, false) => Some("the copy in quarantine is missing"),
        (false, true) => Some("a copy in quarantine exists that is not due"),
        _ => None,
    }
}

/// Renders all rows under a heading.
pub(super) fn render(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    table.set_header(["image", "risk", "class", "processed", "anonymized", "ms"]);
    for row in rows {
        let total = row.total().map_or("-".into(), |ms| format!("{ms:.1}"));
        let stored = |key: &Option<String>| if key.is_some() { "stored" } else { "-" };
        let copy = match (&row.outputs.quarantined, row.is_quarantined()) {
            (Some(_), _) => "quarantined",
            (None, true) => "withheld",
            (None, false) => stored(&row.outputs.anonymized),
        };
        table.add_row([
            Cell::new(&row.key),
            Cell::new(row.risk()).set_alignment(CellAlignment::Right),
            Cell::new(row.class()),
            Cell::new(stored(&row.outputs.processed)),
            Cell::new(copy),
            Cell::new(total).set_alignment(CellAlignment::Right),
        ]);
    }
    table.to_string()
}

/// Summarizes the rows in a sentence.
pub(super) fn totals(rows: &[Row], whole: Duration) -> String {
    let of_class = |class: &str| rows.iter().filter(|row| row.class() == class).count();
    let classes = ["Pneumonia", "Unsure", "Normal", "-"].map(|class| (of_class(class), class));
    let classes = classes.iter().filter(|(count, _)| *count > 0);
    let classes = classes.map(|(count, class)| match *class {
        "-" => format!("{count} without a class"),
        class => format!("{count} {class}"),
    });
    let classes: Vec<String> = classes.collect();
    let count = |has: fn(&Outputs) -> bool| rows.iter().filter(|row| has(&row.outputs)).count();
    let processed = count(|outputs| outputs.processed.is_some());
    let anonymized = count(|outputs| outputs.anonymized.is_some());
    let apart = match rows.iter().filter(|row| row.is_quarantined()).count() {
        0 => String::new(),
        some => format!(", {some} quarantined"),
    };
    let is_object = |row: &&Row| row.report.format == Some(Format::Dicom);
    let objects = match rows.iter().filter(is_object).count() {
        0 => String::new(),
        1 => " (1 DICOM object)".to_owned(),
        some => format!(" ({some} DICOM objects)"),
    };
    let mut ms: Vec<f64> = rows.iter().filter_map(Row::total).collect();
    ms.sort_by(f64::total_cmp);
    let median = ms.get(ms.len() / 2).map_or(String::new(), |ms| {
        format!(", {ms:.1} ms each in the median")
    });
    format!(
        "{} pictures{objects} in {:.1} s{median}: {}. {processed} processed, {anonymized} anonymized{apart}.",
        rows.len(),
        whole.as_secs_f64(),
        classes.join(", "),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Builds a row from the report on the copy and the outputs that exist: `p`, `a`, `q`.
    fn row(outcome: &str, says: &str, there: &str) -> Row {
        let reason = (outcome == "skipped").then_some("duplicate");
        let report = json!({
            "event": "object", "outcome": outcome, "reason": reason, "anonymized": says,
        });
        let report = serde_json::from_value(report).unwrap();
        let is_there = |letter: char| there.contains(letter).then(|| letter.into());
        let outputs = Outputs {
            processed: is_there('p'),
            report: None,
            presentation: None,
            anonymized: is_there('a'),
            quarantined: is_there('q'),
        };
        Row::new("k".into(), report, outputs, Duration::ZERO)
    }

    #[test]
    fn missing_parts_are_named() {
        let check = |outcome: &str, says: &str, there: &str, missing: Option<&str>| {
            let row = row(outcome, says, there);
            assert!(
                match missing {
                    None => row.missing.is_none(),
                    Some(text) => row.missing.as_deref().is_some_and(|m| m.contains(text)),
                },
                "{row:?}"
            );
        };
        check("done", "stored", "pa", None);
        check("done", "not-due", "p", None);
        check("skipped", "", "pa", None);
        check("done", "not-due", "", Some("processed picture is missing"));
        check("done", "stored", "p", Some("anonymized copy is missing"));
        check("done", "not-due", "pa", Some("not due"));
        check(
            "done",
            "stored",
            "paq",
            Some("in quarantine exists that is not due"),
        );
        check("rejected", "", "", Some("rejected"));
        // A copy in quarantine is reported, wherever it is.
        check("quarantined", "quarantined", "pq", Some("quarantined"));
        check("quarantined", "withheld", "p", Some("quarantined"));
        check(
            "quarantined",
            "quarantined",
            "p",
            Some("in quarantine is missing"),
        );
        check(
            "quarantined",
            "quarantined",
            "paq",
            Some("anonymized copy exists that is not due"),
        );
    }

    #[test]
    fn quarantined_copies_are_listed_and_counted() {
        let rows = [
            row("quarantined", "quarantined", "pq"),
            row("quarantined", "withheld", "p"),
            row("done", "stored", "pa"),
        ];
        let table = render(&rows);
        assert!(
            table.contains("quarantined") && table.contains("withheld"),
            "{table}"
        );
        let text = totals(&rows, Duration::ZERO);
        assert!(
            text.ends_with("3 processed, 1 anonymized, 2 quarantined."),
            "{text}"
        );
    }

    #[test]
    fn the_totals_count_each_class() {
        let row = |class: &str| {
            let report = json!({ "event": "object", "outcome": "done", "class": class });
            let report = serde_json::from_value(report).unwrap();
            Row::new("k".into(), report, Outputs::default(), Duration::ZERO)
        };
        let rows = [row("Normal"), row("Pneumonia"), row("Normal")];
        let text = totals(&rows, Duration::from_millis(1500));
        assert_eq!(
            text,
            "3 pictures in 1.5 s: 1 Pneumonia, 2 Normal. 0 processed, 0 anonymized."
        );
        assert!(render(&rows).contains("Pneumonia"));
        let report = json!({ "event": "object", "outcome": "done", "format": "dicom" });
        let report = serde_json::from_value(report).unwrap();
        let object = Row::new("k".into(), report, Outputs::default(), Duration::ZERO);
        let text = totals(&[object], Duration::ZERO);
        assert!(text.starts_with("1 pictures (1 DICOM object) in"), "{text}");
    }
}
