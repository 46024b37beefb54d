//! The properties of the Kafka client, librdkafka.

use rdkafka::{ClientConfig, config::RDKafkaLogLevel};

use super::{Config, Protocol, Start};

/// The largest record that we send on, in bytes.
const LARGEST: &str = "67108864";

impl Config {
    /// What consumer, producer and administration have in common.
    pub fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.brokers);
        client.set("client.id", "xray");
        // Lines go to nobody below this level, and errors come by a callback.
        client.set_log_level(RDKafkaLogLevel::Error);
        // What waits for a broker that is gone must not wait for a minute.
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

    /// The consumer's properties.
    pub fn consumer(&self) -> ClientConfig {
        let mut client = self.client();
        let set = |client: &mut ClientConfig, name: &str, millis: u128| {
            client.set(name, millis.to_string());
        };
        client.set("group.id", &self.group);
        client.set("enable.auto.commit", "false");
        client.set("enable.auto.offset.store", "false");
        client.set(
            "auto.offset.reset",
            match self.start {
                Start::Earliest => "earliest",
                Start::Latest => "latest",
            },
        );
        client.set("allow.auto.create.topics", "false");
        // So soon a topic is found that is made later.
        client.set("topic.metadata.refresh.interval.ms", "5000");
        client.set("statistics.interval.ms", "1000");
        set(
            &mut client,
            "fetch.wait.max.ms",
            self.fetch_wait.as_millis(),
        );
        // A paused partition throws away what was fetched ahead, and 64 MB of that would be a waste.
        client.set("queued.max.messages.kbytes", "16384");
        client.set("queued.min.messages", "1000");
        if let Some(member) = &self.member {
            client.set("group.instance.id", member);
        }
        match self.protocol {
            Protocol::Classic => {
                client.set("partition.assignment.strategy", "cooperative-sticky");
                let session = self.session_timeout.as_millis();
                set(&mut client, "session.timeout.ms", session);
                set(
                    &mut client,
                    "heartbeat.interval.ms",
                    (session / 10).max(100),
                );
            }
            Protocol::Consumer => _ = client.set("group.protocol", "consumer"),
        }
        client
    }

    /// The properties of the producer of dead letters.
    pub fn producer(&self) -> ClientConfig {
        let mut client = self.client();
        client.set("acks", "all");
        client.set("enable.idempotence", "true");
        client.set("linger.ms", "0");
        client.set("message.max.bytes", LARGEST);
        client.set("message.timeout.ms", "10000");
        client
    }
}
