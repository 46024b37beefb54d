//! The page's addresses.

use std::{sync::Arc, time::Instant};

use ::http::{Method, StatusCode, header::SET_COOKIE, request::Parts};
use bytes::Bytes;
use hyper::body::Body as HttpBody;

use super::{
    Page,
    access::{roles::Kind, sessions::Session},
    audit::{Action, Event},
    feed::{self, Ticket},
    guard::{self, set_cookie},
    http::{Request, Response, content, events, html, plain, see_other, status},
    live::ROWS,
    review_routes, upload_routes, views,
};

/// Responds to a request.
pub(super) async fn respond<B>(page: &Arc<Page>, request: ::http::Request<B>) -> Response
where
    B: HttpBody<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let mut response = match guard::check(page, &head).await {
        Ok(session) => {
            let renewed = session.as_ref().and_then(|session| session.renewed.clone());
            let is_upload = head.method == Method::POST && is(&head, upload_routes::PATH);
            let mut response = match &session {
                Some(session) if is_upload => upload_routes::take(page, &head, body, session).await,
                _ => match Request::read(head, body, session).await {
                    Ok(request) => route(page, &request).await,
                    Err(response) => *response,
                },
            };
            if let Some(cookie) = renewed
                && !response.headers().contains_key(SET_COOKIE)
            {
                set_cookie(page, &mut response, &cookie);
            }
            response
        }
        Err(response) => *response,
    };
    guard::protect(page, &mut response);
    response
}

fn is(head: &Parts, path: &str) -> bool {
    head.uri.path().strip_prefix('/') == Some(path)
}

async fn route(page: &Arc<Page>, request: &Request) -> Response {
    let path: Vec<&str> = request.path.split('/').collect();
    let is_read = matches!(request.method, Method::GET | Method::HEAD);
    let is_sent = request.method == Method::POST;
    match (&request.session, path.as_slice()) {
        (_, ["assets", file]) if is_read => asset(file),
        (_, ["enter", token]) if is_read => enter(page, request, token).await,
        (None, ["login"]) if is_read => sign_in(page, StatusCode::OK, None),
        (Some(_), ["login"]) if is_read => see_other("/"),
        (_, ["login"]) if is_sent => login(page, request).await,
        (Some(session), ["review", rest @ ..]) => {
            review_routes::respond(page, request, session, rest).await
        }
        (Some(session), [""]) if is_read && !page.is_live() => {
            let is_uploader = session.may_upload && !session.user.roles.reviewer;
            see_other(if is_uploader { "/upload" } else { "/review" })
        }
        (Some(session), [upload_routes::PATH]) if is_read => {
            upload_routes::show(page, request, session)
        }
        (Some(session), [""]) if is_read => live(page, session),
        (Some(session), ["events"]) if is_read => stream(page, request, session),
        (Some(session), ["event", id]) if is_read => event(page, session, id),
        (Some(session), ["picture", id, kind]) if is_read => picture(page, session, id, kind).await,
        (Some(session), ["logout"]) if is_sent => logout(page, request, session).await,
        // The guard has noted it.
        (Some(_), ["alive"]) if is_sent => status(StatusCode::NO_CONTENT),
        _ if is_read => not_found(),
        _ => plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "this address takes no such request\n",
        ),
    }
}

pub(super) fn not_found() -> Response {
    let text = "There is no such page. Events are kept in memory, the last 200.";
    html(StatusCode::NOT_FOUND, views::message("Not found", text))
}

fn live(page: &Page, session: &Session) -> Response {
    let mut rows = page.live.rows_after(0, ROWS);
    rows.reverse();
    let view = views::live::Live {
        rows: &rows,
        counts: &page.live.counts(),
        failures: &page.live.failures(),
        kafka: super::kafka::figures(page.runtime.as_ref()),
        is_of_all: page.is_of_all,
        session,
    };
    html(StatusCode::OK, views::live::page(&view))
}

fn stream(page: &Arc<Page>, request: &Request, session: &Session) -> Response {
    let Ok(place) = page.feeds.clone().try_acquire_owned() else {
        return status(StatusCode::SERVICE_UNAVAILABLE);
    };
    // A browser that reconnects names the last event that it has.
    let last = request
        .headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let asked = request
        .query
        .strip_prefix("after=")
        .and_then(|after| after.parse().ok());
    let last = last.or(asked).unwrap_or(0);
    let cookie = guard::cookie(&request.headers).unwrap_or_default();
    let ticket = match session.stream {
        Some(ends) => Ticket::Until(ends),
        None => Ticket::Cookie(cookie.to_owned()),
    };
    let roles = session.user.roles;
    events(feed::batches(page.clone(), ticket, roles, last, place))
}

fn event(page: &Page, session: &Session, id: &str) -> Response {
    match id.parse().ok().and_then(|id| page.live.row(id)) {
        Some(row) => html(StatusCode::OK, views::event::page(&row, session)),
        None => not_found(),
    }
}

