//! Requests and responses of the page: the few things that a page of this size needs from a web
//! framework.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, Method, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, Full, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Body as HttpBody, Frame};

use super::{access::sessions::Session, views::Html};

/// Body of a response: whole, or a stream.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;
/// A response.
pub(super) type Response = http::Response<Body>;

/// Bytes of a form.
const FORM: usize = 16 << 10;
/// A client that needs longer for a form is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A request that has passed the guard.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    /// Path without its leading slash.
    pub(super) path: String,
    pub(super) query: String,
    pub(super) session: Option<Session>,
    form: Vec<(String, String)>,
}

impl Request {
    /// Reads a form, if there may be one.
    ///
    /// # Errors
    /// The response to a form that is too large, or does not arrive.
    pub(super) async fn read<B>(
        head: Parts,
        body: B,
        session: Option<Session>,
    ) -> Result<Self, Box<Response>>
    where
        B: HttpBody<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut form = Vec::new();
        if head.method == Method::POST {
            let whole = tokio::time::timeout(READ_TIMEOUT, Limited::new(body, FORM).collect());
            let Ok(Ok(whole)) = whole.await else {
                let text = "the form is too large, or broke off\n";
                return Err(plain(StatusCode::BAD_REQUEST, text).into());
            };
            form = url::form_urlencoded::parse(&whole.to_bytes())
                .into_owned()
                .collect();
        }
        Ok(Self {
            method: head.method,
            headers: head.headers,
            path: head.uri.path().trim_start_matches('/').to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            session,
            form,
        })
    }

    /// Returns a field of the form; empty if it is missing.
    pub(super) fn field(&self, name: &str) -> &str {
        let mut fields = self.form.iter();
        fields
            .find(|(own, _)| own == name)
            .map_or("", |(_, value)| value)
    }
}

fn whole(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).boxed_unsync()
}

/// Returns a response of this media type.
pub(super) fn content(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(whole(body));
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Returns a status without a body.
pub(super) fn status(status: StatusCode) -> Response {
    let mut response = Response::new(whole(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// Returns plain text.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response {
    content(status, "text/plain; charset=utf-8", text)
}

/// Returns a page of HTML.
pub(super) fn html(status: StatusCode, page: Html) -> Response {
    content(status, "text/html; charset=utf-8", page.into_string())
}

/// Returns a redirection that is a GET.
pub(super) fn see_other(path: &str) -> Response {
    let mut response = status(StatusCode::SEE_OTHER);
    if let Ok(path) = path.parse() {
        response.headers_mut().insert(header::LOCATION, path);
    }
    response
}

/// Returns a stream of server-sent events.
pub(super) fn events(batches: impl Stream<Item = String> + Send + 'static) -> Response {
    let frames = batches.map(|batch| Ok::<_, Infallible>(Frame::data(Bytes::from(batch))));
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    let kind = http::HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
