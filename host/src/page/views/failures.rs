//! The last events that need somebody.

use std::sync::Arc;

use xray::error::Reason;

use super::{
    html::{Html, html},
    words::next,
};
use crate::page::live::Row;

/// Failures in the list.
const SHOWN: usize = 5;

/// Renders the last failures, the newest first.
pub(in crate::page) fn list(failures: &[Arc<Row>]) -> Html {
    if failures.is_empty() {
        return html![r#"<p class="muted">None since the start.</p>"#];
    }
    let items: Html = failures.iter().take(SHOWN).map(|row| item(row)).collect();
    html![r#"<ul class="failures">"# (items) "</ul>"]
}

fn item(row: &Row) -> Html {
    let report = &row.report;
    let outcome = report.outcome.as_str();
    let detail = report
        .detail
        .clone()
        .map(|detail| html!["<p>" (detail) "</p>"]);
    html![
        r#"<li><p><span class="outcome "# (outcome) r#"">"# (outcome) r#"</span> <span class="reason">"#
        (report.reason.as_ref().map_or("", Reason::as_str))
        r#"</span><span class="muted"> · event "# (row.id) "</span></p>" (detail)
        r#"<p class="muted">"# (next(report.outcome)) "</p></li>"
    ]
}
