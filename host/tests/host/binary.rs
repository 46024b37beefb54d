//! `xray up` as a process: what it prints, how it listens, how it ends.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::Path,
};
use testkit::{process::HostProcess, wait::until};

use crate::{
    guests, support,
    up::{ask, command, until_one_runs},
};

#[test]
fn host_serves_counts_and_ends_in_order() {
    let app = support::app(&[("spin", &guests::spin()), ("trap", &guests::trap())]);
    let mut command = command(
        app.path(),
        &[
            "--timeout",
            "2",
            "--metrics",
            "127.0.0.1:0",
            "--max-body",
            "1",
        ],
    );
    command.env("SPIN_VARIABLE_TOKEN", "s3cret-value");
    let mut up = HostProcess::start(command);
    let address = up.address();
    let metrics = up.metrics_address();
    // Nothing of this application infers.
    assert!(!up.printed().contains("Inference by"), "{}", up.printed());

    assert!(ask(address, "GET /.well-known/spin/health", "").starts_with("HTTP/1.1 200"));
    let info = ask(address, "GET /.well-known/spin/info", "");
    assert!(
        info.contains("\"name\":\"test\"") && info.contains("rten"),
        "{info}"
    );
    assert!(ask(address, "GET /elsewhere", "").starts_with("HTTP/1.1 404"));
    assert!(ask(address, "GET /trap", "").starts_with("HTTP/1.1 500"));
    let large = "x".repeat((1 << 20) + 1);
    assert!(ask(address, "POST /trap", &large).starts_with("HTTP/1.1 413"));
    let counters = ask(metrics, "GET /metrics", "");
    assert!(
        counters.contains("xray_requests_total{status=\"500\"} 1"),
        "{counters}"
    );
    assert!(
        counters.contains("xray_rejected_total{kind=\"too-large\"} 1"),
        "{counters}"
    );

    // A request that is running when the signal comes gets its response; new ones are not accepted.
    let running = std::thread::spawn(move || ask(address, "GET /spin", ""));
    until_one_runs(metrics);
    up.signal("-TERM");
    up.until_printed("finishing the requests");
    until("nobody gets in", || TcpStream::connect(address).is_err());
    assert!(
        !running.is_finished(),
        "it was to be turned away while the other runs"
    );
    assert!(
        running
            .join()
            .expect("a response")
            .starts_with("HTTP/1.1 503")
    );
    let (status, printed) = up.wait();
    assert!(status.success(), "{printed}");
    assert!(!printed.contains("s3cret-value"), "{printed}");

    let logs = app.path().join(".xray/logs/trap_stderr.txt");
    assert!(
        std::fs::read_to_string(logs)
            .expect("a log")
            .contains("the component failed")
    );
}

