//! Counters for Prometheus. Labels come from small sets; nothing of a patient can be in one.

mod memory;
mod report;
mod serve;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

pub use serve::serve;

use crate::serve::logs::{Listener, Stream};

/// Prefix of the names of all metrics but the process's own.
const PREFIX: &str = "xray";

/// Seconds, from a tenth of a millisecond for a step to the longest a request may take.
const BUCKETS: [f64; 13] = [
    0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ObjectLabels {
    outcome: String,
    class: String,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabel {
    step: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// All counters of one runtime.
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<StatusLabel, Counter>,
    duration: Histogram,
    objects: Family<ObjectLabels, Counter>,
    steps: Histograms<StepLabel>,
    rejected: Family<KindLabel, Counter>,
    failures: Family<KindLabel, Counter>,
    aot: Family<KindLabel, Counter>,
    /// Requests that hold an instance.
    pub in_flight: Gauge,
    /// Requests that wait for one.
    pub queued: Gauge,
    sessions: Gauge,
    sessions_in_use: Gauge,
    memory: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        let this = Self {
            registry: Mutex::default(),
            requests: Family::default(),
            duration: histogram(),
            objects: Family::default(),
            steps: Family::new_with_constructor(histogram),
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
        this
    }
}

impl Metrics {
    /// Lets a trigger add counters of its own, under the common prefix.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(self.registry().sub_registry_with_prefix(PREFIX));
    }

    fn register_own(&self) {
        let mut registry = self.registry();
        let all = registry.sub_registry_with_prefix(PREFIX);
        all.register(
            "requests",
            "Requests by the status of their answer",
            self.requests.clone(),
        );
        all.register_with_unit(
            "request_duration",
            "From a request's arrival to its answer's head",
            Unit::Seconds,
            self.duration.clone(),
        );
        all.register(
            "objects",
            "Objects by what became of them",
            self.objects.clone(),
        );
        all.register_with_unit(
            "step_duration",
            "Time that a step took, by report lines",
            Unit::Seconds,
            self.steps.clone(),
        );
        all.register(
            "rejected",
            "Requests turned away before an instance",
            self.rejected.clone(),
        );
        all.register(
            "failures",
            "Instances that did not answer",
            self.failures.clone(),
        );
        all.register(
            "aot_cache",
            "Start-ups by where the compiled code came from",
            self.aot.clone(),
        );
        all.register(
            "requests_in_flight",
            "Requests that hold an instance",
            self.in_flight.clone(),
        );
        all.register(
            "requests_queued",
            "Requests that wait for one",
            self.queued.clone(),
        );
        all.register("sessions", "Inference sessions", self.sessions.clone());
        all.register(
            "sessions_in_use",
            "Sessions that compute",
            self.sessions_in_use.clone(),
        );
        registry.register_with_unit(
            "process_resident_memory",
            "Resident memory of the host",
            Unit::Bytes,
            self.memory.clone(),
        );
    }

    /// Says which backend serves and which release this is.
    pub fn describe(&self, backend: &str, target: &str) {
        let info = Info::new(vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("backend", backend.to_owned()),
            ("target", target.to_owned()),
        ]);
        self.registry()
            .register("xray_host", "The host and its inference backend", info);
    }

    /// A request was answered.
    pub fn request(&self, status: http::StatusCode, took: Duration) {
        self.requests
            .get_or_create(&StatusLabel {
                status: status.as_u16(),
            })
            .inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// A request was turned away: `queue-full`, `queue-wait`, `too-large`, `no-route`.
    pub fn rejected(&self, kind: &'static str) {
        self.rejected.get_or_create(&KindLabel { kind }).inc();
    }

    /// An instance did not answer: `trap`, `deadline`, `memory`, `no-answer`.
    pub fn failure(&self, kind: &'static str) {
        self.failures.get_or_create(&KindLabel { kind }).inc();
    }

    /// The compiled code came from the cache or not: `hit`, `miss`, `damaged`.
    pub fn aot(&self, kind: &'static str) {
        self.aot.get_or_create(&KindLabel { kind }).inc();
    }

    /// A listener that counts report lines.
    pub fn listener(self: &Arc<Self>) -> Listener {
        let this = self.clone();
        Arc::new(move |stream, line| {
            if stream == Stream::Stdout
                && let Some(report) = report::parse(line)
            {
                this.object(report);
            }
        })
    }

    fn object(&self, report: report::ReportLine) {
        let report::ReportLine {
            outcome,
            class,
            reason,
            ms,
            ..
        } = report;
        let (class, reason) = (class.unwrap_or_default(), reason.unwrap_or_default());
        self.objects
            .get_or_create(&ObjectLabels {
                outcome,
                class,
                reason,
            })
            .inc();
        for (step, ms) in ms {
            self.steps
                .get_or_create(&StepLabel { step })
                .observe(ms / 1e3);
        }
    }

    /// The text that Prometheus reads. Sessions and memory are taken as they are now.
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
