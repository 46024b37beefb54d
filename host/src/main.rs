//! The command line of `xray`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use xray_host::commands::{
    compose, dead_letters, demo, doctor, make_images, process, push, reprocess, send, setup,
    setup_backends, shared::logging, status, teardown, trigger_kafka, up,
};

/// Runs the xray function: labels chest X-rays with their pneumonia risk and de-identifies the risky ones.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
enum Cli {
    /// Serve an application: that of a spin.toml, or one from a registry.
    Up(Box<up::UpArgs>),
    /// Put an application into a registry, as `spin registry push` does.
    Push(push::PushArgs),
    /// Make the buckets, policies, topic and notification at a Ceph gateway, and read them back.
    Setup(Box<setup::SetupArgs>),
    /// Say what of that is there.
    Status(Box<status::StatusArgs>),
    /// Remove it; buckets stay.
    Teardown(Box<teardown::TeardownArgs>),
    /// Check everything between a picture that arrives and its outputs, and say how to repair what is broken.
    Doctor(Box<doctor::DoctorArgs>),
    /// Run the whole pipeline on this machine: store, notifications, function, and pictures made on the spot.
    Demo(Box<demo::DemoArgs>),
    /// Run the function on local pictures; nothing listens. The exit code is 1 if one fails or its copy is quarantined.
    Process(Box<process::ProcessArgs>),
    /// Upload pictures to the input bucket; those that are there already are left out.
    Send(Box<send::SendArgs>),
    /// Run the function on what lies in the input bucket and has no current outputs.
    Reprocess(Box<reprocess::ReprocessArgs>),
    /// Make pictures to try the pipeline with: phantoms, or your X-rays with invented patients burned in.
    MakeImages(make_images::ImagesArgs),
    /// Write the function and its inference component as one file, for hosts without wasi:nn that don't compose.
    Compose(compose::ComposeArgs),
    /// Look at the records that could not be delivered from Kafka, and send them back.
    DeadLetters(Box<dead_letters::DeadLettersArgs>),
    /// Be Spin's plugin for Kafka triggers; under the name `trigger-kafka` this is all that the program is.
    #[command(name = trigger_kafka::NAME, hide = true)]
    TriggerKafka(Box<trigger_kafka::PluginArgs>),
    /// Get ONNX Runtime and OpenVINO from their PyPI wheels, for faster inference.
    SetupBackends(setup_backends::SetupArgs),
}

fn main() -> ExitCode {
    let cli = match trigger_kafka::PluginArgs::of_this_process() {
        Some(args) => Cli::TriggerKafka(Box::new(args)),
        None => Cli::parse(),
    };
    logging::init();
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
            .block_on(up::run(*args))
            .map(|()| ExitCode::SUCCESS),
        Cli::Push(args) => tokio_runtime()?
            .block_on(push::run(args))
            .map(|()| ExitCode::SUCCESS),
        Cli::Setup(args) => tokio_runtime()?
            .block_on(setup::run(*args))
            .map(|()| ExitCode::SUCCESS),
        Cli::Status(args) => tokio_runtime()?.block_on(status::run(*args)),
        Cli::Teardown(args) => tokio_runtime()?
            .block_on(teardown::run(*args))
            .map(|()| ExitCode::SUCCESS),
        Cli::Doctor(args) => tokio_runtime()?.block_on(doctor::run(*args)),
        Cli::Demo(args) => tokio_runtime()?.block_on(demo::run(*args)),
        Cli::Process(args) => tokio_runtime()?.block_on(process::run(*args)),
        Cli::Send(args) => tokio_runtime()?.block_on(send::run(*args)),
        Cli::Reprocess(args) => tokio_runtime()?.block_on(reprocess::run(*args)),
        Cli::MakeImages(args) => make_images::run(&args).map(|()| ExitCode::SUCCESS),
        Cli::Compose(args) => compose::run(&args).map(|()| ExitCode::SUCCESS),
        Cli::DeadLetters(args) => tokio_runtime()?
            .block_on(dead_letters::run(*args))
            .map(|()| ExitCode::SUCCESS),
        Cli::TriggerKafka(args) => tokio_runtime()?
            .block_on(trigger_kafka::run(*args))
            .map(|()| ExitCode::SUCCESS),
        Cli::SetupBackends(args) => setup_backends::run(&args).map(|()| ExitCode::SUCCESS),
    }
}

fn tokio_runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the threads")
}