#[test]
fn a_second_signal_ends_at_once() {
    let app = support::app(&[("spin", &guests::spin())]);
    let arguments = [
        "--variable",
        "token=t",
        "--timeout",
        "60",
        "--metrics",
        "127.0.0.1:0",
    ];
    let mut up = HostProcess::start(command(app.path(), &arguments));
    let address = up.address();
    let metrics = up.metrics_address();
    std::thread::spawn(move || ask(address, "GET /spin", ""));
    until_one_runs(metrics);
    up.signal("-INT");
    up.until_printed("finishing the requests");
    // One that comes at once counts as the same, so this one insists.
    let ended = loop {
        up.signal("-INT");
        if let Some(ended) = up.ended() {
            break ended;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    assert_eq!(ended.code(), Some(130), "{}", up.printed());
}

#[test]
fn failed_starts_are_reported_in_one_line() {
    let app = support::app(&[("trap", &guests::trap())]);
    let fails = |arguments: &[&str], from: &Path| {
        let output = command(from, arguments).output().expect("xray starts");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty(), "nothing is served: {arguments:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    assert!(fails(&[], app.path()).contains("SPIN_VARIABLE_TOKEN"));
    assert!(
        fails(
            &["--variable", "token=s3cret", "--variable", "tokn=s3cret"],
            app.path()
        )
        .contains("tokn")
    );
    assert!(!fails(&["--variable", "s3cret"], app.path()).contains("s3cret"));
    assert!(fails(&["--variable", "token=t", "--nn-target", "gpu"], app.path()).contains("GPU"));
    assert!(
        fails(
            &["--variable", "token=t", "--component-id", "x"],
            app.path()
        )
        .contains("\"x\"")
    );
    assert!(fails(&[], Path::new("/nowhere")).contains("/nowhere"));
    // Names of models that the application lacks would fail at each event.
    for (setting, known) in [
        ("model", "pneumonia"),
        ("text_detector", "text"),
        ("marker_recognizer", "markers"),
    ] {
        let wrong = format!("{setting}=pneumona");
        let keys = ["s3_access_key=a", "s3_secret_key=b", &wrong];
        let arguments = keys.map(|value| ["--variable", value]).concat();
        let said = fails(&arguments, &testkit::root());
        let expected = [
            format!("setting `{setting}`: `pneumona`"),
            format!("known: {known}\n"),
        ];
        assert!(expected.iter().all(|part| said.contains(part)), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let manifest = app.path().join("spin.toml");
    let text = std::fs::read_to_string(&manifest).expect("the manifest");
    std::fs::write(&manifest, text.replace("source =", "sauce =")).expect("a file");
    assert!(fails(&["--variable", "token=t"], app.path()).contains("sauce"));
}

/// The endpoint comes from `--variable`, although the environment names a dead one, and the access
/// key from the environment. Report lines go to the terminal and, without the prefix, to the file.
#[test]
fn the_function_gets_its_variables_and_its_report_is_kept() {
    if testkit::function_is_built() {
        let printed = event_with_rust_log("");
        assert!(
            printed.contains("without pseudonym_key nothing is anonymized"),
            "{printed}"
        );
    }
}

/// HTTP clients log URIs at this level, and the key in them holds the patient's name.
#[test]
fn no_log_level_shows_a_patients_name() {
    if testkit::function_is_built() {
        let printed = event_with_rust_log("trace,hyper=trace,hyper_util=trace");
        assert!(printed.contains("DEBUG xray_host::serve"), "{printed}");
    }
}

/// Sends one event about a patient's picture, checks that neither the name nor a secret is printed,
/// and returns the host's standard error.
fn event_with_rust_log(rust_log: &str) -> String {
    let store = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!(
        "s3_endpoint=http://{}",
        store.local_addr().expect("an address")
    );
    std::thread::spawn(move || {
        for stream in store.incoming().flatten() {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            _ = stream.read_line(&mut line);
            let body = match line.starts_with("HEAD") {
                true => "",
                false => "<Error><Code>NoSuchKey</Code></Error>",
            };
            line.clear();
            while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let length = body.len();
            let response = format!(
                "HTTP/1.1 404 Not Found\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            _ = stream.get_mut().write_all(response.as_bytes());
        }
    });
    let state = tempfile::tempdir().expect("a folder");
    let path = state.path().display().to_string();
    let arguments = [
        "--variable",
        &endpoint,
        "--state-dir",
        &path,
        "--log-dir",
        &path,
    ];
    let mut command = command(&testkit::root(), &arguments);
    command
        .env("SPIN_VARIABLE_S3_ENDPOINT", "http://127.0.0.1:1")
        .env("SPIN_VARIABLE_S3_ACCESS_KEY", "access")
        .env("SPIN_VARIABLE_S3_SECRET_KEY", "s3cret-value")
        .env("RUST_LOG", rust_log);
    let mut up = HostProcess::start(command);
    let record = r#"{"eventVersion":"2.2","eventSource":"ceph:s3","eventName":"ObjectCreated:Put",
        "s3":{"bucket":{"name":"in"},"object":{"key":"DOE_JANE.jpg","size":7,"eTag":"x"}}}"#;
    let answer = ask(up.address(), "POST /", record);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (status, printed) = up.end();
    assert!(status.success(), "{printed}");
    let log = std::fs::read_to_string(state.path().join("xray_stdout.txt")).expect("a log");
    assert!(log.starts_with("{\"event\":\"object\""), "{log}");
    for secret in ["s3cret-value", "DOE_JANE"] {
        assert!(
            ![&answer, &printed, &log]
                .iter()
                .any(|text| text.contains(secret)),
            "{secret}"
        );
    }
    printed
}
