//! A process of `xray up`, and requests to it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    time::{Duration, Instant},
};

/// A running `xray up`.
pub struct Up {
    pub process: Child,
    pub address: SocketAddr,
}

/// `xray up` on a free port with the backend that is always there.
pub fn command(from: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
    command
        .args([
            "up",
            "--listen",
            "127.0.0.1:0",
            "--nn",
            "embedded",
            "--from",
        ])
        .arg(from)
        .args(arguments)
        .env_remove("SPIN_VARIABLE_TOKEN")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Up {
    /// Starts it and reads the address that it prints.
    pub fn start(mut command: Command) -> Self {
        let mut process = command.spawn().expect("xray starts");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("Serving http://").map(str::parse);
        let Some(Ok(address)) = address else {
            let mut error = String::new();
            _ = process
                .stderr
                .take()
                .expect("a pipe")
                .read_to_string(&mut error);
            panic!("{line:?} is not the address: {error}");
        };
        // Read on, so that the process never waits for us.
        process.stdout = None;
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self { process, address }
    }

    /// Its standard error, to be read as it is printed.
    pub fn stderr(&mut self) -> BufReader<ChildStderr> {
        BufReader::new(self.process.stderr.take().expect("a pipe"))
    }

    /// Sends a signal, by the name that `kill` knows.
    pub fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &id])
                .status()
                .expect("kill runs")
                .success()
        );
    }

    /// Exit code, and what it printed to standard error.
    pub fn wait(mut self) -> (Option<i32>, String) {
        let mut error = String::new();
        _ = self
            .process
            .stderr
            .take()
            .expect("a pipe")
            .read_to_string(&mut error);
        (self.process.wait().expect("it ends").code(), error)
    }
}

/// Sends one request on its own connection and returns the whole response as text.
pub fn ask(address: SocketAddr, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    let length = body.len();
    write!(stream, "{head} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
        .expect("it reads");
    let mut answer = String::new();
    _ = stream.read_to_string(&mut answer);
    answer
}

/// Reads on, appending to `printed`, until `text` is in it.
pub fn read_until(stream: &mut impl BufRead, printed: &mut String, text: &str) {
    while !printed.contains(text) {
        let read = stream.read_line(printed).expect("a line");
        assert_ne!(read, 0, "{text:?} never came: {printed}");
    }
}

/// The address that the line of `--metrics` names.
pub fn metrics_address(stream: &mut impl BufRead, printed: &mut String) -> SocketAddr {
    read_until(stream, printed, "/metrics");
    let rest = printed.split("http://").nth(1).expect("an address");
    let address = rest.split('/').next().and_then(|a| a.parse().ok());
    address.expect("the metrics' address")
}

/// Asks again and again until it is so; each question is an exchange with the process.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::yield_now();
    }
}

/// Returns once a request holds an instance.
pub fn until_one_runs(metrics: SocketAddr) {
    until("a request is running", || {
        ask(metrics, "GET /metrics", "").contains("xray_requests_in_flight 1\n")
    });
}
