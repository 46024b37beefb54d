//! Signing in.

use super::{
    html::{Html, html},
    layout,
};

/// Renders the form for a token, or says where the one-time address is.
pub(in crate::page) fn page(is_local: bool, problem: Option<&str>) -> Html {
    let problem = problem.map(|text| html![r#"<p class="problem" role="alert">"# (text) "</p>"]);
    let way = if is_local {
        html![
            "<p>Open the newest address that the terminal shows. It works once; after that, the terminal shows "
            "another one.</p>"
        ]
    } else {
        html![
            r#"<form method="post" action="/login"><label for="token">Your token</label>"#
            r#"<input id="token" name="token" type="password" autocomplete="current-password" required>"#
            r#"<button type="submit">Sign in</button></form>"#
        ]
    };
    let main = html![r#"<div class="narrow card"><h1>Sign in</h1>"# (problem) (way) "</div>"];
    layout("Sign in", None, html![], main)
}
