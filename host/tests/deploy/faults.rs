//! Faults, and the alerts that fire for them on a real Prometheus.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::Command,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use fake_gateway::{
    notify::{Change, notification},
    store::{Listening, Store},
};
use phantoms::{Kind, Phantom, Style};
use s3::{Client, Transport};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{function_is_built, process::HostProcess, root, wait::until};

use crate::{
    alerts::{self, alerts},
    prometheus::{Prometheus, demo, free_address},
};

/// Returns the rules, with alerts that fire as soon as their condition holds.
fn rules() -> Option<Value> {
    let mut rules = alerts::rules().filter(|_| function_is_built())?;
    for group in rules["groups"].as_array_mut().expect("groups") {
        for alert in group["rules"].as_array_mut().expect("rules") {
            alert.as_object_mut().expect("an alert").remove("for");
        }
    }
    assert!(alerts(&rules).len() > 8);
    Some(rules)
}

/// Waits until these alerts fire, and checks that no other one does.
fn until_they_fire(prometheus: &Prometheus, expected: &[&str], mut again: impl FnMut()) {
    let mut firing = Vec::new();
    until(&format!("{expected:?} fire"), || {
        again();
        let now = prometheus.alerts("firing");
        if now != firing {
            let counted = prometheus.query("xray_objects_total or xray_failures_total");
            println!("{now:?} after {counted:?}");
        }
        firing = now;
        let fires = |name: &&str| firing.iter().any(|one| one == name);
        expected.iter().all(fires)
    });
    for name in firing {
        assert!(expected.contains(&name.as_str()), "{name} fires too");
    }
}

/// A command that serves the function, with its metrics there.
fn host(metrics: SocketAddr, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
    command.args(["up", "--quiet", "--nn", "embedded", "--log-dir", ""]);
    command
        .args(["--listen", "127.0.0.1:0", "--from"])
        .arg(root());
    command.arg("--metrics").arg(metrics.to_string());
    for (name, value) in variables {
        command.env(format!("SPIN_VARIABLE_{name}"), value);
    }
    command
}

/// A store with a copy that has waited for two days, and an audit log whose first entry is gone.
struct Neglected {
    dir: TempDir,
    _store: Store,
    listening: Listening,
}

impl Neglected {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let credentials = fake_gateway::random_credentials();
        let store = Store::builder(dir.path().join("store"), credentials.clone());
        let store = [
            "xrays",
            "xrays-quarantine",
            "xrays-anonymized",
            "xrays-audit",
        ]
        .into_iter()
        .fold(store, |store, bucket| store.bucket(bucket));
        let store = store.open().expect("a store");
        let listening = store.listen(([127, 0, 0, 1], 0).into()).await;
        let listening = listening.expect("an address");
        let client = Client::new(listening.endpoint(), credentials.clone(), Transport::http());
        let copy = Bytes::from_static(b"\xff\xd8\xff\xe0");
        let put = client.put("xrays-quarantine", "copy.jpeg", "image/jpeg", copy);
        put.await.expect("a copy");
        let file = dir.path().join("store/xrays-quarantine/copy.jpeg");
        let before = SystemTime::now() - Duration::from_secs(2 * 24 * 60 * 60);
        let file = File::options().write(true).open(file).expect("the copy");
        file.set_modified(before).expect("another time");
        let (access, secret) = (&credentials.access_key, credentials.secret_key.expose());
        let keys = format!("AWS_ACCESS_KEY_ID={access}\nAWS_SECRET_ACCESS_KEY={secret}\n");
        fs::write(dir.path().join("keys"), keys).expect("a file");
        let this = Self {
            dir,
            _store: store,
            listening,
        };
        // Two people try to sign in, a second apart, which is two entries.
        let page = this.page(free_address());
        for number in [1, 2] {
            until("an attempt is in the log", || {
                let address = page.printed();
                let address = address.split("Page at http://").nth(1).expect("a page");
                let host = address.split('/').next().expect("a host");
                post(
                    &host.replace(host.split(':').next().expect("a name"), "127.0.0.1"),
                    &format!(
                        "host: {host}\r\norigin: http://{host}\r\n\
                         content-type: application/x-www-form-urlencoded\r\n"
                    ),
                    "/login",
                    "token=guess",
                );
                this.entry(number).is_some()
            });
        }
        drop(page);
        fs::remove_file(this.entry(1).expect("the first")).expect("removed");
        this
    }

    fn entry(&self, number: u64) -> Option<PathBuf> {
        let path = self
            .dir
            .path()
            .join(format!("store/xrays-audit/log/{number:020}"));
        path.is_file().then_some(path)
    }

    /// Starts a page that serves its metrics there.
    fn page(&self, metrics: SocketAddr) -> HostProcess {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
        command.args(["page", "--listen", "127.0.0.1:0", "--page-name", "alice"]);
        command.args(["--bucket", "xrays", "--page-credentials-file", "keys"]);
        command.arg("--metrics").arg(metrics.to_string());
        command.env("SPIN_VARIABLE_S3_ENDPOINT", self.listening.endpoint().url());
        command.current_dir(self.dir.path());
        let process = HostProcess::spawn(command);
        process.until_printed("Page at http");
        process
    }
}

