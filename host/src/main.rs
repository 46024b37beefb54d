//! The command line of `xray`.
use clap::Parser;

#[derive(Parser)]
#[command(version, about)]
enum Cli {
    /// Gets ONNX Runtime and OpenVINO from their PyPI wheels.
    SetupBackends(xray_host::setup_cmd::SetupArgs),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse() {
        Cli::SetupBackends(args) => xray_host::setup_cmd::run(&args),
    }
}
