//! The review of copies in quarantine.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    html::{Html, html},
    layout, token,
    words::count,
};
use crate::page::{
    access::sessions::Session,
    review::{Act, COVERED, COVERED_TEXT_LEFT, Entry, Format, Millis, Refusal},
};

/// Copies in the list.
pub(in crate::page) const SHOWN: usize = 50;

/// Contents of the list.
pub(in crate::page) struct Queue<'a> {
    /// Copies without a decision, the oldest first.
    pub(in crate::page) waiting: &'a [Arc<Entry>],
    /// Number of decisions that are still to be carried out.
    pub(in crate::page) decided: usize,
    /// Decisions of this person that can be undone.
    pub(in crate::page) undoable: &'a [Arc<Entry>],
    /// Session of the person who looks.
    pub(in crate::page) session: &'a Session,
    /// Time.
    pub(in crate::page) now: Millis,
}

/// Contents of the view of one copy.
pub(in crate::page) struct Look<'a> {
    /// The copy.
    pub(in crate::page) entry: &'a Entry,
    /// Number of copies that wait.
    pub(in crate::page) waiting: usize,
    /// The copy that probably comes next.
    pub(in crate::page) next: Option<&'a Entry>,
    /// True if more can be covered, and DICOM objects are shown.
    pub(in crate::page) has_module: bool,
    /// True if the source may be shown, and is known.
    pub(in crate::page) has_source: bool,
    /// Decisions of this person that can be undone.
    pub(in crate::page) undoable: &'a [Arc<Entry>],
    /// Session of the person who looks.
    pub(in crate::page) session: &'a Session,
    /// Time.
    pub(in crate::page) now: Millis,
}

fn script() -> Html {
    html![r#"<script src="/assets/review.js" defer></script>"#]
}

/// Short name of a copy: the beginning of its id.
fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

/// Address of a copy's picture. Browsers keep pictures by their address while a page is open, so
/// other bytes have another one.
fn picture(entry: &Entry) -> Html {
    html!["/review/" (entry.id) "/copy?" (short(&entry.etag))]
}

fn past(act: impl Into<Act>) -> &'static str {
    match act.into() {
        Act::Release => "released",
        Act::Reject => "rejected",
        Act::Cover => "covered further",
        Act::Overtaken => "decided about, but replaced before that took effect,",
    }
}

fn reason(entry: &Entry) -> &'static str {
    match entry.facts.get().map(|facts| facts.reason.as_str()) {
        Some("text-left") => "Text may be left",
        Some("too-much-text") => "Text over too large a part",
        Some("held") => "Looks clean, but an earlier copy was rejected or covered further",
        Some(COVERED) => "Covered further: no text found",
        Some(COVERED_TEXT_LEFT) => "Covered further: text may be left",
        _ => "Reason not recorded",
    }
}

fn waits(entry: &Entry, now: Millis) -> String {
    let minutes = (now - entry.since).max(0) / 60_000;
    match minutes {
        0 => "less than a minute".to_owned(),
        1..120 => count(minutes as usize, "minute", "minutes"),
        120..2880 => count(minutes as usize / 60, "hour", "hours"),
        _ => count(minutes as usize / 1440, "day", "days"),
    }
}

