//! The page in Debian's Chromium, driven by `tests/page/check.mjs`.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use bytes::Bytes;
use phantoms::{DEFAULT_SEED, Phantom};
use s3::{Addressing, Client, Credentials, Endpoint, Transport};
use testkit::{missing, root};

use crate::demo::{Demo, patients};

/// Returns the folder of the script's modules.
fn modules() -> Option<PathBuf> {
    let runs = |program: &str| {
        let status = Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    };
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".into());
    for (program, package) in [("node", "nodejs"), ("npm", "npm"), (&chromium, "chromium")] {
        if !runs(program) {
            missing(program, &format!("install the package {package}"));
            return None;
        }
    }
    let output = Command::new(root().join("tests/page/fetch")).output();
    let output = output.ok().filter(|output| output.status.success());
    let Some(output) = output else {
        missing("the browser's driver", "run tests/page/fetch");
        return None;
    };
    Some(PathBuf::from(
        String::from_utf8(output.stdout).unwrap().trim(),
    ))
}

/// Uploads pictures into the demo's store with the keys that it prints.
fn uploader(printed: &str) -> impl AsyncFn(Phantom) + use<> {
    let after = |mark: &str| {
        let rest = printed.split(mark).nth(1).expect(mark);
        rest.split_whitespace()
            .next()
            .unwrap()
            .trim_end_matches(',')
            .to_owned()
    };
    let credentials =
        Credentials::new(after("AWS_ACCESS_KEY_ID="), after("AWS_SECRET_ACCESS_KEY="));
    let endpoint = Endpoint::parse(&after("The store goes on at "), Addressing::Path).unwrap();
    let client = Client::new(endpoint, credentials, Transport::http());
    async move |phantom: Phantom| {
        let body = Bytes::copy_from_slice(&phantom.jpeg);
        let key = phantom.patient.file_name();
        client
            .put("xray-data-in", &key, "image/jpeg", body)
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn page_is_usable_and_safe_in_a_browser() {
    let Some(modules) = modules() else {
        return;
    };
    // Every copy covers more than is allowed, so that all are reviewed.
    let Some(demo) = Demo::with(&["anonymize=all", "max_redacted=0.001"]) else {
        return;
    };
    let upload = uploader(&demo.process.printed());
    let mut more = Phantom::draw_all(DEFAULT_SEED, 10).into_iter().skip(6);
    let hidden = demo.dir.path().join("patients.json");
    fs::write(&hidden, serde_json::to_string(&patients()).unwrap()).unwrap();
    let picture = demo.dir.path().join("picture.jpeg");
    fs::write(&picture, &Phantom::draw(11, 0).jpeg).unwrap();
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    fs::create_dir_all(&shots).unwrap();
    let mut script = Command::new("node")
        .arg(root().join("tests/page/check.mjs"))
        .arg(modules)
        .arg(&demo.entrance)
        .arg(hidden)
        .arg(&shots)
        .arg(&picture)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(script.stdout.take().unwrap()).lines();
    let mut last = String::new();
    for line in lines.map_while(Result::ok) {
        if line == "upload" {
            upload(more.next().expect("a picture")).await;
        } else {
            println!("{line}");
        }
        last = line;
    }
    assert!(script.wait().unwrap().success());
    assert_eq!(last, "ok");
    println!("screenshots are in {}", shots.display());
}
