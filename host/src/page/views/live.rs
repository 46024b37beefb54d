//! The live view.

use std::sync::Arc;

use super::{
    charts::charts,
    failures,
    html::{Html, html},
    layout, row,
    tiles::tiles,
};
use crate::page::{
    access::sessions::Session,
    guard::AGAIN,
    kafka::Figures,
    live::{Row, counts::Counts},
};

/// Contents of the live view.
pub(in crate::page) struct Live<'a> {
    /// Events, the newest first.
    pub(in crate::page) rows: &'a [Arc<Row>],
    /// Counts.
    pub(in crate::page) counts: &'a Counts,
    /// Failures, the newest first.
    pub(in crate::page) failures: &'a [Arc<Row>],
    /// Figures of the Kafka trigger.
    pub(in crate::page) kafka: Option<Figures>,
    /// The rows are those of all hosts.
    pub(in crate::page) is_of_all: bool,
    /// Session of the person who looks.
    pub(in crate::page) session: &'a Session,
}

/// Renders the live view.
pub(in crate::page) fn page(view: &Live<'_>) -> Html {
    let roles = view.session.user.roles;
    let last = view.rows.first().map_or(0, |row| row.id);
    let rows: Html = view
        .rows
        .iter()
        .map(|row| row::item(row, roles, false))
        .collect();
    let hidden = if view.rows.is_empty() { "" } else { " hidden" };
    let extra = html![
        r#"<noscript><meta http-equiv="refresh" content="5; url=/?"# (AGAIN) r#""></noscript><script src="/assets/page.js" defer></script>"#
    ];
    let main = html![
        r#"<h1 class="hidden">Live view</h1><dl class="tiles" id="tiles">"#
        (tiles(view.counts, view.kafka))
        r#"</dl><div class="columns"><section class="events" aria-label="Events"><div class="head">"#
        r#"<h2>Events</h2><p class="state"><span class="dot" id="dot"></span>"#
        r#"<span id="state" role="status">As of this page’s loading</span></p>"#
        r#"<button class="quiet" id="pause" type="button" hidden aria-pressed="false">Pause</button></div>"#
        r#"<ol class="rows" id="rows" data-last=""# (last) r#"">"# (rows)
        r#"</ol><p class="empty card" id="empty""# (hidden)
        ">No event has reached " (if view.is_of_all { "a" } else { "this" }) " host yet. Upload a picture to the input bucket, and it appears here.</p></section>"
        r#"<div class="side"><section class="card" aria-label="Needs attention"><h2>Needs attention</h2>"#
        r#"<div id="failures">"# (failures::list(view.failures))
        r#"</div></section><div id="charts">"# (charts(view.counts)) "</div></div></div>"
    ];
    layout("Live", Some(view.session), extra, main)
}
