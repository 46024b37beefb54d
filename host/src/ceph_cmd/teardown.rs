//! Removes each part, the last that was made first: a gateway whose persistent topic is gone while a notification still names
//! it refuses every PUT into that bucket.

use anyhow::{Context, Result, bail};

use super::{plan::Plan, say};
use crate::ceph::part::Found;

/// Walks over the parts, backwards.
pub async fn run(plan: &Plan, buckets: bool, dry_run: bool) -> Result<()> {
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
