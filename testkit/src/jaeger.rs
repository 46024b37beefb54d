//! Jaeger, which takes traces by OTLP, for one test: all in one process, in memory, on free ports
//! of loopback.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::{
    collector::{Span, once},
    missing, root,
    wait::until,
};

/// Servers of its that nobody here asks.
const OTHERS: [&str; 5] = [
    "admin.http",
    "collector.grpc-server",
    "collector.http-server",
    "collector.otlp.grpc",
    "query.grpc-server",
];
/// Most traces of a query.
const MOST: usize = 5_000;

/// A running Jaeger, which ends with the test.
pub struct Jaeger {
    child: Child,
    endpoint: String,
    query: SocketAddr,
}

/// Returns an address that is free now: Jaeger does not tell which one it has taken.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

impl Jaeger {
    /// Starts Jaeger; `None`, reported as missing, if it can't be built here.
    pub fn start() -> Option<Self> {
        let fetched = Command::new(root().join("tests/jaeger/fetch")).output();
        let Some(fetched) = fetched.ok().filter(|output| output.status.success()) else {
            missing("Jaeger", "run tests/jaeger/fetch with Go 1.26 installed");
            return None;
        };
        let binary = String::from_utf8(fetched.stdout).unwrap();
        let (otlp, query) = (free(), free());
        let mut command = Command::new(binary.trim());
        for other in OTHERS {
            command.arg(format!("--{other}.host-port=127.0.0.1:0"));
        }
        command.arg(format!("--collector.otlp.http.host-port={otlp}"));
        command.arg(format!("--query.http-server.host-port={query}"));
        // It would trace itself too.
        command.env("OTEL_TRACES_SAMPLER", "always_off");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let jaeger = Self {
            child: command.spawn().unwrap(),
            endpoint: format!("http://{otlp}"),
            query,
        };
        until("Jaeger serves", || {
            [otlp, query]
                .iter()
                .all(|address| TcpStream::connect(address).is_ok())
        });
        Some(jaeger)
    }

    /// Returns the value of `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns the traces of the last hour as its page gets them.
    fn traces(&self) -> Vec<Value> {
        let mut stream = TcpStream::connect(self.query).unwrap();
        let path = format!("/api/traces?service=xray&limit={MOST}&lookback=1h");
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (_, body) = response.split_once("\r\n\r\n").expect("a body");
        let mut value: Value = serde_json::from_str(body).expect("JSON");
        assert!(value["errors"].is_null(), "{}", value["errors"]);
        match value["data"].take() {
            Value::Array(traces) => traces,
            _ => Vec::new(),
        }
    }

    /// Returns all spans that it has, each id once, in the order of their begins.
    pub fn spans(&self) -> Vec<Span> {
        let traces = self.traces();
        let spans = traces.iter().flat_map(|trace| list(&trace["spans"]));
        let mut spans: Vec<_> = spans.map(span).collect();
        spans.sort_by_key(|span| span.begun);
        once(spans)
    }

    /// Returns the faults that Jaeger sees in the traces, such as a parent that did not arrive.
    pub fn warnings(&self) -> Vec<String> {
        let traces = self.traces();
        let spans = traces.iter().flat_map(|trace| list(&trace["spans"]));
        let of_spans = spans.flat_map(|span| list(&span["warnings"]));
        let of_traces = traces.iter().flat_map(|trace| list(&trace["warnings"]));
        of_spans.chain(of_traces).map(text).collect()
    }
}

impl Drop for Jaeger {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Reads a span of Jaeger's model.
fn span(value: &Value) -> Span {
    let of_kind = |kind: &'static str| {
        let references = list(&value["references"]).filter(move |one| one["refType"] == kind);
        references.map(|one| text(&one["spanID"]))
    };
    let tags = list(&value["tags"]).map(|tag| (text(&tag["key"]), text(&tag["value"])));
    let attributes: BTreeMap<String, String> = tags.collect();
    let has_failed = attributes
        .get("otel.status_code")
        .is_some_and(|code| code == "ERROR");
    let reason = attributes.get("otel.status_description").cloned();
    let begun = value["startTime"].as_u64().expect("a time") * 1000;
    Span {
        trace: text(&value["traceID"]),
        id: text(&value["spanID"]),
        parent: of_kind("CHILD_OF").next().unwrap_or_default(),
        name: text(&value["operationName"]),
        attributes,
        links: of_kind("FOLLOWS_FROM").collect(),
        failed: has_failed.then(|| reason.unwrap_or_default()),
        begun,
        ended: begun + value["duration"].as_u64().expect("a time") * 1000,
    }
}
