//! Report lines of the function, reduced to the counted keys.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Counted keys of a report line.
#[derive(Debug, Deserialize)]
pub struct ReportLine {
    event: String,
    pub outcome: String,
    pub class: Option<String>,
    pub reason: Option<String>,
    #[serde(default)]
    pub ms: BTreeMap<String, f64>,
}

/// Parses a line. Returns `None` if it is not a report.
pub fn parse(line: &str) -> Option<ReportLine> {
    if !line.starts_with('{') {
        return None;
    }
    let report: ReportLine = serde_json::from_str(line).ok()?;
    let steps = report
        .ms
        .iter()
        .all(|(step, ms)| is_word(step) && ms.is_finite());
    let words = [
        Some(&report.outcome),
        report.class.as_ref(),
        report.reason.as_ref(),
    ];
    let plain = words.iter().flatten().all(|word| is_word(word));
    (report.event == "object" && plain && steps).then_some(report)
}

/// Reports whether a text may become a label value. Each new value takes memory until the process
/// ends, so only words do.
fn is_word(text: &str) -> bool {
    text.len() <= 40
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reports_are_parsed() {
        let cases = [
            (r#"{"event":"object","outcome":"done"}"#, true),
            (
                r#"{"event":"object","outcome":"retry","reason":"store-down","class":null}"#,
                true,
            ),
            (
                r#"{"event":"object","outcome":"retry","reason":"store-down"}"#,
                true,
            ),
            (r#"{"event":"other","outcome":"done"}"#, false),
            (r#"{"event":"object","outcome":"DOE JANE 1960"}"#, false),
            (r#"{"event":"object""#, false),
            ("hello", false),
        ];
        for (line, expected) in cases {
            assert_eq!(parse(line).is_some(), expected, "{line}");
        }
    }
}
