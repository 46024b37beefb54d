//! The trigger over librdkafka and its in-process broker, which speaks the protocol.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use kafka_trigger::{
    Added, Backoff, DeadLetterHeaders, Handler, Options, Record, Response, Trigger,
    rdkafka::{RdKafkaBroker, Settings},
};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    mocking::MockCluster,
    producer::{DefaultProducerContext, FutureProducer, FutureRecord},
};

const PARTITIONS: i32 = 4;
const KEYS: usize = 10;
const COUNT: usize = 200;

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster() -> (Cluster, Settings) {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("t", PARTITIONS, 1).unwrap();
    cluster.create_topic("t-dead", 1, 1).unwrap();
    let brokers = cluster.bootstrap_servers();
    let settings = Settings {
        session_timeout: Duration::from_secs(6),
        fetch_wait: Duration::from_millis(20),
        ..Settings::new(brokers, "g", vec!["t".into()], "t-dead")
    };
    (cluster, settings)
}

/// Writes records with ten keys. The value is the number of the record.
async fn produce(settings: &Settings, count: usize) {
    let producer: FutureProducer = settings.producer().create().unwrap();
    for number in 0..count {
        let (key, value) = (format!("k{}", number % KEYS), number.to_string());
        let record = FutureRecord::to("t").key(&key).payload(&value);
        let sent = producer.send(record, Duration::from_secs(10)).await;
        sent.unwrap();
    }
}

/// Rejects record 17, and fails every ninth delivery.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    deliveries: usize,
    finished: usize,
    /// Settled records by key, in order.
    settled: BTreeMap<String, Vec<usize>>,
}

impl Handler for Shelf {
    type State = u32;

    async fn handle(&self, record: &Record, deliveries: &mut u32) -> Response {
        *deliveries += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
        let mut state = self.0.lock().unwrap();
        state.deliveries += 1;
        Response::from_status(match number(record) {
            17 => 422,
            _ if state.deliveries.is_multiple_of(9) => 503,
            _ => 200,
        })
    }

    fn dead_letter_headers(&self, _: &Record, deliveries: &u32) -> Vec<Added> {
        vec![("deliveries", deliveries.to_string())]
    }

    fn finished(&self, _: &Record, _: &mut u32) {
        self.0.lock().unwrap().finished += 1;
    }

    fn settled(&self, record: &Record, deliveries: &mut u32, _: &Response, attempts: u32) {
        assert_eq!(*deliveries, attempts);
        let key = String::from_utf8(record.key.clone().unwrap().to_vec()).unwrap();
        let mut state = self.0.lock().unwrap();
        state.settled.entry(key).or_default().push(number(record));
    }
}

impl Shelf {
    fn count(&self) -> usize {
        self.0.lock().unwrap().settled.values().map(Vec::len).sum()
    }
}

fn number(record: &Record) -> usize {
    let value = record.value.as_deref().unwrap();
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

async fn start(settings: &Settings, shelf: &Shelf) -> Trigger {
    let broker = RdKafkaBroker::connect(settings).await.unwrap();
    Trigger::builder(broker, shelf.clone())
        .options(Options {
            backoff: Backoff {
                initial: Duration::from_millis(10),
                max: Duration::from_millis(50),
            },
            commit_interval: Duration::from_millis(50),
            ..Options::default()
        })
        .start()
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Returns the number of committed records.
fn committed(settings: &Settings) -> i64 {
    let consumer: BaseConsumer = settings.consumer().create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_range("t", 0, PARTITIONS - 1);
    let committed = consumer.committed_offsets(list, Duration::from_secs(10));
    let committed = committed.unwrap();
    let elements = committed.elements();
    let offsets = elements
        .iter()
        .filter_map(|element| element.offset().to_raw());
    offsets.map(|offset| offset.max(0)).sum()
}

fn dead_letters(settings: &Settings) -> Vec<Record> {
    let consumer: BaseConsumer = settings.consumer().create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("t-dead", 0, Offset::Beginning)
        .unwrap();
    consumer.assign(&list).unwrap();
    let mut letters = Vec::new();
    let started = Instant::now();
    while letters.is_empty() && started.elapsed() < Duration::from_secs(20) {
        while let Some(Ok(message)) = consumer.poll(Duration::from_millis(500)) {
            letters.push(Record::copy(&message, None));
        }
    }
    letters
}

#[tokio::test(flavor = "multi_thread")]
async fn records_arrive_in_order_and_are_committed() {
    let (_cluster, settings) = cluster();
    let shelf = Shelf::default();
    produce(&settings, COUNT).await;
    let trigger = start(&settings, &shelf).await;
    until("all are settled", || shelf.count() == COUNT).await;
    trigger.stop().await.unwrap();
    assert_eq!(shelf.0.lock().unwrap().finished, COUNT);

    for (key, numbers) in &shelf.0.lock().unwrap().settled {
        assert!(numbers.is_sorted(), "{key}: {numbers:?}");
    }
    tokio::task::spawn_blocking(move || {
        assert_eq!(committed(&settings), COUNT as i64);
        let letters = dead_letters(&settings);
        assert_eq!(letters.len(), 1);
        let headers = DeadLetterHeaders::new("dead-letter-");
        let header = |name| headers.get(&letters[0], name).unwrap().into_owned();
        assert_eq!(number(&letters[0]), 17);
        assert_eq!(header("deliveries"), header("attempts"));
        assert_eq!(
            (header("reason"), header("status")),
            ("refused".into(), "422".into())
        );
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_move_between_members_and_nothing_is_lost() {
    let (_cluster, settings) = cluster();
    let (one, two) = (Shelf::default(), Shelf::default());
    let first = start(&settings, &one).await;
    produce(&settings, COUNT).await;
    until("the first member works", || one.count() > 10).await;
    let second = start(&settings, &two).await;
    produce(&settings, COUNT).await;
    until("all are settled", || one.count() + two.count() >= 2 * COUNT).await;
    first.stop().await.unwrap();
    produce(&settings, COUNT).await;
    // Records that are delivered again at a rebalance count twice in the shelves, but not here.
    let all = || tokio::task::block_in_place(|| committed(&settings));
    until("everything is committed", || all() == 3 * COUNT as i64).await;
    second.stop().await.unwrap();
    assert_eq!(all(), 3 * COUNT as i64);
    assert!(one.count() + two.count() >= 3 * COUNT);
}

#[tokio::test(flavor = "multi_thread")]
async fn trigger_stops_while_its_broker_is_unreachable() {
    let mut settings = Settings::new("127.0.0.1:1", "g", vec!["t".into()], "t-dead");
    settings.client_id = "nobody".into();
    let trigger = start(&settings, &Shelf::default()).await;
    let stopped = tokio::time::timeout(Duration::from_secs(30), trigger.stop()).await;
    stopped.expect("stops in time").unwrap();
}
