//! Traces by OpenTelemetry, sent by OTLP; off unless `OTEL_*` asks for them ([`environment`]).
//!
//! ```text
//! process TOPIC            one Kafka record, or POST: one request
//!   turn                   behind other records of its key, until a delivery is free
//!   deliver                each delivery, linked to the one before
//!     queue                for an instance
//!     component            the instance
//!       object             one report: its steps, with the durations that it states
//!       GET, PUT ...       each outbound request
//!   dead letter            linked to the last delivery; a redriven record continues it
//! ```
//!
//! Spans are handed to the SDK's exporter as they are, without its tracer: the steps of an event
//! are known from its report only, when they are over, and the first span of a Kafka record has ids
//! that its place determines, so that the next owner continues the tree of a host that crashed.
//!
//! The spans within a delivery or a request wait until it ends, and are sent with it: a host that
//! crashes leaves no span without its parent.
//!
//! Attributes hold names from the settings, numbers and words of small sets, never an address, a
//! key or anything else of a patient. A test has the list of them.

mod collector;
mod environment;
mod sampler;
mod spans;

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};
use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId, Value,
    trace::{Link, SpanContext, Status, TraceState},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor,
    },
};
use xray::event::TraceParent;

pub use environment::{end, of_environment};
pub use opentelemetry::trace::SpanKind;
pub use spans::Traced;

use self::{collector::Collector, environment::Settings, sampler::Sampler};

/// Spans that wait to be sent, unless `OTEL_BSP_MAX_QUEUE_SIZE` says otherwise. An event has about
/// twenty; spans beyond are dropped.
const QUEUE: usize = 16_384;
/// Maximum wait for the last spans to be sent when the process ends.
const LAST_SPANS: Duration = Duration::from_secs(3);

/// Destination of spans. Clones share it.
#[derive(Clone)]
pub struct Traces(Arc<Inner>);

struct Inner {
    processor: BatchSpanProcessor,
    sampler: Sampler,
    library: InstrumentationScope,
}

/// A span that has begun, within which others can begin. Clones name the same span.
#[derive(Clone)]
pub struct Scope {
    traces: Traces,
    context: TraceParent,
    group: Option<Group>,
}

/// Spans that are sent together, until that has happened.
type Group = Arc<Mutex<Option<Vec<SpanData>>>>;

/// A span that has begun. It ends when it is dropped.
pub struct Span {
    scope: Scope,
    /// `None` if the trace is not recorded.
    data: Option<Box<SpanData>>,
    /// The spans within it are sent with it.
    gathers: bool,
}

impl Traces {
    /// Sends traces to a collector.
    ///
    /// # Errors
    /// When the address or a header of it can't be read.
    fn start(settings: &Settings) -> Result<Self> {
        let mut builder = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new(settings)?);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let exporter = builder.build().context("the collector of traces")?;
        let mut batches = BatchConfigBuilder::default();
        if !settings.has_queue_size {
            batches = batches.with_max_queue_size(QUEUE);
        }
        let mut processor = BatchSpanProcessor::builder(exporter)
            .with_batch_config(batches.build())
            .build();
        let mut resource = Resource::builder()
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        if !settings.has_service_name {
            resource = resource.with_service_name("xray");
        }
        processor.set_resource(&resource.build());
        Ok(Self(Arc::new(Inner {
            processor,
            sampler: settings.sampler,
            library: InstrumentationScope::builder("xray-host")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        })))
    }

    /// Sends traces to the collector at this address, `http://HOST:PORT/v1/traces`, for tests.
    ///
    /// # Errors
    /// When the address can't be read.
    pub fn to(endpoint: &str) -> Result<Self> {
        Self::start(&Settings {
            endpoint: Some(endpoint.to_owned()),
            ..Settings::default()
        })
    }

    /// Begins a span with random ids: of the parent's trace, or of a new one.
    pub fn begin(
        &self,
        parent: Option<TraceParent>,
        name: Cow<'static, str>,
        kind: SpanKind,
    ) -> Span {
        let trace = parent.map_or_else(|| rand::random::<u128>().max(1), |parent| parent.trace);
        self.begin_as((trace, new_id()), parent, name, kind)
    }

    /// Begins a span with these ids of trace and span, whose parent is in another process.
    pub fn begin_as(
        &self,
        (trace, span): (u128, u64),
        parent: Option<TraceParent>,
        name: Cow<'static, str>,
        kind: SpanKind,
    ) -> Span {
        let context = TraceParent {
            trace,
            span,
            is_sampled: self.0.sampler.samples(parent, trace),
        };
        let scope = Scope {
            traces: self.clone(),
            context,
            group: None,
        };
        let mut span = Span::new(scope, parent.map(|p| p.span), name, kind);
        if let Some(data) = &mut span.data {
            data.parent_span_is_remote = parent.is_some();
        }
        span
    }

    /// Sends the spans that wait. Returns after [`LAST_SPANS`] at the latest.
    pub fn end(&self) {
        _ = self.0.processor.shutdown_with_timeout(LAST_SPANS);
    }
}

