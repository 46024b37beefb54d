//! `xray precompile`: compiled code for a read-only image.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use super::shared::manifest_args::ManifestArgs;
use crate::{app::compose, serve::runtime::aot};

/// Arguments of `xray precompile`.
#[derive(Debug, Args)]
pub struct PrecompileArgs {
    /// The application.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// Folder to write to. `xray` looks in the folder `precompiled` beside itself.
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Compiles the application's components and prints the files' names.
///
/// # Errors
/// Returns an error if one is not a component, or the folder can't be written.
pub fn run(args: &PrecompileArgs) -> Result<()> {
    let manifest = args.manifest.load()?;
    for (id, component) in &manifest.components {
        let wasm = compose::read(&component.source)?;
        let name = aot::precompile(&wasm, &component.source, &args.out)
            .with_context(|| format!("component {id}"))?;
        println!("{id}: {}", name.display());
    }
    Ok(())
}