/// Renders the decisions that can be undone.
fn undo(entries: &[Arc<Entry>], session: &Session) -> Html {
    let one = |(at, entry): (usize, &Arc<Entry>)| {
        let decision = entry.decision()?;
        // A key undoes the last decision.
        let id = (at == 0).then(|| html![r#" id="undo""#]);
        let due = Timestamp::from_millisecond(decision.due).ok()?;
        Some(html![
            r#"<form class="undo" method="post" action="/review/"# (entry.id) r#"/undo" data-due=""#
            (decision.due.unsigned_abs()) r#""><p role="status">Copy "# (short(&entry.id)) " is "
            (past(decision.verdict)) " at " (due.strftime("%H:%M:%S UTC").to_string()) ".</p>"
            (token(session)) r#"<button class="quiet""# (id) r#" type="submit">Undo</button></form>"#
        ])
    };
    entries.iter().enumerate().filter_map(one).collect()
}

/// Renders the list.
pub(in crate::page) fn list(view: &Queue<'_>) -> Html {
    let who = view.session.user.name.as_str();
    let rows: Html = view
        .waiting
        .iter()
        .take(SHOWN)
        .map(|entry| row(entry, who, view.now))
        .collect();
    let waiting = view.waiting.len();
    let more = (waiting > SHOWN)
        .then(|| html![r#"<p class="muted">The oldest "# (SHOWN) " are shown.</p>"]);
    let decided = (view.decided > 0).then(|| {
        html![r#"<p class="muted">"# (count(view.decided, "decision is", "decisions are"))
            " about to take effect.</p>"]
    });
    let start = (waiting > 0).then(|| {
        html![
            r#"<form method="post" action="/review/next">"# (token(view.session))
            r#"<button type="submit">Look at the oldest</button></form>"#
        ]
    });
    let empty = (waiting == 0).then(|| {
        html![r#"<p class="card">No copy is waiting. Load this page again to see new ones.</p>"#]
    });
    let main = html![
        r#"<div class="title"><h1>Review</h1><p>"# (count(waiting, "copy waits", "copies wait"))
        "</p>" (start) "</div>" (undo(view.undoable, view.session)) (decided) (empty)
        r#"<ol class="rows queue">"# (rows) "</ol>" (more)
    ];
    layout("Review", Some(view.session), script(), main)
}

fn row(entry: &Entry, who: &str, now: Millis) -> Html {
    let claimed = entry.claimed_by_other(who, now);
    let claimed = claimed.map(|other| html![r#"<p class="muted">"# (other) " looks at it.</p>"]);
    let problem = entry
        .record
        .as_ref()
        .and_then(|(record, _)| record.problem.clone());
    let problem = problem.map(|text| html![r#"<p class="problem">"# (text) "</p>"]);
    html![
        r#"<li class="event"><div class="thumbs"><a class="thumb" href="/review/"# (entry.id)
        r#""><img src=""# (picture(entry)) r#"" loading="lazy" width="72" height="72" alt="Copy "#
        (short(&entry.id)) r#""></a></div><div class="verdict"><span class="outcome quarantined">"#
        (reason(entry)) r#"</span></div><div class="what">"# (claimed) (problem)
        r#"</div><div class="time"><a href="/review/"# (entry.id) r#"">Copy "# (short(&entry.id))
        "</a><span>for " (waits(entry, now)) "</span></div></li>"
    ]
}

/// Renders one copy with the decisions.
pub(in crate::page) fn look(view: &Look<'_>) -> Html {
    let entry = view.entry;
    let who = view.session.user.name.as_str();
    let format = entry
        .facts
        .get()
        .map_or(Format::Other, |facts| facts.format);
    let is_shown = match format {
        Format::Picture => true,
        Format::Dicom => view.has_module,
        Format::Other => false,
    };
    let claimed = entry.claimed_by_other(who, view.now);
    let claimed = claimed.map(|other| {
        html![r#"<p class="problem">"# (other) " looks at this copy, and decides about it.</p>"]
    });
    let decision = entry.decision().map(|decision| {
        html![r#"<p class="problem">"# (decision.by) " has decided: " (past(decision.verdict)) ".</p>"]
    });
    let next = view
        .next
        .map(|next| html![r#" data-next=""# (picture(next)) r#"""#]);
    let main = html![
        (undo(view.undoable, view.session)) r#"<div class="title"><h1>Copy "# (short(&entry.id))
        r#"</h1><span class="outcome quarantined">"# (reason(entry)) r#"</span><p class="muted">"#
        (count(view.waiting, "copy waits", "copies wait")) ", this one for " (waits(entry, view.now)) "</p></div>"
        (claimed) (decision) r#"<div class="review" id="review""# (next) ">"
        (match is_shown {
            true => viewer(view),
            false => html![r#"<p class="problem">"# (match format {
                Format::Dicom => "This page can't show DICOM objects: start it beside the function, or with --with-function.",
                _ => "Browsers can't show this format. Fetch the copy with an S3 client, as docs/privacy.md describes.",
            }) "</p>"],
        })
        r#"<div class="decide">"# (covering(view, is_shown)) (decide(view, is_shown))
        r#"<form method="post" action="/review/next">"# (token(view.session))
        r#"<input type="hidden" name="after" value=""# (entry.id)
        r#""><button class="quiet" id="skip" type="submit">Skip</button></form>"# (history(entry))
        r#"<p class="muted">A decision takes effect after 10 seconds, or when you leave the review.</p>"#
        r#"<p><a href="/review">All waiting copies</a></p></div></div>"#
    ];
    layout(
        &format!("Copy {}", short(&entry.id)),
        Some(view.session),
        script(),
        main,
    )
}

fn viewer(view: &Look<'_>) -> Html {
    let id = view.entry.id.as_str();
    let source = view.has_source.then(|| {
        html![r#"<img id="source" src="/review/"# (id) r#"/source" alt="The source, before covering" hidden>"#]
    });
    let before = view
        .has_source
        .then(|| html![r#"<button class="quiet" id="before" type="button" aria-pressed="false">Before</button>"#]);
    let cover = can_cover(view).then(|| {
        html![
            r#"<button class="quiet" id="cover" type="button" aria-pressed="false">Cover</button>"#
        ]
    });
    html![
        r#"<div class="viewer"><div class="glass" id="glass" tabindex="0" role="group" aria-label="Picture: arrow keys move it while it is enlarged">"#
        r#"<img id="copy" src=""# (picture(view.entry)) r#"" alt="The copy in quarantine">"# (source)
        r#"<svg id="drawn" aria-hidden="true"></svg></div><div class="tools" id="tools" role="toolbar" aria-label="View" hidden>"#
        r#"<button class="quiet" id="closer" type="button">Zoom in</button>"#
        r#"<button class="quiet" id="wider" type="button">Zoom out</button>"#
        r#"<button class="quiet" id="fit" type="button">Fit</button>"#
        r#"<button class="quiet" id="brighter" type="button">Brighter</button>"#
        r#"<button class="quiet" id="darker" type="button">Darker</button>"#
        r#"<button class="quiet" id="invert" type="button" aria-pressed="false">Invert</button>"# (before) (cover)
        r#"<label class="keys"><input type="checkbox" id="keys" checked> Keys: R release, X reject, S skip, U undo, "#
        r#"+ − 0 zoom, [ ] brightness, I invert"#
        (view.has_source.then(|| html![", B before"])) (can_cover(view).then(|| html![", C cover"]))
        r#"</label></div>"#
        r#"<p><a href=""# (picture(view.entry)) r#"">The picture alone</a></p></div>"#
    ]
}

/// Reports whether the person can cover more of the copy.
fn can_cover(view: &Look<'_>) -> bool {
    view.has_module && view.entry.decision().is_none()
}

/// The boxes that the person draws; without JavaScript they can't be drawn.
fn covering(view: &Look<'_>, is_shown: bool) -> Option<Html> {
    (is_shown && can_cover(view)).then(|| {
        html![
            r#"<section class="card covering" id="covering" aria-label="Cover more" hidden>"#
            r#"<h2>Cover more</h2><p class="muted" id="covering-help">Drag on the picture, or add a box: "#
            r#"arrow keys move it, with Shift they size it, Delete removes it.</p><ul class="boxes" id="boxes"></ul>"#
            r#"<p id="box-count" role="status" class="muted"></p>"#
            r#"<button class="quiet" id="add" type="button">Add a box</button>"#
            r#"<form method="post" action="/review/"# (view.entry.id) r#"/cover">"# (token(view.session))
            r#"<input type="hidden" name="seen" value=""# (view.entry.etag)
            r#""><input type="hidden" name="boxes" id="box-field" value=""><button id="apply" type="submit" disabled>"#
            r#"Cover the boxes</button></form><p class="muted">The copy stays here, is searched for text again, and "#
            r#"can then be released.</p></section>"#
        ]
    })
}

fn decide(view: &Look<'_>, is_shown: bool) -> Option<Html> {
    if !is_shown || view.entry.decision().is_some() {
        return None;
    }
    Some(html![
        r#"<form method="post" action="/review/"# (view.entry.id) r#"/decide" id="decide">"# (token(view.session))
        r#"<input type="hidden" name="seen" value=""# (view.entry.etag)
        r#""><button id="release" type="submit" name="decision" value="release">Release: it is clean</button>"#
        r#"<button class="danger" id="reject" type="submit" name="decision" value="reject">Reject: remove it</button></form>"#
    ])
}

fn history(entry: &Entry) -> Option<Html> {
    let (record, _) = entry.record.as_ref()?;
    let problem = record.problem.clone();
    let problem = problem.map(|text| html![r#"<p class="problem">"# (text) "</p>"]);
    let items: Html = record
        .history
        .iter()
        .rev()
        .map(|one| {
            let at = Timestamp::from_millisecond(one.at).unwrap_or_default();
            html!["<li>" (at.strftime("%Y-%m-%d %H:%M").to_string()) ": " (past(one.act)) " by " (one.by) "</li>"]
        })
        .collect();
    let list = (!record.history.is_empty()).then(
        || html![r#"<h2>Earlier copies under this name</h2><ul class="history">"# (items) "</ul>"],
    );
    Some(html![(problem)(list)])
}

/// Renders the reason for a refused step.
pub(in crate::page) fn refused(refusal: &Refusal, session: &Session) -> Html {
    let text = match refusal {
        Refusal::Claimed(by) => format!("{by} looks at this copy, and decides about it."),
        Refusal::Decided(by) => format!("{by} has decided about this copy already."),
        Refusal::Gone => "This copy is no longer in quarantine.".to_owned(),
        Refusal::Changed => {
            "This is another copy than the one that you have seen: look at it again.".to_owned()
        }
        Refusal::TooLate => "It is too late: the decision has taken effect.".to_owned(),
    };
    let main = html![
        r#"<div class="narrow card"><h1>Not done</h1><p role="alert">"# (text)
        r#"</p><form method="post" action="/review/next">"# (token(session))
        r#"<button type="submit">Next copy</button></form><p><a href="/review">All waiting copies</a></p></div>"#
    ];
    layout("Not done", Some(session), script(), main)
}
