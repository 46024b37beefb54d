//! `xray push`: stores an application in a registry, in the format of `spin registry push`, so that
//! `spin up`, SpinKube and `xray up` all run it from there.

mod assemble;
mod files;
mod lock;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use clap::Args;
use jiff::Timestamp;
use oci_client::{
    annotations::{
        ORG_OPENCONTAINERS_IMAGE_AUTHORS, ORG_OPENCONTAINERS_IMAGE_CREATED,
        ORG_OPENCONTAINERS_IMAGE_DESCRIPTION, ORG_OPENCONTAINERS_IMAGE_TITLE,
        ORG_OPENCONTAINERS_IMAGE_VERSION,
    },
    client::{Config, ImageLayer},
    manifest::OciImageManifest,
};
use serde_json::{Value, json};

use self::assemble::{Assembly, Form};
use super::shared::manifest_args::ManifestArgs;
use crate::app::registry::{APPLICATION, Registry};

/// Arguments of `xray push`.
#[derive(Debug, Args)]
pub struct PushArgs {
    /// Destination: REGISTRY/REPOSITORY:TAG.
    pub reference: String,
    /// The application.
    #[command(flatten)]
    pub manifest: ManifestArgs,
    /// Talk to the registry over HTTP without TLS.
    #[arg(short = 'k', long)]
    pub insecure: bool,
    /// Pack a component's files into one archive instead of a layer each.
    #[arg(long, env = "SPIN_OCI_ARCHIVE_LAYERS", value_parser = clap::builder::FalseyValueParser::new())]
    pub archive: bool,
    /// Compose the inference component into the function, for hosts that don't compose; with
    /// `=false` it is stored beside the function, and `xray` uses its own inference, which is
    /// faster.
    #[arg(
        long,
        value_name = "BOOL",
        default_value_t = true,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub compose: bool,
    /// Annotate the image; repeatable.
    #[arg(long = "annotation", value_name = "NAME=VALUE", value_parser = annotation)]
    pub annotations: Vec<(String, String)>,
}

fn annotation(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Pushes the image and prints its digest.
///
/// # Errors
/// Returns an error if the application is incomplete, or the registry rejects the image.
pub async fn run(args: PushArgs) -> Result<()> {
    let registry = Registry::new(&args.reference, args.insecure)?;
    let assemble = {
        let form = Form {
            archive: args.archive,
            compose: args.compose,
        };
        let from = args.manifest.from.clone();
        move || Assembly::of(&from, form)
    };
    let assembly = tokio::task::spawn_blocking(assemble).await?;
    let assembly = assembly.context("cannot pack the application")?;
    let count = assembly.layers.len();
    let (layers, config, manifest) = image(assembly, &args.annotations)?;
    let digest = registry
        .push(&layers, config, manifest)
        .await
        .with_context(|| format!("cannot push {}", registry.reference()))?;
    eprintln!("{}: {count} contents", registry.reference());
    println!("Pushed with digest {digest}");
    Ok(())
}

/// Builds the image: the contents, the locked application last, and a configuration that names it,
/// because container runtimes tell images apart by their configuration.
fn image(
    assembly: Assembly,
    annotations: &[(String, String)],
) -> Result<(Vec<ImageLayer>, Config, OciImageManifest)> {
    let locked = serde_json::to_vec(&assembly.locked)?;
    let locked = ImageLayer::new(locked, APPLICATION.to_owned(), None);
    let config = json!({
        "architecture": "wasm",
        "os": "wasip1",
        "config": { "Labels": { "com.fermyon.spin.lockedAppDigest": locked.sha256_digest() } },
        "rootfs": { "type": "layers", "diff_ids": [] },
    });
    let config = Config::oci_v1(serde_json::to_vec(&config)?, None);
    let mut all = about(&assembly.locked);
    all.extend(annotations.iter().cloned());
    let mut layers = assembly.layers;
    layers.push(locked);
    let manifest = OciImageManifest::build(&layers, &config, Some(all));
    Ok((layers, config, manifest))
}

/// Returns the annotations that describe the image.
fn about(locked: &Value) -> BTreeMap<String, String> {
    let text = |key: &str| locked["metadata"][key].as_str().map(str::to_owned);
    let authors = locked["metadata"]["authors"].as_array().map(|authors| {
        let authors: Vec<_> = authors.iter().filter_map(Value::as_str).collect();
        authors.join(", ")
    });
    let all = [
        (ORG_OPENCONTAINERS_IMAGE_TITLE, text("name")),
        (ORG_OPENCONTAINERS_IMAGE_VERSION, text("version")),
        (ORG_OPENCONTAINERS_IMAGE_DESCRIPTION, text("description")),
        (ORG_OPENCONTAINERS_IMAGE_AUTHORS, authors),
        (
            ORG_OPENCONTAINERS_IMAGE_CREATED,
            Some(Timestamp::now().to_string()),
        ),
    ];
    let set = all
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)));
    set.map(|(key, value)| (key.to_owned(), value)).collect()
}
