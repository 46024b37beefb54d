//! `xray up` with a Kafka trigger, as a process.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, ExitStatus},
};
use testkit::{process::HostProcess, root};

use crate::site::Site;

/// A running host.
pub struct Host {
    process: HostProcess,
    pub address: String,
    metrics: SocketAddr,
}

/// The command, with its settings from the environment.
pub fn command(site: &Site, brokers: &str, topic: &str, group: &str, options: &[&str]) -> Command {
    let command = serve(site, &root());
    reading(command, brokers, topic, group, options)
}

/// Adds a Kafka trigger.
pub fn reading(
    mut command: Command,
    brokers: &str,
    topic: &str,
    group: &str,
    options: &[&str],
) -> Command {
    if brokers.is_empty() {
        return command;
    }
    command.args(["--kafka", brokers, "--topic", topic, "--group", group]);
    let quick = [
        "session_timeout_ms=6000",
        "retry_first_ms=50",
        "retry_longest_ms=500",
        "fetch_wait_ms=100",
    ];
    for option in quick.iter().chain(options) {
        command.arg("--kafka-option").arg(option);
    }
    command
}

/// The same, with the triggers that a manifest has.
pub fn serve(site: &Site, manifest: &Path) -> Command {
    serve_with(site, manifest, "embedded")
}

/// The same, with another backend.
pub fn serve_with(site: &Site, manifest: &Path, nn: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
    command.args([
        "up",
        "--listen",
        "127.0.0.1:0",
        "--metrics",
        "127.0.0.1:0",
        "--quiet",
    ]);
    command.args([
        "--nn",
        nn,
        "--max-concurrency",
        "8",
        "--max-body",
        "12",
        "--from",
    ]);
    command.arg(manifest);
    // Shared, so that the function is compiled once for all tests.
    command
        .arg("--state-dir")
        .arg(concat!(env!("CARGO_TARGET_TMPDIR"), "/state"));
    command.arg("--log-dir").arg(site.dir.path().join("logs"));
    variables(&mut command, site);
    command
}

/// The function's settings for this site.
pub fn variables(command: &mut Command, site: &Site) {
    let credentials = &site.credentials;
    let variables = [
        ("S3_ENDPOINT", site.endpoint.as_str()),
        ("S3_ACCESS_KEY", &credentials.access_key),
        ("S3_SECRET_KEY", credentials.secret_key.expose()),
        ("PSEUDONYM_KEY", "a key for tests, long enough"),
        ("ANONYMIZE", "all"),
        ("MAX_BYTES", "1000000"),
    ];
    for (name, value) in variables {
        command.env(format!("SPIN_VARIABLE_{name}"), value);
    }
}

impl Host {
    pub fn start(site: &Site, brokers: &str, topic: &str, group: &str, options: &[&str]) -> Self {
        Self::run(command(site, brokers, topic, group, options))
    }

    pub fn run(command: Command) -> Self {
        let process = HostProcess::start(command);
        Self {
            address: process.address().to_string(),
            metrics: process.metrics_address(),
            process,
        }
    }

    /// Returns its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Returns everything that it has printed so far.
    pub fn printed(&self) -> String {
        self.process.printed()
    }

    /// Returns all of its metrics.
    pub fn metrics(&self) -> String {
        self.request_metrics()
            .unwrap_or_else(|error| panic!("{error}; the host printed: {}", self.printed()))
    }

    fn request_metrics(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.metrics)?;
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }

    /// Reports whether it runs and has handled a record.
    pub fn has_handled_some(&self) -> bool {
        self.request_metrics()
            .is_ok_and(|text| sum(&text, "xray_kafka_handled_total") > 0)
    }

    /// Reports whether it has ended by now.
    pub fn has_ended(&mut self) -> bool {
        self.process.ended().is_some()
    }

    /// Returns the sum of the metrics of this name.
    pub fn metric(&self, name: &str) -> i64 {
        sum(&self.metrics(), name)
    }

    /// Kills it, as a crash would.
    pub fn kill(mut self) {
        self.process.kill();
    }

    /// Asks it to end, and returns its status and output.
    pub fn end(mut self) -> (ExitStatus, String) {
        self.process.end()
    }
}

/// Returns the sum of the metrics of this name.
fn sum(text: &str, name: &str) -> i64 {
    let own = text.lines().filter(|line| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with([' ', '{']))
    });
    own.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as i64)
        .sum()
}
