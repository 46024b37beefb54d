//! The keys of `[[trigger.kafka]]`, of `[application.trigger.kafka]` and of the flags of `xray up`,
//! checked and typed.

mod table;

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use kafka_trigger::{
    Backoff, Options, RetryLimit,
    rdkafka::{GroupProtocol, Pem, Sasl, Security, Settings, StartOffset},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use self::table::Table;
use super::DEAD_LETTER_PREFIX;
use crate::{app::variables::Variables, serve::runtime};

/// Keys that cannot apply to all triggers.
const OWN_KEYS: [&str; 5] = ["component", "topic", "topics", "id", "executor"];

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
        let security = security(&table)?;
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
        let group = table.group.0.unwrap_or_else(|| "xray".into());
        let millis = Duration::from_millis;
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
            ..Options::default()
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

fn security(table: &Table) -> Result<Security> {
    let ca = pem("ca", &table.ca.0)?;
    let certificate = pem("certificate", &table.certificate.0)?;
    let private_key = pem("private_key", &table.private_key.0)?;
    if certificate.is_some() != private_key.is_some() {
        bail!("`certificate` and `private_key` must be set together");
    }
    let tls = table.tls.0;
    if tls == Some(false) && (ca.is_some() || certificate.is_some()) {
        bail!("`ca` and `certificate` have no effect with `tls = false`; remove one of them");
    }
    let mechanism = table.sasl_mechanism.0.flatten();
    let sasl = match (mechanism, &table.username.0, &table.password.0) {
        (Some(mechanism), Some(username), Some(password)) => Some(Sasl {
            mechanism,
            username: username.clone(),
            password: password.clone(),
        }),
        (None, None, None) => None,
        (None, ..) => bail!("`username` and `password` need a `sasl_mechanism`"),
        (Some(_), ..) => bail!("`sasl_mechanism` needs `username` and `password`"),
    };
    Ok(Security {
        tls: tls.unwrap_or(ca.is_some() || certificate.is_some()),
        ca,
        certificate,
        private_key,
        private_key_password: table.private_key_password.0.clone(),
        sasl,
    })
}

/// Tells a path from the PEM text itself, which a variable may contain.
fn pem(key: &str, value: &Option<String>) -> Result<Option<Pem>> {
    let Some(text) = value else { return Ok(None) };
    if text.trim_start().starts_with("-----BEGIN") {
        return Ok(Some(Pem::Text(text.clone())));
    }
    // The client would report the same, but in three lines.
    std::fs::File::open(Path::new(text)).with_context(|| format!("`{key}`: cannot read {text}"))?;
    Ok(Some(Pem::File(text.clone())))
}

#[cfg(test)]
mod tests;
