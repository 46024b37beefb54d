//! `xray dicom serve` against pynetdicom, which shares no code with it.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
};

use fake_gateway::store::Store;
use phantoms::{Kind, Phantom, Style};
use serde_json::{Value, json};
use testkit::{process::HostProcess, root};

use crate::{files, objects::python, run, text};

/// A running node, and the store behind it.
pub struct Node {
    process: HostProcess,
    pub port: String,
    python: PathBuf,
}

impl Node {
    pub fn start(python: &Path, endpoint: &str, keys: (&str, &str), arguments: &[&str]) -> Node {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
        command
            .args(["dicom", "serve", "--listen", "127.0.0.1:0"])
            .args(arguments);
        command.env("AWS_ENDPOINT_URL", endpoint);
        command
            .env("AWS_ACCESS_KEY_ID", keys.0)
            .env("AWS_SECRET_ACCESS_KEY", keys.1);
        let process = HostProcess::spawn(command);
        process.until_printed("DICOM node");
        let printed = process.printed();
        let port = printed.split("127.0.0.1:").nth(1).expect("its address");
        let port = port.split_whitespace().next().expect("its port").to_owned();
        Node {
            process,
            port,
            python: python.to_owned(),
        }
    }

    /// Sends files to the node under this title.
    fn send(&self, title: &str, arguments: &[&str]) -> Value {
        self.send_to(&self.port, title, arguments)
    }

    /// Sends files to a node at another port.
    pub fn send_to(&self, port: &str, title: &str, arguments: &[&str]) -> Value {
        let script = root().join("tests/dicom/associate.py");
        let mut command = Command::new(&self.python);
        command.arg(script).args([port, title]).args(arguments);
        let output = run(&mut command);
        let said = text(&output.stdout);
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
    }
}

