//! The keys of `[[trigger.kafka]]`, of `[application.trigger.kafka]` and of the flags of `xray up`,
//! checked and typed.

mod security;
mod table;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use kafka_trigger::{
    Backoff, Options, RetryLimit,
    rdkafka::{GroupProtocol, Settings, StartOffset},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use self::table::Table;
use super::DEAD_LETTER_PREFIX;
use crate::{app::variables::Variables, serve::runtime};

/// Keys that cannot apply to all triggers.
const OWN_KEYS: [&str; 5] = ["component", "topic", "topics", "id", "executor"];

/// Default of `max_waiting` with a retry topic: a record that waits costs memory only there.
const MAX_WAITING_WITH_RETRY_TOPIC: usize = 100;

/// Settings of one trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Id of the component that receives the records.
    pub component: String,
    /// Concurrent deliveries; as many as the host runs requests by default.
    pub in_flight: Option<usize>,
    /// Settings of the connection and the group.
    pub broker: Settings,
    options: Options,
}

impl Config {
    /// Reads a trigger's table, which contains the common keys too.
    ///
    /// # Errors
    /// When a key is unknown, missing or of the wrong kind, or a template names a variable that is
    /// not declared.
    pub fn read(table: &Map<String, Value>, variables: &Variables) -> Result<Self> {
        let mut expanded = Map::new();
        for (key, value) in table {
            let value = expand(value, variables).with_context(|| format!("`{key}`"))?;
            expanded.insert(key.clone(), value);
        }
        let table: Table = serde_path_to_error::deserialize(Value::Object(expanded))?;
        let security = security::read(&table)?;
        let mut topics = table.topic.0;
        topics.extend(table.topics.0);
        let first = topics.first().context("`topic` is missing")?;
        let dead_letter_topic = table
            .dead_letter_topic
            .0
            .unwrap_or_else(|| format!("{first}-dead-letters"));
        if topics.contains(&dead_letter_topic) {
            bail!(
                "`dead_letter_topic` is one of the topics, so its records would circulate for \
                 ever; name another topic"
            );
        }
        let retry_topic = table.retry_topic.0;
        if let Some(own) = &retry_topic {
            if topics.len() > 1 {
                bail!(
                    "`retry_topic` serves one topic; give each topic a [[trigger.kafka]] and a \
                     retry topic of its own"
                );
            }
            if topics.contains(own) || dead_letter_topic == *own {
                bail!("`retry_topic` must be a topic of its own; name another one");
            }
        }
        let group = table.group.0.unwrap_or_else(|| "xray".into());
        let millis = Duration::from_millis;
        let defaults = Options::default();
        let options = Options {
            group: group.clone(),
            timeout: table.timeout_ms.positive().map(millis),
            backoff: Backoff {
                initial: millis(table.retry_first_ms.or(200)),
                max: millis(table.retry_longest_ms.or(30_000)),
            },
            retry_limit: RetryLimit {
                failures: table.retry_failures.or(0),
                crashes: table.retry_crashes.or(10),
            },
            drain: millis(table.drain_ms.or(30_000)),
            commit_interval: millis(table.commit_ms.or(200)),
            max_waiting: table.max_waiting.get().unwrap_or(match retry_topic {
                Some(_) => MAX_WAITING_WITH_RETRY_TOPIC,
                None => defaults.max_waiting,
            }),
            max_ahead: table.max_ahead.get().unwrap_or(defaults.max_ahead),
            ..defaults
        };
        let broker = Settings {
            brokers: table.brokers.0.context("`brokers` is missing")?,
            client_id: "xray".into(),
            security,
            rack: table.rack.0,
            topics,
            group,
            start: table.start.0.unwrap_or(StartOffset::Earliest),
            protocol: table.protocol.0.unwrap_or(GroupProtocol::Classic),
            member: table.member.0,
            session_timeout: millis(table.session_timeout_ms.or(45_000)),
            fetch_wait: millis(table.fetch_wait_ms.or(500)),
            dead_letter_topic,
            dead_letter_prefix: DEAD_LETTER_PREFIX.into(),
            retry_topic,
        };
        Ok(Self {
            component: table.component.0.context("`component` is missing")?,
            in_flight: table.in_flight.positive(),
            broker,
            options,
        })
    }

    /// Returns the trigger's options in a host with these options.
    pub fn options(&self, host: &runtime::Options) -> Options {
        Options {
            in_flight: self.in_flight.unwrap_or(host.max_concurrency),
            max_value_bytes: Some(host.max_body),
            ..self.options.clone()
        }
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

/// Merges a trigger's own keys over the common ones, and checks the keys. The values may contain
/// templates and are not checked.
///
/// # Errors
/// When a key is unknown, or cannot apply to all triggers.
pub fn merge(common: &Map<String, Value>, own: &Map<String, Value>) -> Result<Map<String, Value>> {
    if let Some(key) = common.keys().find(|key| OWN_KEYS.contains(&key.as_str())) {
        bail!("`{key}` belongs in [[trigger.kafka]], not in [application.trigger.kafka]");
    }
    let mut merged = common.clone();
    merged.extend(own.clone());
    let keys = merged
        .keys()
        .map(|key| (key.clone(), Value::Null))
        .collect();
    Table::deserialize(Value::Object(keys))?;
    Ok(merged)
}

#[cfg(test)]
mod tests;
