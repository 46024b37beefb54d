//! The command line of `xray`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use xray_host::{
    ceph_cmd, compose_cmd, dead_letters_cmd, demo_cmd, doctor_cmd, images_cmd, plugin_cmd,
    process_cmd, push_cmd, reprocess_cmd, send_cmd, setup_cmd, up_cmd,
};

/// Runs the xray function: labels chest X-rays with their pneumonia risk and de-identifies the risky ones.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
enum Cli {
    /// Serve an application: that of a spin.toml, or one from a registry.
    Up(Box<up_cmd::UpArgs>),
    /// Put an application into a registry, as `spin registry push` does.
    Push(push_cmd::PushArgs),
    /// Make the buckets, policies, topic and notification at a Ceph gateway, and read them back.
    Setup(Box<ceph_cmd::SetupArgs>),
    /// Say what of that is there.
    Status(Box<ceph_cmd::StatusArgs>),
    /// Remove it; buckets stay.
    Teardown(Box<ceph_cmd::TeardownArgs>),
    /// Check everything between a picture that arrives and its outputs, and say how to repair what is broken.
    Doctor(Box<doctor_cmd::DoctorArgs>),
    /// Run the whole pipeline on this machine: store, notifications, function, and pictures made on the spot.
    Demo(Box<demo_cmd::DemoArgs>),
    /// Run the function on local pictures; nothing listens. The exit code is 1 if one fails or its copy is quarantined.
    Process(Box<process_cmd::ProcessArgs>),
    /// Upload pictures to the input bucket; those that are there already are left out.
    Send(Box<send_cmd::SendArgs>),
    /// Run the function on what lies in the input bucket and has no current outputs.
    Reprocess(Box<reprocess_cmd::ReprocessArgs>),
    /// Make pictures to try the pipeline with: phantoms, or your X-rays with invented patients burned in.
    MakeImages(images_cmd::ImagesArgs),
    /// Write the function and its inference component as one file, for hosts without wasi:nn that don't compose.
    Compose(compose_cmd::ComposeArgs),
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
        Cli::Push(args) => tokio_runtime()?
            .block_on(push_cmd::run(args))
            .map(|()| ExitCode::SUCCESS),
        Cli::Setup(args) => tokio_runtime()?
            .block_on(ceph_cmd::setup(*args))
            .map(|()| ExitCode::SUCCESS),
        Cli::Status(args) => tokio_runtime()?.block_on(ceph_cmd::status(*args)),
        Cli::Teardown(args) => tokio_runtime()?
            .block_on(ceph_cmd::teardown(*args))
            .map(|()| ExitCode::SUCCESS),
        Cli::Doctor(args) => tokio_runtime()?.block_on(doctor_cmd::run(*args)),
        Cli::Demo(args) => tokio_runtime()?.block_on(demo_cmd::run(*args)),
        Cli::Process(args) => tokio_runtime()?.block_on(process_cmd::run(*args)),
        Cli::Send(args) => tokio_runtime()?.block_on(send_cmd::run(*args)),
        Cli::Reprocess(args) => tokio_runtime()?.block_on(reprocess_cmd::run(*args)),
        Cli::MakeImages(args) => images_cmd::run(&args).map(|()| ExitCode::SUCCESS),
        Cli::Compose(args) => compose_cmd::run(&args).map(|()| ExitCode::SUCCESS),
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
