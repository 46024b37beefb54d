//! `xray up` with a Kafka trigger, as a process.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use crate::{common::root, site::Site, wait::until};

/// A running host.
pub struct Host {
    process: Child,
    pub address: String,
    metrics: String,
    printed: Arc<Mutex<String>>,
}

/// The command, with its settings from the environment.
pub fn command(site: &Site, brokers: &str, topic: &str, group: &str, options: &[&str]) -> Command {
    let mut command = serve(site, &root());
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
        "embedded",
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
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The function's settings for this site.
pub fn variables(command: &mut Command, site: &Site) {
    let credentials = &site.credentials;
    let variables = [
        ("S3_ENDPOINT", site.endpoint.as_str()),
        ("S3_ACCESS_KEY", &credentials.access_key),
        ("S3_SECRET_KEY", &credentials.secret_key),
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

    pub fn run(mut command: Command) -> Self {
        let mut process = command.spawn().unwrap();
        let printed = Arc::new(Mutex::new(String::new()));
        collect(process.stderr.take().unwrap(), printed.clone());
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let Some(address) = line.trim().strip_prefix("Serving http://") else {
            process.wait().unwrap();
            panic!("{line:?}: {}", printed.lock().unwrap());
        };
        let address = address.to_owned();
        collect(stdout, printed.clone());
        // Printed before, but read by another thread.
        let metrics_line = || {
            let text = printed.lock().unwrap();
            let rest = text.split("Metrics at http://").nth(1)?;
            rest.split_once('/').map(|(address, _)| address.to_owned())
        };
        until("the metrics are served", || metrics_line().is_some());
        let metrics = metrics_line().unwrap();
        Self {
            process,
            address,
            metrics,
            printed,
        }
    }

    /// What it has printed so far.
    pub fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// All of its metrics.
    pub fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(&self.metrics).unwrap();
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    /// The sum of the metrics of this name.
    pub fn metric(&self, name: &str) -> i64 {
        let text = self.metrics();
        let own = text.lines().filter(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with([' ', '{']))
        });
        own.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as i64)
            .sum()
    }

    /// Kills it without a word.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks it to end, and gives how it did and what it printed.
    pub fn end(mut self) -> (ExitStatus, String) {
        let id = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        let status = self.process.wait().unwrap();
        (status, self.printed())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Reads lines into the text until the stream ends, in the background.
pub fn collect(stream: impl Read + Send + 'static, into: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if std::env::var_os("XRAY_SHOW").is_some() {
                eprintln!("{line}");
            }
            let mut text = into.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
        }
    })
}
