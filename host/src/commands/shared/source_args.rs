//! Source of an application: a manifest on this machine, or an image in a registry.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::kafka_args::check_keys;
use crate::app::{manifest::Manifest, registry};

/// Arguments that select the application, as in `spin up`.
#[derive(Debug, Args)]
pub struct SourceArgs {
    /// Manifest, folder with a spin.toml, or reference of an image in a registry.
    #[arg(
        short = 'f',
        long,
        value_name = "PATH|REFERENCE",
        default_value = ".",
        group = "source"
    )]
    pub from: PathBuf,
    /// The same, always taken as a path.
    #[arg(
        long,
        alias = "file",
        value_name = "PATH",
        hide = true,
        group = "source"
    )]
    pub from_file: Option<PathBuf>,
    /// The same, always taken as a reference.
    #[arg(long, value_name = "REFERENCE", hide = true, group = "source")]
    pub from_registry: Option<String>,
    /// Talk to the registry over HTTP without TLS.
    #[arg(short = 'k', long)]
    pub insecure: bool,
    /// Folder for pulled images [default: xray in the user's cache folder].
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
}

/// Meaning of the arguments.
enum Source {
    Path(PathBuf),
    Registry(String),
}

impl SourceArgs {
    /// Reads the manifest, or pulls the image.
    ///
    /// # Errors
    /// Returns an error if neither exists, or this host can't run the application.
    pub async fn load(&self) -> Result<Manifest> {
        let manifest = match self.source()? {
            Source::Path(path) => {
                // Walking through folders and reading files is quick, but blocks all the same.
                let load = move || Manifest::load(&path);
                tokio::task::spawn_blocking(load).await?
            }
            Source::Registry(reference) => {
                registry::application(&reference, self.insecure, self.cache_dir.as_deref()).await
            }
        };
        manifest
            .and_then(|manifest| check_keys(&manifest).map(|()| manifest))
            .context("cannot load the application")
    }

    fn source(&self) -> Result<Source> {
        if let Some(path) = &self.from_file {
            return Ok(Source::Path(path.clone()));
        }
        if let Some(reference) = &self.from_registry {
            return Ok(Source::Registry(reference.clone()));
        }
        // An existing path wins, so that a file's name never goes out to a registry.
        if self.from.exists() {
            return Ok(Source::Path(self.from.clone()));
        }
        match self.from.to_str() {
            Some(text) if registry::is_reference(text) => Ok(Source::Registry(text.to_owned())),
            _ => bail!(
                "there is no file or folder {}; --from-registry takes anything for a reference",
                self.from.display()
            ),
        }
    }
}
