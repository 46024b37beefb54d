//! One fault at a time.

use std::{sync::atomic::Ordering::Relaxed, time::Instant};

use crate::{
    broker::broker,
    host::Host,
    outcome::{Scenario, reference},
    site::Site,
    topic::{Out, Topic},
    wait::until,
};

fn out(events: Vec<Vec<u8>>) -> Vec<Out> {
    events.into_iter().map(Out::value).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_goes_well() {
    let Some(broker) = broker().await else { return };
    reference().await;
    for protocol in ["classic", "consumer"] {
        let site = Site::open().await;
        let topic = Topic::create(&broker.plain, &format!("well-{protocol}"), 4).await;
        let option = format!("protocol={protocol}");
        let host = Host::start(
            &site,
            &broker.plain,
            &topic.name,
            "g",
            &[&option, "member=one"],
        );
        until("it has its partitions", || {
            host.metric("xray_kafka_assigned_partitions") == 4
        });
        let begun = Instant::now();
        let events = site.put_all("a", 60).await;
        topic.send(out(events)).await;
        let scenario = Scenario {
            name: if protocol == "classic" {
                "all goes well"
            } else {
                "all goes well, KIP-848"
            },
            site: &site,
            topic: &topic,
            group: "g",
            sent: 60,
            objects: &[("a", 60)],
            repeated: 0,
        };
        scenario.check().await;
        println!("60 objects in {:.2} s", begun.elapsed().as_secs_f64());
        assert_eq!(host.metric("xray_kafka_handled_total"), 60);
        assert_eq!(host.metric("xray_kafka_in_flight"), 0);
        until("the lag is known", || {
            host.metrics().contains("xray_kafka_lag{") && host.metric("xray_kafka_lag") == 0
        });
        assert!(host.metric("xray_kafka_commit_duration_seconds_count") > 0);
        let (status, printed) = host.end();
        assert!(status.success(), "{printed}");
        assert!(!printed.contains("DOE"), "{printed}");
    }
}

/// One object's store fails: its partition waits, the others go on, and it is done when the store is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_and_comes_back() {
    let Some(broker) = broker().await else { return };
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "failing", 4).await;
    site.door.bad_fails.store(true, Relaxed);
    let bad = {
        site.door.bad_fails.store(false, Relaxed);
        site.put(
            "bad_DOE0_1000000_1960-01-01_2024-05-06.jpeg",
            crate::site::picture(0),
        )
        .await
    };
    site.door.bad_fails.store(true, Relaxed);
    topic.send_to(0, &bad).await;
    topic.send(out(site.put_all("a", 40).await)).await;
    let host = Host::start(&site, &broker.plain, &topic.name, "g", &[]);
    until("the other partitions are done", || {
        topic.committed("g")[1..] == topic.ends()[1..]
    });
    until("it was tried again", || {
        host.metric("xray_kafka_retried_total") >= 3
    });
    assert_eq!(
        topic.committed("g")[0],
        0,
        "nothing behind a gap is committed"
    );
    site.door.bad_fails.store(false, Relaxed);
    let scenario = Scenario {
        name: "503, then success",
        site: &site,
        topic: &topic,
        group: "g",
        sent: 41,
        objects: &[("a", 40), ("bad", 1)],
        repeated: 0,
    };
    scenario.check().await;
    assert!(host.metric("xray_kafka_dead_lettered_total") == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_is_killed_under_load() {
    let Some(mut broker) = broker().await else {
        return;
    };
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "broker-killed", 4).await;
    let host = Host::start(&site, &broker.plain, &topic.name, "g", &[]);
    let events = site.put_all("a", 120).await;
    let (first, second) = (events[..60].to_vec(), events[60..].to_vec());
    topic.send(out(first)).await;
    until("it works", || host.metric("xray_kafka_handled_total") >= 20);
    // Some are written while there is no broker, and some handled.
    let writing = topic.send(out(second));
    let killing = async {
        tokio::task::block_in_place(|| {
            broker.kill();
            broker.restart();
        });
    };
    tokio::join!(writing, killing);
    let scenario = Scenario {
        name: "broker killed, restarted",
        site: &site,
        topic: &topic,
        group: "g",
        sent: 120,
        objects: &[("a", 120)],
        repeated: 0,
    };
    scenario.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_is_killed_under_load() {
    let Some(broker) = broker().await else { return };
    let site = Site::open().await;
    site.door.delay.store(10, Relaxed);
    let topic = Topic::create(&broker.plain, "host-killed", 4).await;
    topic.send(out(site.put_all("a", 120).await)).await;
    // A static member has its partitions back at once, without waiting for its own former self.
    let member = ["member=one"];
    let host = Host::start(&site, &broker.plain, &topic.name, "g", &member);
    until("it works", || host.metric("xray_kafka_handled_total") >= 30);
    host.kill();
    let _host = Host::start(&site, &broker.plain, &topic.name, "g", &member);
    let scenario = Scenario {
        name: "host killed -9, restarted",
        site: &site,
        topic: &topic,
        group: "g",
        sent: 120,
        objects: &[("a", 120)],
        repeated: 8,
    };
    scenario.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_later() {
    let Some(broker) = broker().await else { return };
    let site = Site::open().await;
    let topic = Topic::named(&broker.plain, "later", 3);
    let host = Host::start(&site, &broker.plain, &topic.name, "g", &[]);
    until("it says so", || {
        host.printed().contains("later does not exist yet")
    });
    topic.make(&[]).await;
    topic.send(out(site.put_all("a", 9).await)).await;
    let scenario = Scenario {
        name: "topic made later",
        site: &site,
        topic: &topic,
        group: "g",
        sent: 9,
        objects: &[("a", 9)],
        repeated: 0,
    };
    scenario.check().await;
    assert_eq!(host.printed().matches("does not exist yet").count(), 1);
}
