//! Checks in front of every request, and headers behind every response.

use std::time::Instant;

use anyhow::{Context, Result};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};

use super::{
    Page,
    access::{
        origin::Foreign,
        proxy::{Asked, Proxy, Refusal},
        seconds,
        sessions::Session,
    },
    audit::{Action, Event},
    http::{Response, plain, see_other},
    routes::note,
};

/// Name of the session's cookie. A cookie of this prefix can't be set by another host or path.
const COOKIE: &str = "__Host-xray";

/// Query of the live view that loads itself again.
pub(super) const AGAIN: &str = "again";

/// Headers of every response.
const HEADERS: [(&str, &str); 8] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    // Pictures of patients stay in no cache.
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    // With `no-referrer`, browsers would send the origin `null` with forms.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    ("x-frame-options", "DENY"),
];

/// Lets a request through if it is for this page, made by it, and by somebody who has signed in;
/// returns that person's session. Signing in needs none.
///
/// # Errors
/// The response instead.
pub(super) async fn check(page: &Page, head: &Parts) -> Result<Option<Session>, Box<Response>> {
    let (method, path) = (&head.method, head.uri.path());
    if let Err(foreign) = page.origin.check(method, path, &head.headers) {
        let (status, text) = match foreign {
            Foreign::Host => (
                StatusCode::MISDIRECTED_REQUEST,
                "this page has another address\n",
            ),
            Foreign::Site => (
                StatusCode::FORBIDDEN,
                "this request was made by another site\n",
            ),
        };
        return Err(plain(status, text).into());
    }
    if path.starts_with("/assets/") {
        return Ok(None);
    }
    if let Some(proxy) = page.access.proxy() {
        return proxied(page, proxy, head).await.map(Some);
    }
    let is_open = path == "/login" || path.starts_with("/enter/");
    let touch = is_of_a_person(head);
    let cookie = cookie(&head.headers);
    let session = match cookie {
        Some(cookie) => page.session(cookie, touch).await.map_err(|error| {
            tracing::warn!("{error:#}");
            plain(
                StatusCode::BAD_GATEWAY,
                "the store does not respond; try again\n",
            )
        })?,
        None => None,
    };
    if session.is_some() || is_open {
        return Ok(session);
    }
    let response = match is_document(head) {
        true => see_other("/login"),
        false => plain(StatusCode::UNAUTHORIZED, "sign in first\n"),
    };
    Err(response.into())
}

/// Returns the session of a person whom the proxy has signed in.
async fn proxied(page: &Page, proxy: &Proxy, head: &Parts) -> Result<Session, Box<Response>> {
    let asked = Asked {
        cookie: cookie(&head.headers),
        is_document: is_document(head),
        touch: is_of_a_person(head),
        now: seconds(),
    };
    let admitted = match proxy.admit(&head.headers, asked).await {
        Ok(admitted) => admitted,
        Err(Refusal::Over) if asked.is_document => {
            // The proxy ends its session too, so that the next one needs a sign-in there.
            let mut response = see_other(proxy.sign_out());
            set_cookie(page, &mut response, "");
            return Err(response.into());
        }
        Err(refusal) => return Err(refused(page, refusal).await.into()),
    };
    let mut session = admitted.session;
    if admitted.is_new {
        let name = &session.user.name;
        let event = Event::new(name, Action::SignIn).result("signed in by the proxy");
        note(page, event).await?;
    }
    let upload = page.upload.as_ref();
    session.may_upload = upload.is_some_and(|upload| upload.may(session.user.roles));
    Ok(session)
}

