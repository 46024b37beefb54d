//! The reviewers' user: the rights that `xray setup` grants it, the review with them, and its audit
//! log.

use std::{fs, path::PathBuf, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use s3::{Client, Credentials};
use serde_json::Value;
use tempfile::TempDir;
use testkit::ceph::{Gateway, gateway, raw};
use xray::config::{Buckets, Config};
use xray_host::page::{
    audit::{self, Action, Audit, Event},
    review::{Review, Step, Verdict},
};

use crate::{
    CEPH_DIR,
    command::{fails, run, works, xray},
    doctor,
};

/// A store user, and the file with its keys.
pub struct User {
    pub client: Client,
    pub keys: PathBuf,
    _dir: TempDir,
}

impl User {
    pub fn new(gateway: &Gateway, name: &str) -> Self {
        let who = ["--uid", name, "--display-name", name];
        let made = gateway.admin(&[&["user", "create"], &who[..]].concat());
        let user: Value = serde_json::from_str(&made).unwrap();
        let key = |name: &str| user["keys"][0][name].as_str().unwrap();
        let (access, secret) = (key("access_key"), key("secret_key"));
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        let text = format!("AWS_ACCESS_KEY_ID={access}\nAWS_SECRET_ACCESS_KEY={secret}\n");
        fs::write(&keys, text).unwrap();
        Self {
            client: gateway.client(&Credentials::new(access, secret)),
            keys,
            _dir: dir,
        }
    }

    /// Sets a bucket up for the function and this user as the reviewers'.
    fn set_up(&self, gateway: &Gateway, bucket: &str) -> String {
        let push = ["setup", "--push", "http://127.0.0.1:9/", "--topic", bucket];
        let file = ["--page-credentials-file", self.keys.to_str().unwrap()];
        works(gateway, bucket, &[&push[..], &file].concat())
    }
}

pub fn buckets(input: &str) -> Buckets {
    let keys = ["s3_access_key", "s3_secret_key"];
    let config = Config::from_lookup(|name| keys.contains(&name).then(|| "x".to_owned()));
    config.unwrap().buckets(input)
}

pub async fn send(client: &Client, method: Method, bucket: &str, key: &str, query: &str) -> u16 {
    let body = match (&method, query) {
        (&Method::PUT, "lifecycle") => Bytes::from_static(
            b"<LifecycleConfiguration><Rule><ID>x</ID><Prefix></Prefix><Status>Enabled</Status>\
              <Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>",
        ),
        (&Method::PUT, "versioning") => Bytes::from_static(
            b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
        ),
        (&Method::PUT, "") if key.is_empty() => Bytes::new(),
        (&Method::PUT, _) => Bytes::from_static(b"x"),
        _ => Bytes::new(),
    };
    let mut headers = HeaderMap::new();
    if query == "acl" {
        headers.insert("x-amz-acl", HeaderValue::from_static("public-read"));
    }
    let sent = raw(client, method, bucket, key, query, headers, body).await;
    sent.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn reviewers_may_review_and_nobody_deletes_from_the_audit_log() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let input = "reviewers";
    let reviewers = User::new(gateway, "xray-reviewers");
    let said = reviewers.set_up(gateway, input);
    for part in [
        "for the reviewers' user xray-reviewers",
        "bucket reviewers-audit",
        "xray-reviewers may GetObject, PutObject, ListBucket; nobody may delete",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(reviewers.set_up(gateway, input).contains("all in sync"));

    let all = buckets(input);
    let (processed, anonymized) = (all.processed.as_str(), all.anonymized.as_str());
    let (quarantine, audit) = (all.quarantine.as_deref().unwrap(), all.audit.as_str());
    let (owner, function, review) = (gateway.owner(), gateway.function(), &reviewers.client);
    let (get, put, delete) = (Method::GET, Method::PUT, Method::DELETE);
    assert_eq!(send(&owner, put.clone(), input, "a.jpg", "").await, 200);
    let record = "xray-review/0123";
    // The order matters: what is read was written before.
    let verbs = [
        ("function", &function, &put, quarantine, "a.jpg", "", 200),
        ("function", &function, &put, processed, "a.jpg", "", 200),
        // The review.
        ("review", review, &get, quarantine, "", "", 200),
        ("review", review, &get, quarantine, "a.jpg", "", 200),
        ("review", review, &get, quarantine, "missing", "", 404),
        ("review", review, &put, quarantine, record, "", 200),
        ("review", review, &get, quarantine, record, "", 200),
        ("review", review, &get, anonymized, "missing", "", 404),
        ("review", review, &put, anonymized, "a.jpg", "", 200),
        ("review", review, &delete, anonymized, "a.jpg", "", 204),
        ("review", review, &delete, quarantine, "a.jpg", "", 204),
        ("review", review, &put, audit, "log/1", "", 200),
        ("review", review, &get, audit, "log/1", "", 200),
        ("review", review, &get, audit, "log/2", "", 404),
        ("review", review, &get, audit, "", "", 200),
        // Records and entries stay.
        ("review", review, &delete, quarantine, record, "", 403),
        ("review", review, &delete, audit, "log/1", "", 403),
        ("function", &function, &delete, audit, "log/1", "", 403),
        ("owner", &owner, &delete, audit, "log/1", "", 403),
        ("owner", &owner, &put, audit, "", "lifecycle", 403),
        ("owner", &owner, &put, audit, "", "versioning", 403),
        ("owner", &owner, &get, audit, "log/1", "", 200),
        // Nothing else.
        ("review", review, &get, input, "a.jpg", "", 403),
        ("review", review, &put, input, "b.jpg", "", 403),
        ("review", review, &delete, input, "a.jpg", "", 403),
        ("review", review, &get, processed, "a.jpg", "", 403),
        ("review", review, &put, processed, "b.jpg", "", 403),
        ("review", review, &put, quarantine, record, "acl", 403),
        ("review", review, &put, audit, "", "policy", 403),
        ("review", review, &delete, audit, "", "policy", 403),
        ("review", review, &put, audit, "", "lifecycle", 403),
        ("review", review, &delete, audit, "", "", 403),
        // The function decides about nothing.
        ("function", &function, &get, quarantine, record, "", 403),
        ("function", &function, &put, quarantine, record, "", 403),
        ("function", &function, &delete, quarantine, record, "", 403),
        ("function", &function, &get, audit, "log/1", "", 403),
        ("function", &function, &put, audit, "log/2", "", 403),
        ("function", &function, &get, audit, "", "", 403),
    ];
    for (who, client, method, bucket, key, query, expected) in verbs {
        let status = send(client, method.clone(), bucket, key, query).await;
        assert_eq!(status, expected, "{who}: {method} {bucket}/{key}?{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn review_and_its_audit_log_work_with_the_granted_rights() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let input = "reviewing";
    let reviewers = User::new(gateway, "xray-reviewing");
    reviewers.set_up(gateway, input);
    let all = buckets(input);
    let quarantine = all.quarantine.clone().unwrap();
    let function = gateway.function();
    let page = Arc::new(Review::new(reviewers.client.clone(), all.clone()).unwrap());
    page.audit().check().await.unwrap();
    for (key, verdict) in [
        ("clean.jpeg", Verdict::Release),
        ("not.jpeg", Verdict::Reject),
    ] {
        let body = Bytes::from_static(b"\xFF\xD8\xFF\xE0");
        let seen = function.put(&quarantine, key, "image/jpeg", body);
        let seen = seen.await.unwrap();
        page.refresh(std::time::Duration::ZERO).await.unwrap();
        let id = page.next(None, "alice", 0).await.unwrap().unwrap();
        for step in [
            page.decide(&id, &seen, Verdict::Reject, "alice", 1).await,
            page.undo(&id, "alice", 2).await,
            page.decide(&id, &seen, verdict, "alice", 3).await,
        ] {
            assert_eq!(step.unwrap(), Step::Taken, "{key}");
        }
        page.hurry("alice", 4);
        assert!(page.work(4).await);
    }
    let there = async |bucket: &str, key: &str| {
        let object = reviewers.client.get(bucket, key).await;
        object.unwrap().is_some()
    };
    assert!(there(&all.anonymized, "clean.jpeg").await);
    assert!(!there(&quarantine, "clean.jpeg").await);
    assert!(!there(&quarantine, "not.jpeg").await);

    // Several pages at once.
    let pages: Vec<_> = (0..4)
        .map(|_| Audit::new(reviewers.client.clone(), all.audit.clone()))
        .collect();
    let views = pages.iter().map(|page| async move {
        for _ in 0..10 {
            let event = Event::new("bob", Action::View).of_copy("0123");
            page.record(event).await.unwrap();
        }
    });
    futures_util::future::join_all(views).await;
    let owner = gateway.owner();
    let log = audit::read(&owner, &all.audit, None, |_| Ok(())).await;
    let log = log.unwrap();
    assert_eq!((log.faults.as_slice(), log.open), (&[][..], 0));

    let file = ["--page-credentials-file", reviewers.keys.to_str().unwrap()];
    let said = works(gateway, input, &[&["audit", "verify"], &file[..]].concat());
    assert!(
        said.contains("with 58 events, 0 acts without an outcome"),
        "{said}"
    );
    let head = said.split("head: ").nth(1).unwrap().trim();
    // As the owner, whose keys are in the environment.
    let noted = works(gateway, input, &["audit", "verify", "--head", head]);
    assert!(noted.contains("whole: "), "{noted}");
    let listed = works(gateway, input, &["audit", "list", "--who", "alice"]);
    assert_eq!(listed.lines().count(), 18, "{listed}");
    assert!(
        listed.contains("release") && !listed.contains("clean.jpeg"),
        "{listed}"
    );

    // An entry is changed by somebody with the reviewers' keys.
    let entry = "log/00000000000000000002";
    let body = Bytes::from_static(b"{}");
    let changed = reviewers
        .client
        .put(&all.audit, entry, "application/json", body);
    changed.await.unwrap();
    let ended = run(xray(gateway, input, &["audit", "verify"]));
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.contains("entry 2 is not readable"),
        "{}",
        ended.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn versioned_audit_bucket_is_refused_where_conditions_do_not_hold() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let owner = gateway.owner();
    let bucket = "reviewers-versioned-audit";
    assert_eq!(send(&owner, Method::PUT, bucket, "", "").await, 200);
    let audit = Audit::new(owner.clone(), bucket.to_owned());
    audit.check().await.unwrap();
    assert_eq!(
        send(&owner, Method::PUT, bucket, "", "versioning").await,
        200
    );
    let checked = audit.check().await;
    if gateway.is_before(20) {
        let error = format!("{:#}", checked.unwrap_err());
        assert!(error.contains("can't check conditions"), "{error}");
    } else {
        checked.unwrap();
        audit
            .record(Event::new("alice", Action::SignIn))
            .await
            .unwrap();
        audit
            .record(Event::new("alice", Action::SignOut))
            .await
            .unwrap();
        let log = audit::read(&owner, bucket, None, |_| Ok(())).await.unwrap();
        assert_eq!((log.faults.len(), log.entries), (0, 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_checks_the_review() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let input = "doctor-reviews";
    let receiver = doctor::swallower().await;
    let reviewers = User::new(gateway, "xray-doctor-reviews");
    let file = ["--page-credentials-file", reviewers.keys.to_str().unwrap()];
    doctor::set_up(gateway, input, &receiver.address, &file);
    let check = || doctor::doctor(gateway, input, &[&["--no-probe"], &file[..]].concat());
    let (code, lines) = doctor::lines(check());
    for name in [
        "reviewers",
        "review",
        "release",
        "audit bucket",
        "function's limits",
    ] {
        assert_eq!(lines[name].0, "ok", "{name}: {}", lines[name].1);
    }
    assert_eq!(code, 0);

    let all = buckets(input);
    let (owner, quarantine) = (gateway.owner(), all.quarantine.as_deref().unwrap());
    let remove = async |bucket: &str| {
        let gone = send(&owner, Method::DELETE, bucket, "", "policy").await;
        assert!((200..300).contains(&gone), "{gone}");
    };
    // Each policy in turn, as it was before there were reviewers.
    for (bucket, check_name, says) in [
        (
            all.anonymized.as_str(),
            "release",
            "the reviewers may not GET",
        ),
        (
            all.audit.as_str(),
            "audit bucket",
            "the reviewers may not GET",
        ),
    ] {
        remove(bucket).await;
        let (_, lines) = doctor::lines(check());
        let (state, words) = &lines[check_name];
        assert_eq!(state, "failed", "{words}");
        assert!(
            words.contains(says) && words.contains("xray setup"),
            "{words}"
        );
        doctor::set_up(gateway, input, &receiver.address, &file);
    }
    // A policy that lets the function decide, and one that lets the owner delete.
    let allow = |who: &str, verbs: &str, bucket: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":[{who}]}},
            "Action":[{verbs}],"Resource":["arn:aws:s3:::{bucket}","arn:aws:s3:::{bucket}/*"]}}]}}"#
        )
    };
    let set = async |bucket: &str, policy: String| {
        let (headers, body) = (HeaderMap::new(), Bytes::from(policy));
        let set = raw(&owner, Method::PUT, bucket, "", "policy", headers, body).await;
        assert!(set.unwrap().status().is_success());
    };
    let both = r#""arn:aws:iam:::user/function","arn:aws:iam:::user/xray-doctor-reviews""#;
    set(quarantine, allow(both, r#""s3:*""#, quarantine)).await;
    let (_, lines) = doctor::lines(check());
    let (state, words) = &lines["function's limits"];
    assert_eq!(state, "failed", "{words}");
    assert!(
        words.contains("the function may PUT the records of decisions"),
        "{words}"
    );
    let (state, words) = &lines["review"];
    assert_eq!(state, "warning", "{words}");
    let reads = r#""s3:GetObject","s3:PutObject","s3:ListBucket""#;
    let reviewer = r#""arn:aws:iam:::user/xray-doctor-reviews""#;
    set(&all.audit, allow(reviewer, reads, &all.audit)).await;
    let (_, lines) = doctor::lines(check());
    let (state, words) = &lines["audit bucket"];
    assert_eq!(state, "failed", "{words}");
    assert!(words.contains("the buckets' owner may delete"), "{words}");

    // The function's own keys are no reviewer's.
    let own = reviewers.keys.with_file_name("function");
    let keys = &gateway.function;
    let text = format!(
        "AWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={}\n",
        keys.access_key,
        keys.secret_key.expose()
    );
    fs::write(&own, text).unwrap();
    let file = ["--page-credentials-file", own.to_str().unwrap()];
    let command = doctor::doctor(gateway, input, &[&["--no-probe"], &file[..]].concat());
    let (_, lines) = doctor::lines(command);
    assert_eq!(lines["reviewers"].0, "failed");
    let push = ["setup", "--push", "http://127.0.0.1:9/", "--topic", input];
    let line = fails(xray(gateway, input, &[&push[..], &file].concat()));
    assert!(
        line.contains("must not decide about its own copies"),
        "{line}"
    );
}
