//! Variable providers, the part of Spin's runtime configuration that this host supports.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// A source of values.
#[derive(Debug)]
pub enum Provider {
    /// Values written in the configuration.
    Static(BTreeMap<String, String>),
    /// Environment variables with a prefix, or a file of them.
    Env {
        prefix: String,
        file: BTreeMap<String, String>,
    },
}

impl Provider {
    /// Returns the value of a variable.
    pub fn get(&self, name: &str) -> Option<String> {
        match self {
            Self::Static(values) => values.get(name).cloned(),
            Self::Env { prefix, file } => {
                let key = format!("{prefix}{}", name.to_uppercase());
                std::env::var(&key).ok().or_else(|| file.get(&key).cloned())
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum RawProvider {
    Static {
        values: BTreeMap<String, String>,
    },
    Env {
        prefix: Option<String>,
        dotenv_path: Option<std::path::PathBuf>,
    },
}

/// Reads the providers of a runtime configuration in order.
pub fn read(path: &Path) -> Result<Vec<Provider>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the runtime configuration {}", path.display()))?;
    parse(&text).with_context(|| format!("in the runtime configuration {}", path.display()))
}

fn parse(text: &str) -> Result<Vec<Provider>> {
    // The parser's message quotes the line, which may hold a secret.
    let table: toml::Table = toml::from_str(text)
        .ok()
        .context("the file is not valid TOML")?;
    let mut providers = Vec::new();
    for (key, value) in table {
        match key.as_str() {
            // Spin has used three names for the same table.
            "variables_provider" | "variable_provider" | "config_provider" => {
                let entries = match value {
                    toml::Value::Array(entries) => entries,
                    single => vec![single],
                };
                for entry in entries {
                    providers.push(provider(entry).with_context(|| format!("in {key}"))?);
                }
            }
            "state_dir" | "log_dir" => {
                bail!(
                    "`{key}` is not read from this file; use --{}",
                    key.replace('_', "-")
                )
            }
            other => bail!("`{other}` is not supported by this host"),
        }
    }
    Ok(providers)
}

fn provider(entry: toml::Value) -> Result<Provider> {
    let kind = entry
        .get("type")
        .and_then(toml::Value::as_str)
        .unwrap_or_default()
        .to_owned();
    if !matches!(kind.as_str(), "static" | "env") {
        bail!(
            "providers of type {kind:?} are not supported by this host, only \"static\" and \"env\""
        );
    }
    Ok(
        match entry
            .try_into()
            .ok()
            .context("the provider has an invalid key or value")?
        {
            RawProvider::Static { values } => Provider::Static(values),
            RawProvider::Env {
                prefix,
                dotenv_path,
            } => {
                let file = match dotenv_path {
                    Some(path) => super::dotenv(&path, true)?,
                    None => BTreeMap::new(),
                };
                let prefix =
                    prefix.map_or_else(|| super::PREFIX.to_owned(), |prefix| format!("{prefix}_"));
                Provider::Env { prefix, file }
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsupported_providers_are_named_without_their_secrets() {
        let providers = parse(
            r#"
            [[variables_provider]]
            type = "static"
            values = { a = "1" }
            [[config_provider]]
            type = "env"
            prefix = "HOSPITAL"
            "#,
        )
        .unwrap();
        assert_eq!(
            providers
                .iter()
                .find_map(|provider| provider.get("a"))
                .as_deref(),
            Some("1")
        );
        for (text, said) in [
            (
                "[[variables_provider]]\ntype = \"vault\"\ntoken = \"s3cret\"",
                "vault",
            ),
            (
                "[[variables_provider]]\ntype = \"static\"\nvalue = \"s3cret\"",
                "variables_provider",
            ),
            (
                "[key_value_store.default]\ntype = \"spin\"",
                "key_value_store",
            ),
            ("log_dir = \"/x\"", "--log-dir"),
            ("password = s3cret", "not valid TOML"),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(said) && !error.contains("s3cret"), "{error}");
        }
    }
}
