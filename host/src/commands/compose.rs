//! `xray compose`: the function and the inference component in one file, for hosts that don't
//! compose.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::shared::manifest_args::ManifestArgs;
use crate::app::compose;

/// Arguments of `xray compose`.
#[derive(Debug, Args)]
pub struct ComposeArgs {
    /// The application.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// Component to compose, if there are several.
    #[arg(long, value_name = "ID")]
    pub component_id: Option<String>,
    /// File to write.
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Writes the composed component and prints its imports and exports.
///
/// # Errors
/// Returns an error if it can't be composed or written.
pub fn run(args: &ComposeArgs) -> Result<()> {
    let mut manifest = args.manifest.load()?;
    manifest.retain(args.component_id.as_slice())?;
    let components: Vec<_> = manifest.components.iter().collect();
    let [(id, component)] = components.as_slice() else {
        let ids: Vec<_> = manifest.components.keys().collect();
        bail!("say which component with --component-id: {ids:?}");
    };
    let wasm = compose::compose(component).with_context(|| format!("component {id}"))?;
    let out = &args.out;
    std::fs::write(out, &wasm).with_context(|| format!("cannot write {}", out.display()))?;
    println!("{}: {} bytes", out.display(), wasm.len());
    let names = compose::interfaces(wasm)?;
    names
        .imports
        .iter()
        .for_each(|name| println!("  import {name}"));
    names
        .exports
        .iter()
        .for_each(|name| println!("  export {name}"));
    Ok(())
}
