//! `xray reprocess`: runs objects of the input bucket without current outputs through the function,
//! in this process.
//!
//! It is for objects that were stored before the function existed or while it was down, and for a
//! change of model or settings. It asks the store which outputs are current, so it can be stopped
//! and started again, and may run beside the function. Copies under names that other settings gave
//! are removed at the end.

mod former;
mod since;
mod tally;
mod walk;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use jiff::Timestamp;
use xray::{
    config::Config,
    model::contract::Contract,
    text::{contract::TextContract, marker_contract::MarkerContract},
};

use self::walk::Walk;
use crate::{
    app::manifest::Manifest,
    commands::shared::{
        app, progress::progress_bar, runtime_args::RuntimeArgs, stop::Stop,
        store_client::of_function,
    },
    serve::runtime::{Runtime, files::Mounts, processors},
};

/// Arguments of `xray reprocess`.
#[derive(Debug, Args)]
pub struct ReprocessArgs {
    /// Bucket with the pictures.
    #[arg(long, value_name = "NAME", default_value = "xray-data-in")]
    pub bucket: String,
    /// Only keys with this prefix.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub prefix: String,
    /// Only objects stored since: 2026-11-01, 2026-11-01T08:00:00Z, or a time ago as 36h or 7d.
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub since: Option<Timestamp>,
    /// Process at most this many objects.
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    pub limit: usize,
    /// Maximum number of concurrent pictures [default: two per processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub concurrency: Option<u16>,
    /// Only count what would be processed.
    #[arg(long)]
    pub dry_run: bool,
    /// Print object keys. They may hold patients' names.
    #[arg(long)]
    pub show_keys: bool,
    /// Options of every command that runs the component.
    #[command(flatten)]
    pub settings: RuntimeArgs,
}

fn since(text: &str) -> Result<Timestamp, String> {
    since::parse(text, Timestamp::now())
}

/// Processes the objects that are due; the exit code is a failure if any of them failed and may
/// still work later, or a signal stopped the run.
///
/// # Errors
/// Returns an error if the application does not start, or the store rejects listing or reading.
pub async fn run(args: ReprocessArgs) -> Result<ExitCode> {
    let mut stop = Stop::new()?;
    let manifest = args.settings.application().await?;
    let variables = args.settings.resolve(&manifest)?;
    let config = app::config(&manifest, &variables)?;
    if config.is_output_bucket(&args.bucket) {
        bail!(
            "{} is a bucket for outputs; name the input bucket with --bucket",
            args.bucket
        );
    }
    let digests = Digests::read(&manifest, &config)?;
    let client = of_function(&config)?;
    let mut options = args.settings.options(&manifest)?;
    // Standard output is for the counts.
    options.quiet = true;
    if args.settings.log_dir.is_none() {
        options.log_dir = None;
    }
    let runtime = match args.dry_run {
        true => None,
        false => {
            let runtime = Runtime::start(manifest, variables, options).await?;
            eprintln!("{}", runtime.nn_line());
            Some(runtime)
        }
    };
    let walk = Walk {
        client,
        settings: config.settings_digest(digests.detector.as_deref(), digests.markers.as_deref()),
        config,
        model_sha256: digests.model,
        runtime,
        bucket: args.bucket.clone(),
        prefix: args.prefix.clone(),
        since: args.since,
        limit: args.limit,
        at_a_time: args.concurrency.map_or(2 * processors(), usize::from),
        shows_keys: args.show_keys,
        bar: progress_bar("objects", 0, args.settings.quiet),
    };
    let mut stopped = None;
    let walked = walk.all(async { stopped = Some(stop.asked().await) }).await;
    walk.bar.finish_and_clear();
    let (mut tally, names) = walked?;
    let mut swept = Ok(());
    if stopped.is_none() && !args.dry_run {
        let buckets = walk.config.buckets(&walk.bucket);
        for bucket in [Some(buckets.anonymized), buckets.quarantine]
            .into_iter()
            .flatten()
        {
            match names
                .remove_former(&walk.client, &bucket, walk.at_a_time)
                .await
            {
                Ok(removed) => tally.removed(removed),
                Err(error) => swept = Err(error),
            }
        }
    }
    println!("{}", tally.text());
    swept?;
    if stopped.is_some() {
        eprintln!("Stopped; the same command resumes.");
    }
    Ok(match stopped {
        Some(code) => ExitCode::from(code),
        None if tally.failed() > 0 => ExitCode::FAILURE,
        None => ExitCode::SUCCESS,
    })
}

/// Digests that the component is going to write: those of the contracts it reads.
struct Digests {
    model: String,
    /// Digest of the text detector, if there is one.
    detector: Option<String>,
    /// Part of the marker recognizer in the settings digest, if there is one.
    markers: Option<String>,
}

impl Digests {
    fn read(manifest: &Manifest, config: &Config) -> Result<Self> {
        let route = manifest.routes.first();
        let component = route.and_then(|route| manifest.components.get(&route.component));
        let component = component.context("the application has no route to a component")?;
        // Kept until the contracts are read: the contents of an image are copied, and go with the
        // copies.
        let mounts = Mounts::prepare(&component.files, &manifest.dir, None)?;
        let models = mounts.models();
        let contract = |model: &str| {
            let found = models.iter().find(|(name, _)| name == model);
            let (_, folder) = found.with_context(|| format!("there is no model {model:?}"))?;
            let path = folder.join("contract.json");
            let text = std::fs::read_to_string(&path);
            text.with_context(|| format!("cannot read {}", path.display()))
        };
        let detector = match &config.text_detector {
            Some(name) => Some(TextContract::parse(&contract(name)?)?.model_sha256),
            None => None,
        };
        let markers = match &config.marker_recognizer {
            Some(name) if detector.is_some() => {
                Some(MarkerContract::parse(&contract(name)?)?.digest_text())
            }
            _ => None,
        };
        Ok(Self {
            model: Contract::parse(&contract(&config.model)?)?.model_sha256,
            detector,
            markers,
        })
    }
}
