//! `xray up` as a process of its own, and other commands of the program.

use std::process::{Command, Output, Stdio};

use serde_json::Value;
use testkit::{process::HostProcess, root, wait::until_async};

use crate::site::{PSEUDONYM_KEY, Site};

/// A running function.
pub struct Function {
    process: HostProcess,
    /// `http://host:port/`.
    pub url: String,
}

/// A command of the program, with a site's store and these variables over the defaults.
pub fn command(site: &Site, command: &str, variables: &[(&str, &str)]) -> Command {
    let mut process = Command::new(env!("CARGO_BIN_EXE_xray"));
    process.args([command, "--nn", "embedded", "--from"]);
    process.arg(root());
    // Shared, so that the function is compiled once for all tests.
    let state = concat!(env!("CARGO_TARGET_TMPDIR"), "/state");
    process.args(["--state-dir", state]);
    let owner = &site.gateway.owner;
    let all = [
        ("s3_endpoint", site.gateway.endpoint.as_str()),
        ("s3_access_key", &owner.access_key),
        ("s3_secret_key", owner.secret_key.expose()),
        ("pseudonym_key", PSEUDONYM_KEY),
        ("anonymize", "all"),
    ];
    for (name, value) in all.iter().chain(variables) {
        process.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
    }
    process.stdin(Stdio::null());
    process
}

/// `xray send` to the gateway, as the buckets' owner.
pub fn send(site: &Site, bucket: &str, arguments: &[&str]) -> Command {
    let mut process = Command::new(env!("CARGO_BIN_EXE_xray"));
    process.args(["send", "--bucket", bucket]).args(arguments);
    let owner = &site.gateway.owner;
    process.env("AWS_ENDPOINT_URL", &site.gateway.endpoint);
    process.env("AWS_ACCESS_KEY_ID", &owner.access_key);
    process.env("AWS_SECRET_ACCESS_KEY", owner.secret_key.expose());
    process.stdin(Stdio::null());
    process
}

/// Runs a command to its end: whether it succeeded, its standard output, its standard error.
pub fn run(command: &mut Command) -> (bool, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.success(), text(stdout), text(stderr))
}

impl Function {
    /// Starts it on any free port.
    pub fn start(site: &Site, variables: &[(&str, &str)]) -> Self {
        Self::start_at(site, "127.0.0.1:0", variables)
    }

    /// Starts it where another one was.
    pub fn start_at(site: &Site, address: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = command(site, "up", variables);
        command.args(["--listen", address]);
        command.args(["--log-dir", ""]);
        let process = HostProcess::start(command);
        let url = format!("{}/", process.url());
        Self { process, url }
    }

    /// The reports of all objects so far.
    pub fn reports(&self) -> Vec<Value> {
        let printed = self.printed();
        let lines = printed.lines().filter_map(|line| {
            let report = &line[line.find("{\"event\":\"object\"")?..];
            serde_json::from_str(report).ok()
        });
        lines.collect()
    }

    /// The reports, once there are so many. An answer may be here before the line that was printed with it.
    pub async fn reported(&self, count: usize) -> Vec<Value> {
        let all = async || self.reports().len() >= count;
        until_async(&format!("{count} reports"), all).await;
        self.reports()
    }

    /// All that it has printed.
    pub fn printed(&self) -> String {
        self.process.printed()
    }

    /// Ends it as a crash would; gives the address that it had.
    pub fn kill(mut self) -> String {
        self.process.kill();
        let address = self.url.trim_start_matches("http://");
        address.trim_end_matches('/').to_owned()
    }
}
