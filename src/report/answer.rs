//! Reports to an HTTP answer, and refusals to problem details (RFC 9457).
//!
//! The status says whether delivering again can help, in the terms of whoever delivers.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use crate::{
    error::{Error, Outcome},
    event::DeliveryStyle,
    report::Report,
};

/// How long a caller should wait before it delivers again, in seconds.
const RETRY_AFTER: &str = "5";

/// The answer to a delivery: the worst that can still be helped decides the status.
pub fn answer(style: DeliveryStyle, reports: &[Report]) -> Response<Bytes> {
    let worst = reports
        .iter()
        .map(|r| r.outcome)
        .max_by_key(|o| severity(*o))
        .unwrap_or(Outcome::Skipped);
    let body = json!({ "outcome": worst, "records": reports });
    respond(
        status(style, worst, reports),
        "application/json",
        body.to_string(),
    )
}

fn severity(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Skipped => 0,
        Outcome::Done => 1,
        Outcome::Quarantined => 2,
        Outcome::Rejected => 3,
        Outcome::Retry => 4,
    }
}

fn status(style: DeliveryStyle, worst: Outcome, reports: &[Report]) -> StatusCode {
    match (worst, style) {
        (Outcome::Retry, _) => StatusCode::SERVICE_UNAVAILABLE,
        // A persistent topic repeats every failure at once and for ever; what can't be helped must look like success.
        (Outcome::Rejected, DeliveryStyle::Gateway) => StatusCode::OK,
        (Outcome::Rejected, DeliveryStyle::Kafka) => match reports {
            [only] => only
                .error
                .as_ref()
                .map_or(StatusCode::UNPROCESSABLE_ENTITY, Error::status),
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        },
        (Outcome::Done | Outcome::Skipped | Outcome::Quarantined, _) => StatusCode::OK,
    }
}

/// The answer to a request that is no delivery, or that can't be handled at all.
pub fn problem(error: &Error) -> Response<Bytes> {
    let status = error.status();
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": error.to_string(),
        "reason": error.reason(),
    });
    let mut response = respond(status, "application/problem+json", body.to_string());
    if matches!(error, Error::Method) {
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    }
    response
}
