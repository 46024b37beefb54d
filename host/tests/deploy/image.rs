//! The image: its root filesystem, built by the Containerfile's own script, and run as a cluster
//! would run it.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use bytes::Bytes;
use fake_gateway::{
    notify::{Change, notification},
    store::Store,
};
use phantoms::{DEFAULT_SEED, Phantom};
use s3::{Client, Transport};
use tempfile::TempDir;
use testkit::{missing, process::HostProcess, root};
use xray_host::nn::library::Product;

use crate::manifests::takes;

/// The root filesystem with ONNX Runtime, where everything for it and for running it is there.
fn image() -> Option<TempDir> {
    let logevents = "target/components/wasm32-wasip2/release/logevents.wasm";
    if !testkit::function_is_built() {
        return None;
    }
    if !root().join(logevents).is_file() {
        missing(logevents, "build it with `make logevents`");
        return None;
    }
    let library = testkit::backend_library(Product::OnnxRuntime)?;
    let authorities = Path::new("/etc/ssl/certs/ca-certificates.crt");
    if !authorities.is_file() {
        missing(
            "/etc/ssl/certs/ca-certificates.crt",
            "install ca-certificates",
        );
        return None;
    }
    // Only this backend, as the Containerfile has it.
    let chosen = tempfile::tempdir().expect("a folder");
    let folder = library.parent().expect("a folder");
    let link = chosen.path().join(folder.file_name().expect("a name"));
    std::os::unix::fs::symlink(folder.canonicalize().expect("a path"), link).expect("a link");

    let image = tempfile::tempdir().expect("a folder");
    let output = Command::new(root().join("deploy/image/rootfs"))
        .arg(image.path())
        .arg(env!("CARGO_BIN_EXE_xray"))
        .arg(chosen.path())
        .output()
        .expect("the script runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let size = String::from_utf8_lossy(&output.stdout);
    eprintln!("the image with ONNX Runtime has {}", size.trim());
    if !in_container(image.path(), &["--version"]).status.success() {
        missing(
            "the right to make a container",
            "run as root, with unshare and setpriv of util-linux",
        );
        return None;
    }
    Some(image)
}

fn container(image: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(root().join("tests/deploy/container"));
    command.arg(image).arg("/app/xray").args(arguments);
    // As in the Containerfile; nothing of this machine's.
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", "/tmp");
    command
}

fn in_container(image: &Path, arguments: &[&str]) -> Output {
    container(image, arguments)
        .output()
        .expect("the script runs")
}

/// Runs, without an engine, the Containerfile's own use of `xray`.
#[test]
fn the_containerfile_uses_what_there_is() {
    let text = fs::read_to_string(root().join("Containerfile")).expect("the Containerfile");
    let mut commands = 0;
    for line in text.lines() {
        let words = |line: &str| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        for command in line.split(" && ") {
            if let Some((_, arguments)) = command.split_once("target/release/xray setup-backends") {
                takes(&[vec!["setup-backends".to_owned()], words(arguments)].concat());
                commands += 1;
            }
        }
        if let Some(arguments) = line.strip_prefix("CMD ") {
            takes(&serde_json::from_str::<Vec<String>>(arguments).expect("a list"));
            commands += 1;
        }
    }
    assert_eq!(commands, 3);
    assert!(text.contains("deploy/image/rootfs /rootfs target/release/xray backends"));
    assert!(text.contains("ENTRYPOINT [\"/app/xray\"]"));
}

/// One picture through ONNX Runtime: read only, without privileges, with nothing of this machine
/// but the image.
#[tokio::test(flavor = "multi_thread")]
async fn the_image_serves_a_request() {
    let Some(image) = image() else {
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let credentials = fake_gateway::random_credentials();
    let mut builder = Store::builder(dir.path().to_owned(), credentials.clone());
    for bucket in [
        "xrays",
        "xrays-processed",
        "xrays-anonymized",
        "xrays-quarantine",
    ] {
        builder = builder.bucket(bucket);
    }
    let store = builder.open().expect("a store");
    let listening = store
        .listen(([127, 0, 0, 1], 0).into())
        .await
        .expect("a port");
    let client = Client::new(listening.endpoint(), credentials.clone(), Transport::http());

    let mut command = container(
        image.path(),
        &[
            "up",
            "--listen",
            "127.0.0.1:0",
            "--metrics",
            "127.0.0.1:0",
            "--nn",
            "onnx",
            "--state-dir",
            "/tmp/xray",
            "--log-dir",
            "",
        ],
    );
    let variables = [
        ("S3_ENDPOINT", listening.endpoint().url()),
        ("S3_ACCESS_KEY", credentials.access_key),
        ("S3_SECRET_KEY", credentials.secret_key.expose().to_owned()),
        ("PSEUDONYM_KEY", "a key for tests, long enough".to_owned()),
    ];
    for (name, value) in variables {
        command.env(format!("SPIN_VARIABLE_{name}"), value);
    }
    let up = HostProcess::start(command);
    let address = up.url();

    let phantom = &Phantom::draw_all(DEFAULT_SEED, 1)[0];
    let key = phantom.patient.file_name();
    let body = Bytes::copy_from_slice(&phantom.jpeg);
    let size = body.len() as u64;
    let etag = client
        .put("xrays", &key, "image/jpeg", body)
        .await
        .expect("stored");
    let event = notification(&Change::put("xrays", &key, size, &etag));
    let request =
        http::Request::post(format!("{address}/")).header("content-type", "application/json");
    let answer = Transport::http()
        .send(request.body(event).expect("a request"))
        .await
        .expect("a response");
    let answer = String::from_utf8_lossy(answer.body()).into_owned();
    assert!(answer.contains("\"outcome\":\"done\""), "{answer}");
    let info = http::Request::get(format!("{address}/.well-known/spin/info"));
    let info = Transport::http()
        .send(info.body(Bytes::new()).expect("a request"))
        .await
        .expect("a response");
    let info = String::from_utf8_lossy(info.body()).into_owned();
    assert!(info.contains("ONNX Runtime 1."), "{info}");
    // The compiled code in the image fits this processor: nothing was compiled.
    let metrics = http::Request::get(format!("http://{}/metrics", up.metrics_address()));
    let metrics = Transport::http()
        .send(metrics.body(Bytes::new()).expect("a request"))
        .await
        .expect("a response");
    let metrics = String::from_utf8_lossy(metrics.body()).into_owned();
    let precompiled = "xray_aot_cache_total{kind=\"precompiled\"} 1\n";
    assert!(metrics.contains(precompiled), "{metrics}");
    let stored = fs::read_dir(store.bucket_dir("xrays-processed")).expect("a bucket");
    assert!(stored.count() > 0, "nothing was stored");
}

/// As SpinKube's operator starts a `spinImage`: with these arguments and this configuration, as a
/// user without privileges, on port 80, which the sysctl of our patch opens to it.
#[test]
fn the_image_is_started_by_spinkube() {
    let Some(image) = image() else {
        return;
    };
    let configuration = "[[config_provider]]\ntype = \"env\"\nprefix = \"SPIN_VARIABLE_\"\n";
    fs::write(image.path().join("runtime-config.toml"), configuration).expect("a file");
    let says = |ports_from: &str| {
        let operator = [
            "up",
            "--listen",
            "0.0.0.0:80",
            "-f",
            "/app",
            "--runtime-config-file",
            "/runtime-config.toml",
        ];
        let mut command = container(image.path(), &operator);
        command
            .env("PORTS_FROM", ports_from)
            .env("SPIN_HTTP_LISTEN_ADDR", "0.0.0.0:80")
            .env("SPIN_VARIABLE_S3_ACCESS_KEY", "a")
            .env("SPIN_VARIABLE_S3_SECRET_KEY", "b");
        HostProcess::spawn(command).until_serving()
    };
    assert_eq!(says("0").as_deref(), Ok("http://0.0.0.0:80"));
    let refused = says("1024").expect_err("the port is privileged");
    assert!(refused.contains("Permission denied"), "{refused}");
}
