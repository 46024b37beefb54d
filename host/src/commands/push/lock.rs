//! Turns a manifest into the locked application that Spin would build from it, leaving its contents
//! open.
//!
//! The manifest has been read by [`crate::app::manifest`] before, which rejects features that this
//! host lacks. Its tables are only copied here, including those of other hosts and tools, so that
//! nothing is lost on the way.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

/// Returns the locked application, without sources and files.
///
/// # Errors
/// Returns an error if the text is not a manifest.
pub fn application(text: &str) -> Result<Value> {
    let manifest: Map<String, Value> = toml::from_str(text)?;
    let table = |key: &str| manifest.get(key).and_then(Value::as_object);
    let application = table("application").context("there is no [application]")?;
    let triggers = table("trigger").cloned().unwrap_or_default();
    let mut app = json!({
        "spin_lock_version": 0,
        "metadata": metadata(application, &triggers),
        "triggers": locked_triggers(&triggers),
        "components": table("component").into_iter().flatten().map(component).collect::<Vec<_>>(),
    });
    let variables = table("variables").into_iter().flatten();
    let variables: Map<_, _> = variables
        .map(|(name, table)| (name.clone(), variable(table)))
        .collect();
    if !variables.is_empty() {
        app["variables"] = Value::Object(variables);
    }
    Ok(app)
}

fn variable(table: &Value) -> Value {
    let mut variable = pick(table, &["description", "secret"]);
    // An empty default is a default; a variable without any is required.
    if let Some(default) = table.get("default") {
        variable["default"] = default.clone();
    }
    variable
}

fn metadata(application: &Map<String, Value>, triggers: &Map<String, Value>) -> Value {
    let application = Value::Object(application.clone());
    let mut metadata = pick(&application, &["name", "version", "description", "authors"]);
    let common = &application["trigger"];
    metadata["triggers"] = common.as_object().cloned().unwrap_or_default().into();
    // Older hosts look here if there is one type of trigger.
    if let [only] = triggers.keys().collect::<Vec<_>>()[..] {
        let mut single = common[only].as_object().cloned().unwrap_or_default();
        single.insert("type".to_owned(), only.as_str().into());
        metadata["trigger"] = single.into();
    }
    metadata
}

/// Returns the triggers by type, each with its own id or the one that Spin would assign.
fn locked_triggers(triggers: &Map<String, Value>) -> Vec<Value> {
    let entries = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let own = triggers.values().flat_map(entries);
    let mut ids: BTreeSet<String> = own
        .filter_map(|trigger| Some(trigger.get("id")?.as_str()?.to_owned()))
        .collect();
    let mut locked = Vec::new();
    for (kind, list) in triggers {
        for mut config in entries(list) {
            let config_table = config.as_object_mut();
            let id = config_table.and_then(|table| table.remove("id"));
            let id = id
                .and_then(|id| id.as_str().map(str::to_owned))
                .unwrap_or_else(|| {
                    let natural = format!(
                        "{}-{kind}-trigger",
                        config["component"].as_str().unwrap_or_default()
                    );
                    let counted = (1..).map(|n| format!("{kind}-trigger{n}"));
                    let free = [natural]
                        .into_iter()
                        .chain(counted)
                        .find(|id| !ids.contains(id));
                    free.unwrap_or_default()
                });
            ids.insert(id.clone());
            locked.push(json!({ "id": id, "trigger_type": kind, "trigger_config": config }));
        }
    }
    locked
}

fn component((id, table): (&String, &Value)) -> Value {
    let mut metadata = pick(table, &["description", "allowed_outbound_hosts", "build"]);
    // Lists of keys that this host would not have read.
    for (key, name) in [
        ("key_value_stores", "key_value_stores"),
        ("sqlite_databases", "databases"),
        ("ai_models", "ai_models"),
    ] {
        if let Some(list) = table.get(key) {
            metadata[name] = list.clone();
        }
    }
    let mut locked = json!({ "id": id, "source": { "content_type": "application/wasm" } });
    for (name, value) in [
        ("metadata", Some(&metadata)),
        ("env", table.get("environment")),
        ("config", table.get("variables")),
    ] {
        if let Some(value) = value.filter(|value| !is_empty(value)) {
            locked[name] = value.clone();
        }
    }
    locked
}

/// Copies these keys of a table, as far as they have a value.
fn pick(table: &Value, keys: &[&str]) -> Value {
    let picked = keys.iter().filter_map(|key| {
        let value = table.get(key).filter(|value| !is_empty(value))?;
        Some(((*key).to_owned(), value.clone()))
    });
    Value::Object(picked.collect())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(table) => table.is_empty(),
        Value::Bool(set) => !set,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
