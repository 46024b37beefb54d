//! The page's addresses.

use std::{sync::Arc, time::Instant};

use axum::{
    Extension, Form, Router,
    extract::{DefaultBodyLimit, Path, State},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;

use super::{
    Page,
    access::sessions::Session,
    feed,
    guard::{self, html, see_other, set_cookie},
    live::ROWS,
    views,
};

type Shared = State<Arc<Page>>;

/// Bytes of a form.
const FORM: usize = 16 << 10;

/// Returns the routes, behind the guard.
pub(super) fn router(page: Arc<Page>) -> Router {
    Router::new()
        .route("/", get(live))
        .route("/events", get(events))
        .route("/event/{id}", get(event))
        .route("/picture/{id}/{kind}", get(picture))
        .route("/alive", post(alive))
        .route("/login", get(login_form).post(login))
        .route("/logout", post(logout))
        .route("/enter/{token}", get(enter))
        .route("/assets/{file}", get(asset))
        .fallback(|| async { not_found() })
        .layer(DefaultBodyLimit::max(FORM))
        .layer(middleware::from_fn_with_state(page.clone(), guard::guard))
        .with_state(page)
}

fn not_found() -> Response {
    let text = "There is no such page. Events are kept in memory, the last 200 of this host.";
    html(StatusCode::NOT_FOUND, views::message("Not found", text))
}

async fn live(State(page): Shared, Extension(session): Extension<Session>) -> Response {
    let mut rows = page.live.rows_after(0, ROWS);
    rows.reverse();
    let view = views::live::Live {
        rows: &rows,
        counts: &page.live.counts(),
        failures: &page.live.failures(),
        kafka: super::kafka::figures(&page.runtime),
        session: &session,
    };
    html(StatusCode::OK, views::live::page(&view))
}

async fn events(
    State(page): Shared,
    Extension(session): Extension<Session>,
    uri: http::Uri,
    headers: HeaderMap,
) -> Response {
    let Ok(place) = page.feeds.clone().try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    // A browser that reconnects names the last event that it has.
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let asked = uri
        .query()
        .and_then(|query| query.strip_prefix("after=")?.parse().ok());
    let last = last.or(asked).unwrap_or(0);
    let cookie = guard::cookie(&headers).unwrap_or_default().to_owned();
    let body = feed::body(page, cookie, session.user.roles, last, place);
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

async fn event(
    State(page): Shared,
    Extension(session): Extension<Session>,
    Path(id): Path<u64>,
) -> Response {
    match page.live.row(id) {
        Some(row) => html(StatusCode::OK, views::event::page(&row, &session)),
        None => not_found(),
    }
}

async fn picture(
    State(page): Shared,
    Extension(session): Extension<Session>,
    Path((id, kind)): Path<(u64, String)>,
) -> Response {
    let Ok(kind) = kind.parse() else {
        return not_found();
    };
    // As for a picture that does not exist: a role does not learn which there are.
    if !session.user.roles.may_see(kind) {
        return not_found();
    }
    let Some(row) = page.live.row(id).filter(|row| row.kinds().contains(&kind)) else {
        return not_found();
    };
    match page.pictures.get(page.live.config(), &row, kind).await {
        Ok(Some(picture)) => (
            [(header::CONTENT_TYPE, picture.content_type)],
            picture.bytes,
        )
            .into_response(),
        Ok(None) => not_found(),
        Err(error) => {
            tracing::warn!("the page can't read a picture: {error:#}");
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

async fn alive() -> StatusCode {
    // The guard has noted it.
    StatusCode::NO_CONTENT
}

async fn login_form(State(page): Shared, session: Option<Extension<Session>>) -> Response {
    match session {
        Some(_) => see_other("/"),
        None => {
            let view = views::sign_in::page(page.access.has_one_time_addresses(), None);
            html(StatusCode::OK, view)
        }
    }
}

#[derive(Deserialize)]
struct Login {
    token: String,
}

async fn login(State(page): Shared, Form(form): Form<Login>) -> Response {
    let Some(cookie) = page.access.sign_in(&form.token, Instant::now()) else {
        tracing::warn!("somebody tried to sign in to the page with a wrong token");
        let view = views::sign_in::page(
            page.access.has_one_time_addresses(),
            Some("This token is not known."),
        );
        return html(StatusCode::FORBIDDEN, view);
    };
    let mut response = see_other("/");
    set_cookie(&mut response, &cookie);
    response
}

async fn enter(
    State(page): Shared,
    method: Method,
    headers: HeaderMap,
    Path(token): Path<String>,
) -> Response {
    // A browser that only prepares to open the address must not use it up.
    let cookie = if method == Method::GET && !headers.contains_key("sec-purpose") {
        page.access.enter(&token, Instant::now())
    } else {
        None
    };
    let Some(cookie) = cookie else {
        let view = views::sign_in::page(
            page.access.has_one_time_addresses(),
            Some("This address was used already."),
        );
        return html(StatusCode::FORBIDDEN, view);
    };
    eprintln!("To sign in to the page again: {}", page.entrance());
    let mut response = see_other("/");
    set_cookie(&mut response, &cookie);
    response
}

#[derive(Deserialize)]
struct Logout {
    form_token: String,
}

async fn logout(
    State(page): Shared,
    Extension(session): Extension<Session>,
    headers: HeaderMap,
    Form(form): Form<Logout>,
) -> Response {
    if form.form_token != session.form_token {
        return StatusCode::FORBIDDEN.into_response();
    }
    page.access
        .sign_out(guard::cookie(&headers).unwrap_or_default());
    let mut response = see_other("/login");
    set_cookie(&mut response, "");
    response
}

async fn asset(Path(file): Path<String>) -> Response {
    let (kind, text) = match file.as_str() {
        "page.css" => ("text/css; charset=utf-8", include_str!("assets/page.css")),
        "page.js" => (
            "text/javascript; charset=utf-8",
            include_str!("assets/page.js"),
        ),
        "icon.svg" => ("image/svg+xml", include_str!("assets/icon.svg")),
        _ => return not_found(),
    };
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
