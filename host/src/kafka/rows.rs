//! Rows of the live view on a Kafka topic, so that the page of any host shows the events of all. A
//! row is what the page shows of a report; no key of an object is in it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kafka_trigger::rdkafka::{Settings, TokenContext};
use prometheus_client::{metrics::counter::Counter, registry::Registry};
use rand::Rng;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    client::{ClientContext, OAuthToken},
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer},
};
use serde::{Deserialize, Serialize};
use xray::report::Report;

use crate::serve::logs::{Listener, report_listener};

/// Version of the rows; others are not read.
const VERSION: u32 = 1;
/// Rows that wait for a broker; further ones are dropped.
const WAITING: &str = "10000";
/// Bytes of the largest row that is read.
const LARGEST: usize = 64 << 10;
/// Time limit of a request for the topic's partitions, and the time until the next one.
const METADATA: Duration = Duration::from_secs(5);
const REFRESH: Duration = Duration::from_secs(30);
const REFRESH_WITHOUT: Duration = Duration::from_secs(2);

/// A row as it is on the topic.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    v: u32,
    /// Random, so that a host knows its own.
    process: String,
    /// Name of the host's machine or pod.
    pub host: String,
    /// The report, without what the list does not show.
    pub report: Report,
}

/// Counters of the rows that this host sends.
#[derive(Debug, Default, Clone)]
pub struct Sent {
    published: Counter,
    dropped: Counter,
}

impl Sent {
    /// Adds the metrics to a registry.
    pub fn register(&self, all: &mut Registry) {
        all.register(
            "rows_published",
            "Rows of the live view that the report topic has taken",
            self.published.clone(),
        );
        all.register(
            "rows_dropped",
            "Rows of the live view that the report topic did not take in time",
            self.dropped.clone(),
        );
    }
}

/// The topic, and the name of this process on it.
#[derive(Debug, Clone)]
pub struct RowTopic {
    settings: Settings,
    name: String,
    process: String,
    host: String,
}

impl RowTopic {
    /// Names a topic at the brokers of these settings.
    pub fn new(settings: &Settings, name: &str) -> Self {
        let mut process = [0; 8];
        rand::rng().fill(&mut process);
        Self {
            settings: settings.clone(),
            name: name.to_owned(),
            process: hex::encode(process),
            host: host_name().unwrap_or_else(|| "unknown".to_owned()),
        }
    }

    /// Returns a listener that sends each report. It never waits: a row for which there is no room
    /// is dropped and counted.
    ///
    /// # Errors
    /// When the client can't be made.
    pub fn publisher(&self, sent: &Sent) -> Result<Listener> {
        let mut client = self.settings.client();
        client.set("queue.buffering.max.messages", WAITING);
        client.set("queue.buffering.max.kbytes", "16384");
        client.set("message.timeout.ms", "10000");
        client.set("linger.ms", "5");
        let context = Sending {
            tokens: self.settings.security.context(),
            sent: sent.clone(),
        };
        let producer: ThreadedProducer<Sending> = client
            .create_with_context(context)
            .context("the Kafka client of the report topic")?;
        let (topic, sent) = (self.clone(), sent.clone());
        Ok(report_listener(move |report| {
            let row = Row {
                v: VERSION,
                process: topic.process.clone(),
                host: topic.host.clone(),
                report: shown(report),
            };
            let Ok(text) = serde_json::to_vec(&row) else {
                return;
            };
            let record = BaseRecord::to(&topic.name)
                .key(&topic.process)
                .payload(&text);
            if producer.send(record).is_err() {
                sent.dropped.inc();
            }
        }))
    }

    /// Hands the rows of other processes over, from the topic's present end on, by a thread of its
    /// own that ends with the process.
    ///
    /// # Errors
    /// When the client can't be made.
    pub fn follow(&self, handle: impl Fn(Row) + Send + 'static) -> Result<()> {
        let mut client = self.settings.nameless_consumer();
        // It joins no group: partitions are assigned by hand, and nothing is committed.
        client.set("group.id", format!("xray-page-{}", self.process));
        client.set("enable.partition.eof", "false");
        client.set("statistics.interval.ms", "0");
        let consumer: BaseConsumer<TokenContext> = client
            .create_with_context(self.settings.security.context())
            .context("the Kafka client of the report topic")?;
        let mut reader = Reader {
            consumer,
            topic: self.clone(),
            partitions: Vec::new(),
            is_down: false,
        };
        let run = move || reader.run(&handle);
        let thread = std::thread::Builder::new().name("report topic".to_owned());
        thread.spawn(run).context("a thread for the report topic")?;
        Ok(())
    }

    fn read(&self, payload: &[u8]) -> Option<Row> {
        if payload.len() > LARGEST {
            return None;
        }
        let row: Row = serde_json::from_slice(payload).ok()?;
        let is_others = row.v == VERSION && row.process != self.process;
        // Anybody who may write there could have written it.
        (is_others && is_host(&row.host)).then(|| Row {
            report: shown(row.report),
            ..row
        })
    }
}

/// Leaves out what the list does not show.
fn shown(mut report: Report) -> Report {
    report.bucket = None;
    report.settings = None;
    report.model = None;
    report.trace_id = None;
    report
}

fn host_name() -> Option<String> {
    let mut files = ["/proc/sys/kernel/hostname", "/etc/hostname"].into_iter();
    let name = files.find_map(|file| std::fs::read_to_string(file).ok());
    let name = name.or_else(|| std::env::var("HOSTNAME").ok())?;
    Some(name.trim().to_owned()).filter(|name| is_host(name))
}

