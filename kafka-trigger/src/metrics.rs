//! Metrics of triggers, by topic and partition. They contain nothing of a record.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::{DeadLetterReason, TopicPartition};

/// Bounds in seconds, from a millisecond to the longest time in which a broker is found again.
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
struct DeadLetterLabels {
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

/// Metrics that all triggers of a process share.
///
/// [`Metrics::register`] names them, below the prefix `kafka`:
///
/// | name | labels | meaning |
/// |---|---|---|
/// | `lag` | `group`, `topic`, `partition` | records after the committed offset |
/// | `in_flight` | | records read and not settled |
/// | `parked` | `group`, `topic`, `partition` | records that wait on the retry topic |
/// | `handled_total` | `topic` | records settled: done or dead-lettered |
/// | `retried_total` | `topic` | failed deliveries that are repeated |
/// | `dead_lettered_total` | `topic`, `reason` | records written to the dead letters |
/// | `deliveries_total` | `status` | deliveries |
/// | `delivery_duration_seconds` | | time of one delivery |
/// | `commits_total` | `kind`: `ok`, `failed` | commits |
/// | `commit_duration_seconds` | `kind` | time of one commit |
/// | `rebalances_total` | `kind`: `assigned`, `revoked`, `lost` | changes of the assignment |
/// | `assigned_partitions` | | partitions that this process reads |
/// | `partitions_restarted_total` | `topic` | partitions whose topic was created again |
#[derive(Debug)]
pub struct Metrics {
    lag: Family<PartitionLabels, Gauge>,
    in_flight: Gauge,
    parked: Family<PartitionLabels, Gauge>,
    handled: Family<TopicLabel, Counter>,
    retried: Family<TopicLabel, Counter>,
    dead_lettered: Family<DeadLetterLabels, Counter>,
    deliveries: Family<StatusLabel, Counter>,
    delivery_duration: Histogram,
    commits: Family<KindLabel, Counter>,
    commit_duration: Histograms<KindLabel>,
    rebalances: Family<KindLabel, Counter>,
    assigned: Gauge,
    restarted: Family<TopicLabel, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS);
        Self {
            lag: Family::default(),
            in_flight: Gauge::default(),
            parked: Family::default(),
            handled: Family::default(),
            retried: Family::default(),
            dead_lettered: Family::default(),
            deliveries: Family::default(),
            delivery_duration: histogram(),
            commits: Family::default(),
            commit_duration: Family::new_with_constructor(histogram),
            rebalances: Family::default(),
            assigned: Gauge::default(),
            restarted: Family::default(),
        }
    }
}

impl Metrics {
    /// Adds the metrics to a registry. Call it once for each registry.
    pub fn register(&self, registry: &mut Registry) {
        let all = registry.sub_registry_with_prefix("kafka");
        all.register(
            "lag",
            "Records after the committed offset",
            self.lag.clone(),
        );
        all.register(
            "in_flight",
            "Records read and not settled",
            self.in_flight.clone(),
        );
        all.register(
            "parked",
            "Records that wait on the retry topic",
            self.parked.clone(),
        );
        all.register(
            "handled",
            "Records settled: done or dead-lettered",
            self.handled.clone(),
        );
        all.register(
            "retried",
            "Failed deliveries that are repeated",
            self.retried.clone(),
        );
        all.register(
            "dead_lettered",
            "Records written to the dead letters, by reason",
            self.dead_lettered.clone(),
        );
        all.register(
            "deliveries",
            "Deliveries by response status",
            self.deliveries.clone(),
        );
        all.register_with_unit(
            "delivery_duration",
            "Time of one delivery",
            Unit::Seconds,
            self.delivery_duration.clone(),
        );
        all.register("commits", "Commits by result", self.commits.clone());
        all.register_with_unit(
            "commit_duration",
            "Time from a commit to the broker's confirmation",
            Unit::Seconds,
            self.commit_duration.clone(),
        );
        all.register(
            "rebalances",
            "Changes of the assignment by kind",
            self.rebalances.clone(),
        );
        all.register(
            "assigned_partitions",
            "Partitions that this host reads",
            self.assigned.clone(),
        );
        all.register(
            "partitions_restarted",
            "Partitions read from the beginning because their topic was created again",
            self.restarted.clone(),
        );
    }

    /// Sets the lag of a partition, or removes it with `None`.
    pub(crate) fn set_lag(&self, group: &str, id: &TopicPartition, records: Option<i64>) {
        set(&self.lag, group, id, records);
    }

    /// Sets the number of a partition's records on the retry topic, or removes it with `None`.
    pub(crate) fn set_parked(&self, group: &str, id: &TopicPartition, records: Option<usize>) {
        let records = records.map(|records| i64::try_from(records).unwrap_or(i64::MAX));
        set(&self.parked, group, id, records);
    }

    /// Adds to the number of records in flight.
    pub(crate) fn add_in_flight(&self, change: i64) {
        self.in_flight.inc_by(change);
    }

    pub(crate) fn record_handled(&self, topic: &str) {
        self.handled.get_or_create(&label(topic)).inc();
    }

    pub(crate) fn record_restart(&self, topic: &str) {
        self.restarted.get_or_create(&label(topic)).inc();
    }

    pub(crate) fn record_retry(&self, topic: &str) {
        self.retried.get_or_create(&label(topic)).inc();
    }

    pub(crate) fn record_dead_letter(&self, topic: &str, reason: DeadLetterReason) {
        let labels = DeadLetterLabels {
            topic: topic.to_owned(),
            reason: reason.as_str(),
        };
        self.dead_lettered.get_or_create(&labels).inc();
    }

    pub(crate) fn record_delivery(&self, status: u16, elapsed: Duration) {
        self.deliveries.get_or_create(&StatusLabel { status }).inc();
        self.delivery_duration.observe(elapsed.as_secs_f64());
    }

    pub(crate) fn record_commit(&self, is_ok: bool, elapsed: Duration) {
        let kind = KindLabel {
            kind: if is_ok { "ok" } else { "failed" },
        };
        self.commits.get_or_create(&kind).inc();
        self.commit_duration
            .get_or_create(&kind)
            .observe(elapsed.as_secs_f64());
    }

    /// Records that the number of assigned partitions changed.
    pub(crate) fn record_rebalance(&self, kind: &'static str, change: i64) {
        self.rebalances.get_or_create(&KindLabel { kind }).inc();
        self.assigned.inc_by(change);
    }
}

fn set(
    gauges: &Family<PartitionLabels, Gauge>,
    group: &str,
    id: &TopicPartition,
    value: Option<i64>,
) {
    let labels = PartitionLabels {
        group: group.to_owned(),
        topic: id.topic.to_string(),
        partition: id.partition,
    };
    match value {
        Some(value) => _ = gauges.get_or_create(&labels).set(value),
        None => _ = gauges.remove(&labels),
    }
}

fn label(topic: &str) -> TopicLabel {
    TopicLabel {
        topic: topic.to_owned(),
    }
}
