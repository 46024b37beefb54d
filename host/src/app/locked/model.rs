//! Serde types of the lock format, without the keys that this host does not use.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A locked application whose contents have yet to be located.
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
    /// `"All"`, or the list of configuration that the dependency inherits.
    #[serde(default)]
    pub(super) inherit: Value,
}

/// Location of a content: a URL, a digest in the image, or the bytes themselves.
#[derive(Debug, Deserialize)]
pub struct Content {
    /// A URL.
    pub source: Option<String>,
    /// The bytes in base64.
    pub inline: Option<String>,
    /// `sha256:` followed by the digest in hex.
    pub digest: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct File {
    #[serde(flatten)]
    pub(super) content: Content,
    pub(super) path: String,
}
