//! The retry topic of a host.

use std::sync::atomic::Ordering::Relaxed;

use testkit::{
    kafka::{Broker, Out, Topic, broker},
    wait::until,
};

use crate::{
    KAFKA_DIR,
    host::Host,
    outcome::Scenario,
    site::{Site, picture},
};

const BAD: &str = "bad_DOE0_1000000_1960-01-01_2024-05-06.jpeg";

fn start(site: &Site, broker: &Broker, topic: &Topic) -> Host {
    let retries = format!("retry_topic={}-retries", topic.name);
    let options = [retries.as_str(), "member=one"];
    Host::start(site, &broker.plain, &topic.name, "g", &options)
}

/// Most attempts of the records on the retry topic.
fn attempts(retries: &Topic) -> u32 {
    let records = retries.read().into_iter();
    let attempts = records.filter_map(|(.., headers)| headers.get("retry-attempts")?.parse().ok());
    attempts.max().unwrap_or(0)
}

/// The store fails for one object. The source is committed meanwhile; a killed host leaves nothing
/// but the retry topic, and the next one counts on.
#[tokio::test(flavor = "multi_thread")]
async fn record_on_the_retry_topic_survives_a_kill_with_its_attempts() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "waiting", 2).await;
    let retries = Topic::named(&broker.plain, "waiting-retries", 2);
    let bad = site.put(BAD, picture(0)).await;
    site.door.bad_fails.store(true, Relaxed);
    topic.send_to(0, &bad).await;
    let events = site.put_all("a", 20).await;
    topic
        .send(events.into_iter().map(Out::value).collect())
        .await;
    let host = start(&site, &broker, &topic);
    until("the source is committed", || topic.is_done("g"));
    until("it was tried again", || attempts(&retries) >= 3);
    assert_eq!(host.metric("xray_kafka_parked"), 1);
    assert!(!retries.is_done("g"), "it waits");
    host.kill();
    let before = attempts(&retries);
    let host = start(&site, &broker, &topic);
    until("it is tried on", || attempts(&retries) > before);
    site.door.bad_fails.store(false, Relaxed);
    until("the retry topic is committed", || retries.is_done("g"));
    let scenario = Scenario {
        name: "503, host killed -9, retry topic",
        site: &site,
        topic: &topic,
        group: "g",
        sent: 21,
        objects: &[("a", 20), ("bad", 1)],
        repeated: 8,
    };
    scenario.check().await;
    assert_eq!(host.metric("xray_kafka_parked"), 0);
    let (status, printed) = host.end();
    assert!(status.success(), "{printed}");
    assert!(!printed.contains("DOE"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_topic_with_too_few_partitions_is_named() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "wide", 3).await;
    let _narrow = Topic::create(&broker.plain, "wide-retries", 2).await;
    let host = start(&site, &broker, &topic);
    until("it says so", || {
        let printed = host.printed();
        printed.contains("wide-retries has 2 partitions and wide 3")
    });
}
