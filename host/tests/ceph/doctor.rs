//! `xray doctor`: a site where all is well, and for each line one where exactly that is broken.

use std::{collections::BTreeMap, process::Command};

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;
use testkit::{
    ceph::{Gateway, gateway, raw},
    function_is_built,
    http::{Server, status},
};

use crate::{
    CEPH_DIR,
    command::{Function, run, works, xray},
};

/// The lines of one run: `ok`, `warning`, `failed` or `skipped` for each check, and what was found
/// with its remedy.
pub type Lines = BTreeMap<String, (String, String)>;

pub fn doctor(gateway: &Gateway, bucket: &str, arguments: &[&str]) -> Command {
    let all = [&["doctor", "--json"], arguments].concat();
    xray(gateway, bucket, &all)
}

pub fn lines(command: Command) -> (i32, Lines) {
    let ended = run(command);
    let report: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let checks = report["checks"].as_array().unwrap().iter();
    let lines = checks.map(|line| {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let words = format!("{} -> {}", text("found"), text("remedy"));
        (text("check"), (text("state"), words))
    });
    let lines: Lines = lines.collect();
    let has_failed = lines.values().any(|(state, _)| state == "failed");
    assert_eq!(report["ok"], !has_failed);
    (ended.code, lines)
}

/// Exactly this check is not well, and says so with these words and a remedy; those that build on
/// it are skipped or left out.
pub fn breaks(command: Command, check: &str, expected: &str, says: &str) {
    let (code, lines) = lines(command);
    for (name, (state, words)) in &lines {
        if name == check {
            assert_eq!(state, expected, "{name}: {words}");
            assert!(words.contains(says), "{words}");
            assert!(!words.ends_with("-> "), "a remedy: {words}");
        } else {
            assert!(
                matches!(state.as_str(), "ok" | "skipped"),
                "{name}: {words}"
            );
        }
    }
    assert!(lines.contains_key(check), "{lines:?}");
    assert_eq!(code, i32::from(expected == "failed"));
}

/// A bucket that is set up for the function at `push`.
pub fn set_up(gateway: &Gateway, bucket: &str, push: &str, more: &[&str]) {
    let setup = ["setup", "--topic", bucket, "--push", push];
    works(gateway, bucket, &[&setup[..], more].concat());
}

async fn objects(gateway: &Gateway, bucket: &str) -> usize {
    let owner = gateway.owner();
    let listed = raw(
        &owner,
        Method::GET,
        bucket,
        "",
        "",
        HeaderMap::new(),
        Bytes::new(),
    );
    let body = listed.await.unwrap().into_body();
    String::from_utf8_lossy(&body).matches("<Key>").count()
}

