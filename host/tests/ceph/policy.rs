//! The rights that `xray setup` grants the function's user: action by action, as that user, against
//! the gateway.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use s3::Client;
use testkit::ceph::{gateway, raw};

use crate::{
    CEPH_DIR,
    command::{works, xray},
};

/// One request and whether the function's user may make it.
struct Verb {
    bucket: &'static str,
    method: Method,
    key: &'static str,
    query: &'static str,
    acl: &'static str,
    expected: u16,
}

const INPUT: &str = "policy";
const PROCESSED: &str = "policy-processed";
const ANONYMIZED: &str = "policy-anonymized";
const QUARANTINE: &str = "policy-quarantine";
const DENIED: u16 = 403;

fn verb(
    bucket: &'static str,
    method: Method,
    key: &'static str,
    query: &'static str,
    expected: u16,
) -> Verb {
    Verb {
        bucket,
        method,
        key,
        query,
        acl: "",
        expected,
    }
}

async fn send(client: &Client, verb: &Verb) -> u16 {
    let mut headers = HeaderMap::new();
    if !verb.acl.is_empty() {
        headers.insert("x-amz-acl", HeaderValue::from_static(verb.acl));
    }
    // A body that is read only where the verb is allowed, except that Ceph 20 parses the
    // configuration of notifications before it checks the rights.
    let body = match (&verb.method, verb.query) {
        (&Method::PUT, "notification") => Bytes::from_static(
            b"<NotificationConfiguration><TopicConfiguration><Id>x</Id>\
              <Topic>arn:aws:sns:default::policy</Topic><Event>s3:ObjectCreated:*</Event>\
              </TopicConfiguration></NotificationConfiguration>",
        ),
        (&Method::PUT | &Method::POST, _) => Bytes::from_static(b"x"),
        _ => Bytes::new(),
    };
    let method = verb.method.clone();
    let sent = raw(
        client,
        method,
        verb.bucket,
        verb.key,
        verb.query,
        headers,
        body,
    );
    sent.await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_function_may_do_its_work_and_nothing_else() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let setup = [
        "setup",
        "--push",
        "http://127.0.0.1:9/",
        "--topic",
        "policy",
    ];
    works(
        gateway,
        INPUT,
        &[&setup[..], &["--suffix", ".none"]].concat(),
    );
    let (owner, function) = (gateway.owner(), gateway.function());
    let body = || Bytes::from_static(b"a picture");
    owner
        .put(INPUT, "a.jpg", "image/jpeg", body())
        .await
        .unwrap();
    let (get, head, put, delete) = (Method::GET, Method::HEAD, Method::PUT, Method::DELETE);
    let mut verbs = vec![
        // Its work.
        verb(INPUT, get.clone(), "a.jpg", "", 200),
        verb(INPUT, get.clone(), "a.jpg", "versionId=null", 200),
        verb(INPUT, head.clone(), "a.jpg", "", 200),
        verb(INPUT, get.clone(), "missing.jpg", "", 404),
        verb(PROCESSED, head.clone(), "missing.jpg", "", 404),
        verb(PROCESSED, put.clone(), "a.jpg", "", 200),
        verb(PROCESSED, get.clone(), "a.jpg", "", 200),
        verb(ANONYMIZED, head.clone(), "missing.jpg", "", 404),
        verb(ANONYMIZED, put.clone(), "a.jpg", "", 200),
        verb(ANONYMIZED, get.clone(), "a.jpg", "", 200),
        verb(ANONYMIZED, delete.clone(), "a.jpg", "", 204),
        verb(ANONYMIZED, put.clone(), "b.jpg", "", 200),
        verb(QUARANTINE, head.clone(), "missing.jpg", "", 404),
        verb(QUARANTINE, put.clone(), "a.jpg", "", 200),
        verb(QUARANTINE, get.clone(), "a.jpg", "", 200),
        verb(QUARANTINE, delete.clone(), "a.jpg", "", 204),
        verb(QUARANTINE, put.clone(), "b.jpg", "", 200),
        // The input stays as it is.
        verb(INPUT, put.clone(), "b.jpg", "", DENIED),
        verb(INPUT, put.clone(), "a.jpg", "", DENIED),
        verb(INPUT, delete.clone(), "a.jpg", "", DENIED),
        verb(INPUT, delete.clone(), "a.jpg", "versionId=null", DENIED),
        verb(INPUT, Method::POST, "b.jpg", "uploads", DENIED),
        // Tags and ACLs of what others have stored; those of its own objects it may read, as their
        // owner.
        verb(INPUT, get.clone(), "a.jpg", "tagging", DENIED),
        verb(INPUT, put.clone(), "a.jpg", "tagging", DENIED),
        verb(INPUT, get.clone(), "a.jpg", "acl", DENIED),
        // A processed picture is never deleted while `remove_outputs` is off.
        verb(PROCESSED, delete.clone(), "a.jpg", "", DENIED),
    ];
    for bucket in [INPUT, PROCESSED, ANONYMIZED, QUARANTINE] {
        let object = match bucket {
            ANONYMIZED | QUARANTINE => "b.jpg",
            _ => "a.jpg",
        };
        for query in [
            "acl",
            "policy",
            "notification",
            "versioning",
            "lifecycle",
            "cors",
            "publicAccessBlock",
        ] {
            verbs.push(verb(bucket, get.clone(), "", query, DENIED));
            verbs.push(verb(bucket, put.clone(), "", query, DENIED));
        }
        for query in [
            "policy",
            "notification",
            "lifecycle",
            "cors",
            "publicAccessBlock",
        ] {
            verbs.push(verb(bucket, delete.clone(), "", query, DENIED));
        }
        verbs.push(verb(bucket, delete.clone(), "", "", DENIED));
        verbs.push(verb(bucket, get.clone(), "", "versions", DENIED));
        verbs.push(verb(bucket, get.clone(), "", "uploads", DENIED));
        verbs.push(Verb {
            acl: "public-read",
            ..verb(bucket, put.clone(), object, "acl", DENIED)
        });
        verbs.push(Verb {
            acl: "public-read",
            ..verb(bucket, put.clone(), "", "acl", DENIED)
        });
    }
    let (mut allowed, mut denied) = (0, 0);
    for verb in &verbs {
        let status = send(&function, verb).await;
        let Verb {
            bucket,
            method,
            key,
            query,
            ..
        } = verb;
        assert_eq!(status, verb.expected, "{method} {bucket}/{key}?{query}");
        if status == DENIED {
            denied += 1
        } else {
            allowed += 1
        }
    }
    println!(
        "{allowed} verbs allowed, {denied} denied ({})",
        gateway.version
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_public_and_the_owner_reads_what_the_function_stores() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "policy-public";
    let setup = [
        "setup",
        "--push",
        "http://127.0.0.1:9/",
        "--topic",
        "policy-public",
    ];
    works(gateway, bucket, &setup);
    let outputs = "policy-public-processed";
    let (owner, function) = (gateway.owner(), gateway.function());
    let body = || Bytes::from_static(b"x");
    function
        .put(outputs, "plain.jpg", "image/jpeg", body())
        .await
        .unwrap();
    // With its PUT a user may give an ACL, which no gateway lets a policy forbid in every form; so
    // it must not count.
    for (index, (name, value)) in [
        ("x-amz-acl", "public-read"),
        ("x-amz-acl", "public-read-write"),
        (
            "x-amz-grant-read",
            "uri=\"http://acs.amazonaws.com/groups/global/AllUsers\"",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        let key = format!("public-{index}.jpg");
        let put = raw(&function, Method::PUT, outputs, &key, "", headers, body());
        put.await.unwrap();
        let anonymous = anonymous(gateway, outputs, &key).await;
        assert_eq!(anonymous, DENIED, "{name}: {value}");
    }
    let quarantine = "policy-public-quarantine";
    for bucket in [bucket, outputs, "policy-public-anonymized", quarantine] {
        assert_eq!(
            anonymous(gateway, bucket, "").await,
            DENIED,
            "list {bucket}"
        );
    }
    let read = owner.get(outputs, "plain.jpg").await.unwrap();
    assert_eq!(read.unwrap().body, "x", "a policy lets the owner read");
    // Who clears the quarantine: looks, lets a copy go with what the function knows it by, and
    // takes it away.
    let mut known = HeaderMap::new();
    known.insert("x-amz-meta-xray-source", "a-digest".parse().unwrap());
    let kept = raw(
        &function,
        Method::PUT,
        quarantine,
        "k.jpg",
        "",
        known,
        body(),
    );
    assert_eq!(kept.await.unwrap().status(), 200);
    let seen = owner.get(quarantine, "k.jpg").await.unwrap();
    assert_eq!(seen.unwrap().body, "x");
    let mut source = HeaderMap::new();
    let from = format!("{quarantine}/k.jpg").parse().unwrap();
    source.insert("x-amz-copy-source", from);
    let to = "policy-public-anonymized";
    let released = raw(&owner, Method::PUT, to, "k.jpg", "", source, Bytes::new());
    assert_eq!(released.await.unwrap().status(), 200);
    owner.delete(quarantine, "k.jpg").await.unwrap();
    let known = function.head(to, "k.jpg").await.unwrap().unwrap();
    assert_eq!(known.get("xray-source"), "a-digest");
    function.delete(to, "k.jpg").await.unwrap();
    // Without the policy the owner of the bucket could not.
    let none = HeaderMap::new();
    let removed = raw(
        &owner,
        Method::DELETE,
        outputs,
        "",
        "policy",
        none,
        Bytes::new(),
    );
    assert!(removed.await.unwrap().status().is_success());
    assert!(owner.get(outputs, "plain.jpg").await.is_err());
}

async fn anonymous(gateway: &testkit::ceph::Gateway, bucket: &str, key: &str) -> u16 {
    let request = http::Request::get(format!("{}/{bucket}/{key}", gateway.endpoint));
    let request = request.body(Bytes::new()).unwrap();
    let answer = s3::Transport::http().send(request).await.unwrap();
    answer.status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_processed_pictures_comes_with_the_setting_that_needs_it() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    // The manifest with the setting on, whatever its default is.
    let manifest = std::fs::read_to_string(testkit::root().join("spin.toml")).unwrap();
    let others = manifest
        .lines()
        .filter(|line| !line.starts_with("remove_outputs"));
    let mut manifest = others.collect::<Vec<_>>().join("\n");
    let on = "[variables]\nremove_outputs = { default = \"true\" }";
    manifest = manifest.replace("[variables]", on);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("spin.toml"), manifest).unwrap();
    let bucket = "policy-removal";
    let setup = [
        "setup",
        "--push",
        "http://127.0.0.1:9/",
        "--topic",
        bucket,
        "--from",
    ];
    let mut command = xray(gateway, bucket, &setup);
    command.arg(dir.path());
    let ended = crate::command::run(command);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        ended
            .stdout
            .contains("s3:ObjectCreated:*, s3:ObjectRemoved:* to policy-removal")
    );
    let function = gateway.function();
    let outputs = "policy-removal-processed";
    let body = Bytes::from_static(b"x");
    function
        .put(outputs, "a.jpg", "image/jpeg", body)
        .await
        .unwrap();
    function.delete(outputs, "a.jpg").await.unwrap();
}
