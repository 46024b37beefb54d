//! Values for the manifest's variables.
//!
//! Spin's order: `--variable`, then the providers of the runtime configuration, then the environment
//! and `.env`, then the default. A required variable without a value stops the start.

mod decl;
mod runtime_config;
pub mod template;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

pub use self::decl::VariableDecl;

/// Prefix of the environment variables that set Spin variables.
const PREFIX: &str = "SPIN_VARIABLE_";

/// Where values come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// `--variable`, already split; wins over everything.
    pub explicit: BTreeMap<String, String>,
    /// `--runtime-config-file`.
    pub runtime_config: Option<PathBuf>,
    /// Folder of the application, where `.env` lies.
    pub dir: PathBuf,
    /// Whether the environment and `.env` are looked at. Off for commands that set all values.
    pub environment: bool,
}

/// Resolved variables. `Debug` shows names only, since any may hold a secret.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Variables {
    /// Finds a value for every declared variable.
    ///
    /// # Errors
    /// When a required one has none, naming it, or when `--variable` names one that is not declared.
    pub fn resolve(declared: &BTreeMap<String, VariableDecl>, sources: &Sources) -> Result<Self> {
        if let Some(name) = sources
            .explicit
            .keys()
            .find(|name| !declared.contains_key(*name))
        {
            bail!("--variable {name}: the manifest declares no such variable");
        }
        let mut providers = Vec::new();
        if let Some(path) = &sources.runtime_config {
            providers = runtime_config::read(path)?;
        }
        let dotenv = dotenv(&sources.dir.join(".env"), sources.environment)?;
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for (name, decl) in declared {
            let key = format!("{PREFIX}{}", name.to_uppercase());
            let ambient = || {
                let set = sources
                    .environment
                    .then(|| std::env::var(&key).ok())
                    .flatten();
                set.or_else(|| dotenv.get(&key).cloned())
            };
            let value = sources
                .explicit
                .get(name)
                .cloned()
                .or_else(|| providers.iter().find_map(|provider| provider.get(name)))
                .or_else(ambient)
                .or_else(|| decl.default.clone());
            match value {
                Some(value) => _ = values.insert(name.clone(), value),
                None => missing.push(name.as_str()),
            }
        }
        if let [first, ..] = missing[..] {
            bail!(
                "no value for the required variable {}: use --variable {first}=… or {PREFIX}{}",
                missing.join(", "),
                first.to_uppercase(),
            );
        }
        Ok(Self(values))
    }

    /// Expands the templates of a component's own variables.
    ///
    /// # Errors
    /// When a template names a variable that is not declared.
    pub fn for_component(&self, templates: &BTreeMap<String, String>) -> Result<Self> {
        let mut values = BTreeMap::new();
        for (name, template) in templates {
            let value = self
                .expand(template)
                .with_context(|| format!("variable {name}"))?;
            values.insert(name.clone(), value);
        }
        Ok(Self(values))
    }

    /// Expands one template.
    ///
    /// # Errors
    /// When it names a variable that is not declared.
    pub fn expand(&self, template: &str) -> Result<String> {
        template::expand(template, |name| self.get(name))
    }

    /// Replaces a value.
    pub fn set(&mut self, name: &str, value: String) {
        self.0.insert(name.to_owned(), value);
    }

    /// A value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// Splits the values of `--variable`: `name=value`, `name=@file`, or `@file` of JSON or TOML.
///
/// # Errors
/// When one has none of these forms or its file cannot be read.
pub fn parse_explicit(arguments: &[String]) -> Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    for argument in arguments {
        if let Some(path) = argument.strip_prefix('@') {
            values.extend(read_table(Path::new(path))?);
            continue;
        }
        let Some((name, value)) = argument.split_once('=') else {
            // Not shown: with the `=` forgotten it may be a secret.
            bail!("an argument of --variable is neither NAME=VALUE nor @FILE");
        };
        let value = match value.strip_prefix('@') {
            None => value.to_owned(),
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| format!("--variable {name}: cannot read {path}"))?,
        };
        values.insert(name.to_owned(), value);
    }
    Ok(values)
}

fn read_table(path: &Path) -> Result<BTreeMap<String, String>> {
    let read = || -> Result<_> {
        let text = std::fs::read_to_string(path)?;
        Ok(if path.extension().is_some_and(|ext| ext == "json") {
            serde_json::from_str(&text)?
        } else {
            toml::from_str(&text)?
        })
    };
    // The parser's message would quote the line, and with it the value.
    read()
        .ok()
        .with_context(|| format!("--variable: {} is no table of strings", path.display()))
}

fn dotenv(path: &Path, wanted: bool) -> Result<BTreeMap<String, String>> {
    if !wanted || !path.is_file() {
        return Ok(BTreeMap::new());
    }
    let lines =
        dotenvy::from_path_iter(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut values = BTreeMap::new();
    for line in lines {
        // The error would quote the line, and with it the value.
        let (name, value) = line
            .ok()
            .with_context(|| format!("{} has a line that does not parse", path.display()))?;
        values.insert(name, value);
    }
    Ok(values)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