/// A receiver that is up and swallows what it gets.
pub async fn swallower() -> Server {
    Server::start(|_| async { status(200) }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well_and_nothing_is_left_behind() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    if !function_is_built() {
        return;
    }
    let bucket = "doctor-well";
    let function = Function::start(gateway, bucket, "127.0.0.1:0", &[]);
    set_up(gateway, bucket, &function.address, &["--prefix", "in/"]);
    let (code, lines) = lines(doctor(gateway, bucket, &[]));
    let not_ok: Vec<_> = lines.iter().filter(|(_, line)| line.0 != "ok").collect();
    assert!(not_ok.is_empty(), "{not_ok:?}\n{}", function.printed());
    let all = [
        "anonymized bucket",
        "clock",
        "credentials",
        "end to end",
        "endpoint style",
        "gateway",
        "input bucket",
        "notification",
        "owner",
        "processed bucket",
        "quarantine bucket",
        "receiver",
        "settings",
        "topic",
    ];
    assert_eq!(lines.keys().collect::<Vec<_>>(), all);
    assert_eq!(code, 0);
    assert!(lines["end to end"].1.contains("and anonymized"));
    for suffix in ["", "-processed", "-anonymized", "-quarantine"] {
        assert_eq!(
            objects(gateway, &format!("{bucket}{suffix}")).await,
            0,
            "{suffix}"
        );
    }
    assert!(!function.printed().contains("DOCTOR"), "no key in a log");
    // For people.
    let ended = run(xray(gateway, bucket, &["doctor"]));
    assert!(ended.stdout.contains("ok   end to end"), "{}", ended.stdout);
    assert!(
        ended
            .stdout
            .ends_with("14 ok, 0 warnings, 0 failed, 0 skipped\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_and_rights() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let receiver = swallower().await;
    let owner = gateway.owner();
    let delete = async |bucket: &str, query: &str| {
        let none = HeaderMap::new();
        let gone = raw(
            &owner,
            Method::DELETE,
            bucket,
            "",
            query,
            none,
            Bytes::new(),
        );
        assert!(gone.await.unwrap().status().is_success());
    };
    for (suffix, check) in [
        ("", "input bucket"),
        ("-processed", "processed bucket"),
        ("-anonymized", "anonymized bucket"),
        ("-quarantine", "quarantine bucket"),
    ] {
        let bucket = &format!("doctor-rights{suffix}");
        set_up(gateway, "doctor-rights", &receiver.address, &[]);
        let doctor = || doctor(gateway, "doctor-rights", &["--no-probe"]);
        delete(bucket, "policy").await;
        breaks(doctor(), check, "failed", "may not read it");
        if !suffix.is_empty() {
            delete(bucket, "").await;
            breaks(doctor(), check, "failed", "does not exist");
        }
    }
    // The input bucket takes its notification along, and the owner's view of it: another name,
    // which has nothing.
    let mut nothing = doctor(gateway, "doctor-nothing", &["--no-probe"]);
    nothing
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY");
    let (code, lines) = lines(nothing);
    assert_eq!(code, 1);
    assert!(
        lines["input bucket"]
            .1
            .contains("doctor-nothing does not exist"),
        "{lines:?}"
    );

    let (_, lines) = self::lines(doctor(gateway, "doctor-nothing", &["--no-probe"]));
    let (state, words) = &lines["notification"];
    assert_eq!(state, "failed", "{words}");
    assert!(words.contains("create it with xray setup"), "{words}");
    assert!(!words.contains("use the keys"), "{words}");

    set_up(gateway, "doctor-rights", &receiver.address, &[]);
    let versions = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let none = HeaderMap::new();
    let put = raw(
        &owner,
        Method::PUT,
        "doctor-rights-processed",
        "",
        "versioning",
        none,
        versions.into(),
    );
    assert!(put.await.unwrap().status().is_success());
    let command = doctor(gateway, "doctor-rights", &["--no-probe"]);
    breaks(command, "processed bucket", "warning", "keeps versions");
}

#[tokio::test(flavor = "multi_thread")]
async fn notification_topic_and_receiver() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "doctor-topic";
    let receiver = swallower().await;
    set_up(gateway, bucket, &receiver.address, &["--not-persistent"]);
    let doctor = || doctor(gateway, bucket, &["--no-probe"]);
    breaks(doctor(), "topic", "warning", "is not persistent");
    set_up(
        gateway,
        bucket,
        &receiver.address,
        &["--event", "s3:ObjectRemoved:*"],
    );
    breaks(doctor(), "notification", "failed", "none for new objects");
    let none = HeaderMap::new();
    let owner = gateway.owner();
    let gone = raw(
        &owner,
        Method::DELETE,
        bucket,
        "",
        "notification",
        none,
        Bytes::new(),
    );
    assert!(gone.await.unwrap().status().is_success());
    breaks(doctor(), "notification", "failed", "has no notification");

    set_up(gateway, bucket, &receiver.address, &[]);
    let arn = format!("arn:aws:sns:default::{bucket}");
    let deleted = [("Action", "DeleteTopic"), ("TopicArn", arn.as_str())];
    gateway.topic_action(&deleted);
    breaks(
        doctor(),
        "notification",
        "failed",
        "rejects every PUT into doctor-topic",
    );
    // As it is, and as the remedy says.
    match owner.put(bucket, "a.jpg", "image/jpeg", "x".into()).await {
        Err(refused) => {
            assert!(gateway.is_before(19));
            assert!(refused.to_string().contains("400"));
        }
        Ok(_) => assert!(!gateway.is_before(19)),
    }
    set_up(gateway, bucket, &receiver.address, &[]);
    owner
        .put(bucket, "a.jpg", "image/jpeg", "x".into())
        .await
        .unwrap();

    let nowhere = [("Action", "CreateTopic"), ("Name", bucket)];
    gateway.topic_action(&nowhere);
    breaks(doctor(), "topic", "failed", "pushes nowhere");
    set_up(gateway, bucket, "http://127.0.0.1:9/", &[]);
    breaks(doctor(), "receiver", "failed", "connection refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_that_only_the_whole_way_shows_are_found() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "doctor-whole";
    let receiver = swallower().await;
    set_up(gateway, bucket, &receiver.address, &[]);
    let command = doctor(gateway, bucket, &["--timeout", "2"]);
    breaks(
        command,
        "end to end",
        "failed",
        "no output arrived within 2 s",
    );
    assert_eq!(objects(gateway, bucket).await, 0, "the phantom is gone");
}
