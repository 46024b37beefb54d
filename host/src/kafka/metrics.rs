//! Counters of the triggers, by topic and partition. Nothing of a record is in them.

use std::time::Duration;

use http::StatusCode;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::dead_letter::Death;

/// Seconds, from a millisecond to the longest a broker takes to be found again.
const BUCKETS: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TopicLabel {
    topic: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartitionLabels {
    group: String,
    topic: String,
    partition: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeathLabels {
    topic: String,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// The counters of all Kafka triggers of a host.
#[derive(Debug)]
pub struct KafkaMetrics {
    lag: Family<PartitionLabels, Gauge>,
    in_flight: Gauge,
    handled: Family<TopicLabel, Counter>,
    retried: Family<TopicLabel, Counter>,
    dead_lettered: Family<DeathLabels, Counter>,
    deliveries: Family<StatusLabel, Counter>,
    delivery_duration: Histogram,
    commits: Family<KindLabel, Counter>,
    commit_duration: Histograms<KindLabel>,
    rebalances: Family<KindLabel, Counter>,
    assigned: Gauge,
}

impl Default for KafkaMetrics {
    fn default() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        Self {
            lag: Family::default(),
            in_flight: Gauge::default(),
            handled: Family::default(),
            retried: Family::default(),
            dead_lettered: Family::default(),
            deliveries: Family::default(),
            delivery_duration: histogram(),
            commits: Family::default(),
            commit_duration: Family::new_with_constructor(histogram),
            rebalances: Family::default(),
            assigned: Gauge::default(),
        }
    }
}

impl KafkaMetrics {
    /// Puts them where Prometheus finds them.
    pub fn register(&self, registry: &mut Registry) {
        let all = registry.sub_registry_with_prefix("kafka");
        all.register(
            "lag",
            "Records that the group has not committed",
            self.lag.clone(),
        );
        all.register(
            "in_flight",
            "Records that were taken and are not at their end",
            self.in_flight.clone(),
        );
        all.register(
            "handled",
            "Records at their end, dead letters included",
            self.handled.clone(),
        );
        all.register(
            "retried",
            "Deliveries that failed and come again",
            self.retried.clone(),
        );
        all.register(
            "dead_lettered",
            "Records written to the dead letters",
            self.dead_lettered.clone(),
        );
        all.register(
            "deliveries",
            "Deliveries by the status of their answer",
            self.deliveries.clone(),
        );
        all.register_with_unit(
            "delivery_duration",
            "Time that a delivery took",
            Unit::Seconds,
            self.delivery_duration.clone(),
        );
        all.register("commits", "Commits by how they ended", self.commits.clone());
        all.register_with_unit(
            "commit_duration",
            "From asking for a commit to the broker's word",
            Unit::Seconds,
            self.commit_duration.clone(),
        );
        all.register(
            "rebalances",
            "Changes of the assignment",
            self.rebalances.clone(),
        );
        all.register(
            "assigned_partitions",
            "Partitions that this host reads",
            self.assigned.clone(),
        );
    }

    /// Records that the group has not committed.
    pub fn lag(&self, group: &str, topic: &str, partition: i32, records: Option<i64>) {
        let labels = PartitionLabels {
            group: group.to_owned(),
            topic: topic.to_owned(),
            partition,
        };
        match records {
            Some(records) => _ = self.lag.get_or_create(&labels).set(records),
            None => _ = self.lag.remove(&labels),
        }
    }

    /// Records were taken, or are at their end.
    pub fn dispatched(&self, more: i64) {
        self.in_flight.inc_by(more);
    }

    /// A record is at its end.
    pub fn handled(&self, topic: &str) {
        self.handled.get_or_create(&label(topic)).inc();
    }

    /// A delivery failed and comes again.
    pub fn retried(&self, topic: &str) {
        self.retried.get_or_create(&label(topic)).inc();
    }

    /// A dead letter was written.
    pub fn dead_lettered(&self, topic: &str, death: &Death) {
        let (topic, reason) = (topic.to_owned(), death.reason);
        self.dead_lettered
            .get_or_create(&DeathLabels { topic, reason })
            .inc();
    }

    /// A delivery was answered.
    pub fn delivered(&self, status: StatusCode, took: Duration) {
        let status = status.as_u16();
        self.deliveries.get_or_create(&StatusLabel { status }).inc();
        self.delivery_duration.observe(took.as_secs_f64());
    }

    /// A commit ended.
    pub fn committed(&self, is_ok: bool, took: Duration) {
        let kind = if is_ok { "ok" } else { "failed" };
        self.commits.get_or_create(&KindLabel { kind }).inc();
        self.commit_duration
            .get_or_create(&KindLabel { kind })
            .observe(took.as_secs_f64());
    }

    /// Partitions came (`assigned`) or went (`revoked`, `lost`).
    pub fn rebalanced(&self, kind: &'static str, partitions: i64) {
        self.rebalances.get_or_create(&KindLabel { kind }).inc();
        self.assigned.inc_by(partitions);
    }
}

fn label(topic: &str) -> TopicLabel {
    TopicLabel {
        topic: topic.to_owned(),
    }
}
