//! `xray reprocess`: what lies in the input bucket and has no current outputs goes through the function, in this process.
//!
//! For what was there before the function, for what was lost while it was down, and after a change of model or settings. What
//! is current it asks the store, so that it can be stopped and started again, and may run beside the function.

mod since;
mod tally;
mod walk;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use jiff::Timestamp;
use xray::{config::Config, model::contract::Contract, text::contract::TextContract};

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
    /// Only keys that begin so.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub prefix: String,
    /// Only what was stored since then: 2026-11-01, 2026-11-01T08:00:00Z, or 36h or 7d ago.
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub since: Option<Timestamp>,
    /// Process at most so many.
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    pub limit: usize,
    /// Pictures at a time [default: two a processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub concurrency: Option<u16>,
    /// Only count what would be processed.
    #[arg(long)]
    pub dry_run: bool,
    /// Name objects in what is printed. Their names may hold those of patients.
    #[arg(long)]
    pub show_keys: bool,
    /// What every command that runs the component has.
    #[command(flatten)]
    pub settings: RuntimeArgs,
}

fn since(text: &str) -> Result<Timestamp, String> {
    since::parse(text, Timestamp::now())
}

/// Processes what is due; the code is a failure if any of it failed and may work later, or somebody asked to stop.
///
/// # Errors
/// When the application does not start, or the store refuses to list or to tell what is there.
pub async fn run(args: ReprocessArgs) -> Result<ExitCode> {
    let mut stop = Stop::new()?;
    let manifest = args.settings.application().await?;
    let variables = args.settings.resolve(&manifest)?;
    let config = app::config(&manifest, &variables)?;
    if config.is_output_bucket(&args.bucket) {
        bail!(
            "{} is a bucket for outputs; name the one that pictures are sent to",
            args.bucket
        );
    }
    let digests = Digests::read(&manifest, &config)?;
    let client = of_function(&config)?;
    let mut options = args.settings.options(&manifest);
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
        settings: config.settings_digest(digests.detector.as_deref()),
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
    let tally = walk.all(async { stopped = Some(stop.asked().await) }).await;
    walk.bar.finish_and_clear();
    let tally = tally?;
    println!("{}", tally.text());
    if stopped.is_some() {
        eprintln!("Stopped; the same command goes on where it was.");
    }
    Ok(match stopped {
        Some(code) => ExitCode::from(code),
        None if tally.failed() > 0 => ExitCode::FAILURE,
        None => ExitCode::SUCCESS,
    })
}

/// The digests that the component is going to write: those of the contracts it reads.
struct Digests {
    model: String,
    /// Of what finds text, where anything does.
    detector: Option<String>,
}

impl Digests {
    fn read(manifest: &Manifest, config: &Config) -> Result<Self> {
        let route = manifest.routes.first();
        let component = route.and_then(|route| manifest.components.get(&route.component));
        let component = component.context("the application has no route to a component")?;
        // Kept until the contracts are read: what an image holds is copied, and goes with the copies.
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
        Ok(Self {
            model: Contract::parse(&contract(&config.model)?)?.model_sha256,
            detector,
        })
    }
}
