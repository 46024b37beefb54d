//! Spin's locked application, version 0: what `spin up` makes of a manifest or of an image from a registry.
//!
//! The format is that of `spin_locked_app::locked` in Spin's source.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::manifest::{
    Component, Dependency, FileMount, KafkaTrigger, Manifest, VariableDecl, only_inference,
};

#[derive(Deserialize)]
struct App {
    spin_lock_version: u64,
    #[serde(default)]
    must_understand: Vec<String>,
    #[serde(default)]
    host_requirements: Map<String, Value>,
    #[serde(default)]
    metadata: Map<String, Value>,
    #[serde(default)]
    variables: BTreeMap<String, Variable>,
    triggers: Vec<Trigger>,
    components: Vec<LockedComponent>,
}

#[derive(Deserialize)]
struct Variable {
    default: Option<String>,
    #[serde(default)]
    secret: bool,
}

#[derive(Deserialize)]
struct Trigger {
    trigger_type: String,
    trigger_config: Map<String, Value>,
}

#[derive(Deserialize)]
struct LockedComponent {
    id: String,
    #[serde(default)]
    metadata: Map<String, Value>,
    #[serde(default)]
    host_requirements: Map<String, Value>,
    source: Content,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    files: Vec<File>,
    #[serde(default)]
    config: BTreeMap<String, String>,
    #[serde(default)]
    dependencies: BTreeMap<String, Value>,
}

/// Where bytes are. Other forms than an address exist, but not in what `spin up` gives.
#[derive(Deserialize)]
struct Content {
    source: Option<String>,
}

#[derive(Deserialize)]
struct File {
    #[serde(flatten)]
    content: Content,
    path: String,
}

/// The Kafka triggers of a locked application and the components that they need.
///
/// # Errors
/// When it does not parse, or needs what this host does not have.
pub fn manifest(json: &[u8], dir: &Path) -> Result<Manifest> {
    let app: App = serde_json::from_slice(json)?;
    if app.spin_lock_version > 1 {
        bail!(
            "version {} of the lock format is not known; update this plugin",
            app.spin_lock_version
        );
    }
    understand(&app)?;
    let text = |key| app.metadata.get(key).and_then(Value::as_str);
    let common = app
        .metadata
        .get("triggers")
        .and_then(|all| all.get("kafka"));
    let common = common
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let own = app.triggers.iter().filter(|t| t.trigger_type == "kafka");
    let kafka: Vec<_> = own
        .map(|trigger| KafkaTrigger::new(&common, &trigger.trigger_config))
        .collect::<Result<_>>()
        .context("trigger.kafka")?;
    let wanted: BTreeSet<_> = kafka.iter().map(|t| t.component.clone()).collect();
    let mut manifest = Manifest {
        dir: dir.to_owned(),
        name: text("name").unwrap_or_default().to_owned(),
        version: text("version").unwrap_or_default().to_owned(),
        description: text("description").unwrap_or_default().to_owned(),
        base: "/".to_owned(),
        variables: BTreeMap::new(),
        routes: Vec::new(),
        kafka,
        components: BTreeMap::new(),
    };
    for (name, variable) in app.variables {
        let Variable { default, secret } = variable;
        let decl = VariableDecl { default, secret };
        manifest.variables.insert(name, decl);
    }
    let components = app.components.into_iter();
    for locked in components.filter(|c| wanted.contains(&c.id)) {
        let id = locked.id.clone();
        let component = component(locked).with_context(|| format!("component.{id}"))?;
        manifest.components.insert(id, component);
    }
    manifest.check_triggers()?;
    Ok(manifest)
}

/// Refuses what the application says a host must know, and this one does not.
fn understand(app: &App) -> Result<()> {
    if let Some(unknown) = app
        .must_understand
        .iter()
        .find(|key| *key != "host_requirements")
    {
        bail!("it needs a host that understands {unknown:?}");
    }
    require(&app.host_requirements)
}

/// Calls to other components are refused where a component asks for them: here they may be another trigger's.
fn require(needs: &Map<String, Value>) -> Result<()> {
    let known = |name: &str, need: &Value| name == "local_service_chaining" || need != "required";
    match needs.iter().find(|(name, need)| !known(name, need)) {
        Some((name, _)) => bail!("it needs a host with {name:?}"),
        None => Ok(()),
    }
}

fn component(locked: LockedComponent) -> Result<Component> {
    require(&locked.host_requirements)?;
    for (key, name) in [
        ("key_value_stores", "key_value_stores"),
        ("databases", "sqlite_databases"),
        ("ai_models", "ai_models"),
    ] {
        let values = locked.metadata.get(key).and_then(Value::as_array);
        if values.is_some_and(|values| !values.is_empty()) {
            bail!("`{name}` is not supported by Kafka triggers");
        }
    }
    only_inference(locked.dependencies.keys().map(String::as_str))?;
    let dependencies = locked.dependencies.into_iter();
    let dependencies = dependencies.map(dependency).collect();
    let hosts = locked.metadata.get("allowed_outbound_hosts").cloned();
    let hosts: Vec<String> = hosts.map_or_else(|| Ok(Vec::new()), serde_json::from_value)?;
    if hosts.iter().any(|host| host.contains("spin.internal")) {
        bail!("calls to other components of the application are not supported by Kafka triggers");
    }
    let file = |file: File| -> Result<_> {
        let source = address(file.content).context("files")?;
        let destination = file.path;
        Ok(FileMount::Placed {
            source,
            destination,
        })
    };
    Ok(Component {
        source: address(locked.source).context("source")?,
        files: locked.files.into_iter().map(file).collect::<Result<_>>()?,
        allowed_outbound_hosts: hosts,
        environment: locked.env,
        variables: locked.config,
        dependencies,
    })
}

/// One that can't be composed is no error yet, because most often it is left out.
fn dependency((name, locked): (String, Value)) -> Dependency {
    let file = locked["source"]["source"].as_str().map(path);
    let source = match file {
        Some(Ok(file)) if locked["export"].is_null() && locked["inherit"] == "All" => Ok(file),
        Some(Ok(_)) => Err("it must inherit all configuration, and `export` is not supported"),
        _ => Err("it is not in a file"),
    };
    Dependency { name, source }
}

fn address(content: Content) -> Result<PathBuf> {
    let source = content
        .source
        .context("only files are supported, not inline content")?;
    path(&source)
}

/// The path of a `file:` URL.
///
/// # Errors
/// When it is something else.
pub fn path(url: &str) -> Result<PathBuf> {
    let parsed = Url::parse(url).with_context(|| format!("{url:?} is not a URL"))?;
    let file = (parsed.scheme() == "file").then(|| parsed.to_file_path().ok());
    file.flatten()
        .ok_or_else(|| anyhow!("{url:?} is not the URL of a file"))
}

#[cfg(test)]
#[path = "locked_tests.rs"]
mod tests;
