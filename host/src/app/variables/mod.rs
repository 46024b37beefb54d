//! Values of the manifest's variables.
//!
//! The order of precedence is Spin's: `--variable`, then the providers of the runtime
//! configuration, then the environment and `.env`, then the default. A required variable without a
//! value is an error at start.

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

/// Prefix of environment variables that set Spin variables.
const PREFIX: &str = "SPIN_VARIABLE_";

/// Sources of values.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Values of `--variable`, which take precedence over all other sources.
    pub explicit: BTreeMap<String, String>,
    /// Path given with `--runtime-config-file`.
    pub runtime_config: Option<PathBuf>,
    /// Folder of the application, which may hold a `.env`.
    pub dir: PathBuf,
    /// Enables the environment and `.env`. Off for commands that set all values.
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
    /// Resolves every declared variable.
    ///
    /// # Errors
    /// When a required variable has no value, or `--variable` names an undeclared one.
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
    /// When a template names an undeclared variable.
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
    /// When it names an undeclared variable.
    pub fn expand(&self, template: &str) -> Result<String> {
        template::expand(template, |name| self.get(name))
    }

    /// Replaces the value of a variable.
    pub fn set(&mut self, name: &str, value: String) {
        self.0.insert(name.to_owned(), value);
    }

    /// Returns the value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// Parses the arguments of `--variable`: `name=value`, `name=@file`, or `@file` of JSON or TOML.
///
/// # Errors
/// When an argument has none of these forms, or its file can't be read.
pub fn parse_explicit(arguments: &[String]) -> Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    for argument in arguments {
        if let Some(path) = argument.strip_prefix('@') {
            values.extend(read_table(Path::new(path))?);
            continue;
        }
        let Some((name, value)) = argument.split_once('=') else {
            // The argument isn't shown: if only the `=` is missing, it may be a secret.
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
    // The parser's message would quote the line and thereby the value.
    read()
        .ok()
        .with_context(|| format!("--variable: {} is not a table of strings", path.display()))
}

fn dotenv(path: &Path, enabled: bool) -> Result<BTreeMap<String, String>> {
    if !enabled || !path.is_file() {
        return Ok(BTreeMap::new());
    }
    let lines =
        dotenvy::from_path_iter(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut values = BTreeMap::new();
    for line in lines {
        // The error would quote the line and thereby the value.
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