fn new_id() -> u64 {
    rand::random::<u64>().max(1)
}

impl Scope {
    /// Begins a span within this one.
    pub fn begin(&self, name: impl Into<Cow<'static, str>>, kind: SpanKind) -> Span {
        let context = TraceParent {
            span: new_id(),
            ..self.context
        };
        let parent = Some(self.context.span);
        Span::new(
            Self {
                context,
                ..self.clone()
            },
            parent,
            name.into(),
            kind,
        )
    }

    /// Returns the context of the span.
    pub fn context(&self) -> TraceParent {
        self.context
    }
}

impl Span {
    fn new(scope: Scope, parent: Option<u64>, name: Cow<'static, str>, kind: SpanKind) -> Self {
        let data = scope.context.is_sampled.then(|| {
            let now = SystemTime::now();
            Box::new(SpanData {
                span_context: span_context(scope.context),
                parent_span_id: SpanId::from(parent.unwrap_or(0)),
                parent_span_is_remote: false,
                span_kind: kind,
                name,
                start_time: now,
                end_time: now,
                attributes: Vec::new(),
                dropped_attributes_count: 0,
                events: SpanEvents::default(),
                links: SpanLinks::default(),
                status: Status::Unset,
                instrumentation_scope: scope.traces.0.library.clone(),
            })
        });
        Self {
            scope,
            data,
            gathers: false,
        }
    }

    /// Returns the place at which spans within this one begin.
    pub fn scope(&self) -> Scope {
        self.scope.clone()
    }

    /// Returns the context of the span.
    pub fn context(&self) -> TraceParent {
        self.scope.context
    }

    /// Lets the spans within this one wait for its end.
    pub fn gather(&mut self) {
        if self.data.is_some() {
            self.gathers = true;
            self.scope.group = Some(Arc::new(Mutex::new(Some(Vec::new()))));
        }
    }

    /// Adds an attribute.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(data) = &mut self.data {
            data.attributes.push(KeyValue::new(key, value));
        }
    }

    /// Links the span to another one.
    pub fn link(&mut self, to: TraceParent) {
        if let Some(data) = &mut self.data {
            let link = Link::new(span_context(to), Vec::new(), 0);
            data.links.links.push(link);
        }
    }

    /// Marks the span as failed; the reason is a word of a small set.
    pub fn fail(&mut self, reason: impl Into<Cow<'static, str>>) {
        if let Some(data) = &mut self.data {
            data.status = Status::error(reason);
        }
    }

    /// Takes [`Self::fail`] back.
    pub fn succeed(&mut self) {
        if let Some(data) = &mut self.data {
            data.status = Status::Unset;
        }
    }

    /// Ends the span with a time in the past, after it began at another.
    fn end_as(mut self, begun: SystemTime, ended: SystemTime) {
        if let Some(mut data) = self.data.take() {
            (data.start_time, data.end_time) = (begun, ended);
            self.send(*data);
        }
    }

    fn send(&self, data: SpanData) {
        let processor = &self.scope.traces.0.processor;
        let mut group = self
            .scope
            .group
            .as_ref()
            .map(|group| group.lock().unwrap_or_else(PoisonError::into_inner));
        match group.as_deref_mut() {
            Some(group) if self.gathers => {
                for within in group.take().into_iter().flatten() {
                    processor.on_end(within);
                }
                processor.on_end(data);
            }
            Some(Some(waiting)) => waiting.push(data),
            // What ends later than its group goes alone.
            Some(None) | None => processor.on_end(data),
        }
    }

    /// Drops the span without sending it.
    pub fn discard(mut self) {
        self.data = None;
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(mut data) = self.data.take() {
            data.end_time = SystemTime::now().max(data.start_time);
            self.send(*data);
        }
    }
}

fn span_context(context: TraceParent) -> SpanContext {
    SpanContext::new(
        TraceId::from(context.trace),
        SpanId::from(context.span),
        TraceFlags::default().with_sampled(context.is_sampled),
        false,
        TraceState::NONE,
    )
}
