//! The dashboard and the alerts on a real Prometheus that reads the host.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use fake_gateway::store::{Listening, Store};
use s3::{Client, Transport};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{function_is_built, missing, process::HostProcess, root, wait::until};
use url::form_urlencoded;

use crate::{
    alerts::{self, alerts, queries},
    cluster::text,
};

/// A running Prometheus. It ends with the test.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    _dir: TempDir,
}

impl Prometheus {
    /// Starts it with these rules, reading hosts at these addresses.
    fn start(rules: &Value, hosts: &[SocketAddr]) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("rules.yaml"), rules.to_string()).expect("a file");
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let configuration = json!({
            "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "500ms"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [{"job_name": "xray", "static_configs": [{"targets": hosts}]}],
        });
        let file = dir.path().join("prometheus.yaml");
        fs::write(&file, configuration.to_string()).expect("a file");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                dir.path().join("data").display()
            ))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            missing("prometheus", "install the package prometheus");
            return None;
        };
        let mut lines = BufReader::new(child.stderr.take().expect("its log")).lines();
        let mut log = String::new();
        let address = loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("Prometheus does not start: {log}");
            };
            let bound = line.split("msg=\"Listening on\" address=").nth(1);
            if let Some(address) = bound {
                break address.parse().expect("an address");
            }
            log = log + &line + "\n";
        };
        // Somebody has to read it.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self {
            child,
            address,
            _dir: dir,
        })
    }

    fn get(&self, path: &str) -> Value {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("a request");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("a response");
        let body = response.split_once("\r\n\r\n").expect("a body").1;
        let value: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(value["status"], "success", "{value}");
        value["data"].clone()
    }

    /// Returns the labels and the value of each series of a query's result.
    fn query(&self, query: &str) -> Vec<(Value, f64)> {
        let encoded: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let data = self.get(&format!("/api/v1/query?query={encoded}"));
        let results = data["result"].as_array().expect("a vector");
        let results = results.iter().map(|one| {
            let value = text(&one["value"][1]).parse().expect("a number");
            (one["metric"].clone(), value)
        });
        results.collect()
    }

    /// Returns the names of the alerts in this state, `pending` or `firing`.
    fn alerts(&self, state: &str) -> Vec<String> {
        let data = self.get("/api/v1/alerts");
        let alerts = data["alerts"].as_array().expect("a list").iter();
        let alerts = alerts.filter(|alert| alert["state"] == state);
        alerts
            .map(|alert| {
                // A mistake in a template ends up in the text.
                let said = alert["annotations"].to_string();
                assert!(
                    !said.contains("error") && !said.contains("<no value>"),
                    "{said}"
                );
                text(&alert["labels"]["alertname"]).to_owned()
            })
            .collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Returns an address that is free now: Prometheus has to know it before the host serves there, to
/// see the counters start.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

/// Starts the demo, which stays when it has shown everything.
fn demo(metrics: SocketAddr, arguments: &[&str], dir: &TempDir) -> HostProcess {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
    command.args(["demo", "--keep", "--quiet", "--nn", "embedded", "--from"]);
    command
        .arg(root())
        .arg("--metrics")
        .arg(metrics.to_string());
    command.args(arguments).current_dir(dir.path());
    HostProcess::spawn(command)
}

/// Fills in the dashboard's variables, as Grafana does for all namespaces and five minutes.
fn filled(query: &str) -> String {
    query
        .replace("$namespace", ".*")
        .replace("$__rate_interval", "5m")
        .replace("$__range", "5m")
}

#[test]
fn every_panel_has_data_after_a_demo_and_no_alert_fires() {
    let Some(rules) = alerts::rules().filter(|_| function_is_built()) else {
        return;
    };
    let metrics = free_address();
    let Some(prometheus) = Prometheus::start(&rules, &[metrics]) else {
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let demo = demo(metrics, &["--count", "48"], &dir);
    demo.until_printed("The store goes on");
    let dashboard = alerts::dashboard();
    let queries = queries(&dashboard);
    assert!(queries.len() > 25, "only {} queries", queries.len());
    for (title, query) in queries {
        let query = filled(query);
        let has_data = || {
            prometheus
                .query(&query)
                .iter()
                .any(|(_, value)| value.is_finite())
        };
        until(&format!("{title}: {query} has data"), has_data);
    }
    until("all pictures are counted", || {
        let labeled = prometheus.query("sum(xray_labeled_total)");
        labeled.iter().any(|(_, value)| *value >= 48.0)
    });
    assert!(prometheus.alerts("firing").is_empty());
    // On a busy machine a request takes seconds.
    let pending = prometheus.alerts("pending");
    assert!(pending.iter().all(|name| name == "XraySlow"), "{pending:?}");
    // All labels of all series, as a dashboard would show them.
    let series = prometheus.query("{job=\"xray\"}");
    assert!(series.len() > 100);
    for (labels, _) in series {
        assert!(!labels.to_string().contains("demo_"), "{labels}");
    }
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

    fn entry(&self, number: u64) -> Option<std::path::PathBuf> {
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
    let Some(mut rules) = alerts::rules().filter(|_| function_is_built()) else {
        return;
    };
    // An alert fires as soon as its condition holds.
    for group in rules["groups"].as_array_mut().expect("groups") {
        for alert in group["rules"].as_array_mut().expect("rules") {
            alert.as_object_mut().expect("an alert").remove("for");
        }
    }
    assert!(alerts(&rules).len() > 8);
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
    fs::write(
        pictures.join("demo_A_1_2_3.jpeg"),
        b"\xff\xd8\xff\xe0 no picture",
    )
    .expect("a file");
    let _demo = demo(for_demo, &["--images", "pictures"], &dir);

    // A store that can't be reached, and more requests than fit.
    let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
    command.args([
        "up",
        "--quiet",
        "--nn",
        "embedded",
        "--listen",
        "127.0.0.1:0",
        "--from",
    ]);
    command
        .arg(root())
        .arg("--metrics")
        .arg(for_host.to_string());
    command.args(["--log-dir", "", "--max-concurrency", "1", "--queue", "1"]);
    let nobody = format!("http://{}", free_address());
    for (name, value) in [
        ("S3_ENDPOINT", nobody.as_str()),
        ("S3_ACCESS_KEY", "a"),
        ("S3_SECRET_KEY", "b"),
        ("PSEUDONYM_KEY", "a key for tests, long enough"),
    ] {
        command.env(format!("SPIN_VARIABLE_{name}"), value);
    }
    let host = HostProcess::start(command);
    let event = json!({"Records": [{"eventSource": "ceph:s3", "eventName": "ObjectCreated:Put", "s3": {
        "bucket": {"name": "xrays"}, "object": {"key": "a.jpeg", "size": 1, "eTag": "0", "sequencer": "1"}}}]});
    let event = event.to_string();
    let address = host.address().to_string();
    let send = || post(&address, "content-type: application/json\r\n", "/", &event);
    let expected = [
        "XrayAuditBroken",
        "XrayDeadLetters",
        "XrayQuarantineOld",
        "XrayQueueFull",
        "XrayStoreRefuses",
    ];
    until("the alerts fire", || {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(send);
            }
        });
        let firing = prometheus.alerts("firing");
        expected
            .iter()
            .all(|name| firing.iter().any(|one| one == name))
    });
    for name in prometheus.alerts("firing") {
        assert!(expected.contains(&name.as_str()), "{name} fires too");
    }
}
