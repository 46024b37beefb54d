//! `xray teardown`: removes each part, the last that was made first: a gateway whose persistent topic is gone while a
//! notification still names it refuses every PUT into that bucket.

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    ceph::part::Found,
    commands::shared::plan::{Plan, WantedArgs, say},
};

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

/// Removes what `setup` makes.
///
/// # Errors
/// With the first part that can't be removed.
pub async fn run(args: TeardownArgs) -> Result<()> {
    walk(&Plan::new(&args.wanted).await?, args.buckets, args.dry_run).await
}

/// Walks over the parts, backwards.
async fn walk(plan: &Plan, buckets: bool, dry_run: bool) -> Result<()> {
    println!("{}", plan.heading);
    for part in plan.parts.iter().rev() {
        if !part.is_removable() {
            continue;
        }
        let name = part.name();
        if part.holds_data() && !buckets {
            say(&name, "kept", &[]);
            continue;
        }
        let is_there = part.look().await.with_context(|| name.clone())?.found != Found::Missing;
        if !is_there {
            say(&name, "was not there", &[]);
        } else if dry_run {
            say(&name, "would be removed", &[]);
        } else {
            part.remove().await.with_context(|| name.clone())?;
            let left = part.look().await.with_context(|| name.clone())?.found;
            if left != Found::Missing {
                bail!("{name}: the gateway took the removal, and it is still there");
            }
            say(&name, "removed", &[]);
        }
    }
    for note in &plan.notes {
        println!("note: {note}");
    }
    Ok(())
}
