//! More than one host, more than one group.

use std::sync::atomic::Ordering::Relaxed;
use testkit::{
    kafka::{Out, Topic, broker},
    wait::until,
};

use crate::{KAFKA_DIR, host::Host, outcome::Scenario, site::Site};

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hosts_one_is_killed() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    site.door.delay.store(10, Relaxed);
    let topic = Topic::create(&broker.plain, "two-hosts", 4).await;
    let start = || Host::start(&site, &broker.plain, &topic.name, "g", &[]);
    let (one, two) = (start(), start());
    let assigned = |host: &Host| host.metric("xray_kafka_assigned_partitions");
    until("they share", || assigned(&one) == 2 && assigned(&two) == 2);
    let events = site.put_all("a", 120).await;
    topic
        .send(events.into_iter().map(Out::value).collect())
        .await;
    until("both work", || {
        one.metric("xray_kafka_handled_total") >= 10 && two.metric("xray_kafka_handled_total") >= 10
    });
    one.kill();
    let scenario = Scenario {
        name: "two hosts, one killed -9",
        site: &site,
        topic: &topic,
        group: "g",
        sent: 120,
        objects: &[("a", 120)],
        repeated: 8,
    };
    scenario.check().await;
    until("the other has all", || assigned(&two) == 4);
    let (status, printed) = two.end();
    assert!(status.success(), "{printed}");
}

/// A second host joins while deliveries of the first are slow, and leaves again: partitions move without a repetition,
/// because each is drained before it goes.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_move_while_the_handler_is_slow() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    for protocol in ["classic", "consumer"] {
        let site = Site::open().await;
        let topic = Topic::create(&broker.plain, &format!("slow-{protocol}"), 4).await;
        let events = site.put_all("a", 60).await;
        site.door.delay.store(60, Relaxed);
        topic
            .send(events.into_iter().map(Out::value).collect())
            .await;
        let option = format!("protocol={protocol}");
        let start = || Host::start(&site, &broker.plain, &topic.name, "g", &[&option]);
        let one = start();
        until("it works", || one.metric("xray_kafka_handled_total") >= 8);
        let two = start();
        until("the second works too", || {
            two.metric("xray_kafka_handled_total") >= 4
        });
        let (status, printed) = two.end();
        assert!(status.success(), "{printed}");
        let scenario = Scenario {
            name: if protocol == "classic" {
                "slow handler, rebalance"
            } else {
                "slow, rebalance, KIP-848"
            },
            site: &site,
            topic: &topic,
            group: "g",
            sent: 60,
            objects: &[("a", 60)],
            repeated: 0,
        };
        scenario.check().await;
    }
}
