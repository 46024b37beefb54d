//! Looks at each part, makes what is missing or different, and looks again.

use anyhow::{Context, Result, bail};

use super::{plan::Plan, say};
use crate::ceph::part::{Found, Part};

/// How often a part is made before it is given up: of two topics that are made at the same time a gateway before Ceph 19 may
/// lose one, since it keeps all of a tenant in one object.
const TRIES: usize = 3;

/// Walks over the parts.
pub async fn run(plan: &Plan, dry_run: bool) -> Result<()> {
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
