//! The dashboard and the alerts on a real Prometheus that reads the host.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{function_is_built, missing, process::HostProcess, root, wait::until};
use url::form_urlencoded;

use crate::{
    alerts::{self, queries},
    cluster::text,
};

/// A running Prometheus. It ends with the test.
pub struct Prometheus {
    child: Child,
    address: SocketAddr,
    _dir: TempDir,
}

impl Prometheus {
    /// Starts it with these rules, reading hosts at these addresses.
    pub fn start(rules: &Value, hosts: &[SocketAddr]) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("rules.yaml"), rules.to_string()).expect("a file");
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let configuration = json!({
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
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
    pub fn query(&self, query: &str) -> Vec<(Value, f64)> {
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
    pub fn alerts(&self, state: &str) -> Vec<String> {
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
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

/// Starts the demo, which stays when it has shown everything.
pub fn demo(metrics: SocketAddr, arguments: &[&str], dir: &TempDir) -> HostProcess {
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
    // Many pictures, so that their counters are read several times while they grow.
    let demo = demo(metrics, &["--count", "240"], &dir);
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
        labeled.iter().any(|(_, value)| *value >= 240.0)
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
