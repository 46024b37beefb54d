//! Spin's locked application, version 0: the form that `spin up` derives from a manifest or from
//! an image in a registry.
//!
//! The format is that of `spin_locked_app::locked` in Spin's source.

mod model;

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Map, Value};
use url::Url;

pub use model::{App, Content};
use model::{File, LockedComponent, LockedDependency, Trigger, Variable};

use crate::app::{
    manifest::{self, Component, Dependency, FileMount, KafkaTrigger, Manifest, only_inference},
    variables::VariableDecl,
};

/// Selection of an application's triggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Triggers {
    /// Kafka triggers and their components only; other processes run the rest.
    Kafka,
    /// All triggers. One of a type that this host does not support is an error.
    All,
}

impl App {
    /// Reads a locked application.
    ///
    /// # Errors
    /// When it does not parse, or needs a newer host.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let app: Self = serde_json::from_slice(json)?;
        if app.spin_lock_version > 1 {
            bail!(
                "version {} of the lock format is not supported; update xray",
                app.spin_lock_version
            );
        }
        understand(&app)?;
        Ok(app)
    }

    /// Iterates over the contents of all components.
    pub fn contents(&self) -> impl Iterator<Item = &Content> {
        self.components.iter().flat_map(|component| {
            let dependencies = component.dependencies.values().map(|d| &d.source);
            let files = component.files.iter().map(|file| &file.content);
            iter::once(&component.source)
                .chain(dependencies)
                .chain(files)
        })
    }

    /// Builds the manifest of the selected triggers and their components. `find` locates contents.
    ///
    /// # Errors
    /// When a content is not found, or the application needs a feature that this host lacks.
    pub fn manifest(self, wanted: Triggers, dir: &Path, find: Find<'_>) -> Result<Manifest> {
        let common = self.metadata.get("triggers").and_then(Value::as_object);
        let kafka_common = common.and_then(|all| all.get("kafka")?.as_object());
        let text = |key| self.metadata.get(key).and_then(Value::as_str);
        let mut manifest = Manifest {
            dir: dir.to_owned(),
            name: text("name").unwrap_or_default().to_owned(),
            version: text("version").unwrap_or_default().to_owned(),
            description: text("description").unwrap_or_default().to_owned(),
            base: manifest::locked_base(common)?,
            variables: BTreeMap::new(),
            routes: Vec::new(),
            kafka: Vec::new(),
            kafka_common: kafka_common.cloned().unwrap_or_default(),
            components: BTreeMap::new(),
            cache: None,
        };
        for Trigger {
            trigger_type,
            trigger_config,
        } in &self.triggers
        {
            match (trigger_type.as_str(), wanted) {
                ("kafka", _) => manifest
                    .kafka
                    .push(KafkaTrigger::new(trigger_config.clone()).context("trigger.kafka")?),
                (_, Triggers::Kafka) => {}
                ("http", Triggers::All) => manifest
                    .routes
                    .push(manifest::locked_route(trigger_config).context("trigger.http")?),
                (other, Triggers::All) => bail!(
                    "triggers of type `{other}` are not supported by this host, only `http` and `kafka`"
                ),
            }
        }
        for (name, variable) in self.variables {
            let Variable { default, secret } = variable;
            let decl = VariableDecl { default, secret };
            manifest.variables.insert(name, decl);
        }
        let needed: BTreeSet<_> = (manifest.kafka.iter().map(|trigger| &trigger.component))
            .chain(manifest.routes.iter().map(|route| &route.component))
            .cloned()
            .collect();
        for locked in self.components {
            if needed.contains(&locked.id) {
                let id = locked.id.clone();
                let component =
                    component(locked, find).with_context(|| format!("component.{id}"))?;
                manifest.components.insert(id, component);
            }
        }
        manifest.check_triggers()?;
        Ok(manifest)
    }
}

/// Locates a content on this machine.
pub type Find<'a> = &'a dyn Fn(&Content) -> Result<PathBuf>;

/// Rejects applications that require features unknown to this host.
fn understand(app: &App) -> Result<()> {
    let known = ["host_requirements", "component_host_requirements"];
    let mut keys = app.must_understand.iter();
    if let Some(unknown) = keys.find(|key| !known.contains(&key.as_str())) {
        bail!("the application requires a host that understands {unknown:?}");
    }
    require(&app.host_requirements)
}

/// Checks host requirements. Local service chaining passes here, since a component of another
/// trigger may be the one that needs it; each component's allowed hosts are checked later.
fn require(needs: &Map<String, Value>) -> Result<()> {
    let known = |name: &str, need: &Value| name == "local_service_chaining" || need != "required";
    match needs.iter().find(|(name, need)| !known(name, need)) {
        Some((name, _)) => bail!("the application requires a host with {name:?}"),
        None => Ok(()),
    }
}

fn component(locked: LockedComponent, find: Find<'_>) -> Result<Component> {
    require(&locked.host_requirements)?;
    for (key, name) in [
        ("key_value_stores", "key_value_stores"),
        ("databases", "sqlite_databases"),
        ("ai_models", "ai_models"),
    ] {
        let values = locked.metadata.get(key).and_then(Value::as_array);
        if values.is_some_and(|values| !values.is_empty()) {
            bail!("`{name}` is not supported by this host");
        }
    }
    only_inference(locked.dependencies.keys().map(String::as_str))?;
    let hosts: Vec<String> = match locked.metadata.get("allowed_outbound_hosts") {
        Some(hosts) => serde_json::from_value(hosts.clone())?,
        None => Vec::new(),
    };
    if hosts.iter().any(|host| host.contains("spin.internal")) {
        bail!("calls to other components of the application are not supported by this host");
    }
    let file = |file: File| -> Result<_> {
        let destination = format!("/{}", file.path.trim_start_matches('/'));
        manifest::check_destination(&destination)?;
        Ok(FileMount::Placed {
            source: find(&file.content).context("files")?,
            destination,
        })
    };
    Ok(Component {
        source: find(&locked.source).context("source")?,
        files: locked.files.into_iter().map(file).collect::<Result<_>>()?,
        allowed_outbound_hosts: hosts,
        environment: locked.env,
        variables: locked.config,
        dependencies: locked
            .dependencies
            .into_iter()
            .map(|entry| dependency(entry, find))
            .collect(),
    })
}

/// Reads a dependency. One that can't be composed is not an error yet, since most hosts replace it.
fn dependency((name, locked): (String, LockedDependency), find: Find<'_>) -> Dependency {
    let source = match find(&locked.source) {
        Ok(file) if locked.export.is_none() && locked.inherit == "All" => Ok(file),
        Ok(_) => Err("it must inherit all configuration and have no `export`"),
        Err(_) => Err("it is not in a file"),
    };
    Dependency { name, source }
}

/// Locates a content in a local file, where `spin up` puts all of them.
///
/// # Errors
/// When the content is not in a local file.
pub fn local(content: &Content) -> Result<PathBuf> {
    let source = content.source.as_deref();
    path(source.context("only files are supported, not inline content")?)
}

/// Returns the path of a `file:` URL.
///
/// # Errors
/// When the URL has another scheme or no valid path.
pub fn path(url: &str) -> Result<PathBuf> {
    let parsed = Url::parse(url).with_context(|| format!("{url:?} is not a URL"))?;
    let file = (parsed.scheme() == "file").then(|| parsed.to_file_path().ok());
    file.flatten()
        .ok_or_else(|| anyhow!("{url:?} is not a file URL"))
}

#[cfg(test)]
mod tests;
