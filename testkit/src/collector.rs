//! A collector of traces: OTLP over HTTP, as OpenTelemetry's own.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span as Sent, status::StatusCode},
};
use prost::Message;

use crate::http::{Server, status};

/// Names of spans; that of a record's first span also has the topic.
const NAMES: [&str; 22] = [
    "POST",
    "GET",
    "HEAD",
    "PUT",
    "DELETE",
    "turn",
    "deliver",
    "dead letter",
    "queue",
    "component",
    "object",
    "head",
    "fetch",
    "decode",
    "prepare",
    "predict",
    "detect",
    "annotate",
    "redact",
    "encode",
    "verify",
    "store",
];

/// A span as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub trace: String,
    pub id: String,
    /// Empty for the first of a trace.
    pub parent: String,
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    /// Ids of the spans that it is linked to.
    pub links: Vec<String>,
    pub failed: Option<String>,
    /// Nanoseconds since 1970.
    pub begun: u64,
    pub ended: u64,
}

/// A running collector.
pub struct Collector {
    server: Server,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    spans: Mutex<Vec<Span>>,
    resource: Mutex<BTreeMap<String, String>>,
    /// Everything that was received, as it came.
    bytes: Mutex<Vec<u8>>,
    is_down: AtomicBool,
}

impl Collector {
    pub async fn start() -> Self {
        let state = Arc::new(State::default());
        let own = state.clone();
        let server = Server::start(move |request| {
            let response = own.respond(&request);
            async move { response }
        })
        .await;
        Self { server, state }
    }

    /// Returns the value of `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> &str {
        &self.server.address
    }

    /// Returns the address that spans are sent to.
    pub fn url(&self) -> String {
        format!("{}/v1/traces", self.server.address)
    }

    /// Lets it respond with 503.
    pub fn fail(&self, is_down: bool) {
        self.state.is_down.store(is_down, Ordering::Relaxed);
    }

    /// Returns all spans that arrived, each id once.
    pub fn spans(&self) -> Vec<Span> {
        once(self.state.spans.lock().unwrap().clone())
    }

    /// Returns the attributes of the process.
    pub fn resource(&self) -> BTreeMap<String, String> {
        self.state.resource.lock().unwrap().clone()
    }

    /// Reports whether this text was in anything that arrived.
    pub fn received(&self, text: &str) -> bool {
        let bytes = self.state.bytes.lock().unwrap();
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    }

    /// Returns all names and attributes that no span may have: those that are not listed here, and
    /// values that are no number, no word of a small set and no name from the settings.
    pub fn strange(&self) -> Vec<String> {
        let mut all = Vec::new();
        for span in self.spans() {
            let topic = span.name.strip_prefix("process ");
            if topic.is_none_or(|topic| !is_word(topic)) && !NAMES.contains(&&*span.name) {
                all.push(span.name.clone());
            }
            all.extend(span.failed.filter(|reason| !is_word(reason)));
            for (key, value) in span.attributes {
                let is_right = match key.as_str() {
                    "http.response.status_code"
                    | "server.port"
                    | "xray.delivery"
                    | "xray.deliveries"
                    | "messaging.kafka.offset"
                    | "messaging.destination.partition.id" => is_number(&value),
                    "http.request.method" => {
                        ["GET", "HEAD", "PUT", "POST", "DELETE"].contains(&&*value)
                    }
                    "server.address" => value == "127.0.0.1",
                    "messaging.system" => value == "kafka",
                    "messaging.operation.type" => value == "process",
                    "messaging.consumer.group.name"
                    | "messaging.destination.name"
                    | "xray.component"
                    | "xray.outcome"
                    | "xray.reason"
                    | "error.type" => is_word(&value),
                    _ => false,
                };
                if !is_right {
                    all.push(format!("{key}={value}"));
                }
            }
        }
        all
    }

    /// Returns the traces that are one tree, as [`trees`] does.
    pub fn trees(&self, remote: &[&str]) -> Vec<Vec<Span>> {
        trees(self.spans(), remote)
    }
}

/// Keeps each id once: what is delivered twice has the same first span.
pub fn once(mut spans: Vec<Span>) -> Vec<Span> {
    let mut seen = BTreeSet::new();
    spans.retain(|span| seen.insert((span.trace.clone(), span.id.clone())));
    spans
}

/// Returns the traces that are one tree: one first span, and no span without its parent. `remote`
/// are ids of parents in other processes.
pub fn trees(spans: Vec<Span>, remote: &[&str]) -> Vec<Vec<Span>> {
    let mut traces: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    for span in spans {
        traces.entry(span.trace.clone()).or_default().push(span);
    }
    let is_tree = |spans: &Vec<Span>| {
        let ids: BTreeSet<_> = spans.iter().map(|span| span.id.as_str()).collect();
        let is_first = |span: &&Span| span.parent.is_empty() || remote.contains(&&*span.parent);
        let others = spans.iter().filter(|span| !is_first(span));
        spans.iter().filter(is_first).count() == 1
            && others
                .map(|span| span.parent.as_str())
                .all(|id| ids.contains(id))
    };
    traces.into_values().filter(is_tree).collect()
}

impl State {
    fn respond(&self, request: &Request<Bytes>) -> Response<Bytes> {
        if self.is_down.load(Ordering::Relaxed) {
            return status(503);
        }
        if request.uri().path() != "/v1/traces" {
            return status(404);
        }
        let Ok(sent) = ExportTraceServiceRequest::decode(request.body().clone()) else {
            return status(400);
        };
        self.bytes.lock().unwrap().extend_from_slice(request.body());
        for of_resource in sent.resource_spans {
            if let Some(resource) = of_resource.resource {
                *self.resource.lock().unwrap() = texts(resource.attributes);
            }
            let spans = of_resource
                .scope_spans
                .into_iter()
                .flat_map(|scope| scope.spans);
            self.spans.lock().unwrap().extend(spans.map(span));
        }
        status(200)
    }
}

fn span(sent: Sent) -> Span {
    let hex = |id: &[u8]| {
        id.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let status = sent
        .status
        .filter(|status| status.code() == StatusCode::Error);
    Span {
        trace: hex(&sent.trace_id),
        id: hex(&sent.span_id),
        parent: hex(&sent.parent_span_id),
        name: sent.name,
        attributes: texts(sent.attributes),
        links: sent.links.iter().map(|link| hex(&link.span_id)).collect(),
        failed: status.map(|status| status.message),
        begun: sent.start_time_unix_nano,
        ended: sent.end_time_unix_nano,
    }
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value| match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    let text = |own: KeyValue| (own.key, text(own.value.and_then(|value| value.value)));
    attributes.into_iter().map(text).collect()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Words in lower case, with dashes or spaces between them.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() < 30
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b" -".contains(&b))
}
