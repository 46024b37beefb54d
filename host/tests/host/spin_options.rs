//! Options that `spin up` has, on the process.

use std::{net::TcpListener, process::Command};
use testkit::process::HostProcess;

use crate::{guests, support, up::ask};

#[test]
fn a_taken_port_is_passed_over_and_logs_are_emptied() {
    let app = support::app(&[("trap", &guests::trap())]);
    let logs = app.path().join("logs");
    let temp = app.path().join("temp");
    std::fs::create_dir(&logs).unwrap();
    std::fs::write(logs.join("trap_stderr.txt"), "of yesterday\n").unwrap();
    let manifest = app.path().join("spin.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let file = "files = [{ source = \"spin.toml\", destination = \"/one\" }]\n";
    std::fs::write(&manifest, text + file).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();

    let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
    command.args([
        "up",
        "--nn",
        "embedded",
        "--find-free-port",
        "--truncate-logs",
    ]);
    command.args(["--listen", &address.to_string()]);
    let folders = [
        ("--from", app.path()),
        ("--temp", &temp),
        ("--log-dir", &logs),
    ];
    for (flag, folder) in folders {
        command.arg(flag).arg(folder);
    }
    command.env("SPIN_VARIABLE_TOKEN", "t");
    let mut up = HostProcess::start(command);
    assert!(up.address().port() > address.port(), "{}", up.address());
    assert!(ask(up.address(), "GET /trap", "").starts_with("HTTP/1.1 500"));
    assert_eq!(
        std::fs::read_dir(&temp).unwrap().count(),
        1,
        "the copy of the file"
    );
    let (status, printed) = up.end();
    assert!(status.success(), "{printed}");
    let log = std::fs::read_to_string(logs.join("trap_stderr.txt")).unwrap();
    assert!(
        log.contains("the component failed") && !log.contains("yesterday"),
        "{log}"
    );
}
