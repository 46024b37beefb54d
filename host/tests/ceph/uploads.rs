//! The store user of people's uploads: the rights that `xray setup` grants it, and the doctor's
//! check of them.

use std::{fs, path::PathBuf};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use s3::{Client, Credentials};
use serde_json::Value;
use tempfile::TempDir;
use testkit::ceph::{Gateway, gateway, raw};
use xray_host::page::{
    access::roles::Role,
    audit::Audit,
    upload::{Settings, Upload},
};

use crate::{
    CEPH_DIR,
    command::{fails, works, xray},
    doctor,
};

/// A user, and the file with its keys.
struct User {
    client: Client,
    keys: PathBuf,
    _dir: TempDir,
}

fn file(keys: &Credentials) -> (PathBuf, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    let (access, secret) = (&keys.access_key, keys.secret_key.expose());
    let text = format!("AWS_ACCESS_KEY_ID={access}\nAWS_SECRET_ACCESS_KEY={secret}\n");
    fs::write(&path, text).unwrap();
    (path, dir)
}

impl User {
    fn new(gateway: &Gateway, name: &str) -> Self {
        let made = gateway.admin(&["user", "create", "--uid", name, "--display-name", name]);
        let user: Value = serde_json::from_str(&made).unwrap();
        let key = |name: &str| user["keys"][0][name].as_str().unwrap();
        let keys = Credentials::new(key("access_key"), key("secret_key"));
        let (path, dir) = file(&keys);
        Self {
            client: gateway.client(&keys),
            keys: path,
            _dir: dir,
        }
    }

    fn flag(&self) -> [&str; 2] {
        [
            "--page-upload-credentials-file",
            self.keys.to_str().unwrap(),
        ]
    }
}

async fn send(client: &Client, method: &Method, bucket: &str, key: &str, query: &str) -> u16 {
    let is_object = method == Method::PUT && query.is_empty() && !key.is_empty();
    let body = if is_object { &b"x"[..] } else { b"" };
    let mut headers = HeaderMap::new();
    if query == "acl" && method == Method::PUT {
        headers.insert("x-amz-acl", HeaderValue::from_static("public-read"));
    }
    let body = Bytes::from_static(body);
    let sent = raw(client, method.clone(), bucket, key, query, headers, body).await;
    sent.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn user_of_uploads_may_write_in_its_folder_and_nothing_else() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let input = "uploads";
    let user = User::new(gateway, "xray-uploads");
    let push = ["setup", "--push", "http://127.0.0.1:9/", "--topic", input];
    let set_up = || works(gateway, input, &[&push[..], &user.flag()].concat());
    let said = set_up();
    for part in [
        "for the user of uploads xray-uploads",
        "xray-uploads may PutObject in xray-upload/ only",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(set_up().contains("all in sync"));

    let (owner, function) = (gateway.owner(), gateway.function());
    let upload = &user.client;
    let (get, put, delete) = (&Method::GET, &Method::PUT, &Method::DELETE);
    let picture = "xray-upload/a.jpeg";
    assert_eq!(send(&owner, put, input, "there.jpeg", "").await, 200);
    for (name, client, verb, bucket, key, query, expect) in [
        ("upload", upload, put, input, picture, "", 200),
        ("function", &function, get, input, picture, "", 200),
        ("owner", &owner, get, input, picture, "", 200),
        // Not even its own.
        ("upload", upload, get, input, picture, "", 403),
        ("upload", upload, delete, input, picture, "", 403),
        ("upload", upload, put, input, picture, "acl", 403),
        ("upload", upload, get, input, "there.jpeg", "", 403),
        ("upload", upload, put, input, "there.jpeg", "", 403),
        ("upload", upload, put, input, "other.jpeg", "", 403),
        ("upload", upload, get, input, "", "", 403),
        ("upload", upload, get, input, "", "policy", 403),
        ("upload", upload, put, "uploads-processed", picture, "", 403),
        (
            "upload",
            upload,
            put,
            "uploads-anonymized",
            picture,
            "",
            403,
        ),
        ("upload", upload, get, "uploads-quarantine", "", "", 403),
        ("function", &function, put, input, picture, "", 403),
        ("function", &function, delete, input, picture, "", 403),
    ] {
        let status = send(client, verb, bucket, key, query).await;
        assert_eq!(status, expect, "{name}: {verb} {bucket}/{key} {query}");
    }

    // The page's own upload, with that user and a log.
    let audit = "uploads-audit";
    assert_eq!(send(&owner, put, audit, "", "").await, 200);
    let settings = Settings {
        client: user.client.clone(),
        bucket: input.to_owned(),
        role: Role::Clinician,
        limit: 1 << 20,
    };
    let config = xray::config::Config::from_lookup(|name| {
        ["s3_access_key", "s3_secret_key"]
            .contains(&name)
            .then(|| "x".to_owned())
    });
    let page = Upload::new(settings, Audit::new(owner.clone(), audit.to_owned()));
    let file = Bytes::from_static(b"\xFF\xD8\xFF\xE0 a picture");
    let stored = page.store(&config.unwrap(), "carl", file.clone()).await;
    stored.unwrap().unwrap();
    let listed = owner.list(input, "xray-upload/", "", 10).await.unwrap();
    let other = listed
        .objects
        .iter()
        .find(|one| one.key != picture)
        .unwrap();
    let object = function.get(input, &other.key).await.unwrap().unwrap();
    assert_eq!(object.body, file);
    assert_eq!(object.head.content_type.as_deref(), Some("image/jpeg"));
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_checks_the_user_of_uploads() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let input = "doctor-uploads";
    let receiver = doctor::swallower().await;
    let user = User::new(gateway, "xray-doctor-uploads");
    doctor::set_up(gateway, input, &receiver.address, &[]);
    let check = || {
        let command = doctor::doctor(
            gateway,
            input,
            &[&["--no-probe"], &user.flag()[..]].concat(),
        );
        let (_, lines) = doctor::lines(command);
        lines["uploads"].clone()
    };
    let (state, words) = check();
    assert_eq!(state, "failed", "{words}");
    assert!(words.contains("may not write into xray-upload/"), "{words}");
    doctor::set_up(gateway, input, &receiver.address, &user.flag());
    let (state, words) = check();
    assert_eq!(state, "ok", "{words}");

    // A policy that lets it do more.
    let arn = r#""arn:aws:iam:::user/xray-doctor-uploads""#;
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":[{arn}]}},
        "Action":["s3:PutObject"],"Resource":["arn:aws:s3:::{input}/*"]}}]}}"#
    );
    let (owner, none) = (gateway.owner(), HeaderMap::new());
    let set = raw(
        &owner,
        Method::PUT,
        input,
        "",
        "policy",
        none,
        policy.into(),
    );
    assert!(set.await.unwrap().status().is_success());
    let (state, words) = check();
    assert_eq!(state, "failed", "{words}");
    assert!(words.contains("may PUT there too"), "{words}");

    // The function's own keys are no such user's.
    let (own, _dir) = file(&gateway.function);
    let flag = ["--page-upload-credentials-file", own.to_str().unwrap()];
    let command = doctor::doctor(gateway, input, &[&["--no-probe"], &flag[..]].concat());
    let (_, lines) = doctor::lines(command);
    let (state, words) = &lines["uploads"];
    assert_eq!(state, "failed", "{words}");
    assert!(words.contains("is the function's"), "{words}");
    let push = ["setup", "--push", "http://127.0.0.1:9/", "--topic", input];
    let line = fails(xray(gateway, input, &[&push[..], &flag].concat()));
    assert!(line.contains("so it may do more than write"), "{line}");
}
