//! The page of `xray up --page`, with a file of users.

use std::{
    fs,
    process::{Command, Output},
};

use bytes::Bytes;
use fake_gateway::{
    notify::{Change, notification},
    store::Store,
};
use phantoms::{DEFAULT_SEED, Phantom};
use s3::{Client, Transport};
use testkit::{function_is_built, process::HostProcess, root};

use crate::client::Visitor;

pub fn xray(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
    command.args(arguments);
    command
}

/// Makes a token: the line for the file, and the token itself.
pub fn token(name: &str, roles: &str) -> (String, String) {
    let output = xray(&["page-token", name, "--roles", roles])
        .output()
        .unwrap();
    assert!(output.status.success());
    let line = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let token = said.rsplit(": ").next().unwrap().trim().to_owned();
    assert!(!line.contains(&token));
    (line, token)
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_see_their_pictures_and_no_others() {
    if !function_is_built() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let credentials = fake_gateway::random_credentials();
    let mut store = Store::builder(dir.path().join("store"), credentials.clone());
    for bucket in [
        "xrays",
        "xrays-processed",
        "xrays-anonymized",
        "xrays-quarantine",
    ] {
        store = store.bucket(bucket);
    }
    let store = store.open().unwrap();
    let listening = store.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let client = Client::new(listening.endpoint(), credentials.clone(), Transport::http());

    let people = ["viewer", "reviewer", "clinician"].map(|role| (role, token(role, role)));
    let users = dir.path().join("users");
    let lines = people.iter().map(|(_, (line, _))| line.as_str());
    fs::write(&users, lines.collect::<String>()).unwrap();
    let mut command = xray(&[
        "up",
        "--listen",
        "127.0.0.1:0",
        "--page",
        "127.0.0.1:0",
        "--nn",
        "embedded",
    ]);
    command
        .args(["--quiet", "--log-dir", "", "--from"])
        .arg(root());
    command.arg("--page-users").arg(&users);
    for (name, value) in [
        ("S3_ENDPOINT", listening.endpoint().url()),
        ("S3_ACCESS_KEY", credentials.access_key),
        ("S3_SECRET_KEY", credentials.secret_key.expose().to_owned()),
        ("PSEUDONYM_KEY", "a key for tests, long enough".to_owned()),
        ("ANONYMIZE", "all".to_owned()),
    ] {
        command.env(format!("SPIN_VARIABLE_{name}"), value);
    }
    let host = HostProcess::start(command);
    let printed = host.printed();
    let page = printed
        .split("Page at http://")
        .nth(1)
        .expect("its address");
    let visitor = Visitor::new(page.split('/').next().unwrap());
    assert!(!printed.contains("/enter/"), "{printed}");

    // One copy is clean; the other would be covered in too large a part.
    let phantoms = Phantom::draw_all(DEFAULT_SEED, 2);
    for phantom in &phantoms {
        let key = phantom.patient.file_name();
        let body = Bytes::copy_from_slice(&phantom.jpeg);
        let size = body.len() as u64;
        let etag = client.put("xrays", &key, "image/jpeg", body).await.unwrap();
        let event = notification(&Change::put("xrays", &key, size, &etag));
        let request = http::Request::post(format!("{}/", host.url()));
        let request = request.header("content-type", "application/json");
        let reply = Transport::http()
            .send(request.body(event).unwrap())
            .await
            .unwrap();
        assert_eq!(reply.status(), 200);
    }

    assert_eq!(visitor.post("/login", "token=guess").status, 403);
    for (role, (_, token)) in &people {
        let mut visitor = visitor.clone();
        let entered = visitor.post("/login", &format!("token={token}"));
        assert_eq!(
            (entered.status, entered.header("location")),
            (303, "/"),
            "{role}"
        );
        let set = entered.header("set-cookie");
        for part in [
            "__Host-xray=",
            "Path=/",
            "Secure",
            "HttpOnly",
            "SameSite=Strict",
        ] {
            assert!(set.contains(part), "{set}");
        }
        visitor.cookie = entered.cookie();
        let status = |kind: &str| visitor.get(&format!("/picture/1/{kind}")).status;
        let is_clinician = *role == "clinician";
        let expect = if is_clinician { 200 } else { 404 };
        assert_eq!(
            (status("source"), status("labeled")),
            (expect, expect),
            "{role}"
        );
        assert_eq!(status("covered"), 200, "{role}");
        assert_eq!(
            (status("quarantined"), status("other")),
            (404, 404),
            "{role}"
        );
        let text = visitor.get("/").text() + &visitor.get("/event/1").text();
        assert_eq!(text.contains("/picture/1/source"), is_clinician, "{role}");
        assert!(text.contains(role));
        for phantom in &phantoms {
            assert!(!text.contains(&phantom.patient.name), "{role}");
        }
    }
    let printed = host.printed();
    for (_, (_, token)) in &people {
        assert!(!printed.contains(token.as_str()));
    }
    for phantom in &phantoms {
        assert!(!printed.contains(&phantom.patient.name), "{printed}");
    }
}

#[test]
fn page_for_other_machines_needs_users_and_tls() {
    let dir = tempfile::tempdir().unwrap();
    let users = dir.path().join("users");
    fs::write(&users, token("a", "viewer").0).unwrap();
    let users = users.to_str().unwrap();
    let fails = |arguments: &[&str]| {
        let mut command = xray(&[
            "up",
            "--listen",
            "127.0.0.1:0",
            "--nn",
            "embedded",
            "--quiet",
            "--log-dir",
            "",
        ]);
        command.arg("--from").arg(root()).args(arguments);
        command
            .env("SPIN_VARIABLE_S3_ACCESS_KEY", "a")
            .env("SPIN_VARIABLE_S3_SECRET_KEY", "b");
        let Output { status, stderr, .. } = command.output().unwrap();
        assert!(!status.success(), "{arguments:?}");
        String::from_utf8(stderr).unwrap()
    };
    if function_is_built() {
        for arguments in [
            &["--page", "0.0.0.0:0"][..],
            &["--page", "0.0.0.0:0", "--page-users", users],
        ] {
            let said = fails(arguments);
            assert!(
                said.contains("needs --page-users, and --page-url"),
                "{said}"
            );
        }
        let plain = [
            "--page",
            "0.0.0.0:0",
            "--page-users",
            users,
            "--page-url",
            "http://xray.example.com",
        ];
        let said = fails(&plain);
        assert!(said.contains("expected https://HOST"), "{said}");
    }
    for arguments in [
        &["--page-users", users][..],
        &[
            "--page",
            "127.0.0.1:0",
            "--page-url",
            "https://xray.example.com",
        ],
        &["--page", "127.0.0.1:0", "--page-roles", "boss"],
    ] {
        fails(arguments);
    }
}
