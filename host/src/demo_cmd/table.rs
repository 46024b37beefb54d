//! What the demo shows at its end: a row for each picture, and what they come to.

use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Table, presets};
use xray_demo::results::{Outputs, Report};

/// One picture's way, as far as it got.
#[derive(Debug)]
pub(super) struct Row {
    /// The picture's key.
    pub(super) key: String,
    /// What the function said.
    pub(super) report: Report,
    /// What the store holds.
    pub(super) outputs: Outputs,
    /// From the notification to the answer.
    pub(super) took: Duration,
    /// What is missing, if anything is.
    pub(super) missing: Option<String>,
}

impl Row {
    /// Compares what the function says with what the store holds; neither alone is believed.
    pub(super) fn new(key: String, report: Report, outputs: Outputs, took: Duration) -> Self {
        let due = report.redaction.is_some();
        let missing = report.failure().or_else(|| match &outputs {
            Outputs {
                processed: None, ..
            } => Some("the processed picture is missing".into()),
            Outputs {
                anonymized: None, ..
            } if due => Some("the anonymized copy is missing".into()),
            Outputs {
                anonymized: Some(_),
                ..
            } if !due => Some("there is an anonymized copy that is not due".into()),
            _ => None,
        });
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

    fn class(&self) -> &str {
        self.report.class.as_deref().unwrap_or("-")
    }

    /// The row on its own.
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

/// All rows under a head.
pub(super) fn render(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    table.set_header(["image", "risk", "class", "processed", "anonymized", "ms"]);
    for row in rows {
        let total = row
            .report
            .ms
            .get("total")
            .map_or("-".into(), |ms| format!("{ms:.1}"));
        let stored = |key: &Option<String>| if key.is_some() { "stored" } else { "-" };
        table.add_row([
            Cell::new(&row.key),
            Cell::new(row.risk()).set_alignment(CellAlignment::Right),
            Cell::new(row.class()),
            Cell::new(stored(&row.outputs.processed)),
            Cell::new(stored(&row.outputs.anonymized)),
            Cell::new(total).set_alignment(CellAlignment::Right),
        ]);
    }
    table.to_string()
}

/// The sentence under the table.
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
    let mut ms: Vec<f64> = rows
        .iter()
        .filter_map(|row| row.report.ms.get("total"))
        .copied()
        .collect();
    ms.sort_by(f64::total_cmp);
    let median = ms.get(ms.len() / 2).map_or(String::new(), |ms| {
        format!(", {ms:.1} ms each in the median")
    });
    format!(
        "{} pictures in {:.1} s{median}: {}. {processed} processed, {anonymized} anonymized.",
        rows.len(),
        whole.as_secs_f64(),
        classes.join(", "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(outcome: &str, redaction: bool, processed: bool, anonymized: bool, missing: &str) {
        let report = Report {
            outcome: outcome.into(),
            redaction: redaction.then(|| serde_json::json!({})),
            ..Report::default()
        };
        let outputs = Outputs {
            processed: processed.then(|| "p".into()),
            anonymized: anonymized.then(|| "a".into()),
        };
        let row = Row::new("k".into(), report, outputs, Duration::ZERO);
        assert!(
            row.missing
                .as_deref()
                .unwrap_or("nothing")
                .contains(missing),
            "{row:?}"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        check("done", true, true, true, "nothing");
        check("done", false, true, false, "nothing");
        check("done", false, false, false, "processed picture is missing");
        check("done", true, true, false, "anonymized copy is missing");
        check("done", false, true, true, "not due");
        check("rejected", false, false, false, "rejected");
        check("quarantined", true, true, false, "quarantined");
    }

    #[test]
    fn the_totals_count_each_class() {
        let row = |class: &str| {
            let report = Report {
                outcome: "done".into(),
                class: Some(class.into()),
                ..Report::default()
            };
            Row::new("k".into(), report, Outputs::default(), Duration::ZERO)
        };
        let rows = [row("Normal"), row("Pneumonia"), row("Normal")];
        let text = totals(&rows, Duration::from_millis(1500));
        assert_eq!(
            text,
            "3 pictures in 1.5 s: 1 Pneumonia, 2 Normal. 0 processed, 0 anonymized."
        );
        assert!(render(&rows).contains("Pneumonia"));
    }
}
