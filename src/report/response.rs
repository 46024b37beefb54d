//! HTTP responses: reports on a delivery, and refusals as problem details (RFC 9457).
//!
//! The status says whether delivering again can help, in the terms of the sender.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::{Error, Outcome, Reason},
    event::DeliveryStyle,
    report::Report,
};

/// Seconds that a sender should wait before it delivers again.
const RETRY_AFTER: &str = "5";

/// Header of a response that asks for retries without a limit on their number, because a bucket is
/// missing: once it is made, its events are to be handled, not dead-lettered.
pub const RETRY_HEADER: &str = "xray-retry";
/// Value of [`RETRY_HEADER`].
pub const WITHOUT_LIMIT: &str = "without-limit";

/// Responds to a delivery. The worst outcome that can still be helped decides the status.
pub fn respond(style: DeliveryStyle, reports: &[Report]) -> Response<Bytes> {
    let worst = reports
        .iter()
        .map(|report| report.outcome)
        .max_by_key(|outcome| severity(*outcome))
        .unwrap_or(Outcome::Skipped);
    let body = json!({ "outcome": worst, "records": reports });
    let mut response = build(
        status(style, worst, reports),
        "application/json",
        body.to_string(),
    );
    if reports.iter().any(|report| report.waits_for_bucket) {
        response
            .headers_mut()
            .insert(RETRY_HEADER, HeaderValue::from_static(WITHOUT_LIMIT));
    }
    response
}

/// Reports whether the response asks for retries without a limit on their number.
pub fn retries_without_limit<B>(response: &Response<B>) -> bool {
    let value = response.headers().get(RETRY_HEADER);
    response.status() == StatusCode::SERVICE_UNAVAILABLE
        && value.is_some_and(|value| value == WITHOUT_LIMIT)
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
        // A persistent topic repeats every failure immediately and forever; a permanent one must
        // look like success.
        (Outcome::Rejected, DeliveryStyle::Gateway) => StatusCode::OK,
        (Outcome::Rejected, DeliveryStyle::Kafka) => match reports {
            [
                Report {
                    reason: Some(reason),
                    ..
                },
            ] => reason.status(),
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        },
        (Outcome::Done | Outcome::Skipped | Outcome::Quarantined, _) => StatusCode::OK,
    }
}

/// Responds to a request that is not a delivery, or that cannot be handled at all.
pub fn problem(error: &Error) -> Response<Bytes> {
    let status = error.status();
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": error.to_string(),
        "reason": error.reason(),
    });
    let mut response = build(status, "application/problem+json", body.to_string());
    if error.reason() == Reason::MethodNotAllowed {
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

fn build(status: StatusCode, content_type: &'static str, body: String) -> Response<Bytes> {
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

/// A response without a report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoReport {
    /// The body is a problem detail.
    #[error("the function responded {0}: {1}")]
    Problem(StatusCode, String),
    /// The body is neither a report nor a problem detail.
    #[error("the function responded {0} without a report")]
    Other(StatusCode),
}

/// Reads the report from the response to a notification of one object.
///
/// # Errors
/// [`NoReport`] with the status and, if there is one, the detail of the problem.
pub fn read(response: &Response<Bytes>) -> Result<Report, NoReport> {
    #[derive(Deserialize)]
    struct Delivery {
        records: Vec<Report>,
    }
    let status = response.status();
    if let Ok(delivery) = serde_json::from_slice::<Delivery>(response.body())
        && let Some(report) = delivery.records.into_iter().next()
    {
        return Ok(report);
    }
    let problem: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    Err(match problem["detail"].as_str() {
        Some(detail) => NoReport::Problem(status, detail.to_owned()),
        None => NoReport::Other(status),
    })
}
