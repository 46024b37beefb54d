//! Topics that are deleted and created again, and offsets without records.

use testkit::{
    kafka::{Out, Topic, broker},
    wait::until,
};

use crate::{
    KAFKA_DIR,
    host::Host,
    outcome::Scenario,
    site::{PROCESSED, Site},
};

fn out(events: Vec<Vec<u8>>) -> Vec<Out> {
    events.into_iter().map(Out::value).collect()
}

/// Waits until the topic created again is read from its beginning, and checks that each of the 15
/// objects was processed once.
async fn is_handled_whole(name: &'static str, site: &Site, topic: &Topic, host: &Host) {
    until("the host reads it from its beginning", || {
        host.metric("xray_kafka_partitions_restarted_total") == 1
    });
    // Offsets of the topic before may look as if all were done.
    until("all are handled", || site.count(PROCESSED) == 15);
    let scenario = Scenario {
        name,
        site,
        topic,
        group: "g",
        sent: 15,
        objects: &[("a", 5), ("b", 10)],
        repeated: 0,
    };
    scenario.check().await;
}

/// Five records are handled, then the topic is deleted and created again and gets ten, more than
/// the old position: the first five of them lie before it.
#[tokio::test(flavor = "multi_thread")]
async fn topic_created_again_is_handled_whole() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "made-again", 1).await;
    let host = Host::start(&site, &broker.plain, &topic.name, "g", &[]);
    topic.send(out(site.put_all("a", 5).await)).await;
    until("the first five are committed", || topic.is_done("g"));
    let events = site.put_all("b", 10).await;
    topic.delete().await;
    // A new handle: the old one's producer has numbered its records for the old topic.
    let topic = Topic::create(&broker.plain, "made-again", 1).await;
    topic.send(out(events)).await;
    is_handled_whole("topic deleted, made again", &site, &topic, &host).await;
    assert!(host.printed().contains("made-again[0] begins again"));
}

/// The same while no host runs, with an offset that was committed for the topic before.
#[tokio::test(flavor = "multi_thread")]
async fn stale_offset_of_a_topic_created_again_is_not_used() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "made-again-stale", 1).await;
    let host = Host::start(&site, &broker.plain, &topic.name, "g", &[]);
    until("it has its partition", || {
        host.metric("xray_kafka_assigned_partitions") == 1
    });
    topic.send(out(site.put_all("a", 5).await)).await;
    until("the first five are committed", || topic.is_done("g"));
    let metadata = topic.committed_metadata("g");
    assert!(metadata.starts_with("topic-id="), "{metadata}");
    let (status, printed) = host.end();
    assert!(status.success(), "{printed}");
    let events = site.put_all("b", 10).await;
    topic.delete().await;
    let topic = Topic::create(&broker.plain, "made-again-stale", 1).await;
    topic.send(out(events)).await;
    topic.commit("g", 5, &metadata);
    let host = Host::start(&site, &broker.plain, &topic.name, "g", &[]);
    is_handled_whole("topic made again, stale offset", &site, &topic, &host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lag_behind_a_transaction_ends_at_zero() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "transaction", 1).await;
    let host = Host::start(&site, &broker.plain, &topic.name, "g", &[]);
    topic.send_in_transaction(&site.put_all("a", 3).await).await;
    // The end is 4: the transaction's control record has an offset too.
    until("the control record is committed", || {
        topic.committed("g") == [4]
    });
    until("the lag is zero", || {
        host.metrics().contains("xray_kafka_lag{") && host.metric("xray_kafka_lag") == 0
    });
}
