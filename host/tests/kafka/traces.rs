//! Traces of records: one tree an event, over a crash, a rebalance and a redrive.

use std::{process::Command, sync::atomic::Ordering::Relaxed};

use rdkafka::message::{Header, OwnedHeaders};
use testkit::{
    collector::{Collector, Span, trees},
    jaeger::Jaeger,
    kafka::{Broker, Out, Topic, broker},
    wait::until,
};

use crate::{
    KAFKA_DIR,
    host::{Host, command},
    site::{Site, key, picture},
};

const COUNT: usize = 500;
const PARENT: &str = "00f067aa0ba902b7";

fn start(site: &Site, brokers: &str, topic: &Topic, endpoint: &str) -> Host {
    let options = ["retry_failures=3"];
    let mut command = command(site, brokers, &topic.name, "g", &options);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    command.env("OTEL_BSP_SCHEDULE_DELAY", "50");
    // Without copies an event is cheap, and its tree has all but the steps of text.
    command.env("SPIN_VARIABLE_ANONYMIZE", "none");
    Host::run(command)
}

fn of<'a>(tree: &'a [Span], name: &str) -> Vec<&'a Span> {
    tree.iter().filter(|span| span.name == name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_one_tree_over_a_crash_a_rebalance_and_a_redrive() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let collector = Collector::start().await;
    check_trees(&broker, collector.endpoint(), || collector.spans()).await;
    assert_eq!(collector.strange(), Vec::<String>::new());
    assert!(!collector.received("DOE"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "builds Jaeger, run by `make test-traces-jaeger`"]
async fn jaeger_has_one_tree_for_every_event() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let Some(jaeger) = Jaeger::start() else {
        return;
    };
    check_trees(&broker, jaeger.endpoint(), || jaeger.spans()).await;
    // It knows nothing of the sender that began one of the traces. Records that two hosts have
    // finished have their first span twice, and end before their second delivery begins.
    let mut warnings = jaeger.warnings();
    warnings.retain(|text| {
        !text.starts_with("duplicate span IDs;") && !text.starts_with("clock skew adjustment")
    });
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert!(
        warnings[0].starts_with(&format!("invalid parent span IDs={PARENT};")),
        "{warnings:?}"
    );
}

/// Sends events through a crash, a rebalance and a redrive, and checks the spans at the end.
async fn check_trees(broker: &Broker, endpoint: &str, spans: impl Fn() -> Vec<Span>) {
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "traced", 4).await;
    let one = start(&site, &broker.plain, &topic, endpoint);
    let two = start(&site, &broker.plain, &topic, endpoint);
    let assigned = |host: &Host| host.metric("xray_kafka_assigned_partitions");
    until("they share", || assigned(&one) == 2 && assigned(&two) == 2);

    // Its store fails until it is a dead letter. It comes with a trace of its sender's.
    let bad = site.put(&key("bad", 0), picture(0)).await;
    let parent = format!("00-{}-{PARENT}-01", "4bf92f3577b34da6a3ce929d0e0e4736");
    let header = Header {
        key: "traceparent",
        value: Some(&parent),
    };
    site.door.bad_fails.store(true, Relaxed);
    let headers = Some(OwnedHeaders::new().insert(header));
    topic
        .send(vec![Out {
            headers,
            ..Out::value(bad)
        }])
        .await;
    let letters = || {
        one.metric("xray_kafka_dead_lettered_total") + two.metric("xray_kafka_dead_lettered_total")
    };
    until("it is a dead letter", || letters() == 1);
    site.door.bad_fails.store(false, Relaxed);

    let events = site.put_all("a", COUNT - 1).await;
    topic
        .send(events.into_iter().map(Out::value).collect())
        .await;
    let handled =
        || one.metric("xray_kafka_handled_total") + two.metric("xray_kafka_handled_total");
    until("both work", || {
        one.metric("xray_kafka_handled_total") >= 20 && two.metric("xray_kafka_handled_total") >= 20
    });
    // A host that is killed loses the spans of the last moment, so it is caught with none: in the
    // middle of deliveries, all of which wait for the store.
    site.door.delay.store(3_000, Relaxed);
    let roots = || {
        spans()
            .iter()
            .filter(|span| span.name == "process traced")
            .count() as i64
    };
    until("the spans of finished records have arrived", || {
        roots() == handled()
    });
    one.kill();
    site.door.delay.store(0, Relaxed);
    until("the other has all", || assigned(&two) == 4);
    let three = start(&site, &broker.plain, &topic, endpoint);
    until("all is committed", || topic.is_done("g"));

    let mut redrive = Command::new(env!("CARGO_BIN_EXE_xray"));
    redrive.args([
        "dead-letters",
        "--kafka",
        &broker.plain,
        "--topic",
        &topic.name,
        "--group",
        "g",
        "redrive",
    ]);
    assert!(redrive.output().unwrap().status.success());
    until("all is committed", || topic.is_done("g"));
    for host in [two, three] {
        let (status, printed) = host.end();
        assert!(status.success(), "{printed}");
    }

    let arrived = spans();
    let trees = trees(arrived.clone(), &[PARENT]);
    let mut traces: Vec<&str> = arrived.iter().map(|span| span.trace.as_str()).collect();
    traces.sort();
    traces.dedup();
    assert_eq!((trees.len(), traces.len()), (COUNT, COUNT), "trees, traces");
    for tree in &trees {
        for name in [
            "process traced",
            "turn",
            "deliver",
            "queue",
            "component",
            "object",
            "HEAD",
            "head",
        ] {
            assert!(!of(tree, name).is_empty(), "{name}: {tree:#?}");
        }
    }
    println!(
        "TRACES {} of {COUNT} events are one tree, {} spans",
        trees.len(),
        arrived.len()
    );

    let bad = trees
        .iter()
        .find(|tree| !of(tree, "dead letter").is_empty())
        .unwrap();
    let deliveries = of(bad, "deliver");
    let failed: Vec<_> = deliveries
        .iter()
        .filter(|span| span.failed.is_some())
        .collect();
    assert_eq!(failed.len(), 3, "{deliveries:#?}");
    for pair in failed.windows(2) {
        assert_eq!(pair[1].links, [pair[0].id.as_str()]);
    }
    let letter = of(bad, "dead letter")[0];
    assert_eq!(letter.links, [failed[2].id.as_str()]);
    // The record that was sent back continues where its letter was written.
    let processed = of(bad, "process traced");
    assert_eq!(processed.len(), 2, "{bad:#?}");
    assert!(processed.iter().any(|span| span.parent == PARENT));
    assert!(processed.iter().any(|span| span.parent == letter.id));
    assert_eq!(bad[0].trace, "4bf92f3577b34da6a3ce929d0e0e4736");
}
