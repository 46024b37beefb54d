//! `xray dicom`: commands for DICOM networks.

mod serve;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Arguments of `xray dicom`.
#[derive(Debug, Args)]
pub struct DicomArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Receive objects by C-STORE and put them into the input bucket.
    Serve(Box<serve::ServeArgs>),
}

/// Runs the chosen command.
///
/// # Errors
/// As the command.
pub async fn run(args: DicomArgs) -> Result<ExitCode> {
    match args.command {
        Command::Serve(args) => serve::run(*args).await,
    }
}
