//! The program `xray`.

use std::process::ExitCode;

fn main() -> ExitCode {
    xray_host::cli::main()
}
