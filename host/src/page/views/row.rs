//! One event in the list.

use xray::{
    error::Reason,
    report::{Millis, Report},
};

use super::{
    html::{Html, html},
    words::{class_style, copy, group, kind, percent},
};
use crate::page::{
    access::roles::{Kind, Roles},
    live::Row,
};

/// Renders an event; a new one is highlighted for a moment.
pub(in crate::page) fn item(row: &Row, roles: Roles, is_new: bool) -> Html {
    let report = &row.report;
    let kinds = row.kinds().into_iter().filter(|kind| roles.may_see(*kind));
    let pictures: Vec<Html> = kinds.map(|kind| thumbnail(row.id, kind)).collect();
    let pictures = if pictures.is_empty() {
        html![r#"<span class="thumb empty"></span>"#]
    } else {
        pictures.into_iter().collect()
    };
    let host = row.host.as_deref();
    let host = host.map(|host| html![r#"<span class="host">on "# (host) "</span>"]);
    let outcome = report.outcome.as_str();
    let total = (report.ms.total > 0.0).then(|| {
        html![(bar(&report.ms)) r#"<span class="number">"# (format!("{:.1} ms", report.ms.total)) "</span>"]
    });
    html![
        r#"<li class="event"# (if is_new { " new" } else { "" }) r#"" id="e"# (row.id) r#""><div class="thumbs">"#
        (pictures) r#"</div><div class="verdict">"# (verdict(report))
        r#"</div><div class="what"><p><span class="outcome "# (outcome) r#"">"# (outcome)
        r#"</span> <span class="reason">"# (report.reason.as_ref().map_or("", Reason::as_str))
        r#"</span></p><p class="muted">"# (copy(report))
        r#"</p></div><div class="time"><a href="/event/"# (row.id) r#"">Event "# (row.id)
        r#"</a><time datetime=""# (format!("{:.3}", row.at)) r#"">"# (row.at.strftime("%H:%M:%S").to_string()) "</time>"
        (host) (total) "</div></li>"
    ]
}

fn thumbnail(id: u64, one: Kind) -> Html {
    html![
        r#"<a class="thumb" href="/event/"# (id) r#""><img src="/picture/"# (id) "/" (one.word())
        r#"" loading="lazy" width="72" height="72" alt=""# (kind(one)) ", event " (id) r#""></a>"#
    ]
}

fn verdict(report: &Report) -> Html {
    let Some(class) = report.class else {
        return html![r#"<span class="chip none">Not labeled</span>"#];
    };
    let style = class_style(Some(class));
    let chip = html![r#"<span class="chip "# (style) r#"">"# (class.name()) "</span>"];
    if let Some(check) = report.input_check() {
        return html![(chip) r#"<span class="check">"# (check) "</span>"];
    }
    let Some(risk) = report.risk else {
        return chip;
    };
    html![
        (chip) "<strong>" (percent(risk))
        r#"</strong><svg class="risk" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">"#
        r#"<rect class="zero" x="0" y="0" width="100" height="6"/><rect class=""# (style)
        r#"" x="0" y="0" height="6" width=""# (format!("{:.1}", 100.0 * risk)) r#""/></svg>"#
    ]
}

/// Renders the time by step as one bar.
fn bar(ms: &Millis) -> Html {
    let mut x = 0.0;
    let steps = ms.steps().filter(|(step, _)| *step != "total");
    let parts = steps.map(|(step, duration)| {
        let width = duration / ms.total * 100.0;
        let part = html![
            r#"<rect class=""# (group(step)) r#"" x=""# (format!("{x:.1}")) r#"" y="0" height="6" width=""#
            (format!("{width:.1}")) r#""/>"#
        ];
        x += width;
        part
    });
    html![
        r#"<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">"#
        r#"<rect class="zero" x="0" y="0" width="100" height="6"/>"# (parts.collect::<Html>()) "</svg>"
    ]
}
