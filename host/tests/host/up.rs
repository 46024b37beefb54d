//! A process of `xray up`, and requests to it.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    time::Duration,
};
use testkit::wait::until;

/// Returns the command of `xray up` on a free port, with the built-in inference backend.
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
        .env_remove("SPIN_VARIABLE_TOKEN");
    command
}

/// Sends one request on its own connection, and returns the whole response as text.
pub fn ask(address: SocketAddr, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    let length = body.len();
    write!(stream, "{head} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
        .expect("it reads");
    let mut response = String::new();
    _ = stream.read_to_string(&mut response);
    response
}

/// Waits until a request holds an instance.
pub fn until_one_runs(metrics: SocketAddr) {
    until("a request is running", || {
        ask(metrics, "GET /metrics", "").contains("xray_requests_in_flight 1\n")
    });
}
