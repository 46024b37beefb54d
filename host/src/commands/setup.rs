//! `xray setup`: looks at each part, makes what is missing or different, and looks again.

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    ceph::part::{Found, Part},
    commands::shared::plan::{Plan, WantedArgs, say},
};

/// How often a part is made before it is given up: of two topics that are made at the same time a gateway before Ceph 19 may
/// lose one, since it keeps all of a tenant in one object.
const TRIES: usize = 3;

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

/// Makes what is missing.
///
/// # Errors
/// With the first part that can't be made, or that reads back otherwise.
pub async fn run(args: SetupArgs) -> Result<()> {
    if args.wanted.push.push.is_none() {
        bail!(
            "--push says where the gateway is to push events to: kafka://BROKER:9092 or http://FUNCTION:3000/, as the gateway \
             reaches it"
        );
    }
    walk(&Plan::new(&args.wanted).await?, args.dry_run).await
}

/// Walks over the parts.
async fn walk(plan: &Plan, dry_run: bool) -> Result<()> {
    println!("{}", plan.heading);
    let mut changes = 0;
    for part in &plan.parts {
        let line = one(part.as_ref(), dry_run, &mut changes).await;
        line.with_context(|| part.name())?;
    }
    for note in &plan.notes {
        println!("note: {note}");
    }
    let parts = plan.parts.len();
    match (changes, dry_run) {
        (0, _) => println!("{parts} parts, all as they should be"),
        (_, true) => {
            println!("{changes} of {parts} parts would be made or changed; nothing was done")
        }
        (_, false) => println!("{changes} of {parts} parts made or changed, and read back"),
    }
    Ok(())
}

async fn one(part: &dyn Part, dry_run: bool, changes: &mut usize) -> Result<()> {
    let before = part.look().await?;
    let (would, done) = match &before.found {
        Found::Same => {
            say(
                &part.name(),
                &format!("found: {}", part.wanted()),
                &before.notes,
            );
            return Ok(());
        }
        Found::Missing => ("would be made".to_owned(), "made".to_owned()),
        Found::Differs(how) => (
            format!("would be changed ({how})"),
            format!("changed ({how})"),
        ),
    };
    *changes += 1;
    if dry_run {
        say(
            &part.name(),
            &format!("{would}: {}", part.wanted()),
            &before.notes,
        );
        return Ok(());
    }
    let mut left = TRIES;
    loop {
        part.make().await?;
        left -= 1;
        let after = part.look().await.context("reading it back")?;
        match after.found {
            Found::Same => {
                say(
                    &part.name(),
                    &format!("{done}: {}", part.wanted()),
                    &after.notes,
                );
                return Ok(());
            }
            _ if left > 0 => {}
            Found::Missing => bail!("the gateway took it, and it is not there"),
            Found::Differs(how) => {
                bail!("the gateway took it, and it reads back otherwise: {how}")
            }
        }
    }
}