/// Notes why somebody was not let in, and returns the response.
async fn refused(page: &Page, refusal: Refusal) -> Response {
    let is_known = matches!(refusal, Refusal::Over | Refusal::Unbegun);
    // Guesses must not fill the logs.
    if !is_known && page.access.is_first_refusal_of_a_second(Instant::now()) {
        let word = refusal.word();
        tracing::warn!("somebody was not let in to the page by its proxy: {word}");
        let event = Event::new("", Action::SignIn).result(word);
        // Who guesses gets the same response.
        _ = note(page, event).await;
    }
    let (status, text) = match refusal {
        Refusal::Role => (StatusCode::FORBIDDEN, "you have no role on this page\n"),
        Refusal::Issuerless => (
            StatusCode::BAD_GATEWAY,
            "the issuer of tokens does not respond; try again\n",
        ),
        Refusal::Over | Refusal::Unbegun => (
            StatusCode::UNAUTHORIZED,
            "your session is over; load the page again\n",
        ),
        _ => (
            StatusCode::UNAUTHORIZED,
            "the proxy in front of this page signs people in\n",
        ),
    };
    plain(status, text)
}

impl Page {
    /// Returns the session of a cookie, unless it has ended. With `touch` it counts as a request of
    /// the person.
    ///
    /// # Errors
    /// When the store does not say whether another page has ended it.
    pub(super) async fn session(&self, cookie: &str, touch: bool) -> Result<Option<Session>> {
        let mut session = self.access.session(cookie, Instant::now(), touch);
        if let Some(end) = session.as_ref().and_then(|session| session.end.as_deref()) {
            let audit = self
                .audit()
                .context("sessions are shared without a store")?;
            if audit.has_ended(end).await? {
                return Ok(None);
            }
        }
        if let (Some(session), Some(upload)) = (&mut session, &self.upload) {
            session.may_upload = upload.may(session.user.roles);
        }
        Ok(session)
    }

    /// Ends a session, for all pages that share it.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn sign_out(&self, cookie: &str, session: &Session) -> Result<()> {
        self.access.sign_out(cookie);
        match (&session.end, self.audit()) {
            (Some(end), Some(audit)) => audit.end_session(end).await,
            _ => Ok(()),
        }
    }
}

/// Adds the headers of every response.
pub(super) fn protect(page: &Page, response: &mut Response) {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        headers.insert(HeaderName::from_static(name), value);
    }
    if page.origin.is_https() {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
}

/// Reports whether a request shows that somebody uses the page: the live view asks for events and
/// their pictures by itself, and without JavaScript it loads itself again.
fn is_of_a_person(head: &Parts) -> bool {
    let path = head.uri.path();
    path != "/events" && !path.starts_with("/picture/") && head.uri.query() != Some(AGAIN)
}

/// Reports whether a browser opens a page with this request.
fn is_document(head: &Parts) -> bool {
    let accept = head.headers.get(header::ACCEPT);
    let accept = accept.and_then(|value| value.to_str().ok());
    head.method == Method::GET && accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Returns the value of the session's cookie.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).into_iter();
    let pairs = all.filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|text| text.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// Sets the session's cookie, or removes it if the value is empty.
pub(super) fn set_cookie(page: &Page, response: &mut Response, value: &str) {
    let removal = if value.is_empty() { "; Max-Age=0" } else { "" };
    // A link from elsewhere would come without a strict cookie, and so begin a session anew: behind
    // a proxy nobody has to sign in for that. The cookie alone gives no access there.
    let site = match page.access.proxy() {
        Some(_) => "Lax",
        None => "Strict",
    };
    let text = format!("{COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite={site}{removal}");
    if let Ok(text) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(header::SET_COOKIE, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_view_keeps_no_session_by_itself() {
        for (address, expect) in [
            ("/", true),
            ("/?again", false),
            ("/events?after=3", false),
            ("/picture/7/covered", false),
            ("/event/7", true),
            ("/alive", true),
            ("/review", true),
        ] {
            let (head, ()) = http::Request::get(address).body(()).unwrap().into_parts();
            assert_eq!(is_of_a_person(&head), expect, "{address}");
        }
    }

    #[test]
    fn cookie_is_found_among_others() {
        let headers = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, text.parse().unwrap());
            headers
        };
        for (text, value) in [
            ("__Host-xray=abc", Some("abc")),
            ("a=1; __Host-xray=abc; b=2", Some("abc")),
            ("xray=abc", None),
            ("__Host-xray2=abc", None),
            ("__Host-xray", None),
        ] {
            assert_eq!(cookie(&headers(text)), value, "{text}");
        }
    }
}
