//! `spin.toml`, manifest version 2. Anything that this host does not support is an error.

mod component;
mod dependency;
mod http;
mod kafka;
mod raw;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

pub(crate) use self::{
    component::check_destination,
    dependency::only_inference,
    http::{locked_base, locked_route},
};
pub use self::{
    component::{Component, FileMount},
    dependency::Dependency,
    http::HttpRoute,
    kafka::KafkaTrigger,
};
use crate::app::{folder::Folder, variables::VariableDecl};

/// An application as its manifest describes it.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Base folder of relative paths.
    pub dir: PathBuf,
    /// Name of the application.
    pub name: String,
    /// Version of the application.
    pub version: String,
    /// Description of the application.
    pub description: String,
    /// Common prefix of all routes.
    pub base: String,
    /// Declared variables.
    pub variables: BTreeMap<String, VariableDecl>,
    /// HTTP triggers in the order of the manifest.
    pub routes: Vec<HttpRoute>,
    /// Kafka triggers in the order of the manifest.
    pub kafka: Vec<KafkaTrigger>,
    /// Keys that apply to all Kafka triggers: `[application.trigger.kafka]`.
    pub kafka_common: Map<String, Value>,
    /// Components by id.
    pub components: BTreeMap<String, Component>,
    /// Cache that holds the files of an application from a registry; `None` for one read in place.
    pub cache: Option<Folder>,
}

impl Manifest {
    /// Returns the manifest's path: `from` itself, or its `spin.toml` if `from` is a folder.
    pub fn file(from: &Path) -> PathBuf {
        if from.is_dir() {
            from.join("spin.toml")
        } else {
            from.to_owned()
        }
    }

    /// Reads the manifest at `from`, or its `spin.toml` if `from` is a folder.
    ///
    /// # Errors
    /// When the file can't be read or parsed; the error names the place.
    pub fn load(from: &Path) -> Result<Self> {
        let path = Self::file(from);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read the manifest {}", path.display()))?;
        let dir = path
            .parent()
            .filter(|dir| !dir.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        Self::parse(&text, dir).with_context(|| format!("in {}", path.display()))
    }

    /// Parses a manifest whose paths are relative to `dir`.
    ///
    /// # Errors
    /// When it does not parse or needs a feature that this host lacks.
    pub fn parse(text: &str, dir: &Path) -> Result<Self> {
        // Before strict parsing, whose message would only say "unknown field".
        let table: toml::Table = toml::from_str(text)?;
        let triggers = table.get("trigger").and_then(toml::Value::as_table);
        if let Some(other) = triggers.and_then(|types| {
            types
                .keys()
                .find(|key| !["http", "kafka"].contains(&key.as_str()))
        }) {
            bail!(
                "triggers of type `{other}` are not supported by this host, only `http` and `kafka`"
            );
        }
        let raw: raw::Manifest = toml::from_str(text)?;
        if raw.spin_manifest_version != 2 {
            bail!(
                "spin_manifest_version {} is not supported, only 2",
                raw.spin_manifest_version
            );
        }
        let kafka_common = raw
            .application
            .trigger
            .get("kafka")
            .cloned()
            .unwrap_or_default();
        let mut manifest = Self {
            dir: dir.to_owned(),
            name: raw.application.name,
            version: raw.application.version,
            description: raw.application.description,
            base: http::base(&raw.application.trigger)?,
            variables: BTreeMap::new(),
            routes: Vec::new(),
            kafka: kafka::read(raw.trigger.kafka)?,
            kafka_common: kafka::json(kafka_common)?,
            components: BTreeMap::new(),
            cache: None,
        };
        for (name, variable) in raw.variables {
            let decl = variable_decl(variable).with_context(|| format!("variables.{name}"))?;
            manifest.variables.insert(name, decl);
        }
        for (id, component) in raw.component {
            let component =
                component::read(component, dir).with_context(|| format!("component.{id}"))?;
            manifest.components.insert(id, component);
        }
        for (index, trigger) in raw.trigger.http.into_iter().enumerate() {
            let route =
                http::read(trigger).with_context(|| format!("trigger.http #{}", index + 1))?;
            manifest.routes.push(route);
        }
        manifest.check_triggers()?;
        Ok(manifest)
    }

    /// Checks that there is a trigger, and that every trigger's component exists.
    ///
    /// # Errors
    /// When there is no trigger, or one names a component that the manifest lacks.
    pub(crate) fn check_triggers(&self) -> Result<()> {
        for route in &self.routes {
            if !self.components.contains_key(&route.component) {
                bail!(
                    "route {:?} names component {:?}, which does not exist",
                    route.route,
                    route.component
                );
            }
        }
        for trigger in &self.kafka {
            if !self.components.contains_key(&trigger.component) {
                bail!(
                    "a [[trigger.kafka]] names component {:?}, which does not exist",
                    trigger.component
                );
            }
        }
        if self.routes.is_empty() && self.kafka.is_empty() {
            bail!("the application has neither a [[trigger.http]] nor a [[trigger.kafka]]");
        }
        Ok(())
    }

    /// Keeps only these components and their triggers; an empty list keeps all.
    ///
    /// # Errors
    /// When a component does not exist or has no trigger.
    pub fn retain(&mut self, ids: &[String]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        for id in ids {
            if !self.components.contains_key(id) {
                let all: Vec<_> = self.components.keys().collect();
                bail!("there is no component {id:?}, only {all:?}");
            }
            let mut triggered = (self.routes.iter().map(|route| &route.component))
                .chain(self.kafka.iter().map(|trigger| &trigger.component));
            if !triggered.any(|component| component == id) {
                bail!("component {id:?} has no trigger");
            }
        }
        self.components
            .retain(|component, _| ids.contains(component));
        self.routes.retain(|route| ids.contains(&route.component));
        self.kafka
            .retain(|trigger| ids.contains(&trigger.component));
        Ok(())
    }
}

fn variable_decl(raw: raw::Variable) -> Result<VariableDecl> {
    match (&raw.default, raw.required) {
        (Some(_), true) => bail!("a variable can't have both a default and `required = true`"),
        (None, false) => bail!("a variable needs a default or `required = true`"),
        _ => Ok(VariableDecl {
            default: raw.default,
            secret: raw.secret,
        }),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
