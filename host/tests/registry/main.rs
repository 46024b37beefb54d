//! Applications in a registry: the real one of the OCI's reference implementation, the binary, real images.

mod applications;
mod cache;
mod operator;
mod pictures;
mod refusals;

use std::{
    path::Path,
    process::{Command, Output},
};

use testkit::registry::Server;

/// The binary with nothing from the environment of whoever runs the tests: no credentials, no cache, no settings.
fn xray(arguments: &[&str], home: impl AsRef<Path>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
    command.args(arguments).env_clear();
    for (name, value) in std::env::vars_os() {
        if ["PATH", "LD_LIBRARY_PATH"].iter().any(|kept| name == *kept) {
            command.env(name, value);
        }
    }
    command.env("HOME", home.as_ref()).current_dir(home);
    command
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What it says when it fails, which is one line.
fn fails(command: &mut Command) -> String {
    let output = run(command);
    let said = text(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    said
}

/// Pushes an application, and gives the digest.
fn push(server: &Server, from: &Path, reference: &str, arguments: &[&str]) -> String {
    let mut command = xray(&["push", reference, "--from"], server.home());
    let output = run(command.arg(from).args(server.flags()).args(arguments));
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let digest = stdout.trim().strip_prefix("Pushed with digest ");
    digest.expect("the digest").to_owned()
}
