//! The spans of requests, outbound requests and reports, with their attributes.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use opentelemetry::trace::SpanKind;
use wasmtime_wasi_http::{Error, WasiBody};
use xray::{
    error::{Outcome, Reason},
    event::{TRACEPARENT, TraceParent},
    report::Report,
};

use super::{Scope, Span, Traces};

impl Traces {
    /// Begins the span of a request to this host, within the trace that it names.
    pub fn request(&self, request: &Request<Bytes>) -> Span {
        let method = method(request.method());
        let parent = TraceParent::of(request.headers());
        let mut span = self.begin(parent, method.into(), SpanKind::Server);
        span.set("http.request.method", method);
        span.gather();
        span
    }
}

impl Span {
    /// Records the status of a request that this host responds to.
    pub fn respond(&mut self, status: StatusCode) {
        self.set("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            self.fail("status");
        }
    }

    /// Records the result of an outbound request.
    pub fn responded(&mut self, result: Result<StatusCode, &Error>) {
        match result {
            Ok(status) => {
                self.set("http.response.status_code", i64::from(status.as_u16()));
                // Not in words: to look for an object that is not there is a part of the work.
                if status.is_server_error() {
                    self.fail("status");
                }
            }
            Err(error) => {
                let kind = kind(error);
                self.set("error.type", kind);
                self.fail(kind);
            }
        }
    }
}

impl Scope {
    /// Begins the span of an outbound request; `propagates` lets the other side know of it.
    pub fn outbound(&self, request: &mut Request<WasiBody>, propagates: bool) -> Span {
        let method = method(request.method());
        let mut span = self.begin(method, SpanKind::Client);
        span.set("http.request.method", method);
        if let Some(authority) = request.uri().authority() {
            span.set("server.address", authority.host().to_owned());
            if let Some(port) = authority.port_u16() {
                span.set("server.port", i64::from(port));
            }
        }
        if propagates {
            span.scope.announce(request);
        }
        span
    }

    /// Lets the receiver of a request know of the trace.
    pub fn announce<B>(&self, request: &mut Request<B>) {
        if let Ok(value) = HeaderValue::try_from(self.context.to_string()) {
            request.headers_mut().insert(TRACEPARENT, value);
        }
    }

    /// Records a report that a component has just printed, with its steps. A report has durations
    /// only: the steps are put one behind the other, from the report's beginning, and the last one
    /// before its end.
    pub fn report(&self, report: &Report) {
        if !self.context.is_sampled {
            return;
        }
        let ended = SystemTime::now();
        let begun = ended - duration(report.ms.total).max(SHORTEST);
        let mut object = self.begin("object", SpanKind::Internal);
        object.set("xray.outcome", report.outcome.as_str());
        let reason = report.reason.as_ref().map(Reason::as_str);
        if let Some(reason) = reason {
            object.set("xray.reason", reason.to_owned());
        }
        if matches!(report.outcome, Outcome::Retry | Outcome::Rejected) {
            object.fail(reason.unwrap_or("failed").to_owned());
        }
        let steps = object.scope();
        let mut at = begun;
        for (name, ms) in report.ms.steps().filter(|(name, _)| *name != "total") {
            let took = duration(ms);
            if name == "store" {
                at = at.max(ended - took);
            }
            let step = steps.begin(name, SpanKind::Internal);
            let until = (at + took).min(ended);
            at = at.min(ended - SHORTEST);
            step.end_as(at, until.max(at + SHORTEST));
            at = until;
        }
        object.end_as(begun, ended);
    }
}

/// Shortest span. Jaeger takes those without any duration for mistakes.
const SHORTEST: Duration = Duration::from_nanos(1);

/// Reads milliseconds of a report, which a component may have written as it likes.
fn duration(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1e3)
        .unwrap_or_default()
        .min(Duration::from_secs(86_400))
}

/// Returns the method if it is a known one: others are text of the sender's.
fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "PUT", "POST", "HEAD", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT",
    ];
    let known = KNOWN.into_iter().find(|known| method.as_str() == *known);
    known.unwrap_or("_OTHER")
}

/// Returns the kind of a failure without its text, which may hold an address.
fn kind(error: &Error) -> &'static str {
    match error {
        Error::HttpRequestDenied => "denied",
        Error::ConnectionRefused => "refused",
        Error::ConnectionTimeout | Error::ConnectionReadTimeout => "timeout",
        Error::DnsError { .. } => "name",
        Error::TlsCertificateError => "certificate",
        _ => "connection",
    }
}

/// A body whose request ends with it.
pub struct Traced {
    body: WasiBody,
    span: Option<Span>,
}

impl Traced {
    /// Ends the span when the body has been read or dropped.
    pub fn wrap(body: WasiBody, span: Span) -> WasiBody {
        let span = Some(span);
        Self { body, span }.boxed_unsync()
    }
}

impl Body for Traced {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        match &frame {
            Poll::Ready(None) => self.span = None,
            Poll::Ready(Some(Err(error))) => {
                if let Some(mut span) = self.span.take() {
                    span.responded(Err(error));
                }
            }
            _ => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
