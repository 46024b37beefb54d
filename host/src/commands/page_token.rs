//! `xray page-token`: makes a token for a person who may sign in to the page.

use anyhow::Result;
use clap::Args;

use crate::page::access::users;

/// Arguments of `xray page-token`.
#[derive(Debug, Args)]
pub struct PageTokenArgs {
    /// Name of the person.
    pub name: String,
    /// Roles: viewer, reviewer (copies in quarantine), clinician (sources and labeled pictures);
    /// comma-separated.
    #[arg(long, value_name = "ROLES", default_value = "viewer")]
    pub roles: String,
}

/// Prints the line for the file of users, and the token on standard error.
///
/// # Errors
/// When the name or a role is not one.
pub fn run(args: &PageTokenArgs) -> Result<()> {
    let (token, line) = users::new_token(&args.name, &args.roles)?;
    eprintln!("Token of {}, which is stored nowhere: {token}", args.name);
    println!("{line}");
    Ok(())
}
