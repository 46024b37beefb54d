//! `xray setup`: reads each resource, creates or changes it where needed, and reads it back.

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    ceph::{
        holders::Grantee,
        resource::{Resource, State},
    },
    commands::shared::plan::{DesiredArgs, Plan, say},
};

/// Attempts to apply a resource: a gateway before Ceph 19 keeps all topics of a tenant in one
/// object, so it may lose one of two that are created at the same time.
const TRIES: usize = 3;

/// Arguments of `xray setup`.
#[derive(Debug, Args)]
pub struct SetupArgs {
    /// Desired state.
    #[command(flatten)]
    pub desired: DesiredArgs,
    /// Take away the rights that an earlier setup has granted to this user; repeatable. Users that
    /// no option names keep theirs.
    #[arg(long, value_name = "WHO")]
    pub revoke: Vec<Grantee>,
    /// Print the changes without making them.
    #[arg(long)]
    pub dry_run: bool,
}

/// Creates missing resources and changes those that differ.
///
/// # Errors
/// Returns an error for the first resource that can't be applied, or that reads back differently.
pub async fn run(args: SetupArgs) -> Result<()> {
    if args.desired.push.push.is_none() {
        bail!(
            "set --push to the address to which the gateway pushes events, as the gateway reaches it: \
             kafka://BROKER:9092 or http://FUNCTION:3000/"
        );
    }
    let plan = Plan::new(&args.desired, &args.revoke).await?;
    walk(&plan, args.dry_run).await
}

/// Applies each resource in turn.
async fn walk(plan: &Plan, dry_run: bool) -> Result<()> {
    println!("{}", plan.heading);
    let mut changes = 0;
    for resource in &plan.resources {
        let line = apply(resource.as_ref(), dry_run, &mut changes).await;
        line.with_context(|| resource.name())?;
    }
    for note in plan.rights.iter().chain(&plan.notes) {
        println!("note: {note}");
    }
    let count = plan.resources.len();
    match (changes, dry_run) {
        (0, _) => println!("{count} resources, all in sync"),
        (_, true) => {
            println!("{changes} of {count} resources would be created or changed; nothing was done")
        }
        (_, false) => println!("{changes} of {count} resources created or changed, and read back"),
    }
    Ok(())
}

async fn apply(resource: &dyn Resource, dry_run: bool, changes: &mut usize) -> Result<()> {
    let before = resource.read().await?;
    let (would, done) = match &before.state {
        State::InSync => {
            say(
                &resource.name(),
                &format!("found: {}", resource.desired()),
                &before.notes,
            );
            return Ok(());
        }
        State::Missing => ("would be created".to_owned(), "created".to_owned()),
        State::Drifted(how) => (
            format!("would be changed ({how})"),
            format!("changed ({how})"),
        ),
    };
    *changes += 1;
    if dry_run {
        say(
            &resource.name(),
            &format!("{would}: {}", resource.desired()),
            &before.notes,
        );
        return Ok(());
    }
    let mut attempts = TRIES;
    loop {
        resource.apply().await?;
        attempts -= 1;
        let after = resource.read().await.context("reading it back")?;
        match after.state {
            State::InSync => {
                say(
                    &resource.name(),
                    &format!("{done}: {}", resource.desired()),
                    &after.notes,
                );
                return Ok(());
            }
            _ if attempts > 0 => {}
            State::Missing => bail!("the gateway accepted the request, but it does not exist"),
            State::Drifted(how) => {
                bail!("the gateway accepted the request, but it reads back differently: {how}")
            }
        }
    }
}