fn is_host(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-.".contains(&b);
    !name.is_empty() && name.len() <= 64 && name.bytes().all(is_plain)
}

/// Context of the producer.
struct Sending {
    tokens: TokenContext,
    sent: Sent,
}

impl ClientContext for Sending {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    // A broker that is down is seen by the counter.
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}

    fn generate_oauth_token(
        &self,
        configuration: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.tokens.generate_oauth_token(configuration)
    }
}

impl ProducerContext for Sending {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => self.sent.published.inc(),
            Err(_) => self.sent.dropped.inc(),
        };
    }
}

/// Reads the topic.
struct Reader {
    consumer: BaseConsumer<TokenContext>,
    topic: RowTopic,
    partitions: Vec<i32>,
    is_down: bool,
}

impl Reader {
    fn run(&mut self, handle: &impl Fn(Row)) {
        let mut looked = None::<Instant>;
        loop {
            let pause = match self.partitions.is_empty() {
                true => REFRESH_WITHOUT,
                false => REFRESH,
            };
            if looked.is_none_or(|looked| looked.elapsed() >= pause) {
                self.look();
                looked = Some(Instant::now());
            }
            // Errors pass: the client goes on by itself.
            if let Some(Ok(record)) = self.consumer.poll(Duration::from_millis(500))
                && let Some(row) = record
                    .payload()
                    .and_then(|payload| self.topic.read(payload))
            {
                handle(row);
            }
        }
    }

    /// Finds the partitions.
    fn look(&mut self) {
        // The client asks for its access token when it is polled.
        if self.partitions.is_empty() {
            drop(self.consumer.poll(Duration::ZERO));
        }
        let found = self
            .consumer
            .fetch_metadata(Some(&self.topic.name), METADATA);
        let name = &self.topic.name;
        match (&found, self.is_down) {
            (Err(error), false) => {
                tracing::warn!("the report topic {name}: {error}; the page shows its own events");
            }
            (Ok(_), true) => tracing::info!("the report topic {name} responds again"),
            _ => {}
        }
        self.is_down = found.is_err();
        let Ok(found) = found else {
            return;
        };
        let topic = found.topics().first();
        let mut partitions = topic.map_or_else(Vec::new, |topic| {
            topic.partitions().iter().map(|one| one.id()).collect()
        });
        partitions.sort_unstable();
        if partitions != self.partitions && self.assign(&partitions).is_ok() {
            self.partitions = partitions;
        }
    }

    /// Reads these partitions: those that are new to a known topic from their beginning.
    fn assign(&self, partitions: &[i32]) -> Result<(), KafkaError> {
        let positions = self.consumer.position()?;
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            let known = positions.find_partition(&self.topic.name, *partition);
            let offset = match known.map(|known| known.offset()) {
                Some(offset @ Offset::Offset(_)) => offset,
                Some(_) => Offset::End,
                None if self.partitions.is_empty() => Offset::End,
                None => Offset::Beginning,
            };
            list.add_partition_offset(&self.topic.name, *partition, offset)?;
        }
        self.consumer.assign(&list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::logs::Stream;

    const LINE: &str = r#"{"event":"object","outcome":"done","source":"00ff","bucket":"in","class":"Normal","risk":0.2,
        "settings":"ab","model":{"name":"m","sha256":"cd"},"trace_id":"ef","ms":{"total":9}}"#;

    fn topic() -> RowTopic {
        let settings = Settings::new("127.0.0.1:1", "g", vec![], "d");
        RowTopic::new(&settings, "reports")
    }

    #[test]
    fn row_has_what_the_page_shows_and_no_more() {
        let (one, two) = (topic(), topic());
        let report: Report = serde_json::from_str(LINE).unwrap();
        let row = Row {
            v: VERSION,
            process: one.process.clone(),
            host: "pod-1".to_owned(),
            report: shown(report.clone()),
        };
        let text = serde_json::to_string(&row).unwrap();
        for part in ["bucket", "settings", "model", "trace_id"] {
            assert!(!text.contains(part), "{part}: {text}");
        }
        let read = two.read(text.as_bytes()).unwrap();
        assert_eq!((read.host.as_str(), read.report.risk), ("pod-1", Some(0.2)));
        // Its own, another version, and what somebody else has written.
        assert!(one.read(text.as_bytes()).is_none());
        let large = format!("{text}{}", " ".repeat(LARGEST));
        for bad in [
            text.replace("\"v\":1", "\"v\":2"),
            text.replace("pod-1", "<b>"),
            text.replace("done", "?"),
            large,
            "[]".to_owned(),
        ] {
            assert!(two.read(bad.as_bytes()).is_none(), "{bad:.80}");
        }
        let full = Row { report, ..row };
        let text = serde_json::to_string(&full).unwrap();
        assert_eq!(two.read(text.as_bytes()).unwrap().report.bucket, None);
    }

    #[test]
    fn dead_broker_slows_nobody_and_rows_are_bounded() {
        let sent = Sent::default();
        let listener = topic().publisher(&sent).unwrap();
        let begun = Instant::now();
        let line = LINE.replace('\n', " ");
        for _ in 0..12_000 {
            listener(Stream::Stdout, &line);
        }
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?}");
        // Those that wait are given up later.
        assert!(sent.dropped.get() >= 2_000, "{}", sent.dropped.get());
        assert_eq!(sent.published.get(), 0);
    }
}
