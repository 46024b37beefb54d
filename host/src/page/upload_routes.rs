//! The address of uploads. Its form has a file, so it is read as it arrives, and only after the
//! form's token was checked.

use std::time::Duration;

use ::http::{HeaderMap, StatusCode, header, request::Parts};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http_body_util::BodyDataStream;
use hyper::body::Body as HttpBody;
use multer::{Constraints, Multipart, SizeLimit};

use super::{
    Page,
    access::sessions::Session,
    http::{Request, Response, html, see_other, status},
    routes::not_found,
    upload::{Refused, Upload},
    views::upload::{State, page as view},
};

/// Path of the page.
pub(super) const PATH: &str = "upload";
/// Query after a picture was stored: another address, so that loading it again sends nothing.
const STORED: &str = "stored";
/// Bytes of the form beside the file.
const REST: u64 = 16 << 10;
/// Bytes per second that even a slow line carries; who sends slower is given up.
const SLOWEST: u64 = 50_000;
/// Longest time without a byte of a refused form.
const PAUSE: Duration = Duration::from_secs(20);
/// Most bytes that are read of a form which is refused: browsers show no response before they have
/// sent all.
const DRAINED: u64 = 1 << 30;

/// Outcome of reading a form.
enum Form {
    File(Bytes),
    /// The token is missing or wrong.
    Foreign,
    Empty,
    TooLarge,
    /// It broke off, is too slow, or has another format.
    Broken,
}

/// Shows the form.
pub(super) fn show(page: &Page, request: &Request, session: &Session) -> Response {
    let Some(upload) = allowed(page, session) else {
        return not_found();
    };
    let state = match request.query.as_str() {
        STORED => State::Stored,
        _ => State::Empty,
    };
    answer(page, upload, session, StatusCode::OK, &state)
}

/// Takes a file.
pub(super) async fn take<B>(page: &Page, head: &Parts, body: B, session: &Session) -> Response
where
    B: HttpBody<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut body = Box::pin(BodyDataStream::new(body));
    let Some(upload) = allowed(page, session) else {
        return not_found();
    };
    let respond = |code, text: &str| {
        let state = State::Problem(text.to_owned());
        answer(page, upload, session, code, &state)
    };
    let Some(_place) = upload.place() else {
        drain(body).await;
        return respond(
            StatusCode::SERVICE_UNAVAILABLE,
            "Others are uploading. Try again in a moment.",
        );
    };
    let time = Duration::from_secs(30 + upload.limit() / SLOWEST);
    let read = read(
        &mut body,
        &head.headers,
        &session.form_token,
        upload.limit(),
    );
    let form = tokio::time::timeout(time, read).await;
    let large = |limit: u64| {
        let text = format!("The file is larger than {}.", mebibytes(limit));
        respond(StatusCode::PAYLOAD_TOO_LARGE, &text)
    };
    let form = form.unwrap_or(Form::Broken);
    if !matches!(form, Form::File(_)) {
        drain(body).await;
    }
    let file = match form {
        Form::File(file) => file,
        Form::Foreign => return status(StatusCode::FORBIDDEN),
        Form::Empty => return respond(StatusCode::BAD_REQUEST, "Choose a file first."),
        Form::TooLarge => return large(upload.limit()),
        Form::Broken => {
            return respond(
                StatusCode::BAD_REQUEST,
                "The file did not arrive whole. Send it again.",
            );
        }
    };
    let stored = upload.store(page.live.config(), &session.user.name, file);
    match stored.await {
        Ok(Ok(())) => see_other(&format!("/{PATH}?{STORED}")),
        Ok(Err(Refused::TooLarge(limit))) => large(limit),
        Ok(Err(Refused::Format(text))) => {
            let text = format!("Only JPEG, PNG and DICOM files are taken. This is {text}.");
            respond(StatusCode::UNSUPPORTED_MEDIA_TYPE, &text)
        }
        Err(error) => {
            tracing::warn!("{error:#}");
            respond(
                StatusCode::BAD_GATEWAY,
                "The store does not respond as it should; the host's log has the reason. It is not known whether the \
                 picture was stored.",
            )
        }
    }
}

fn allowed<'a>(page: &'a Page, session: &Session) -> Option<&'a Upload> {
    page.upload
        .as_ref()
        .filter(|upload| upload.may(session.user.roles))
}

fn answer(
    page: &Page,
    upload: &Upload,
    session: &Session,
    code: StatusCode,
    state: &State,
) -> Response {
    let (limit, is_live) = (mebibytes(upload.limit()), page.is_live());
    html(code, view(session, &limit, state, is_live))
}

fn mebibytes(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{bytes} bytes"),
        some => format!("{some} MiB"),
    }
}

/// Reads the token and then the file, in the order of the page's own form.
async fn read<S, E>(body: S, headers: &HeaderMap, token: &str, limit: u64) -> Form
where
    S: Stream<Item = Result<Bytes, E>> + Send + Unpin,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok());
    let Some(boundary) = kind.and_then(|kind| multer::parse_boundary(kind).ok()) else {
        return Form::Broken;
    };
    let sizes = SizeLimit::new()
        .whole_stream(limit + REST)
        .for_field("form_token", 256)
        .for_field("file", limit);
    let constraints = Constraints::new().size_limit(sizes);
    let mut form = Multipart::with_constraints(body, boundary, constraints);
    match form.next_field().await {
        Ok(Some(field)) if field.name() == Some("form_token") => match field.text().await {
            Ok(own) if own == token => {}
            _ => return Form::Foreign,
        },
        Ok(_) => return Form::Foreign,
        Err(error) => return failed(&error),
    }
    let mut field = match form.next_field().await {
        Ok(Some(field)) if field.name() == Some("file") => field,
        Ok(_) => return Form::Empty,
        Err(error) => return failed(&error),
    };
    let mut file = BytesMut::new();
    loop {
        match field.chunk().await {
            Ok(Some(chunk)) => file.extend_from_slice(&chunk),
            Ok(None) if file.is_empty() => return Form::Empty,
            Ok(None) => return Form::File(file.freeze()),
            Err(error) => return failed(&error),
        }
    }
}

fn failed(error: &multer::Error) -> Form {
    match error {
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => {
            Form::TooLarge
        }
        _ => Form::Broken,
    }
}

/// Reads the rest of a form and keeps nothing of it.
async fn drain<S, E>(mut body: S)
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let mut count = 0;
    while count < DRAINED
        && let Ok(Some(Ok(part))) = tokio::time::timeout(PAUSE, body.next()).await
    {
        count += part.len() as u64;
    }
}