async fn picture(page: &Page, session: &Session, id: &str, kind: &str) -> Response {
    let Ok(kind) = kind.parse::<Kind>() else {
        return not_found();
    };
    // As for a picture that does not exist: a role does not learn which there are.
    if !session.user.roles.may_see(kind) {
        return not_found();
    }
    let row = id.parse().ok().and_then(|id| page.live.row(id));
    let Some(row) = row.filter(|row| row.kinds().contains(&kind)) else {
        return not_found();
    };
    let mut event = Event::new(&session.user.name, Action::View).what(kind.word());
    event.source.clone_from(&row.report.source);
    if let Err(response) = note(page, event).await {
        return *response;
    }
    match page.pictures.get(page.live.config(), &row, kind).await {
        Ok(Some(picture)) => content(StatusCode::OK, picture.content_type, picture.bytes),
        Ok(None) => not_found(),
        Err(error) => {
            tracing::warn!("the page can't read a picture: {error:#}");
            status(StatusCode::BAD_GATEWAY)
        }
    }
}

fn sign_in(page: &Page, status: StatusCode, problem: Option<&str>) -> Response {
    let is_local = page.access.has_one_time_addresses();
    html(status, views::sign_in::page(is_local, problem))
}

async fn login(page: &Page, request: &Request) -> Response {
    let Some(cookie) = page.access.sign_in(request.field("token"), Instant::now()) else {
        tracing::warn!("somebody tried to sign in to the page with a wrong token");
        // Guesses must not fill the log.
        if page.access.is_first_refusal_of_a_second(Instant::now()) {
            let event = Event::new("", Action::SignIn).result("refused: wrong token");
            // Who guesses gets the same response.
            _ = note(page, event).await;
        }
        return sign_in(
            page,
            StatusCode::FORBIDDEN,
            Some("This token is not known."),
        );
    };
    admit(page, &cookie).await
}

/// Gives a person the cookie of a session that has begun; without an entry in the log it ends.
async fn admit(page: &Page, cookie: &str) -> Response {
    let session = page.access.session(cookie, Instant::now(), true);
    let who = session.map_or(String::new(), |session| session.user.name.clone());
    let event = Event::new(&who, Action::SignIn).result("signed in");
    if let Err(response) = note(page, event).await {
        // The cookie of a session that pages share has not left this process.
        page.access.sign_out(cookie);
        return *response;
    }
    let mut response = see_other("/");
    set_cookie(page, &mut response, cookie);
    response
}

/// Logs an event, if there is a log.
///
/// # Errors
/// The response if the store does not take it: then nothing may happen.
pub(super) async fn note(page: &Page, event: Event) -> Result<(), Box<Response>> {
    let Some(audit) = page.audit() else {
        return Ok(());
    };
    audit.record(event).await.map_err(|error| {
        tracing::warn!("{error:#}");
        let text = "The audit log can't be written, so nothing is shown or done; the host's log has the reason.";
        html(StatusCode::BAD_GATEWAY, views::message("The store", text)).into()
    })
}

async fn enter(page: &Page, request: &Request, token: &str) -> Response {
    // A browser that only prepares to open the address must not use it up.
    let is_opened = request.method == Method::GET && !request.headers.contains_key("sec-purpose");
    let cookie = is_opened
        .then(|| page.access.enter(token, Instant::now()))
        .flatten();
    let Some(cookie) = cookie else {
        return sign_in(
            page,
            StatusCode::FORBIDDEN,
            Some("This address was used already."),
        );
    };
    eprintln!("To sign in to the page again: {}", page.entrance());
    admit(page, &cookie).await
}

async fn logout(page: &Page, request: &Request, session: &Session) -> Response {
    if request.field("form_token") != session.form_token {
        return status(StatusCode::FORBIDDEN);
    }
    let cookie = guard::cookie(&request.headers).unwrap_or_default();
    let ended = page.sign_out(cookie, session).await;
    let event = Event::new(&session.user.name, Action::SignOut);
    // The session has ended in any case.
    _ = note(page, event).await;
    let next = match page.access.proxy() {
        Some(proxy) => proxy.sign_out(),
        None => "/login",
    };
    let mut response = match ended {
        Ok(()) => see_other(next),
        Err(error) => {
            tracing::warn!("{error:#}");
            let text =
                "This browser is signed out, but the store did not take the end of the session.";
            html(StatusCode::BAD_GATEWAY, views::message("The store", text))
        }
    };
    set_cookie(page, &mut response, "");
    response
}

fn asset(file: &str) -> Response {
    let (kind, text) = match file {
        "page.css" => ("text/css; charset=utf-8", include_str!("assets/page.css")),
        "page.js" => (
            "text/javascript; charset=utf-8",
            include_str!("assets/page.js"),
        ),
        "review.js" => (
            "text/javascript; charset=utf-8",
            include_str!("assets/review.js"),
        ),
        "icon.svg" => ("image/svg+xml", include_str!("assets/icon.svg")),
        _ => return not_found(),
    };
    content(StatusCode::OK, kind, text)
}
