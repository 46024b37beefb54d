//! Builds the Kafka triggers for `xray up` from the manifest; command-line flags override manifest
//! values.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, Result, bail};
use clap::Args;
use kafka_trigger::{Metrics, Trigger};
use serde_json::{Map, Value};

use crate::{
    app::{
        manifest::{KafkaTrigger, Manifest},
        variables::Variables,
    },
    kafka::{
        self,
        config::{Config, merge},
    },
    serve::runtime::Runtime,
};

/// Flags for Kafka. They change every trigger of the manifest, or add one if it has none.
#[derive(Debug, Default, Args)]
pub struct KafkaArgs {
    /// Read notifications from the Kafka brokers at these comma-separated addresses.
    #[arg(long, value_name = "BROKERS", env = "XRAY_KAFKA")]
    pub kafka: Option<String>,
    /// Topic to read; repeatable.
    #[arg(long, value_name = "TOPIC")]
    pub topic: Vec<String>,
    /// Consumer group [default: xray].
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// Position at which a new group starts: earliest or latest [default: earliest].
    #[arg(long, value_name = "WHERE")]
    pub start_offset: Option<String>,
    /// Maximum number of concurrent deliveries from Kafka [default: as many as requests].
    #[arg(long, value_name = "N")]
    pub in_flight: Option<usize>,
    /// Topic for records that can't be delivered [default: TOPIC-dead-letters].
    #[arg(long, value_name = "TOPIC")]
    pub dead_letter_topic: Option<String>,
    /// Topic of this group on which failed records wait, with their attempts.
    #[arg(long, value_name = "TOPIC")]
    pub retry_topic: Option<String>,
    /// Any key of [[trigger.kafka]]: KEY=VALUE, or KEY=@FILE.
    #[arg(long, value_name = "KEY=VALUE")]
    pub kafka_option: Vec<String>,
}

impl KafkaArgs {
    /// The keys that the flags set.
    ///
    /// # Errors
    /// When an option has the wrong form or its file cannot be read.
    pub fn table(&self) -> Result<Map<String, Value>> {
        let mut table = Map::new();
        for option in &self.kafka_option {
            let Some((key, value)) = option.split_once('=') else {
                // Not shown: it may be a password.
                bail!("an argument of --kafka-option is not KEY=VALUE");
            };
            let value = match value.strip_prefix('@') {
                None => value.to_owned(),
                Some(file) => {
                    let text = std::fs::read_to_string(PathBuf::from(file));
                    let text =
                        text.with_context(|| format!("--kafka-option {key}: cannot read {file}"))?;
                    text.trim_end().to_owned()
                }
            };
            table.insert(key.to_owned(), value.into());
        }
        let flags = [
            ("brokers", self.kafka.clone()),
            ("group", self.group.clone()),
            ("start", self.start_offset.clone()),
            ("in_flight", self.in_flight.map(|n| n.to_string())),
            ("dead_letter_topic", self.dead_letter_topic.clone()),
            ("retry_topic", self.retry_topic.clone()),
        ];
        for (key, value) in flags {
            if let Some(value) = value {
                table.insert(key.to_owned(), value.into());
            }
        }
        if !self.topic.is_empty() {
            table.insert("topics".to_owned(), self.topic.clone().into());
        }
        Ok(table)
    }

    /// Puts the flags over the manifest's triggers.
    ///
    /// # Errors
    /// When there is a flag and nothing that it could change, or it does not say enough for a
    /// trigger of its own.
    pub fn apply(&self, manifest: &mut Manifest) -> Result<()> {
        let table = self.table()?;
        if table.is_empty() {
            return Ok(());
        }
        if manifest.kafka.is_empty() {
            if self.kafka.is_none() {
                bail!(
                    "the application has no [[trigger.kafka]] that the flags could change; --kafka makes one"
                );
            }
            let route = manifest
                .routes
                .first()
                .context("the application has no component to trigger")?;
            let mut own = table;
            if !own.contains_key("topics") && !own.contains_key("topic") {
                own.insert("topic".to_owned(), "storage".into());
            }
            let component = route.component.clone();
            own.entry("component").or_insert(component.into());
            manifest.kafka = vec![KafkaTrigger::new(own)?];
            manifest.kafka_common = Map::new();
        } else {
            for trigger in &mut manifest.kafka {
                let mut own = trigger.table.clone();
                if table.contains_key("topics") {
                    own.remove("topic");
                }
                own.extend(table.clone());
                *trigger = KafkaTrigger::new(own)?;
            }
        }
        manifest.check_triggers()
    }
}

