//! `spin.toml`, manifest version 2. Anything that this host does not support is an error.

mod component;
mod dependency;
mod kafka;
mod raw;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

pub(crate) use self::{component::check_destination, dependency::only_inference};
pub use self::{
    component::{Component, FileMount},
    dependency::Dependency,
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

/// An HTTP trigger.
#[derive(Debug, Clone)]
pub struct HttpRoute {
    /// The route as written.
    pub route: String,
    /// Id of the component that handles it.
    pub component: String,
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
            base: base(&raw.application.trigger)?,
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
                http_route(trigger).with_context(|| format!("trigger.http #{}", index + 1))?;
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

/// Returns the base path of a locked application from its triggers' common keys.
pub(crate) fn locked_base(common: Option<&Map<String, Value>>) -> Result<String> {
    let http = common.and_then(|common| common.get("http")).cloned();
    let http = http.map(serde_json::from_value).transpose()?;
    base(
        &http
            .map(|table| ("http".to_owned(), table))
            .into_iter()
            .collect(),
    )
}

/// Reads the route of a locked HTTP trigger.
pub(crate) fn locked_route(config: &Map<String, Value>) -> Result<HttpRoute> {
    // Older versions of Spin write unset keys as null, which TOML lacks.
    let mut config = config.clone();
    config.retain(|_, value| !value.is_null());
    http_route(serde_json::from_value(Value::Object(config))?)
}

fn base(triggers: &BTreeMap<String, toml::Table>) -> Result<String> {
    let mut http = triggers.get("http").cloned().unwrap_or_default();
    let base = http.remove("base");
    if let Some(key) = http.keys().next() {
        bail!("unknown key `{key}` in application.trigger.http, expected `base`");
    }
    match base {
        None => Ok("/".into()),
        Some(toml::Value::String(base)) => Ok(base),
        Some(_) => bail!("application.trigger.http.base must be a string"),
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

fn http_route(raw: raw::HttpTrigger) -> Result<HttpRoute> {
    if !raw.components.is_empty() {
        bail!("`components` (middleware) is not supported by this host");
    }
    match raw
        .executor
        .get("type")
        .map(|kind| kind.as_str().unwrap_or_default())
    {
        None | Some("spin" | "http" | "wasip2") => {}
        Some(other) => bail!("executor {other:?} is not supported by this host, only \"spin\""),
    }
    let toml::Value::String(component) = raw.component else {
        bail!("inline components are not supported by this host; use a [component.NAME] table");
    };
    let toml::Value::String(route) = raw.route else {
        bail!("private routes are not supported by this host");
    };
    Ok(HttpRoute { route, component })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
