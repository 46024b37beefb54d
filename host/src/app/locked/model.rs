//! The format, key by key; keys that this host has no use for are left out.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// An application as it is locked: its contents are somewhere, and have yet to be found.
#[derive(Deserialize)]
pub struct App {
    pub(super) spin_lock_version: u64,
    #[serde(default)]
    pub(super) must_understand: Vec<String>,
    #[serde(default)]
    pub(super) host_requirements: Map<String, Value>,
    #[serde(default)]
    pub(super) metadata: Map<String, Value>,
    #[serde(default)]
    pub(super) variables: BTreeMap<String, Variable>,
    pub(super) triggers: Vec<Trigger>,
    pub(super) components: Vec<LockedComponent>,
}

#[derive(Deserialize)]
pub(super) struct Variable {
    pub(super) default: Option<String>,
    #[serde(default)]
    pub(super) secret: bool,
}

#[derive(Deserialize)]
pub(super) struct Trigger {
    pub(super) trigger_type: String,
    pub(super) trigger_config: Map<String, Value>,
}

#[derive(Deserialize)]
pub(super) struct LockedComponent {
    pub(super) id: String,
    #[serde(default)]
    pub(super) metadata: Map<String, Value>,
    #[serde(default)]
    pub(super) host_requirements: Map<String, Value>,
    pub(super) source: Content,
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) files: Vec<File>,
    #[serde(default)]
    pub(super) config: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) dependencies: BTreeMap<String, LockedDependency>,
}

#[derive(Deserialize)]
pub(super) struct LockedDependency {
    pub(super) source: Content,
    pub(super) export: Option<String>,
    /// "All", or which configuration the dependency may use.
    #[serde(default)]
    pub(super) inherit: Value,
}

/// Where bytes are: at an address, in the image with this digest, or here.
#[derive(Debug, Deserialize)]
pub struct Content {
    /// A URL.
    pub source: Option<String>,
    /// The bytes themselves, in base64.
    pub inline: Option<String>,
    /// `sha256:` and the digest in hex.
    pub digest: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct File {
    #[serde(flatten)]
    pub(super) content: Content,
    pub(super) path: String,
}
