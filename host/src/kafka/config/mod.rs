//! What `[[trigger.kafka]]`, `[application.trigger.kafka]` and the flags of `xray up` say, checked and typed.

mod client;
mod security;
mod table;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use self::{security::Security, table::Table};
use super::{backoff::Backoff, verdict::Patience};
use crate::app::variables::Variables;

/// The keys that a trigger has. All but those of [`OWN`] may stand in `[application.trigger.kafka]` too.
pub const KEYS: [&str; 30] = [
    "component",
    "topic",
    "topics",
    "brokers",
    "group",
    "start",
    "in_flight",
    "timeout_ms",
    "retry_first_ms",
    "retry_longest_ms",
    "retry_failures",
    "retry_crashes",
    "dead_letter_topic",
    "drain_ms",
    "commit_ms",
    "fetch_wait_ms",
    "protocol",
    "member",
    "session_timeout_ms",
    "rack",
    "tls",
    "ca",
    "certificate",
    "private_key",
    "private_key_password",
    "sasl_mechanism",
    "username",
    "password",
    "id",
    "executor",
];

/// The keys that make no sense for all triggers together.
pub const OWN: [&str; 5] = ["component", "topic", "topics", "id", "executor"];

/// Where a group without a committed offset starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the oldest record that is there.
    Earliest,
    /// With the next one to come.
    Latest,
}

/// How the members of a group agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Among themselves, every broker can do it.
    Classic,
    /// The broker decides (KIP-848): Kafka 4.0 and later.
    Consumer,
}

/// One trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Id of the component that gets the records.
    pub component: String,
    /// Addresses, joined by commas.
    pub brokers: String,
    /// Topics to read; never empty.
    pub topics: Vec<String>,
    /// The consumer group.
    pub group: String,
    /// Where a new group starts.
    pub start: Start,
    /// Deliveries at a time; `None` is as many as the host runs requests.
    pub in_flight: Option<usize>,
    /// How long one delivery may take; `None` leaves it to the host's own limits.
    pub timeout: Option<Duration>,
    /// Pauses between deliveries of one record.
    pub backoff: Backoff,
    /// When a record is given up.
    pub patience: Patience,
    /// Where it goes then.
    pub dead_letter_topic: String,
    /// How long a rebalance or the end waits for what is running.
    pub drain: Duration,
    /// Time between commits.
    pub commit: Duration,
    /// How long a broker may wait for records before it answers that there are none.
    pub fetch_wait: Duration,
    /// How the group agrees.
    pub protocol: Protocol,
    /// The name of a static member, which keeps its partitions over a restart.
    pub member: Option<String>,
    /// Silence after which a member is taken for dead. The broker's to say under [`Protocol::Consumer`].
    pub session_timeout: Duration,
    /// Where this client stands, so that it may read from replicas nearby.
    pub rack: Option<String>,
    /// TLS and SASL.
    pub security: Security,
}

impl Config {
    /// Reads a trigger's table, which holds the common keys too.
    ///
    /// # Errors
    /// When a key is unknown, missing or of the wrong kind, or a template names a variable that is not declared.
    pub fn read(table: &Map<String, Value>, variables: &Variables) -> Result<Self> {
        let mut expanded = Map::new();
        for (key, value) in table {
            let value = expand(value, variables).with_context(|| format!("`{key}`"))?;
            expanded.insert(key.clone(), value);
        }
        let mut table = Table::new(expanded);
        let mut topics = table.texts("topic")?;
        topics.extend(table.texts("topics")?);
        let Some(first) = topics.first() else {
            bail!("`topic` is missing");
        };
        let dead_letters = format!("{first}-dead-letters");
        let dead_letter_topic = table.text("dead_letter_topic")?.unwrap_or(dead_letters);
        if topics.contains(&dead_letter_topic) {
            bail!(
                "`dead_letter_topic` is one of the topics, so that its records would go round for ever"
            );
        }
        let in_flight = table.number("in_flight", 0, 0)?;
        let timeout = table.millis("timeout_ms", 0, 0)?;
        let start = [("earliest", Start::Earliest), ("latest", Start::Latest)];
        let protocol = [
            ("classic", Protocol::Classic),
            ("consumer", Protocol::Consumer),
        ];
        let config = Self {
            component: table.required("component")?,
            brokers: table.required("brokers")?,
            group: table.text("group")?.unwrap_or_else(|| "xray".into()),
            start: table.word("start", &start)?,
            in_flight: (in_flight > 0).then_some(in_flight as usize),
            timeout: Some(timeout).filter(|timeout| !timeout.is_zero()),
            backoff: Backoff {
                first: table.millis("retry_first_ms", 200, 1)?,
                longest: table.millis("retry_longest_ms", 30_000, 1)?,
            },
            patience: Patience {
                failures: table.number("retry_failures", 0, 0)?,
                crashes: table.number("retry_crashes", 10, 0)?,
            },
            dead_letter_topic,
            drain: table.millis("drain_ms", 30_000, 0)?,
            commit: table.millis("commit_ms", 200, 10)?,
            fetch_wait: table.millis("fetch_wait_ms", 500, 1)?,
            protocol: table.word("protocol", &protocol)?,
            member: table.text("member")?,
            session_timeout: table.millis("session_timeout_ms", 45_000, 1000)?,
            rack: table.text("rack")?,
            security: Security::read(&mut table)?,
            topics,
        };
        // Spin's locked applications have these; neither changes anything here.
        table.text("id")?;
        table.text("executor")?;
        table.end()?;
        Ok(config)
    }
}

fn expand(value: &Value, variables: &Variables) -> Result<Value> {
    Ok(match value {
        Value::String(text) => Value::String(variables.expand(text)?),
        Value::Array(list) => {
            let list: Result<_> = list.iter().map(|entry| expand(entry, variables)).collect();
            Value::Array(list?)
        }
        other => other.clone(),
    })
}

/// The common keys with a trigger's own over them.
///
/// # Errors
/// When a key is unknown, or stands where it makes no sense.
pub fn merge(common: &Map<String, Value>, own: &Map<String, Value>) -> Result<Map<String, Value>> {
    let expected = || KEYS.join(", ");
    if let Some(key) = common.keys().find(|key| OWN.contains(&key.as_str())) {
        bail!("`{key}` belongs into a [[trigger.kafka]], not into application.trigger.kafka");
    }
    let mut all = common.keys().chain(own.keys());
    if let Some(key) = all.find(|key| !KEYS.contains(&key.as_str())) {
        bail!("unknown key `{key}`, expected one of {}", expected());
    }
    let mut merged = common.clone();
    merged.extend(own.clone());
    Ok(merged)
}

#[cfg(test)]
mod tests;
