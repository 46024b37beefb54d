//! The manifest of commands that build something from an application on this machine.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::app::manifest::Manifest;

/// Arguments that select a manifest.
#[derive(Debug, Args)]
pub struct ManifestArgs {
    /// Manifest, or folder with a spin.toml.
    #[arg(
        short = 'f',
        long,
        value_name = "PATH",
        default_value = ".",
        alias = "file"
    )]
    pub from: PathBuf,
}

impl ManifestArgs {
    /// Loads the manifest.
    ///
    /// # Errors
    /// Returns an error if it can't be read or is invalid.
    pub fn load(&self) -> Result<Manifest> {
        Manifest::load(&self.from).context("cannot load the application")
    }
}
