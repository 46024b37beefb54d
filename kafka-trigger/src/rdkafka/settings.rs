//! Settings of a member, and the properties of librdkafka that follow from them.

use std::{borrow::Cow, time::Duration};

use rdkafka::{ClientConfig, config::RDKafkaLogLevel};

use super::Security;

/// Largest record that is read or written, in bytes.
pub(super) const MAX_MESSAGE_BYTES: &str = "67108864";

/// Settings of a member of a consumer group and of its dead-letter topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Addresses of brokers, separated by commas.
    pub brokers: String,
    /// Name of this client in the brokers' logs.
    pub client_id: String,
    /// TLS and SASL.
    pub security: Security,
    /// Rack of this client, so that it may read from replicas nearby.
    pub rack: Option<String>,
    /// Topics to read.
    pub topics: Vec<String>,
    /// Consumer group.
    pub group: String,
    /// Position at which a new group starts.
    pub start: StartOffset,
    /// Protocol of the group.
    pub protocol: GroupProtocol,
    /// Name of a static member, which keeps its partitions across a restart.
    pub member: Option<String>,
    /// Silence after which a member is considered dead. Under [`GroupProtocol::Consumer`] the
    /// broker decides this.
    pub session_timeout: Duration,
    /// Longest time for which a broker delays the response to a fetch without records.
    pub fetch_wait: Duration,
    /// Topic of dead letters. It is created when the first one is written.
    pub dead_letter_topic: String,
    /// Prefix of the headers that are added to dead letters.
    pub dead_letter_prefix: Cow<'static, str>,
    /// Topic of this group alone on which records wait for their next delivery, so that their
    /// offsets can be committed and their attempts survive. For a single source topic. It is
    /// created with as many partitions as that has.
    pub retry_topic: Option<String>,
}

/// Position at which a group without committed offsets starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartOffset {
    /// The oldest record that is kept.
    Earliest,
    /// The next record to be written.
    Latest,
}

/// Protocol by which the members of a group share partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupProtocol {
    /// The members decide. Every broker supports it.
    Classic,
    /// The broker decides (KIP-848): Kafka 4.0 and later.
    Consumer,
}

impl Settings {
    /// Returns settings with defaults for everything that is not given.
    pub fn new(
        brokers: impl Into<String>,
        group: impl Into<String>,
        topics: Vec<String>,
        dead_letter_topic: impl Into<String>,
    ) -> Self {
        Self {
            brokers: brokers.into(),
            client_id: "kafka-trigger".to_owned(),
            security: Security::default(),
            rack: None,
            topics,
            group: group.into(),
            start: StartOffset::Earliest,
            protocol: GroupProtocol::Classic,
            member: None,
            session_timeout: Duration::from_secs(45),
            fetch_wait: Duration::from_millis(500),
            dead_letter_topic: dead_letter_topic.into(),
            dead_letter_prefix: "dead-letter-".into(),
            retry_topic: None,
        }
    }

    /// Returns the properties that consumers, producers and administrative clients share.
    pub fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.brokers);
        client.set("client.id", &self.client_id);
        // Log lines below this level are discarded; errors arrive by a callback, but connections
        // that a broker closes do not.
        client.set_log_level(RDKafkaLogLevel::Info);
        // A request to a broker that is gone must not wait for the default of a minute.
        client.set("socket.timeout.ms", "10000");
        client.set("socket.connection.setup.timeout.ms", "5000");
        client.set("reconnect.backoff.ms", "100");
        client.set("reconnect.backoff.max.ms", "2000");
        if let Some(rack) = &self.rack {
            client.set("client.rack", rack);
        }
        self.security.apply(&mut client);
        client
    }

    /// Returns the properties of the consumer.
    pub fn consumer(&self) -> ClientConfig {
        let mut client = self.client();
        client.set("group.id", &self.group);
        client.set("enable.auto.commit", "false");
        client.set("enable.auto.offset.store", "false");
        // Tells whether statistics are about what is read now.
        client.set("enable.partition.eof", "true");
        client.set(
            "auto.offset.reset",
            match self.start {
                StartOffset::Earliest => "earliest",
                StartOffset::Latest => "latest",
            },
        );
        client.set("allow.auto.create.topics", "false");
        // Time within which a topic that is created later is found.
        client.set("topic.metadata.refresh.interval.ms", "5000");
        client.set("statistics.interval.ms", "1000");
        client.set("fetch.wait.max.ms", self.fetch_wait.as_millis().to_string());
        // For each partition, since each has its own queue: what it holds before the client stops
        // fetching, and what one fetch may add, unless a single batch is larger.
        client.set("queued.max.messages.kbytes", "256");
        client.set("queued.min.messages", "1000");
        client.set("fetch.message.max.bytes", "262144");
        // Time after which a full queue is looked at again; the default is a second.
        client.set("fetch.queue.backoff.ms", "50");
        if let Some(member) = &self.member {
            client.set("group.instance.id", member);
        }
        match self.protocol {
            GroupProtocol::Classic => {
                let session = self.session_timeout.as_millis();
                let heartbeat = (session / 10).max(100);
                client.set("partition.assignment.strategy", "cooperative-sticky");
                client.set("session.timeout.ms", session.to_string());
                client.set("heartbeat.interval.ms", heartbeat.to_string());
            }
            GroupProtocol::Consumer => _ = client.set("group.protocol", "consumer"),
        }
        client
    }

    /// Returns the properties of a consumer beside the member: without its name, and under the
    /// classic protocol.
    pub fn nameless_consumer(&self) -> ClientConfig {
        let mut client = self.consumer();
        client.remove("group.instance.id");
        client.remove("group.protocol");
        client
    }

    /// Returns the properties of the producer of dead letters.
    pub fn producer(&self) -> ClientConfig {
        let mut client = self.client();
        client.set("acks", "all");
        client.set("enable.idempotence", "true");
        client.set("linger.ms", "0");
        client.set("message.max.bytes", MAX_MESSAGE_BYTES);
        client.set("message.timeout.ms", "10000");
        client
    }
}
