//! `xray precompile`: compiled code for a read-only image.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    app::{compose, manifest::Manifest},
    serve::runtime::aot,
};

/// Arguments of `xray precompile`.
#[derive(Debug, Args)]
pub struct PrecompileArgs {
    /// Manifest, or folder with a spin.toml.
    #[arg(
        short = 'f',
        long,
        value_name = "PATH",
        default_value = ".",
        alias = "file"
    )]
    pub from: PathBuf,
    /// Folder to write to. `xray` looks in the folder `precompiled` beside itself.
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Compiles the application's components and prints the files' names.
///
/// # Errors
/// Returns an error if one is not a component, or the folder can't be written.
pub fn run(args: &PrecompileArgs) -> Result<()> {
    let manifest = Manifest::load(&args.from).context("cannot load the application")?;
    for (id, component) in &manifest.components {
        let wasm = compose::read(&component.source)?;
        let name = aot::precompile(&wasm, &component.source, &args.out)
            .with_context(|| format!("component {id}"))?;
        println!("{id}: {}", name.display());
    }
    Ok(())
}
