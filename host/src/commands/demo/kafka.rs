//! Kafka in the demo: the store's notifications become records of a topic, and the trigger reads
//! them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use fake_gateway::notify::{Delivery, Notice, Topic};
use http::StatusCode;
use kafka_trigger::{Metrics, Record, Response, Trigger};
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    mocking::MockCluster,
    producer::{DefaultProducerContext, FutureProducer, FutureRecord},
};
use tokio::sync::{Semaphore, mpsc};

use super::DemoArgs;
use crate::{
    app::{manifest::Manifest, variables::Variables},
    commands::shared::kafka_args::{KafkaArgs, configs},
    kafka::{self, Observer, config::Config},
    serve::runtime::Runtime,
};

/// Partitions of the topic; the embedded broker keeps 5 MB of each.
const PARTITIONS: i32 = 16;
/// Maximum number of undelivered records, so that the embedded broker never drops one.
const UNDER_WAY: usize = 10_000;
/// Bounds the retries, so that the demo ends.
const GIVE_UP: &str = "retry_failures=8";
const PATIENCE: Duration = Duration::from_secs(30);

/// Broker and topic of this run.
pub(super) struct Broker {
    args: KafkaArgs,
    topic: String,
    /// librdkafka's mock cluster: a broker inside this process that speaks the protocol and stores
    /// nothing on disk.
    embedded: Option<MockCluster<'static, DefaultProducerContext>>,
}

impl Broker {
    /// Starts the embedded broker, or uses the requested one.
    ///
    /// # Errors
    /// Returns an error if it does not start.
    pub(super) fn open(args: &DemoArgs) -> Result<Self> {
        let (embedded, address, topic) = match &args.kafka {
            Some(address) => {
                let run = s3::fresh_key();
                let topic = format!("xray-demo-{}", run.get(..8).unwrap_or(&run));
                (None, address.clone(), topic)
            }
            None => {
                let cluster = MockCluster::new(1).context("the embedded broker")?;
                let topic = "storage".to_owned();
                let made = cluster.create_topic(&topic, PARTITIONS, 1);
                made.context("the embedded broker")?;
                let address = cluster.bootstrap_servers();
                (Some(cluster), address, topic)
            }
        };
        let args = KafkaArgs {
            kafka: Some(address),
            topic: vec![topic.clone()],
            group: Some(topic.clone()),
            kafka_option: [GIVE_UP.to_owned()]
                .into_iter()
                .chain(args.kafka_option.clone())
                .collect(),
            ..KafkaArgs::default()
        };
        Ok(Self {
            args,
            topic,
            embedded,
        })
    }

    /// Builds the trigger for the topic, replacing those of the manifest.
    ///
    /// # Errors
    /// Returns an error if an option makes no sense.
    pub(super) fn trigger(&self, manifest: &mut Manifest, variables: &Variables) -> Result<Config> {
        manifest.kafka.clear();
        self.args.apply(manifest)?;
        let mut configs = configs(manifest, variables)?;
        configs.pop().context("there is no trigger")
    }

    fn admin(&self, config: &Config) -> Result<AdminClient<DefaultClientContext>> {
        let admin = config.broker.client().create();
        admin.context("the Kafka client")
    }

    /// Creates the topics on an external broker.
    async fn make_topics(&self, config: &Config) -> Result<()> {
        if self.embedded.is_some() {
            return Ok(());
        }
        let names = self.topics(config);
        // The broker knows best how many replicas it keeps.
        let topics = names.map(|name| NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(-1)));
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let made = self.admin(config)?.create_topics(&topics, &options).await;
        for result in made.with_context(|| format!("making the topic {}", self.topic))? {
            if let Err((topic, error)) = result {
                bail!("making the topic {topic}: {error}");
            }
        }
        Ok(())
    }

    async fn delete_topics(&self, config: &Config) -> Result<()> {
        if self.embedded.is_some() {
            return Ok(());
        }
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let admin = self.admin(config)?;
        let deleted = admin.delete_topics(&self.topics(config), &options).await;
        deleted.with_context(|| format!("deleting the topic {}", self.topic))?;
        Ok(())
    }

    fn topics<'a>(&'a self, config: &'a Config) -> [&'a str; 2] {
        [&self.topic, &config.broker.dead_letter_topic]
    }
}

