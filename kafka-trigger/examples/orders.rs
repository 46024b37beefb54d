//! Delivers 60 orders of six customers from a broker inside of this process, with a handler that
//! fails now and then.
//!
//! ```sh
//! cargo run --release -p kafka-trigger --example orders
//! ```

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use kafka_trigger::{
    Backoff, Handler, Options, Record, Response, Trigger,
    rdkafka::{RdKafkaBroker, Settings},
};
use rdkafka::{
    mocking::MockCluster,
    producer::{FutureProducer, FutureRecord},
};

/// Counts orders. Every seventh delivery fails, and order 13 is never accepted.
#[derive(Clone, Default)]
struct Shop {
    deliveries: Arc<AtomicUsize>,
    settled: Arc<AtomicUsize>,
}

impl Handler for Shop {
    type State = ();

    async fn handle(&self, record: &Record, _: &mut ()) -> Response {
        let delivery = self.deliveries.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(10)).await;
        if record.value.as_deref() == Some(b"order 13") {
            Response::from_status(422)
        } else if delivery % 7 == 6 {
            Response::from_status(503)
        } else {
            Response::from_status(200)
        }
    }

    fn settled(&self, record: &Record, _: &mut (), response: &Response, attempts: u32) {
        println!(
            "{record:?}: {} after {attempts} deliveries",
            response.status
        );
        self.settled.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let cluster = MockCluster::new(1)?;
    cluster.create_topic("orders", 4, 1)?;
    cluster.create_topic("orders-dead-letters", 1, 1)?;
    let brokers = cluster.bootstrap_servers();

    let settings = Settings::new(
        brokers,
        "shop",
        vec!["orders".into()],
        "orders-dead-letters",
    );
    let producer: FutureProducer = settings.producer().create()?;
    for number in 0..60 {
        let (key, value) = (
            format!("customer {}", number % 6),
            format!("order {number}"),
        );
        let record = FutureRecord::to("orders").key(&key).payload(&value);
        let sent = producer.send(record, Duration::from_secs(5)).await;
        sent.map_err(|(error, _)| error)?;
    }

    let shop = Shop::default();
    let broker = RdKafkaBroker::connect(&settings).await?;
    let trigger = Trigger::builder(broker, shop.clone())
        .options(Options {
            group: settings.group.clone(),
            backoff: Backoff {
                initial: Duration::from_millis(50),
                max: Duration::from_secs(1),
            },
            ..Options::default()
        })
        .start();
    while shop.settled.load(Ordering::Relaxed) < 60 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    trigger.stop().await?;
    println!(
        "60 orders in {} deliveries; order 13 is in orders-dead-letters",
        shop.deliveries.load(Ordering::Relaxed)
    );
    Ok(())
}
