//! `xray setup`, `xray status` and `xray teardown`: the buckets, topic, notification and policies of a gateway.
//!
//! All three walk over the same parts. Nothing is taken for done before it has been read back.

mod plan;
mod setup;
mod status;
mod teardown;

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use self::plan::Plan;
use crate::ceph::{push_args::PushArgs, settings::StoreArgs};

/// What is to be at the store.
#[derive(Debug, Args)]
pub struct WantedArgs {
    /// Which store.
    #[command(flatten)]
    pub store: StoreArgs,
    /// The topic, at the gateway and at Kafka.
    #[arg(long, value_name = "NAME", default_value = "storage")]
    pub topic: String,
    /// Where the topic pushes to.
    #[command(flatten)]
    pub push: PushArgs,
    /// What the ids of our notifications begin with.
    #[arg(long, value_name = "ID", default_value = "xray")]
    pub notification: String,
    /// Events; may be given more than once [default: s3:ObjectCreated:*, and s3:ObjectRemoved:* where `remove_outputs` is set].
    #[arg(long = "event", value_name = "EVENT")]
    pub events: Vec<String>,
    /// Only keys that begin so.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub prefix: String,
    /// Only keys that end so; may be given more than once, and '' is for all.
    #[arg(long = "suffix", value_name = "TEXT", default_values = [".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG"])]
    pub suffixes: Vec<String>,
    /// The function's user, where its keys are not among the settings: an id, TENANT$ID, or an ARN.
    #[arg(long, value_name = "USER")]
    pub function_user: Option<String>,
}

/// Arguments of `xray setup`.
#[derive(Debug, Args)]
pub struct SetupArgs {
    /// What is wanted.
    #[command(flatten)]
    pub wanted: WantedArgs,
    /// Only say what would be done.
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `xray status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// What is wanted.
    #[command(flatten)]
    pub wanted: WantedArgs,
}

/// Arguments of `xray teardown`.
#[derive(Debug, Args)]
pub struct TeardownArgs {
    /// What is to go.
    #[command(flatten)]
    pub wanted: WantedArgs,
    /// Delete the buckets too; one that holds objects is refused.
    #[arg(long)]
    pub buckets: bool,
    /// Only say what would be done.
    #[arg(long)]
    pub dry_run: bool,
}

/// Makes what is missing.
///
/// # Errors
/// With the first part that can't be made, or that reads back otherwise.
pub async fn setup(args: SetupArgs) -> Result<()> {
    if args.wanted.push.push.is_none() {
        anyhow::bail!(
            "--push says where the gateway is to push events to: kafka://BROKER:9092 or http://FUNCTION:3000/, as the gateway \
             reaches it"
        );
    }
    setup::run(&Plan::new(&args.wanted).await?, args.dry_run).await
}

/// Says what is there; the exit code is 1 when that is not what is wanted.
///
/// # Errors
/// When the store can't be asked at all.
pub async fn status(args: StatusArgs) -> Result<ExitCode> {
    status::run(&Plan::new(&args.wanted).await?).await
}

/// Removes what `setup` makes.
///
/// # Errors
/// With the first part that can't be removed.
pub async fn teardown(args: TeardownArgs) -> Result<()> {
    teardown::run(&Plan::new(&args.wanted).await?, args.buckets, args.dry_run).await
}

/// One line about a part, and its notes below.
fn say(name: &str, what: &str, notes: &[String]) {
    println!("{name:<46} {what}");
    for note in notes {
        println!("    note: {note}");
    }
}