pub fn written(dir: &Path, name: &str, bytes: &[u8]) -> String {
    let path = dir.join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

pub fn drawn(index: usize) -> Vec<u8> {
    Phantom::draw_dicom(3, index, Kind::Pneumonia, &Style::default()).1
}

/// A store with the input bucket and those of its outputs, and what reaches it.
pub async fn store(dir: &Path) -> (Store, fake_gateway::store::Listening, [String; 3]) {
    let credentials = fake_gateway::random_credentials();
    let store = Store::builder(dir.join("store"), credentials.clone());
    let store = ["", "-processed", "-anonymized", "-quarantine"]
        .iter()
        .fold(store, |store, suffix| {
            store.bucket(format!("xray-data-in{suffix}"))
        });
    let store = store.open().unwrap();
    let listening = store.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let endpoint = listening.endpoint().url().to_owned();
    let secret = credentials.secret_key.expose().to_owned();
    (store, listening, [endpoint, credentials.access_key, secret])
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_received_once_the_store_has_them() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (store, listening, [endpoint, key, secret]) = store(dir.path()).await;
    let sources = [drawn(0), drawn(1)];
    let paths: Vec<String> = (0..2)
        .map(|i| written(dir.path(), &format!("{i}.dcm"), &sources[i]))
        .collect();
    let mut node = Node::start(&python, &endpoint, (&key, &secret), &[]);
    let said = node.send("XRAY", &[&paths[0], &paths[1]]);
    assert_eq!(
        said,
        json!({"established": true, "echo": 0, "stored": [0, 0]})
    );
    let stored = files(&store.bucket_dir("xray-data-in"));
    assert_eq!(stored.len(), 2, "{stored:?}");
    for name in &stored {
        let parts: Vec<&str> = name.split('/').collect();
        assert!(
            parts.len() == 4 && parts[0] == "SENDER" && parts[3].ends_with(".dcm"),
            "{name}"
        );
        let bytes = fs::read(store.bucket_dir("xray-data-in").join(name)).unwrap();
        // The data set as it was, after meta information of the node's own.
        let is_same = |source: &Vec<u8>| bytes.ends_with(&source[source.len() - 100_000..]);
        assert!(sources.iter().any(is_same));
    }
    let rejected = node.send("OTHER", &[&paths[0]]);
    assert_eq!(
        rejected,
        json!({"established": false, "rejected": [1, 1, 7]})
    );

    drop(listening);
    let said = node.send("XRAY", &[&paths[0]]);
    assert_eq!(said["stored"], json!([0xA700]), "{said}");
    let (status, printed) = node.process.end();
    assert_eq!(status.code(), Some(143), "{printed}");
    assert!(printed.contains("SENDER: 2 stored, 0 failed"), "{printed}");
    for part in stored.iter().flat_map(|name| name.split('/').skip(1)) {
        assert!(!printed.contains(part), "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_commitment_is_not_offered() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (store, _listening, [endpoint, key, secret]) = store(dir.path()).await;
    let path = written(dir.path(), "0.dcm", &drawn(0));
    let node = Node::start(&python, &endpoint, (&key, &secret), &[]);
    // Its abstract syntax is not supported (3). Who asks nevertheless, in another context, gets the
    // status of an operation that the node doesn't know, and the association goes on.
    assert_eq!(
        node.send("XRAY", &["--commit", &path]),
        json!({"established": true, "stored": [0], "proposed": [3], "committed": 0x0211, "echo": 0})
    );
    assert_eq!(files(&store.bucket_dir("xray-data-in")).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_and_sizes_are_limited() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (store, _listening, [endpoint, key, secret]) = store(dir.path()).await;
    let path = written(dir.path(), "0.dcm", &drawn(0));
    let keys = (key.as_str(), secret.as_str());
    let node = Node::start(&python, &endpoint, keys, &["--max-bytes", "100000"]);
    assert_eq!(node.send("XRAY", &[&path])["stored"], json!([0xA701]));
    let node = Node::start(&python, &endpoint, keys, &["--peers", "CR1,CR2"]);
    assert_eq!(node.send("XRAY", &[&path])["rejected"], json!([1, 1, 3]));
    let node = Node::start(&python, &endpoint, keys, &["--peers", "CR1,SENDER"]);
    assert_eq!(node.send("XRAY", &[&path])["stored"], json!([0]));
    assert_eq!(files(&store.bucket_dir("xray-data-in")).len(), 1);
    let mut open = Command::new(env!("CARGO_BIN_EXE_xray"));
    open.args(["dicom", "serve", "--listen", "0.0.0.0:0"]);
    let output = run(&mut open);
    assert!(
        text(&output.stderr).contains("--client-ca"),
        "{}",
        text(&output.stderr)
    );
}

/// Makes a certificate by openssl: of an authority, or signed by one.
fn certificate(dir: &Path, name: &str, authority: Option<&str>) -> [String; 2] {
    let path = |name: &str, end: &str| {
        dir.join(format!("{name}.{end}"))
            .to_str()
            .unwrap()
            .to_owned()
    };
    let (file, key) = (path(name, "pem"), path(name, "key"));
    let mut command = Command::new("openssl");
    command.args([
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
    ]);
    command.args([
        "-keyout",
        &key,
        "-out",
        &file,
        "-subj",
        &format!("/CN={name}"),
    ]);
    match authority {
        Some(authority) => {
            command.args(["-addext", "subjectAltName=DNS:localhost"]);
            command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
            command.args([
                "-CA",
                &path(authority, "pem"),
                "-CAkey",
                &path(authority, "key"),
            ]);
        }
        None => _ = command.args(["-addext", "keyUsage=critical,keyCertSign"]),
    }
    let output = run(&mut command);
    assert!(output.status.success(), "{}", text(&output.stderr));
    [file, key]
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_without_a_certificate_are_turned_away() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (store, _listening, [endpoint, key, secret]) = store(dir.path()).await;
    let path = written(dir.path(), "0.dcm", &drawn(0));
    let [authority, _] = certificate(dir.path(), "authority", None);
    certificate(dir.path(), "other", None);
    let [server, server_key] = certificate(dir.path(), "server", Some("authority"));
    let [client, client_key] = certificate(dir.path(), "client", Some("authority"));
    let [stranger, stranger_key] = certificate(dir.path(), "stranger", Some("other"));
    let tls = [
        "--tls-cert",
        &server,
        "--tls-key",
        &server_key,
        "--client-ca",
        &authority,
    ];
    let mut node = Node::start(&python, &endpoint, (&key, &secret), &tls);
    for _ in 0..5 {
        drop(TcpStream::connect(format!("127.0.0.1:{}", node.port)).unwrap());
    }
    let send = |certificate: [&str; 2]| {
        let [certificate, key] = certificate;
        node.send("XRAY", &["--tls", &authority, certificate, key, &path])
    };
    assert_eq!(send([&client, &client_key])["stored"], json!([0]));
    for refused in [["", ""], [&stranger, &stranger_key]] {
        assert_eq!(send(refused)["established"], json!(false));
    }
    assert_eq!(node.send("XRAY", &[&path])["established"], json!(false));
    assert_eq!(files(&store.bucket_dir("xray-data-in")).len(), 1);
    // Only those that were turned away: a probe of the port is not a failure.
    let printed = node.process.end().1;
    let ended = printed.matches("a connection ended").count();
    assert_eq!(ended, 3, "{printed}");
}