/// Checks the keys of a manifest's triggers, without the values, which may need variables.
///
/// # Errors
/// When a key is unknown, or stands where it makes no sense.
pub fn check_keys(manifest: &Manifest) -> Result<()> {
    // A wrong key is an error even where there is no trigger.
    merge(&manifest.kafka_common, &Map::new()).context("application.trigger.kafka")?;
    for (index, trigger) in manifest.kafka.iter().enumerate() {
        merge(&manifest.kafka_common, &trigger.table)
            .with_context(|| format!("trigger.kafka #{}", index + 1))?;
    }
    Ok(())
}

/// Reads a trigger of a manifest.
///
/// # Errors
/// When a key is unknown, or a value missing or wrong.
pub fn config(
    manifest: &Manifest,
    trigger: &KafkaTrigger,
    variables: &Variables,
) -> Result<Config> {
    merge(&manifest.kafka_common, &trigger.table)
        .and_then(|table| Config::read(&table, variables))
        .context("trigger.kafka")
}

/// The triggers of a manifest, typed.
///
/// # Errors
/// When one says something that does not make sense.
pub fn configs(manifest: &Manifest, variables: &Variables) -> Result<Vec<Config>> {
    check_keys(manifest)?;
    let configs = manifest
        .kafka
        .iter()
        .map(|trigger| config(manifest, trigger, variables))
        .collect::<Result<Vec<_>>>()?;
    for (index, config) in configs.iter().enumerate() {
        let same = |other: &Config| {
            let (broker, topics) = (&other.broker, &config.broker.topics);
            broker.group == config.broker.group
                && broker.brokers == config.broker.brokers
                && other.component != config.component
                && broker.topics.iter().any(|topic| topics.contains(topic))
        };
        if configs[..index].iter().any(same) {
            // Each would get a part of the records, and nobody means that.
            bail!(
                "two components share the group {:?}; give each a group of its own",
                config.broker.group
            );
        }
        let has_same_retries = |other: &Config| {
            let (broker, own) = (&other.broker, &config.broker);
            broker.brokers == own.brokers && broker.retry_topic == own.retry_topic
        };
        if config.broker.retry_topic.is_some() && configs[..index].iter().any(has_same_retries) {
            bail!("two triggers share a retry topic; give each one of its own");
        }
    }
    Ok(configs)
}

/// Starts all triggers.
///
/// # Errors
/// With the first that does not start.
pub async fn start(runtime: &Runtime, configs: Vec<Config>) -> Result<Vec<Trigger>> {
    let mut triggers = Vec::new();
    let metrics = Arc::new(Metrics::default());
    if !configs.is_empty() {
        runtime
            .metrics()
            .register(|registry| metrics.register(registry));
    }
    for config in configs {
        let broker = &config.broker;
        let line = format!(
            "Kafka: {} at {} to {}, group {}",
            broker.topics.join(", "),
            broker.brokers,
            config.component,
            broker.group
        );
        triggers.push(kafka::start(runtime.clone(), config, metrics.clone(), None).await?);
        tracing::info!("{line}");
    }
    Ok(triggers)
}

/// Completes when one of the triggers has stopped reading, and never without triggers.
pub fn ended(triggers: &[Trigger]) -> impl Future<Output = ()> + use<> {
    let all: Vec<_> = triggers.iter().map(|t| Box::pin(t.ended())).collect();
    async move {
        if all.is_empty() {
            return std::future::pending().await;
        }
        futures_util::future::select_all(all).await;
    }
}

/// Ends all triggers, each at the same time.
///
/// # Errors
/// With the first that went wrong; the others are printed.
pub async fn stop(triggers: Vec<Trigger>) -> Result<()> {
    let all = triggers.into_iter().map(Trigger::stop);
    let mut first = Ok(());
    for result in futures_util::future::join_all(all).await {
        let result = result.map_err(anyhow::Error::from);
        if first.is_ok() {
            first = result;
        } else if let Err(error) = result {
            tracing::error!("{error:#}");
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn keys_of_kafka_triggers_are_checked() {
        let text = "spin_manifest_version = 2\n[application]\nname = \"a\"\n\
            [application.trigger.kafka]\nbrokers = \"b\"\n\
            [[trigger.kafka]]\ncomponent = \"c\"\ntopic = \"t\"\n\
            [component.c]\nsource = \"c.wasm\"\n";
        let check = |text: &str| check_keys(&Manifest::parse(text, Path::new("."))?);
        check(text).unwrap();
        for (from, to, parts) in [
            ("topic =", "topics_ =", ["topics_", "trigger.kafka #1"]),
            (
                "brokers =",
                "broker =",
                ["broker", "application.trigger.kafka"],
            ),
            (
                "brokers =",
                "topic =",
                ["topic", "application.trigger.kafka"],
            ),
        ] {
            let error = format!("{:#}", check(&text.replacen(from, to, 1)).unwrap_err());
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
    }
}
