//! Static members: a partition that loses its owner between the two rebalances of its move, and a
//! member that comes back with another topic.

use std::sync::atomic::Ordering::Relaxed;
use testkit::{
    kafka::{Out, Topic, broker},
    wait::until,
};

use crate::{KAFKA_DIR, host::Host, outcome::Scenario, site::Site};

/// A static member is killed (-9) while it gives a partition up, and starts again. The broker gives
/// it its new assignment back without the rebalance that it would have asked for.
#[tokio::test(flavor = "multi_thread")]
async fn partition_of_a_member_killed_between_two_rebalances_is_read_again() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "orphaned", 2).await;
    let events = site.put_all("a", 8).await;
    // Deliveries of both partitions run for seconds, so that the killed member is still giving one
    // up.
    site.door.delay.store(1000, Relaxed);
    for (event, partition) in events.into_iter().zip([0, 1].into_iter().cycle()) {
        topic.put(partition, &Out::value(event)).await;
    }
    let start = |member: &str| {
        let member = format!("member={member}");
        Host::start(&site, &broker.plain, &topic.name, "g", &[&member])
    };
    let one = start("one");
    until("it works", || one.metric("xray_kafka_in_flight") == 8);
    let two = start("two");
    until("it gives a partition up", || {
        let revoked = "xray_kafka_rebalances_total{kind=\"revoked\"} 1";
        one.metrics().contains(revoked)
    });
    one.kill();
    let one = start("one");
    let assigned = |host: &Host| host.metric("xray_kafka_assigned_partitions");
    until("it has its former assignment", || assigned(&one) == 1);
    site.door.delay.store(0, Relaxed);
    until("each has a partition", || {
        assigned(&one) == 1 && assigned(&two) == 1
    });
    let scenario = Scenario {
        name: "killed between two rebalances",
        site: &site,
        topic: &topic,
        group: "g",
        sent: 8,
        objects: &[("a", 8)],
        repeated: 16,
    };
    scenario.check().await;
    let (mut printed, mut all) = (String::new(), 0);
    for host in [one, two] {
        let (status, own) = host.end();
        assert!(status.success(), "{own}");
        all += own
            .matches("no member of the group reads orphaned[")
            .count();
        printed += &own;
    }
    assert!(all >= 1, "it had an owner all the time: {printed}");
}

/// A static member is killed (-9) and starts again with another topic. The broker gives it its
/// former assignment back, which is of a topic that it reads no more.
#[tokio::test(flavor = "multi_thread")]
async fn static_member_with_another_topic_does_not_read_the_former_one() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let former = Topic::create(&broker.plain, "former", 2).await;
    let present = Topic::create(&broker.plain, "present", 2).await;
    let start = |topic: &Topic| {
        let retries = format!("retry_topic={}-retries", topic.name);
        let options = ["member=one", &retries];
        Host::start(&site, &broker.plain, &topic.name, "g", &options)
    };
    let host = start(&former);
    until("it has both partitions", || {
        host.metric("xray_kafka_assigned_partitions") == 2
    });
    host.kill();
    for (prefix, topic) in [("f", &former), ("p", &present)] {
        let events = site.put_all(prefix, 4).await;
        for (event, partition) in events.into_iter().zip([0, 1].into_iter().cycle()) {
            topic.put(partition, &Out::value(event)).await;
        }
    }
    let host = start(&present);
    until("its topic is read", || present.is_done("g"));
    let (status, printed) = host.end();
    assert!(status.success(), "{printed}");
    assert_eq!(former.committed("g"), [0, 0], "{printed}");
    assert!(printed.contains("not reading former["), "{printed}");
    let scenario = Scenario {
        name: "static member, another topic",
        site: &site,
        topic: &present,
        group: "g",
        sent: 4,
        objects: &[("p", 4)],
        repeated: 4,
    };
    scenario.check().await;
}
