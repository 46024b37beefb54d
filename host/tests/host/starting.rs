//! `xray up` while it starts.

use std::{net::TcpListener, process::Command};

use bytes::Bytes;
use http::{Request, StatusCode};
use s3::Transport;
use testkit::{process::HostProcess, wait::until};

use crate::{guests, support};

/// A setting that is read from a pipe holds the start until somebody writes to the pipe.
#[tokio::test(flavor = "multi_thread")]
async fn requests_during_the_start_get_503() {
    let app = support::app(&[("trap", &guests::trap())]);
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("secret");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let address = address.unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
    command.args(["up", "--nn", "embedded", "--listen", &address.to_string()]);
    command.arg("--log-dir").arg(dir.path().join("logs"));
    command.arg("--from").arg(app.path());
    command.arg("--variable");
    command.arg(format!("token=@{}", pipe.display()));
    let mut process = HostProcess::spawn(command);

    let http = Transport::http();
    let ask = async |path: &str, body: &'static str| {
        let request = Request::post(format!("http://{address}{path}"));
        http.send(request.body(Bytes::from(body)).unwrap()).await
    };
    until("the port is bound", || {
        std::net::TcpStream::connect(address).is_ok()
    });
    for _ in 0..3 {
        let refused = ask("/trap", "{}").await.unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()["retry-after"], "2");
        assert!(String::from_utf8_lossy(refused.body()).contains("is starting"));
    }
    std::fs::write(&pipe, "t").unwrap();
    process.until_serving().unwrap();
    let served = ask("/trap", "{}").await.unwrap();
    assert_ne!(served.status(), StatusCode::SERVICE_UNAVAILABLE);
}
