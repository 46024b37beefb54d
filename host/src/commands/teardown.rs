//! `xray teardown`: removes the resources in reverse order of creation. A gateway before Ceph 19
//! whose persistent topic is gone while a notification still names it rejects every PUT into that
//! bucket.

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    ceph::resource::State,
    commands::shared::plan::{DesiredArgs, Plan, print_line, say},
};

/// Arguments of `xray teardown`.
#[derive(Debug, Args)]
pub struct TeardownArgs {
    /// Resources to remove.
    #[command(flatten)]
    pub desired: DesiredArgs,
    /// Delete the buckets too; a bucket that holds objects is an error.
    #[arg(long)]
    pub buckets: bool,
    /// Print the removals without making them.
    #[arg(long)]
    pub dry_run: bool,
}

/// Removes everything that `setup` creates.
///
/// # Errors
/// Returns an error for the first resource that can't be removed.
pub async fn run(args: TeardownArgs) -> Result<()> {
    let plan = Plan::new(&args.desired, &[]).await?;
    walk(&plan, args.buckets, args.dry_run).await
}

/// Removes each resource in turn, the newest first.
async fn walk(plan: &Plan, buckets: bool, dry_run: bool) -> Result<()> {
    print_line(&plan.heading);
    for resource in plan.resources.iter().rev() {
        if !resource.is_removable() {
            continue;
        }
        let name = resource.name();
        if resource.holds_data() && !buckets {
            say(&name, "kept", &[]);
            continue;
        }
        let is_there = resource.read().await.with_context(|| name.clone())?.state != State::Missing;
        if !is_there {
            say(&name, "did not exist", &[]);
        } else if dry_run {
            say(&name, "would be removed", &[]);
        } else {
            resource.remove().await.with_context(|| name.clone())?;
            let left = resource.read().await.with_context(|| name.clone())?.state;
            if left != State::Missing {
                bail!("{name}: the gateway accepted the removal, but it still exists");
            }
            say(&name, "removed", &[]);
        }
    }
    for note in &plan.notes {
        print_line(&format!("note: {note}"));
    }
    Ok(())
}
