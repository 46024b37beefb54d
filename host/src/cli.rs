//! The command line of `xray`.

use std::process::ExitCode;

use crate::{
    commands::{
        audit, compose, dead_letters, demo, dicom, doctor, make_images, page, page_token,
        precompile, process, push, reprocess, send, setup, setup_backends, shared::logging, status,
        teardown, trigger_kafka, up,
    },
    serve::traces,
};
use anyhow::{Context, Result};
use clap::Parser;

/// Runs the xray function, which labels chest X-rays with their pneumonia risk and de-identifies
/// those at high risk.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
enum Cli {
    /// Serve an application from a spin.toml or a registry.
    Up(Box<up::UpArgs>),
    /// Push an application to a registry, in the format of `spin registry push`.
    Push(push::PushArgs),
    /// Create the buckets, policies, topic and notification at a Ceph gateway, and verify them.
    Setup(Box<setup::SetupArgs>),
    /// Compare the configuration of a Ceph gateway with the desired one.
    Status(Box<status::StatusArgs>),
    /// Remove the configuration from a Ceph gateway; buckets are kept.
    Teardown(Box<teardown::TeardownArgs>),
    /// Check every step between an incoming picture and its outputs, and suggest repairs.
    Doctor(Box<doctor::DoctorArgs>),
    /// Run the whole pipeline on this machine: a store, notifications, the function, and pictures.
    Demo(Box<demo::DemoArgs>),
    /// Run the function on local pictures, without a server. The exit code is 1 if one fails or is
    /// quarantined.
    Process(Box<process::ProcessArgs>),
    /// Upload pictures to the input bucket, except those that are already there.
    Send(Box<send::SendArgs>),
    /// Receive DICOM objects from a PACS or a modality into the input bucket.
    Dicom(Box<dicom::DicomArgs>),
    /// Process pictures in the input bucket that have no current outputs.
    Reprocess(Box<reprocess::ReprocessArgs>),
    /// Make test pictures: phantoms, or your X-rays with invented patients burned in.
    MakeImages(make_images::ImagesArgs),
    /// Write the function with its inference component as one file, for hosts without wasi:nn that
    /// don't compose.
    Compose(compose::ComposeArgs),
    /// Review copies in quarantine in a browser: look, release, reject.
    Page(Box<page::PageArgs>),
    /// Make a token with which a person signs in to the page.
    PageToken(page_token::PageTokenArgs),
    /// Read the audit log of the page: who signed in, saw and decided what; check that it is whole.
    Audit(Box<audit::AuditArgs>),
    /// Compile the function ahead of time for any recent processor, for an image.
    Precompile(precompile::PrecompileArgs),
    /// List, show and redrive records that could not be delivered from Kafka.
    DeadLetters(Box<dead_letters::DeadLettersArgs>),
    /// Run as Spin's plugin for Kafka triggers; the only command under the name `trigger-kafka`.
    #[command(name = trigger_kafka::NAME, hide = true)]
    TriggerKafka(Box<trigger_kafka::PluginArgs>),
    /// Install ONNX Runtime and OpenVINO from their PyPI wheels, for faster inference.
    SetupBackends(setup_backends::SetupArgs),
}

/// Runs the command that the arguments of this process name, and returns its exit code. Call it
/// first of all, while no other thread exists.
///
/// All is compiled here and not in the program: what a program awaits, it compiles for itself.
pub fn main() -> ExitCode {
    disable_telemetry();
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

/// Keeps ONNX Runtime from reporting to its vendor. Its wheels look up a collector and write a
/// device id when the library is loaded, before `with_telemetry(false)` can be called.
#[expect(
    unsafe_code,
    reason = "the library reads this from the environment of its process only"
)]
fn disable_telemetry() {
    // SAFETY: called first of all, so no other thread exists that could read the environment.
    unsafe { std::env::set_var("ORT_DISABLE_TELEMETRY", "1") }
}

fn run(cli: Cli) -> Result<ExitCode> {
    match cli {
        Cli::Up(args) => block_on(up::run(*args)).map(|()| ExitCode::SUCCESS),
        Cli::Push(args) => block_on(push::run(args)).map(|()| ExitCode::SUCCESS),
        Cli::Setup(args) => block_on(setup::run(*args)).map(|()| ExitCode::SUCCESS),
        Cli::Status(args) => block_on(status::run(*args)),
        Cli::Teardown(args) => block_on(teardown::run(*args)).map(|()| ExitCode::SUCCESS),
        Cli::Doctor(args) => block_on(doctor::run(*args)),
        Cli::Demo(args) => block_on(demo::run(*args)),
        Cli::Process(args) => block_on(process::run(*args)),
        Cli::Send(args) => block_on(send::run(*args)),
        Cli::Dicom(args) => block_on(dicom::run(*args)),
        Cli::Reprocess(args) => block_on(reprocess::run(*args)),
        Cli::MakeImages(args) => make_images::run(&args).map(|()| ExitCode::SUCCESS),
        Cli::Compose(args) => compose::run(&args).map(|()| ExitCode::SUCCESS),
        Cli::Page(args) => block_on(page::run(*args)).map(|()| ExitCode::SUCCESS),
        Cli::Audit(args) => block_on(audit::run(*args)),
        Cli::PageToken(args) => page_token::run(&args).map(|()| ExitCode::SUCCESS),
        Cli::Precompile(args) => precompile::run(&args).map(|()| ExitCode::SUCCESS),
        Cli::DeadLetters(args) => block_on(dead_letters::run(*args)).map(|()| ExitCode::SUCCESS),
        Cli::TriggerKafka(args) => block_on(trigger_kafka::run(*args)).map(|()| ExitCode::SUCCESS),
        Cli::SetupBackends(args) => setup_backends::run(&args).map(|()| ExitCode::SUCCESS),
    }
}

/// Runs a command. When it has ended, the last spans are sent if traces are on.
fn block_on<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    let result = runtime.block_on(command);
    traces::end();
    result
}
