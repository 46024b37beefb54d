//! The page's HTML. Nothing in it comes from a key: rows have numbers.

pub(super) mod charts;
pub(super) mod event;
pub(super) mod failures;
mod html;
pub(super) mod live;
pub(super) mod review;
pub(super) mod row;
pub(super) mod sign_in;
pub(super) mod tiles;
pub(super) mod upload;
mod words;

pub(super) use self::html::Html;
use self::html::html;
use super::access::sessions::Session;

/// Frame of every page. The main region is the same for all, so that a link can skip to it.
fn layout(title: &str, session: Option<&Session>, extra: Html, main: Html) -> Html {
    html![
        r#"<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">"#
        r#"<meta name="viewport" content="width=device-width, initial-scale=1">"#
        r#"<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">"#
        "<title>" (title) " · xray</title>"
        r#"<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">"#
        r#"<link rel="stylesheet" href="/assets/page.css">"#
        (extra)
        r##"</head><body><a class="skip" href="#main">Skip to the content</a>"##
        r#"<header class="top"><a class="brand" href="/">"#
        r#"<svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">"#
        r#"<rect x="1" y="1" width="22" height="22" rx="5"/>"#
        r#"<path d="M12 5v14M12 8H7.5M12 8h4.5M12 12H7M12 12h5M12 16H8M12 16h4"/></svg><span>xray</span></a>"#
        (session.map(person))
        r#"</header><main id="main" tabindex="-1">"#
        (main)
        "</main><footer><p>A demonstration of a pipeline, not a medical device: it must not be used for diagnosis.</p>"
        "</footer></body></html>"
    ]
}

