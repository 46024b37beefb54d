//! Metrics for Prometheus. Label values come from small sets and can't hold patient data.

mod memory;
mod objects;
mod serve;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter, exemplar::HistogramWithExemplars, family::Family, gauge::Gauge,
        info::Info,
    },
    registry::{Registry, Unit},
};

pub use serve::{serve, serve_registry};

use self::objects::Objects;
use crate::serve::logs::{Listener, report_listener};

/// Prefix of all metric names, except those about the process.
const PREFIX: &str = "xray";

/// Histogram buckets in seconds, from a tenth of a millisecond for a step to the longest request.
const BUCKETS: [f64; 13] = [
    0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];

/// Kinds of rejected requests.
const REJECTIONS: [&str; 4] = ["queue-full", "queue-wait", "too-large", "no-route"];
/// Kinds of instances without a response.
const FAILURES: [&str; 4] = ["trap", "deadline", "memory", "no-answer"];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

/// Exemplar: the trace of one of the values in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TraceLabel {
    trace_id: String,
}

type Durations = HistogramWithExemplars<TraceLabel>;
type Histograms<L> = Family<L, Durations, fn() -> Durations>;

/// Observes a value, with the trace that it belongs to.
fn observe(histogram: &Durations, value: f64, trace_id: Option<&str>) {
    let exemplar = trace_id.map(|trace_id| TraceLabel {
        trace_id: trace_id.to_owned(),
    });
    histogram.observe(value, exemplar, None);
}

/// Metrics of one runtime.
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<StatusLabel, Counter>,
    duration: Durations,
    objects: Objects,
    rejected: Family<KindLabel, Counter>,
    failures: Family<KindLabel, Counter>,
    aot: Family<KindLabel, Counter>,
    /// Requests being processed.
    pub in_flight: Gauge,
    /// Requests waiting for an instance.
    pub queued: Gauge,
    sessions: Gauge,
    sessions_in_use: Gauge,
    memory: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let this = Self {
            registry: Mutex::default(),
            requests: Family::default(),
            duration: Durations::new(BUCKETS.into_iter()),
            objects: Objects::default(),
            rejected: Family::default(),
            failures: Family::default(),
            aot: Family::default(),
            in_flight: Gauge::default(),
            queued: Gauge::default(),
            sessions: Gauge::default(),
            sessions_in_use: Gauge::default(),
            memory: Gauge::default(),
        };
        this.register_own();
        // A counter that starts at 1 has not increased by Prometheus' reckoning.
        for kind in REJECTIONS {
            drop(this.rejected.get_or_create(&KindLabel { kind }));
        }
        for kind in FAILURES {
            drop(this.failures.get_or_create(&KindLabel { kind }));
        }
        this
    }
}

impl Metrics {
    /// Registers metrics of a trigger under the common prefix.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(self.registry().sub_registry_with_prefix(PREFIX));
    }

    fn register_own(&self) {
        let mut registry = self.registry();
        let all = registry.sub_registry_with_prefix(PREFIX);
        all.register(
            "requests",
            "Requests by status of the response",
            self.requests.clone(),
        );
        all.register_with_unit(
            "request_duration",
            "Time from the arrival of a request to the head of its response",
            Unit::Seconds,
            self.duration.clone(),
        );
        self.objects.register(all);
        all.register(
            "rejected",
            "Requests rejected before an instance was started",
            self.rejected.clone(),
        );
        all.register(
            "failures",
            "Instances that failed without a response",
            self.failures.clone(),
        );
        all.register(
            "aot_cache",
            "Components loaded, by state of the cache of compiled code",
            self.aot.clone(),
        );
        all.register(
            "requests_in_flight",
            "Requests being processed",
            self.in_flight.clone(),
        );
        all.register(
            "requests_queued",
            "Requests waiting for an instance",
            self.queued.clone(),
        );
        all.register("sessions", "Inference sessions", self.sessions.clone());
        all.register(
            "sessions_in_use",
            "Inference sessions that are computing",
            self.sessions_in_use.clone(),
        );
        registry.register_with_unit(
            "process_resident_memory",
            "Resident memory of the host",
            Unit::Bytes,
            self.memory.clone(),
        );
    }

    /// Adds an info metric with the backend, its target and the host's version.
    pub fn describe(&self, backend: &str, target: &str) {
        let info = Info::new(vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("backend", backend.to_owned()),
            ("target", target.to_owned()),
        ]);
        self.registry()
            .register("xray_host", "The host and its inference backend", info);
    }

    /// Counts a response, and the trace that it belongs to as an exemplar.
    pub fn request(&self, status: http::StatusCode, took: Duration, trace_id: Option<String>) {
        self.requests
            .get_or_create(&StatusLabel {
                status: status.as_u16(),
            })
            .inc();
        observe(&self.duration, took.as_secs_f64(), trace_id.as_deref());
    }

    /// Counts a rejected request by one of [`REJECTIONS`].
    pub fn rejected(&self, kind: &'static str) {
        self.rejected.get_or_create(&KindLabel { kind }).inc();
    }

    /// Counts an instance without a response by one of [`FAILURES`].
    pub fn failure(&self, kind: &'static str) {
        self.failures.get_or_create(&KindLabel { kind }).inc();
    }

    /// Counts a lookup in the cache of compiled code: `hit`, `precompiled`, `miss`, `damaged`.
    pub fn aot(&self, kind: &'static str) {
        self.aot.get_or_create(&KindLabel { kind }).inc();
    }

    /// Returns a listener that counts report lines.
    pub fn listener(self: &Arc<Self>) -> Listener {
        let this = self.clone();
        report_listener(move |report| this.objects.count(&report))
    }

    /// Renders all metrics as text. Sessions and memory are sampled now.
    pub fn render(&self, (sessions, in_use): (usize, usize)) -> String {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.sessions.set(count(sessions));
        self.sessions_in_use.set(count(in_use));
        self.memory.set(memory::resident().unwrap_or(0));
        let mut text = String::new();
        // Writing to a string does not fail.
        _ = encode(&mut text, &self.registry());
        text
    }

    fn registry(&self) -> std::sync::MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
