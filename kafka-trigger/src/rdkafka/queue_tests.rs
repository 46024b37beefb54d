//! Tests of [`super::queues`] against librdkafka and its in-process broker.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    mocking::MockCluster,
    producer::{DefaultProducerContext, FutureProducer, FutureRecord},
};

use super::{RdKafkaBroker, Settings, context::Test};
use crate::{Broker, Event, TopicPartition};

const PARTITIONS: i32 = 4;

/// Bytes of a value.
const SIZE: usize = 500;

async fn cluster(
    partitions: i32,
    count: usize,
) -> (MockCluster<'static, DefaultProducerContext>, Settings) {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("t", partitions, 1).unwrap();
    let brokers = cluster.bootstrap_servers();
    let settings = Settings {
        session_timeout: Duration::from_secs(6),
        fetch_wait: Duration::from_millis(20),
        ..Settings::new(brokers, "g", vec!["t".into()], "t-dead")
    };
    let producer: FutureProducer = settings
        .producer()
        // Small batches, as those of a gateway are.
        .set("batch.num.messages", "20")
        .create()
        .unwrap();
    let value = [7; SIZE];
    let all = (0..count).map(|number| {
        let partition = i32::try_from(number).unwrap() % partitions;
        let record: FutureRecord<'_, [u8], [u8]> =
            FutureRecord::to("t").partition(partition).payload(&value);
        producer.send(record, Duration::from_secs(20))
    });
    for sent in futures_util::future::join_all(all).await {
        sent.map_err(|(error, _)| error).unwrap();
    }
    (cluster, settings)
}

/// Reads events until all partitions are assigned.
async fn assigned(broker: &RdKafkaBroker, partitions: i32) -> Vec<TopicPartition> {
    let mut all = Vec::new();
    while all.len() < partitions as usize {
        match broker.next_event().await {
            Event::Assigned(partitions) => all.extend(partitions),
            Event::Record(_) => panic!("a record came before its partition"),
            _ => {}
        }
    }
    all
}

async fn next(broker: &RdKafkaBroker, wait: Duration) -> Option<Event> {
    tokio::time::timeout(wait, broker.next_event()).await.ok()
}

/// Pauses all partitions again and again while the client starts them. Returns whether all of them
/// are read afterwards.
async fn reads_all(settings: Settings, partitions: i32) -> bool {
    let broker = RdKafkaBroker::connect(&settings).await.unwrap();
    let broker = Arc::new(broker);
    let assigned = assigned(&broker, partitions).await;
    let (pausing, all) = (broker.clone(), assigned.clone());
    let pauses = tokio::task::spawn_blocking(move || {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(500) {
            pausing.pause(&all);
            pausing.resume(&all);
        }
    });
    let (begun, mut read) = (Instant::now(), BTreeSet::new());
    while read.len() < assigned.len() && begun.elapsed() < Duration::from_secs(10) {
        if let Some(Event::Record(record)) = next(&broker, Duration::from_secs(1)).await {
            read.insert(record.partition);
        }
    }
    pauses.await.unwrap();
    broker.close().await;
    read.len() == assigned.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_paused_while_the_client_starts_them_are_read() {
    let partitions = 100;
    let (_cluster, settings) = cluster(partitions, 100).await;
    let members = (0..8).map(|number| Settings {
        group: format!("g{number}"),
        ..settings.clone()
    });
    let all = members.map(|settings| reads_all(settings, partitions));
    assert_eq!(futures_util::future::join_all(all).await, [true; 8]);
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_partitions_hold_little_and_are_fetched_once() {
    let count = 12_000;
    let (_cluster, settings) = cluster(PARTITIONS, count).await;
    let test = Test {
        // A member that is not polled for this long would be expelled.
        properties: vec![
            ("max.poll.interval.ms", "4000"),
            ("session.timeout.ms", "4000"),
            ("statistics.interval.ms", "100"),
        ],
        ..Test::default()
    };
    let broker = RdKafkaBroker::connect_tested(&settings, test)
        .await
        .unwrap();
    let partitions = assigned(&broker, PARTITIONS).await;
    broker.pause(&partitions);
    let (begun, mut records) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(6) {
        match next(&broker, Duration::from_millis(100)).await {
            Some(Event::Record(_)) => records += 1,
            Some(Event::Revoked(_)) => panic!("a member whose partitions are paused was expelled"),
            _ => {}
        }
    }
    assert!(records < 100, "{records} records of paused partitions");
    // 256 KiB, and a fetch of as many.
    let most = PARTITIONS as usize * (550 << 10);
    assert!(
        (1..most).contains(&broker.fetched()),
        "{} bytes",
        broker.fetched()
    );

    broker.resume(&partitions);
    let mut last = BTreeMap::new();
    while records < count {
        assert!(begun.elapsed() < Duration::from_secs(60), "{records}");
        match next(&broker, Duration::from_millis(100)).await {
            Some(Event::Record(record)) => {
                let former = last.insert(record.partition, record.offset);
                assert!(former.is_none_or(|former| former + 1 == record.offset));
                records += 1;
                let id = [record.topic_partition()];
                if records % 32 == 0 {
                    broker.pause(&id);
                } else if records % 32 == 16 {
                    broker.resume(&partitions);
                }
            }
            _ => broker.resume(&partitions),
        }
    }
    // The statistics follow, and each makes an event.
    let ended = Instant::now();
    while ended.elapsed() < Duration::from_millis(500) {
        next(&broker, Duration::from_millis(100)).await;
    }
    let (fetched, written) = (broker.fetched(), count * SIZE);
    assert!(
        fetched >= written && fetched < written * 11 / 10,
        "{fetched} bytes for {written}"
    );
    broker.close().await;
}
