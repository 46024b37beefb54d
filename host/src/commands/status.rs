//! `xray status`: reads each resource and changes nothing.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::{
    ceph::resource::State,
    commands::shared::plan::{DesiredArgs, Plan, say},
};

/// Arguments of `xray status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Desired state.
    #[command(flatten)]
    pub desired: DesiredArgs,
}

/// Prints the state of each resource; the exit code is 1 if one differs from the desired state.
///
/// # Errors
/// Returns an error if the store can't be reached or the owner's keys are missing.
pub async fn run(args: StatusArgs) -> Result<ExitCode> {
    walk(&Plan::new(&args.desired, &[]).await?).await
}

/// Reads each resource in turn.
async fn walk(plan: &Plan) -> Result<ExitCode> {
    println!("{}", plan.heading);
    let mut wrong = 0;
    for resource in &plan.resources {
        // A missing bucket must not hide the other resources.
        let (what, notes) = match resource.read().await {
            Ok(observed) => match observed.state {
                State::InSync => (format!("ok: {}", resource.desired()), observed.notes),
                State::Missing => ("missing".to_owned(), observed.notes),
                State::Drifted(how) => (format!("differs: {how}"), observed.notes),
            },
            Err(error) => (format!("unknown: {error:#}"), Vec::new()),
        };
        wrong += usize::from(!what.starts_with("ok"));
        say(&resource.name(), &what, &notes);
    }
    for note in plan.rights.iter().chain(&plan.notes) {
        println!("note: {note}");
    }
    if wrong == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{wrong} of {} resources differ from the desired state; run xray setup to apply it",
        plan.resources.len()
    );
    Ok(ExitCode::FAILURE)
}