/// Sends a POST and waits for the response.
fn post(address: &str, headers: &str, path: &str, body: &str) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.0\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
    .expect("a request");
    let mut response = String::new();
    _ = stream.read_to_string(&mut response);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_fire_their_alerts() {
    let Some(rules) = rules() else {
        return;
    };
    let [for_demo, for_host, for_page] = [(); 3].map(|()| free_address());
    let Some(prometheus) = Prometheus::start(&rules, &[for_demo, for_host, for_page]) else {
        return;
    };
    let neglected = Neglected::new().await;
    let _page = neglected.page(for_page);
    let dir = tempfile::tempdir().expect("a folder");

    // A damaged picture becomes a dead letter.
    let pictures = dir.path().join("pictures");
    fs::create_dir(&pictures).expect("a folder");
    let picture = pictures.join("demo_A_1_2_3.jpeg");
    fs::write(picture, b"\xff\xd8\xff\xe0 no picture").expect("a file");
    let _demo = demo(for_demo, &["--images", "pictures"], &dir);

    // A store that can't be reached, and more requests than fit.
    let nobody = format!("http://{}", free_address());
    let mut command = host(
        for_host,
        &[
            ("S3_ENDPOINT", nobody.as_str()),
            ("S3_ACCESS_KEY", "a"),
            ("S3_SECRET_KEY", "b"),
            ("PSEUDONYM_KEY", "a key for tests, long enough"),
        ],
    );
    command.args(["--max-concurrency", "1", "--queue", "1"]);
    let host = HostProcess::start(command);
    let event = json!({"Records": [{"eventSource": "ceph:s3", "eventName": "ObjectCreated:Put", "s3": {
        "bucket": {"name": "xrays"}, "object": {"key": "a.jpeg", "size": 1, "eTag": "0", "sequencer": "1"}}}]});
    let event = event.to_string();
    let expected = [
        "XrayAuditBroken",
        "XrayDeadLetters",
        "XrayQuarantineOld",
        "XrayQueueFull",
        "XrayStoreRefuses",
    ];
    until_they_fire(&prometheus, &expected, || {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| deliver(&host, event.as_bytes()));
            }
        });
    });
}

/// Delivers an event.
fn deliver(host: &HostProcess, event: &[u8]) {
    let event = std::str::from_utf8(event).expect("JSON");
    let address = host.address().to_string();
    post(&address, "content-type: application/json\r\n", "/", event);
}

/// A setting that has no such value, no pseudonym key, a rule that no copy meets, and instances
/// with too little memory.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_fire_their_alerts() {
    let Some(rules) = rules() else {
        return;
    };
    let metrics = [(); 4].map(|()| free_address());
    let Some(prometheus) = Prometheus::start(&rules, &metrics) else {
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let credentials = fake_gateway::random_credentials();
    // Each host has its own, so that none finds another's outputs.
    let names = ["misconfigured", "keyless", "strict", "small"];
    let mut store = Store::builder(dir.path().join("store"), credentials.clone());
    for name in names {
        for suffix in ["", "-processed", "-anonymized", "-quarantine"] {
            store = store.bucket(format!("{name}{suffix}"));
        }
    }
    let store = store.open().expect("a store");
    let listening = store.listen(([127, 0, 0, 1], 0).into()).await;
    let listening = listening.expect("an address");
    let client = Client::new(listening.endpoint(), credentials.clone(), Transport::http());
    let endpoint = listening.endpoint();
    let common = [
        ("S3_ENDPOINT", endpoint.url()),
        ("S3_ACCESS_KEY", credentials.access_key.clone()),
        ("S3_SECRET_KEY", credentials.secret_key.expose().to_owned()),
    ];
    let key = ("PSEUDONYM_KEY", "a key for tests, long enough");
    let start = |number: usize, variables: &[(&str, &str)], arguments: &[&str]| {
        let common = common.iter().map(|(name, value)| (*name, value.as_str()));
        let variables: Vec<_> = common.chain(variables.iter().copied()).collect();
        let mut command = host(metrics[number], &variables);
        command.args(arguments);
        HostProcess::start(command)
    };
    let misconfigured = start(0, &[key, ("ANONYMIZE", "sometimes")], &[]);
    let keyless = start(1, &[], &[]);
    let strict = start(2, &[key, ("MAX_REDACTED", "0.0001")], &[]);
    let small = start(3, &[key], &["--max-instance-memory", "4194304"]);

    let hosts = [misconfigured, keyless, strict, small];
    let mut events = Vec::new();
    for number in 0..8 {
        let phantom = Phantom::draw_as(1, number, Kind::Pneumonia, &Style::default());
        for (host, bucket) in hosts.iter().zip(names) {
            let name = phantom.patient.file_name();
            let body = Bytes::copy_from_slice(&phantom.jpeg);
            let size = body.len() as u64;
            let etag = client.put(bucket, &name, "image/jpeg", body).await;
            let etag = etag.expect("a picture");
            events.push((host, notification(&Change::put(bucket, &name, size, &etag))));
        }
    }
    let expected = [
        "XrayCannotWork",
        "XrayInstancesFail",
        "XrayNoPseudonymKey",
        "XrayQuarantineFills",
    ];
    // The first ones alone: of a counter that begins with its last value, no increase is seen.
    let mut events = events.into_iter();
    for (host, event) in events.by_ref().take(hosts.len()) {
        deliver(host, &event);
    }
    until("Prometheus has counted them", || {
        prometheus.query("xray_objects_total").len() >= 3
    });
    until_they_fire(&prometheus, &expected, || {
        if let Some((host, event)) = events.next() {
            deliver(host, &event);
        }
    });
}
