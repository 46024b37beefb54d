//! The command line of `xray`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use xray_host::{
    dead_letters_cmd, demo_cmd, images_cmd, plugin_cmd, process_cmd, reprocess_cmd, send_cmd,
    setup_cmd, up_cmd,
};

/// Runs the xray function: labels chest X-rays with their pneumonia risk and de-identifies the risky ones.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
enum Cli {
    /// Serve the application of a spin.toml over HTTP.
    Up(Box<up_cmd::UpArgs>),
    /// Run the whole pipeline on this machine: store, notifications, function, and pictures made on the spot.
    Demo(Box<demo_cmd::DemoArgs>),
    /// Run the function on local pictures; nothing listens.
    Process(Box<process_cmd::ProcessArgs>),
    /// Upload pictures to the input bucket; those that are there already are left out.
    Send(Box<send_cmd::SendArgs>),
    /// Run the function on what lies in the input bucket and has no current outputs.
    Reprocess(Box<reprocess_cmd::ReprocessArgs>),
    /// Make pictures to try the pipeline with: phantoms, or your X-rays with invented patients burned in.
    MakeImages(images_cmd::ImagesArgs),
    /// Look at the records that could not be delivered from Kafka, and send them back.
    DeadLetters(Box<dead_letters_cmd::DeadLettersArgs>),
    /// Be Spin's plugin for Kafka triggers; under the name `trigger-kafka` this is all that the program is.
    #[command(name = plugin_cmd::NAME, hide = true)]
    TriggerKafka(Box<plugin_cmd::PluginArgs>),
    /// Get ONNX Runtime and OpenVINO from their PyPI wheels, for faster inference.
    SetupBackends(setup_cmd::SetupArgs),
}

fn main() -> ExitCode {
    let cli = match plugin_cmd::PluginArgs::of_this_process() {
        Some(args) => Cli::TriggerKafka(Box::new(args)),
        None => Cli::parse(),
    };
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xray: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    match cli {
        Cli::Up(args) => tokio_runtime()?
            .block_on(up_cmd::run(*args))
            .map(|()| ExitCode::SUCCESS),
        Cli::Demo(args) => tokio_runtime()?.block_on(demo_cmd::run(*args)),
        Cli::Process(args) => tokio_runtime()?.block_on(process_cmd::run(*args)),
        Cli::Send(args) => tokio_runtime()?.block_on(send_cmd::run(*args)),
        Cli::Reprocess(args) => tokio_runtime()?.block_on(reprocess_cmd::run(*args)),
        Cli::MakeImages(args) => images_cmd::run(&args).map(|()| ExitCode::SUCCESS),
        Cli::DeadLetters(args) => tokio_runtime()?
            .block_on(dead_letters_cmd::run(*args))
            .map(|()| ExitCode::SUCCESS),
        Cli::TriggerKafka(args) => tokio_runtime()?
            .block_on(plugin_cmd::run(*args))
            .map(|()| ExitCode::SUCCESS),
        Cli::SetupBackends(args) => setup_cmd::run(&args).map(|()| ExitCode::SUCCESS),
    }
}

fn tokio_runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the threads")
}
