//! Uploading a picture.

use super::{
    html::{Html, html},
    layout, token,
};
use crate::page::access::sessions::Session;

/// Message above the form.
pub(in crate::page) enum State {
    /// None.
    Empty,
    /// A picture was stored.
    Stored,
    /// A picture was not stored, for this reason.
    Problem(String),
}

/// Renders the form. `is_live` says that the live view will show the picture's event.
pub(in crate::page) fn page(session: &Session, limit: &str, state: &State, is_live: bool) -> Html {
    let next = match is_live {
        true => html![r#" It appears in the <a href="/">live view</a> once it is processed."#],
        false => html![],
    };
    let said = match state {
        State::Empty => html![],
        State::Stored => html![
            r#"<p class="done" role="status">The picture was stored."# (next) "</p>"
        ],
        State::Problem(text) => html![r#"<p class="problem" role="alert">"# (text.as_str()) "</p>"],
    };
    let main = html![
        r#"<div class="narrow card"><h1>Upload a picture</h1>"# (said)
        r#"<form method="post" action="/upload" enctype="multipart/form-data">"# (token(session))
        r#"<label for="file">A chest X-ray: JPEG, PNG or DICOM, at most "# (limit)
        r#"</label><input id="file" name="file" type="file" accept="image/jpeg,image/png,application/dicom,.dcm" required>"#
        r#"<button type="submit">Upload</button></form>"#
        r#"<p class="muted">The file gets a new name: its own is not sent on, since names often hold a patient's. "#
        r#"Your upload is in the audit log.</p></div>"#
    ];
    layout("Upload", Some(session), html![], main)
}