/// The person who has signed in, and the way out.
fn person(session: &Session) -> Html {
    let roles = session.user.roles.names().into_iter();
    let roles: Html = roles
        .map(|role| html![r#"<span class="tag">"# (role) "</span>"])
        .collect();
    let (reviews, uploads) = (session.user.roles.reviewer, session.may_upload);
    let review = reviews.then(|| html![r#"<a href="/review">Review</a>"#]);
    let upload = uploads.then(|| html![r#"<a href="/upload">Upload</a>"#]);
    html![
        ((reviews || uploads).then(|| {
            html![r#"<nav aria-label="Pages"><a href="/">Live</a>"# (review) (upload) "</nav>"]
        }))
        r#"<div class="who"><span>"# (session.user.name) "</span>" (roles)
        r#"<form method="post" action="/logout">"# (token(session))
        r#"<button class="quiet" type="submit">Sign out</button></form></div>"#
    ]
}

/// The token of the session's forms.
fn token(session: &Session) -> Html {
    html![r#"<input type="hidden" name="form_token" value=""# (session.form_token) r#"">"#]
}

/// A page with nothing but a text.
pub(super) fn message(title: &str, text: &str) -> Html {
    let main = html![
        r#"<div class="narrow card"><h1>"# (title) "</h1><p>" (text)
        r#"</p><p><a href="/">Go to the live view</a></p></div>"#
    ];
    layout(title, None, html![], main)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use jiff::Timestamp;
    use xray::{event::ObjectRef, report::Report};

    use super::*;
    use crate::page::{
        access::{roles::Roles, sessions::Session, users::User},
        live::{Row, counts::Counts},
    };

    fn session(roles: Roles) -> Session {
        Session {
            user: Arc::new(User {
                name: "alice".to_owned(),
                roles,
            }),
            form_token: "f".to_owned(),
            may_upload: false,
            stream: None,
            renewed: None,
            end: None,
        }
    }

    fn row(json: &str) -> Arc<Row> {
        let report: Report =
            serde_json::from_str(&format!(r#"{{"event":"object",{json}}}"#)).unwrap();
        Arc::new(Row {
            id: 7,
            at: Timestamp::from_second(1_800_000_000).unwrap(),
            report,
            object: Some(
                ObjectRef::new("in", "ward/x_DOE_4711_1960-01-02_2020.png", None).unwrap(),
            ),
            host: None,
        })
    }

    /// Rows of all outcomes.
    fn rows() -> Vec<Arc<Row>> {
        [
            r#""outcome":"done","class":"Pneumonia","risk":0.9725,"processed":"stored","anonymized":"stored",
               "redaction":{"method":"fill","boxes":2,"area":0.0312,"detected":3,"side_markers":1},
               "width":1200,"height":900,"model":{"name":"pneumonia","sha256":"ab"},
               "bytes":{"in":1000,"processed":2000,"anonymized":900},"ms":{"fetch":2,"predict":9.5,"store":3,"total":15}"#,
            r#""outcome":"quarantined","reason":"text-left","detail":"text may be left <b>","class":"Pneumonia",
               "risk":1.0,"processed":"stored","anonymized":"quarantined","ms":{"total":9}"#,
            r#""outcome":"rejected","reason":"damaged","detail":"damaged picture: send the complete file""#,
            r#""outcome":"retry","reason":"store","detail":"store: 503""#,
            r#""outcome":"done","class":"Unsure","input_check":"inverted","processed":"stored","anonymized":"not-due""#,
            r#""outcome":"skipped","reason":"duplicate","processed":"unchanged""#,
        ]
        .map(row)
        .into()
    }

    fn pages(roles: Roles) -> Vec<String> {
        let rows = rows();
        let session = session(roles);
        let mut counts = Counts::default();
        for row in &rows {
            counts.add(&row.report, row.at);
        }
        let view = live::Live {
            rows: &rows,
            counts: &counts,
            failures: &rows,
            kafka: None,
            is_of_all: false,
            session: &session,
        };
        let mut pages = vec![live::page(&view)];
        pages.extend(rows.iter().map(|row| event::page(row, &session)));
        pages.push(sign_in::page(false, Some("no")));
        pages.push(message("Not found", "text"));
        pages.into_iter().map(Html::into_string).collect()
    }

    /// Words after `src="/picture/7/`.
    fn pictures(pages: &[String]) -> BTreeSet<&str> {
        let parts = pages
            .iter()
            .flat_map(|page| page.split("/picture/7/").skip(1));
        parts.map(|rest| rest.split('"').next().unwrap()).collect()
    }

    #[test]
    fn pages_hold_nothing_of_a_key_and_no_inline_code() {
        for page in pages(Roles::ALL) {
            for part in ["DOE", "4711", "1960", "ward", "2020"] {
                assert!(!page.contains(part), "{part} is in {page}");
            }
            assert!(!page.contains("<b>"), "not escaped: {page}");
            for inline in ["style=", "<style", "<script>", "onclick", "javascript:"] {
                assert!(!page.contains(inline), "{inline} is in {page}");
            }
        }
    }

    #[test]
    fn pages_name_only_pictures_that_the_role_may_see() {
        for (roles, expect) in [
            ("viewer", vec!["covered"]),
            ("reviewer", vec!["covered", "quarantined"]),
            ("clinician", vec!["covered", "labeled", "source"]),
        ] {
            let pages = pages(roles.parse().unwrap());
            assert_eq!(pictures(&pages), expect.into_iter().collect(), "{roles}");
        }
    }

    #[test]
    fn row_of_another_host_says_where_its_pictures_are() {
        let row = Arc::new(Row {
            object: None,
            host: Some("pod-7".to_owned()),
            id: 7,
            at: Timestamp::from_second(1_800_000_000).unwrap(),
            report: rows()[0].report.clone(),
        });
        let session = session(Roles::ALL);
        let list = row::item(&row, Roles::ALL, false).into_string();
        assert!(
            list.contains("on pod-7") && !list.contains("<img"),
            "{list}"
        );
        let page = event::page(&row, &session).into_string();
        let said = "Its pictures are on the page of that host, pod-7, if it has one.";
        assert!(page.contains(said) && !page.contains("<img"), "{page}");
    }

    #[test]
    fn risk_is_written_as_on_the_label() {
        let page = row::item(&rows()[0], Roles::ALL, false).into_string();
        for part in ["97.25", "2 boxes", "3.1", "1 side marker", "15.0 ms"] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        let unfamiliar = row::item(&rows()[4], Roles::ALL, false).into_string();
        assert!(unfamiliar.contains("inverted"), "{unfamiliar}");
    }

    /// The limit that was set for the page, with a margin: gzip halves text and more.
    #[test]
    fn style_and_script_are_small() {
        use flate2::{Compression, write::GzEncoder};
        use std::io::Write;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        for text in [
            include_str!("../assets/page.css"),
            include_str!("../assets/page.js"),
            include_str!("../assets/review.js"),
        ] {
            encoder.write_all(text.as_bytes()).unwrap();
        }
        let size = encoder.finish().unwrap().len();
        assert!(size < 12_000, "{size} bytes");
    }
}
