//! All of one event.

use xray::error::Reason;

use super::{
    charts::table,
    html::{Html, html},
    layout,
    words::{class_style, copy, kind, next, percent},
};
use crate::page::{
    access::{roles::Kind, sessions::Session},
    live::Row,
};

/// Renders an event with its pictures at full width.
pub(in crate::page) fn page(row: &Row, session: &Session) -> Html {
    let report = &row.report;
    let roles = session.user.roles;
    let (shown, withheld): (Vec<_>, Vec<_>) = row
        .kinds()
        .into_iter()
        .partition(|kind| roles.may_see(*kind));
    let pictures: Html = shown.into_iter().map(|one| figure(row.id, one)).collect();
    let withheld: Vec<_> = withheld
        .into_iter()
        .map(|one| kind(one).to_lowercase())
        .collect();
    let withheld = (!withheld.is_empty()).then(
        || html![r#"<p class="muted">Not shown to your role: "# (withheld.join(", ")) ".</p>"],
    );
    let host = row.host.as_deref().filter(|_| row.object.is_none());
    let host = host.map(|host| {
        html![r#"<p class="muted">Another host has processed this. Its pictures are on the page of that host, "# (host)
            ", if it has one.</p>"]
    });
    let class = report.class.map_or("Not labeled", |class| class.name());
    let risk = report
        .risk
        .map(|risk| html![r#"<strong class="big">"# (percent(risk)) "</strong>"]);
    let check = report.input_check();
    let check = check.map(|check| html![r#"<span class="check">"# (check) "</span>"]);
    let most = report.ms.total.max(0.1);
    let main = html![
        r#"<p><a href="/">← Live view</a></p><div class="title"><h1>Event "# (row.id)
        r#"</h1><span class="chip "# (class_style(report.class)) r#"">"# (class) "</span>" (risk) (check)
        r#"</div><div class="pictures">"# (pictures) "</div>" (host) (withheld)
        r#"<div class="facts"><section class="card"><h2>Report</h2><dl>"# (facts(row))
        r#"</dl></section><section class="card"><h2>Time by step</h2>"# (table(report.ms.steps(), most))
        "</section></div>"
    ];
    layout(&format!("Event {}", row.id), Some(session), html![], main)
}

fn figure(id: u64, one: Kind) -> Html {
    html![
        r#"<figure class="card"><a href="/picture/"# (id) "/" (one.word()) r#""><img src="/picture/"# (id) "/"
        (one.word()) r#"" alt=""# (kind(one)) ", event " (id) r#""></a><figcaption>"# (kind(one))
        "</figcaption></figure>"
    ]
}

fn facts(row: &Row) -> Html {
    let report = &row.report;
    let kilobytes =
        |bytes: Option<u64>| bytes.map_or(String::new(), |n| format!("{} kB", n.div_ceil(1000)));
    let size = report.width.zip(report.height);
    let model = report.model.as_ref();
    let all = [
        ("Outcome", report.outcome.as_str().to_owned()),
        (
            "Reason",
            report.reason.as_ref().map_or("", Reason::as_str).to_owned(),
        ),
        ("In words", report.detail.clone().unwrap_or_default()),
        ("What next", next(report.outcome).to_owned()),
        ("Copy", copy(report)),
        ("Time", row.at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()),
        (
            "Size",
            size.map_or(String::new(), |(width, height)| {
                format!("{width} × {height}")
            }),
        ),
        ("As sent", kilobytes(report.bytes.source)),
        ("Labeled", kilobytes(report.bytes.processed)),
        ("Covered", kilobytes(report.bytes.anonymized)),
        ("Host", row.host.clone().unwrap_or_default()),
        ("Bucket", report.bucket.clone().unwrap_or_default()),
        (
            "Object, as a keyed digest",
            report.source.clone().unwrap_or_default(),
        ),
        (
            "Model",
            model.map_or(String::new(), |model| {
                format!("{} {}", model.name, model.sha256)
            }),
        ),
        ("Settings", report.settings.clone().unwrap_or_default()),
    ];
    let known = all.into_iter().filter(|(_, value)| !value.is_empty());
    known
        .map(|(name, value)| html!["<div><dt>" (name) "</dt><dd>" (value) "</dd></div>"])
        .collect()
}
