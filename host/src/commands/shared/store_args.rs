//! The flags that say which store is meant.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use crate::{
    app::{
        manifest::Manifest,
        variables::{self, Sources},
    },
    ceph::settings::Settings,
};

/// Where the function's settings come from, as for `xray up`.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// The manifest whose settings count, or a folder with a spin.toml; without one the defaults do.
    #[arg(short = 'f', long, value_name = "PATH", default_value = ".")]
    pub from: PathBuf,
    /// Set a variable: NAME=VALUE, NAME=@FILE, or @FILE of JSON or TOML.
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    pub variables: Vec<String>,
    /// Spin's runtime configuration; variable providers are read from it.
    #[arg(long, value_name = "FILE")]
    pub runtime_config_file: Option<PathBuf>,
    /// The input bucket; the names of the others follow from it.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "xray-data-in",
        env = "XRAY_BUCKET"
    )]
    pub bucket: String,
}

impl StoreArgs {
    /// Reads the settings of this store.
    ///
    /// # Errors
    /// When a setting has a value that the function would not take.
    pub fn read(&self) -> Result<Settings> {
        let manifest = manifest(&self.from)?;
        let sources = Sources {
            explicit: variables::parse_explicit(&self.variables)?,
            runtime_config: self.runtime_config_file.clone(),
            dir: manifest.as_ref().map_or(".".into(), |m| m.dir.clone()),
            environment: true,
        };
        Settings::read(manifest, &sources, &self.bucket)
    }
}

/// The manifest at `from`. Where nobody named one it may be missing: whoever sets up a store needs no application.
fn manifest(from: &Path) -> Result<Option<Manifest>> {
    if from == Path::new(".") && !Path::new("spin.toml").is_file() {
        return Ok(None);
    }
    Manifest::load(from).map(Some)
}
