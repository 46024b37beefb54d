//! Flags that select the store.

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

/// Flags for the source of the function's settings, as for `xray up`.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// Manifest with the settings, or a folder with a spin.toml; without one the defaults apply.
    #[arg(short = 'f', long, value_name = "PATH", default_value = ".")]
    pub from: PathBuf,
    /// Set a variable: NAME=VALUE, NAME=@FILE, or @FILE of JSON or TOML.
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    pub variables: Vec<String>,
    /// Spin's runtime configuration, from which variable providers are read.
    #[arg(long, value_name = "FILE")]
    pub runtime_config_file: Option<PathBuf>,
    /// Input bucket; the names of the others follow from it.
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
    /// Returns an error if a setting has a value that the function would reject.
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

/// Reads the manifest at `from`. The default one may be missing: setting up a store needs no
/// application.
fn manifest(from: &Path) -> Result<Option<Manifest>> {
    if from == Path::new(".") && !Path::new("spin.toml").is_file() {
        return Ok(None);
    }
    Manifest::load(from).map(Some)
}
