//! `trigger-kafka`: this host as a trigger plugin of Spin.
//!
//! `spin up` starts one process for each type of trigger and passes the application's location in
//! `SPIN_LOCKED_URL`. Before that, it asks for the flags that the trigger accepts.

mod answers;
mod parent;

use std::{
    env,
    ffi::{OsStr, OsString},
    net::SocketAddr,
    path::PathBuf,
    pin::pin,
};

use anyhow::{Context, Result};
use clap::{Args, Command, CommandFactory, FromArgMatches, Parser};

use crate::{
    app::{
        locked::{self, Triggers},
        manifest::Manifest,
    },
    commands::shared::{
        kafka_args::{self, KafkaArgs},
        load::load,
        page_args::PageArgs,
        runtime_args::RuntimeArgs,
    },
    serve::server,
};

/// Name by which Spin finds a plugin for triggers of type `kafka`.
pub const NAME: &str = "trigger-kafka";

/// Arguments of the plugin.
#[derive(Debug, Args)]
pub struct PluginArgs {
    /// Print the help of the flags, for `spin up --help`.
    #[arg(long, hide = true)]
    help_args_only: bool,
    /// Print the flags as JSON, for `spin up` with several types of triggers.
    #[arg(long, hide = true)]
    launch_metadata_only: bool,
    /// Metrics for Prometheus on this address, at /metrics.
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    /// Kafka.
    #[command(flatten)]
    kafka: KafkaArgs,
    /// Send a row for each event to this topic at the same brokers.
    #[arg(long, value_name = "TOPIC")]
    report_topic: Option<String>,
    /// Options of every command that runs the component.
    #[command(flatten)]
    settings: RuntimeArgs,
}

/// Delivers Kafka's records to the components of a Spin application.
#[derive(Debug, Parser)]
#[command(name = NAME, version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    args: PluginArgs,
}

impl PluginArgs {
    /// Returns the arguments if the program was started under the plugin's name.
    pub fn of_this_process() -> Option<Self> {
        let arguments: Vec<OsString> = env::args_os().collect();
        let name = PathBuf::from(arguments.first()?);
        (name.file_stem() == Some(OsStr::new(NAME))).then(|| {
            let matches = command().get_matches_from(arguments);
            Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
        })
    }
}

/// Flags that `spin up` reads itself are left out; it has its own way to select the application.
fn command() -> Command {
    let of_spin = [
        "from",
        "insecure",
        "cache_dir",
        "env",
        "temp",
        "direct_mounts",
    ];
    let hide = |command: Command, name| command.mut_arg(name, |arg| arg.hide(true));
    of_spin.into_iter().fold(Cli::command(), hide)
}

/// Responds to Spin's questions, or runs the triggers until a signal, the end of a trigger or of
/// the parent.
///
/// # Errors
/// Returns an error if the application can't be read or does not start, or a trigger ends by
/// itself.
pub async fn run(args: PluginArgs) -> Result<()> {
    if args.help_args_only {
        print!("{}", answers::help(command()));
        return Ok(());
    }
    if args.launch_metadata_only {
        // This is where Spin reads it.
        eprintln!("{}", answers::launch_metadata(&command()));
        return Ok(());
    }
    let stop = server::signal()?;
    let parent_gone = parent::gone();
    let manifest = manifest()?;
    let (runtime, triggers) = load(
        manifest,
        &args.settings,
        &args.kafka,
        args.metrics,
        &PageArgs::default(),
        args.report_topic.as_deref(),
    )
    .await?;
    let mut stop = pin!(async {
        tokio::select! {
            () = stop => {}
            () = parent_gone => tracing::info!("the parent process has ended; finishing the requests that are running"),
        }
    });
    let triggers = tokio::select! {
        triggers = kafka_args::start(&runtime, triggers) => triggers?,
        // Brokers that are unreachable are waited for.
        () = &mut stop => return Ok(()),
    };
    tokio::select! {
        () = stop => {}
        () = kafka_args::ended(&triggers) => {}
    }
    kafka_args::stop(triggers).await
}

fn manifest() -> Result<Manifest> {
    let url = env::var("SPIN_LOCKED_URL").context(
        "SPIN_LOCKED_URL is not set; this is Spin's plugin for Kafka triggers, and `spin up` starts it (without Spin, use `xray up`)",
    )?;
    let path = locked::path(&url).context("SPIN_LOCKED_URL")?;
    let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    // Empty when the application came from a registry.
    let dir = ["SPIN_LOCAL_APP_DIR", "SPIN_WORKING_DIR"]
        .iter()
        .filter_map(env::var_os)
        .find(|dir| !dir.is_empty());
    let dir = dir.map_or_else(|| PathBuf::from("."), PathBuf::from);
    locked::App::parse(&text)
        .and_then(|app| app.manifest(Triggers::Kafka, &dir, &locked::local))
        .context("the application that Spin gave")
}
