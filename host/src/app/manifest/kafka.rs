//! The `[[trigger.kafka]]` tables. Which keys there are is known here; what they mean is read when the variables are.

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::app::variables::Variables;
use crate::kafka::config::{Config, merge};

/// A Kafka trigger, its templates not expanded yet.
#[derive(Debug, Clone)]
pub struct KafkaTrigger {
    /// Id of the component that gets the records.
    pub component: String,
    /// All keys, the application's common ones among them.
    pub table: Map<String, Value>,
}

impl KafkaTrigger {
    /// A trigger from its own table and the common one.
    ///
    /// # Errors
    /// When a key is unknown or in the wrong table, or no component is named.
    pub fn new(common: &Map<String, Value>, own: &Map<String, Value>) -> Result<Self> {
        let table = merge(common, own)?;
        let component = table.get("component").and_then(Value::as_str);
        let component = component
            .context("`component` must name a component")?
            .to_owned();
        Ok(Self { component, table })
    }

    /// What it says, with these variables.
    ///
    /// # Errors
    /// When a value is missing or of the wrong kind, or a template names a variable that is not declared.
    pub fn config(&self, variables: &Variables) -> Result<Config> {
        Config::read(&self.table, variables).context("trigger.kafka")
    }
}

pub(super) fn read(
    common: Option<&toml::Table>,
    tables: &[toml::Table],
) -> Result<Vec<KafkaTrigger>> {
    let common = common
        .map(map)
        .transpose()
        .context("application.trigger.kafka")?
        .unwrap_or_default();
    // A wrong key is an error also while there is no trigger.
    merge(&common, &Map::new()).context("application.trigger.kafka")?;
    let trigger = |(index, table): (usize, &toml::Table)| {
        let trigger = map(table).and_then(|own| KafkaTrigger::new(&common, &own));
        trigger.with_context(|| format!("trigger.kafka #{}", index + 1))
    };
    tables.iter().enumerate().map(trigger).collect()
}

fn map(table: &toml::Table) -> Result<Map<String, Value>> {
    match serde_json::to_value(table)? {
        Value::Object(map) => Ok(map),
        _ => unreachable!("a table is an object"),
    }
}
