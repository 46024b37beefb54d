//! The `[component.NAME]` tables.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use super::{
    dependency::{Dependency, only_inference},
    raw,
};

/// A component.
#[derive(Debug, Clone, Default)]
pub struct Component {
    /// Path of the WebAssembly file.
    pub source: PathBuf,
    /// Files mounted for the component.
    pub files: Vec<FileMount>,
    /// Hosts that the component may call; templates are not yet expanded.
    pub allowed_outbound_hosts: Vec<String>,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// Variables; templates are not yet expanded.
    pub variables: BTreeMap<String, String>,
    /// Components that provide `wasi:nn` where this host does not.
    pub dependencies: Vec<Dependency>,
}

/// An entry of a component's `files`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileMount {
    /// Files that match a pattern, mounted at their paths in the application's folder.
    Pattern(String),
    /// A folder or file mounted at another path.
    Placed {
        /// Path in the application's folder.
        source: PathBuf,
        /// Absolute path in the component.
        destination: String,
    },
}

/// Converts a component's table. The error for an unsupported key names it.
pub(super) fn read(raw: raw::Component, dir: &Path) -> Result<Component> {
    let lists = [
        ("key_value_stores", raw.key_value_stores),
        ("sqlite_databases", raw.sqlite_databases),
        ("ai_models", raw.ai_models),
        ("exclude_files", raw.exclude_files),
    ];
    for (key, values) in lists {
        if !values.is_empty() {
            bail!("`{key}` is not supported by this host");
        }
    }
    if !raw.allowed_http_hosts.is_empty() {
        bail!("`allowed_http_hosts` was removed in Spin 2; use `allowed_outbound_hosts`");
    }
    only_inference(raw.dependencies.keys().map(String::as_str))?;
    let inherits = raw.dependencies_inherit_configuration;
    let dependencies = raw
        .dependencies
        .into_iter()
        .map(|(name, entry)| Dependency::read(name, &entry, inherits, dir))
        .collect();
    let source = match raw.source {
        toml::Value::String(path) => dir.join(path),
        _ => bail!("`source` must be a local path; remote sources are not supported by this host"),
    };
    let files: Result<_> = raw.files.into_iter().map(file_mount).collect();
    Ok(Component {
        source,
        files: files.context("files")?,
        allowed_outbound_hosts: raw.allowed_outbound_hosts,
        environment: raw.environment,
        variables: raw.variables,
        dependencies,
    })
}

fn file_mount(entry: toml::Value) -> Result<FileMount> {
    let mut table = match entry {
        toml::Value::String(pattern) => return Ok(FileMount::Pattern(pattern)),
        toml::Value::Table(table) => table,
        other => bail!("expected a pattern or {{ source, destination }}, not {other}"),
    };
    let (source, destination) = (table.remove("source"), table.remove("destination"));
    if let Some(key) = table.keys().next() {
        bail!("unknown key `{key}`, expected `source` and `destination`");
    }
    match (source, destination) {
        (Some(toml::Value::String(source)), Some(toml::Value::String(destination))) => {
            check_destination(&destination)?;
            Ok(FileMount::Placed {
                source: source.into(),
                destination,
            })
        }
        _ => bail!("an entry needs the strings `source` and `destination`"),
    }
}

/// Rejects destinations that would put files outside the folder mounted for the component.
pub(crate) fn check_destination(destination: &str) -> Result<()> {
    if !destination.starts_with('/') || destination.split('/').any(|part| part == "..") {
        bail!("the destination {destination:?} is not an absolute path");
    }
    Ok(())
}