/// Pending notifications by their text; each one names its own request.
type UnderWay = Arc<Mutex<HashMap<Bytes, Notice>>>;

/// Path from the store through the broker to the function.
pub(super) struct Queue {
    broker: Broker,
    config: Config,
    trigger: Trigger,
}

impl Queue {
    /// Starts the producer and the trigger; the result of each delivery goes to `ended`.
    ///
    /// # Errors
    /// Returns an error if the broker rejects us, or the topic can't be created.
    pub(super) async fn start(
        broker: Broker,
        runtime: Runtime,
        config: Config,
        ended: mpsc::UnboundedSender<Delivery>,
    ) -> Result<(Self, Topic)> {
        broker.make_topics(&config).await?;
        let under_way = UnderWay::default();
        let places = Arc::new(Semaphore::new(UNDER_WAY));
        let observer = {
            let (under_way, places, ended) = (under_way.clone(), places.clone(), ended.clone());
            move |record: &Record, response: &Response, attempts: u32| {
                let text = record.value.clone().unwrap_or_default();
                // A repeated notification has been shown already, and one of somebody else is not
                // ours to show.
                if let Some(notice) = take(&under_way, &text) {
                    places.add_permits(1);
                    let mut answer = http::Response::new(response.body.clone());
                    *answer.status_mut() =
                        StatusCode::from_u16(response.status).unwrap_or_default();
                    drop(ended.send(notice.ended(attempts, Ok(answer))));
                }
            }
        };
        let metrics = Arc::new(Metrics::default());
        runtime
            .metrics()
            .register(|registry| metrics.register(registry));
        let observer: Observer = Arc::new(observer);
        let trigger = kafka::start(runtime, config.clone(), metrics, Some(observer)).await?;
        let mut producer = config.broker.client();
        producer
            .set("enable.idempotence", "true")
            .set("linger.ms", "0");
        let producer: FutureProducer = producer.create().context("the Kafka client")?;
        let (queue, notices) = mpsc::unbounded_channel();
        let publish = publish(
            producer,
            broker.topic.clone(),
            notices,
            under_way,
            places,
            ended,
        );
        tokio::spawn(publish);
        let kind = if broker.embedded.is_some() {
            "embedded, "
        } else {
            ""
        };
        eprintln!(
            "Kafka: topic {} at {} ({kind}{PARTITIONS} partitions)",
            broker.topic, config.broker.brokers
        );
        let queue_of_store = Topic::queue(queue);
        Ok((
            Self {
                broker,
                config,
                trigger,
            },
            queue_of_store,
        ))
    }

    /// Leaves the group, and deletes the topics created on an external broker.
    ///
    /// # Errors
    /// Returns an error if that fails.
    pub(super) async fn end(self) -> Result<()> {
        self.trigger.stop().await?;
        self.broker.delete_topics(&self.config).await
    }
}

fn take(under_way: &UnderWay, text: &Bytes) -> Option<Notice> {
    let mut under_way = under_way.lock().unwrap_or_else(PoisonError::into_inner);
    under_way.remove(text)
}

/// Publishes the store's notifications in their order, without a key, as the gateway does.
async fn publish(
    producer: FutureProducer,
    topic: String,
    mut notices: mpsc::UnboundedReceiver<Notice>,
    under_way: UnderWay,
    places: Arc<Semaphore>,
    ended: mpsc::UnboundedSender<Delivery>,
) {
    while let Some(notice) = notices.recv().await {
        // The semaphore is never closed.
        if let Ok(place) = places.acquire().await {
            place.forget();
        }
        let text = notice.body.clone();
        {
            let mut under_way = under_way.lock().unwrap_or_else(PoisonError::into_inner);
            under_way.insert(text.clone(), notice);
        }
        let record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(&topic).payload(&text);
        let written = producer.send_result(record).map_err(|(error, _)| error);
        let (under_way, places, ended) = (under_way.clone(), places.clone(), ended.clone());
        tokio::spawn(async move {
            let result = match written {
                Err(error) => Err(error.into()),
                Ok(written) => match written.await {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err((error, _))) => Err(error.into()),
                    Err(gone) => Err(anyhow::Error::from(gone)),
                },
            };
            if let Err(error) = result
                && let Some(notice) = take(&under_way, &text)
            {
                places.add_permits(1);
                drop(ended.send(notice.ended(1, Err(error.context("writing to Kafka")))));
            }
        });
    }
}
