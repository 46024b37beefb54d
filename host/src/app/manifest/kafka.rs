//! The `[[trigger.kafka]]` tables, untyped. Only the Kafka code knows their keys.

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// A Kafka trigger: its own keys, with their templates not yet expanded.
#[derive(Debug, Clone)]
pub struct KafkaTrigger {
    /// Id of the component that receives the records.
    pub component: String,
    /// All keys of the table, `component` among them.
    pub table: Map<String, Value>,
}

impl KafkaTrigger {
    /// Takes a trigger's own table.
    ///
    /// # Errors
    /// When it names no component.
    pub fn new(table: Map<String, Value>) -> Result<Self> {
        let component = table
            .get("component")
            .and_then(Value::as_str)
            .context("`component` must name a component")?
            .to_owned();
        Ok(Self { component, table })
    }
}

pub(super) fn read(tables: Vec<toml::Table>) -> Result<Vec<KafkaTrigger>> {
    let trigger = |(index, table): (usize, toml::Table)| {
        json(table)
            .and_then(KafkaTrigger::new)
            .with_context(|| format!("trigger.kafka #{}", index + 1))
    };
    tables.into_iter().enumerate().map(trigger).collect()
}

/// Converts a table to JSON, the form in which a locked application and the command line have one.
pub(super) fn json(table: toml::Table) -> Result<Map<String, Value>> {
    match serde_json::to_value(table)? {
        Value::Object(map) => Ok(map),
        _ => unreachable!("a table is an object"),
    }
}
