//! Serde types of the manifest.
//!
//! Every table rejects unknown keys, and the parser's message names the key, the line and the valid
//! keys. Spin's keys that this host does not support are listed too: the next step rejects a value
//! that would change behavior, instead of ignoring it.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub spin_manifest_version: u32,
    pub application: Application,
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    #[serde(default)]
    pub trigger: Triggers,
    #[serde(default)]
    pub component: BTreeMap<String, Component>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    pub name: String,
    #[serde(default)]
    pub version: String,
    #[serde(default)]
    pub description: String,
    #[serde(default, rename = "authors")]
    pub _authors: Vec<String>,
    #[serde(default)]
    pub trigger: BTreeMap<String, toml::Table>,
    #[serde(default, rename = "targets")]
    pub _targets: toml::value::Array,
    // Reserved for tools by Spin.
    #[serde(default, rename = "tool")]
    pub _tool: toml::Table,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    pub default: Option<String>,
    #[serde(default)]
    pub required: bool,
    #[serde(default)]
    pub secret: bool,
    #[serde(default, rename = "description")]
    pub _description: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Triggers {
    #[serde(default)]
    pub http: Vec<HttpTrigger>,
    #[serde(default)]
    pub kafka: Vec<toml::Table>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTrigger {
    #[serde(default, rename = "id")]
    pub _id: String,
    pub route: toml::Value,
    pub component: toml::Value,
    #[serde(default)]
    pub components: toml::Table,
    #[serde(default)]
    pub executor: toml::Table,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    pub source: toml::Value,
    #[serde(default, rename = "description")]
    pub _description: String,
    #[serde(default)]
    pub files: Vec<toml::Value>,
    #[serde(default)]
    pub exclude_files: Vec<String>,
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    pub allowed_http_hosts: Vec<String>,
    #[serde(default)]
    pub key_value_stores: Vec<String>,
    #[serde(default)]
    pub sqlite_databases: Vec<String>,
    #[serde(default)]
    pub ai_models: Vec<String>,
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    #[serde(default)]
    pub dependencies: toml::Table,
    #[serde(default)]
    pub dependencies_inherit_configuration: bool,
    // For `spin build`, deployment targets and tools; none changes what runs.
    #[serde(default, rename = "build")]
    pub _build: toml::Table,
    #[serde(default, rename = "targets")]
    pub _targets: toml::value::Array,
    #[serde(default, rename = "tool")]
    pub _tool: toml::Table,
}
