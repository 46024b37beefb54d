//! `xray status`: looks at each part and changes nothing.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::{
    ceph::part::Found,
    commands::shared::plan::{Plan, WantedArgs, say},
};

/// Arguments of `xray status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// What is wanted.
    #[command(flatten)]
    pub wanted: WantedArgs,
}

/// Says what is there; the exit code is 1 when that is not what is wanted.
///
/// # Errors
/// When the store can't be asked at all.
pub async fn run(args: StatusArgs) -> Result<ExitCode> {
    walk(&Plan::new(&args.wanted).await?).await
}

/// Walks over the parts.
async fn walk(plan: &Plan) -> Result<ExitCode> {
    println!("{}", plan.heading);
    let mut wrong = 0;
    for part in &plan.parts {
        // A bucket that is not there must not hide the rest.
        let (what, notes) = match part.look().await {
            Ok(look) => match look.found {
                Found::Same => (format!("ok: {}", part.wanted()), look.notes),
                Found::Missing => ("missing".to_owned(), look.notes),
                Found::Differs(how) => (format!("differs: {how}"), look.notes),
            },
            Err(error) => (format!("unknown: {error:#}"), Vec::new()),
        };
        wrong += usize::from(!what.starts_with("ok"));
        say(&part.name(), &what, &notes);
    }
    for note in &plan.notes {
        println!("note: {note}");
    }
    if wrong == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{wrong} of {} parts are not as they should be; xray setup makes them so",
        plan.parts.len()
    );
    Ok(ExitCode::FAILURE)
}
