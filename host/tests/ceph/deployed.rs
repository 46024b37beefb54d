//! The policies of `deploy/ceph/buckets.yaml`, as they are, on the gateway.
use testkit::{
    ceph::{Gateway, gateway, raw},
    root,
};

use crate::CEPH_DIR;
use std::{collections::BTreeMap, process::Command, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Method};
use s3::{Client, Credentials};
use serde_json::Value;
use xray::config::Config;
use xray_host::page::review::{Review, Step, Verdict};

/// Each bucket's policy.
fn policies() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root().join("deploy/ceph/buckets.yaml")).expect("buckets");
    let claim = |claim: &str| {
        let (_, name) = claim.split_once("bucketName: ")?;
        let (_, policy) = claim.split_once("bucketPolicy: |\n")?;
        let policy = policy.lines().take_while(|line| line.starts_with("      "));
        let policy: String = policy.collect();
        serde_json::from_str::<Value>(&policy).expect("JSON");
        Some((name.lines().next()?.to_owned(), policy))
    };
    text.split("---\n").filter_map(claim).collect()
}

/// A user like those of `deploy/ceph/users.yaml`.
fn user(gateway: &Gateway, name: &str) -> Client {
    let output = Command::new("radosgw-admin")
        .arg("-c")
        .arg(gateway.dir.join("ceph.conf"))
        .args(["-n", "client.rgw.a", "user", "create", "--max-buckets=-1"])
        .args(["--uid", name, "--display-name", name])
        .output()
        .expect("radosgw-admin runs");
    let user: Value = serde_json::from_slice(&output.stdout).expect("the user");
    let key = |name: &str| user["keys"][0][name].as_str().expect("a key").to_owned();
    gateway.client(&Credentials::new(key("access_key"), key("secret_key")))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifests_let_everybody_do_their_part() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let (input, processed, anonymized, quarantine, audit) = (
        "xray-data-in",
        "xray-data-in-processed",
        "xray-data-in-anonymized",
        "xray-data-in-quarantine",
        "xray-data-in-audit",
    );
    let policies = policies();
    assert!(
        policies
            .keys()
            .eq([input, anonymized, audit, processed, quarantine]),
        "{policies:?}"
    );
    let send = async |client: &Client,
                      method: Method,
                      bucket: &str,
                      key: &str,
                      query: &str,
                      body: &str| {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let answer = raw(client, method, bucket, key, query, HeaderMap::new(), body).await;
        answer.expect("a response").status().as_u16()
    };
    let owner = gateway.owner();
    for (bucket, policy) in &policies {
        assert_eq!(send(&owner, Method::PUT, bucket, "", "", "").await, 200);
        let set = send(&owner, Method::PUT, bucket, "", "policy=", policy).await;
        assert!(
            (200..300).contains(&set),
            "{set} for the policy of {bucket}"
        );
    }
    let users = [
        "xray",
        "xray-clinic",
        "xray-research",
        "xray-review",
        "xray-upload",
        "xray-node",
    ];
    let users = users.map(|name| user(gateway, name));
    let [xray, clinic, research, review, upload, node] = &users;
    assert_eq!(
        send(&owner, Method::PUT, input, "there", "", "x").await,
        200
    );

    let (get, put, delete) = (Method::GET, Method::PUT, Method::DELETE);
    // The order matters: what is read was written before.
    let may = [
        ("xray", xray, &put, "a-bucket-of-its-own", "", 403),
        ("xray", xray, &get, input, "there", 200),
        // 404, where without ListBucket it would be 403.
        ("xray", xray, &get, input, "missing", 404),
        ("xray", xray, &put, input, "there", 403),
        ("xray", xray, &delete, input, "there", 403),
        ("xray", xray, &get, processed, "o", 404),
        ("xray", xray, &put, processed, "o", 200),
        ("xray", xray, &get, processed, "o", 200),
        ("xray", xray, &delete, processed, "o", 403),
        ("xray", xray, &put, anonymized, "o", 200),
        ("xray", xray, &put, anonymized, "p", 200),
        ("xray", xray, &delete, anonymized, "p", 204),
        ("xray", xray, &get, quarantine, "o", 404),
        ("xray", xray, &put, quarantine, "o", 200),
        ("xray", xray, &put, quarantine, "p", 200),
        ("xray", xray, &get, quarantine, "o", 200),
        ("xray", xray, &delete, quarantine, "p", 204),
        // Why readers need users of their own.
        ("owner", &owner, &get, processed, "o", 403),
        ("clinic", clinic, &get, processed, "o", 200),
        ("clinic", clinic, &get, processed, "", 200),
        ("clinic", clinic, &put, processed, "q", 403),
        ("clinic", clinic, &get, anonymized, "o", 403),
        ("clinic", clinic, &get, input, "there", 403),
        ("research", research, &get, anonymized, "o", 200),
        ("research", research, &get, anonymized, "", 200),
        ("research", research, &delete, anonymized, "o", 403),
        ("research", research, &get, processed, "o", 403),
        ("research", research, &get, input, "", 403),
        // Only the reviewer may read copies that may still contain text.
        ("owner", &owner, &get, quarantine, "o", 403),
        ("clinic", clinic, &get, quarantine, "o", 403),
        ("research", research, &get, quarantine, "o", 403),
        ("research", research, &get, quarantine, "", 403),
        ("review", review, &get, quarantine, "", 200),
        ("review", review, &get, quarantine, "o", 200),
        ("review", review, &put, quarantine, "q", 200),
        ("review", review, &delete, quarantine, "q", 204),
        ("review", review, &get, anonymized, "o", 200),
        ("review", review, &put, anonymized, "q", 200),
        ("review", review, &delete, anonymized, "q", 204),
        // Records of decisions are the reviewers', and stay; so does the audit log.
        ("review", review, &put, quarantine, "xray-review/o", 200),
        ("review", review, &delete, quarantine, "xray-review/o", 403),
        ("xray", xray, &get, quarantine, "xray-review/o", 403),
        ("xray", xray, &put, quarantine, "xray-review/o", 403),
        ("xray", xray, &delete, quarantine, "xray-review/o", 403),
        ("review", review, &put, audit, "o", 200),
        ("review", review, &get, audit, "o", 200),
        ("review", review, &get, audit, "", 200),
        ("review", review, &delete, audit, "o", 403),
        ("owner", &owner, &delete, audit, "o", 403),
        ("xray", xray, &get, audit, "o", 403),
        ("xray", xray, &put, audit, "o", 403),
        ("research", research, &get, audit, "o", 403),
        ("clinic", clinic, &get, audit, "o", 403),
        ("review", review, &get, processed, "o", 403),
        ("review", review, &get, input, "there", 403),
        // Uploads on the page are written by a user who can read none of them.
        ("upload", upload, &put, input, "xray-upload/a.jpeg", 200),
        ("upload", upload, &get, input, "xray-upload/a.jpeg", 403),
        ("upload", upload, &delete, input, "xray-upload/a.jpeg", 403),
        ("upload", upload, &put, input, "there", 403),
        ("upload", upload, &get, input, "", 403),
        ("upload", upload, &put, processed, "xray-upload/a", 403),
        ("xray", xray, &get, input, "xray-upload/a.jpeg", 200),
        ("review", review, &put, input, "xray-upload/b", 403),
        // So are the objects that the DICOM node receives.
        ("node", node, &put, "a-bucket-of-its-own", "", 403),
        ("node", node, &put, input, "PACS/1/2/3.dcm", 200),
        ("node", node, &get, input, "PACS/1/2/3.dcm", 403),
        ("node", node, &delete, input, "PACS/1/2/3.dcm", 403),
        ("node", node, &get, input, "there", 403),
        ("node", node, &get, input, "", 403),
        ("node", node, &put, processed, "PACS/1/2/3.dcm", 403),
        ("node", node, &put, anonymized, "PACS/1/2/3.dcm", 403),
        ("node", node, &get, quarantine, "", 403),
        ("node", node, &put, audit, "o", 403),
        ("xray", xray, &get, input, "PACS/1/2/3.dcm", 200),
    ];
    for (name, client, method, bucket, key, expected) in may {
        let is_object = *method == put && !key.is_empty();
        let body = if is_object { "x" } else { "" };
        let status = send(client, method.clone(), bucket, key, "", body).await;
        assert_eq!(status, expected, "{name}: {method} {bucket}/{key}");
    }
    // The page's review, as that user.
    let keys = ["s3_access_key", "s3_secret_key"];
    let config = Config::from_lookup(|name| keys.contains(&name).then(|| "x".to_owned()));
    let buckets = config.expect("settings").buckets(input);
    for (key, verdict, found) in [
        ("clean.jpeg", Verdict::Release, 200),
        ("not.jpeg", Verdict::Reject, 404),
    ] {
        let body = Bytes::from_static(b"\xFF\xD8\xFF\xE0");
        let seen = xray.put(quarantine, key, "image/jpeg", body).await;
        let seen = seen.expect("its ETag");
        let page = Review::new(review.clone(), buckets.clone());
        let page = Arc::new(page.expect("a quarantine"));
        let (waiting, _) = page.waiting().await.expect("the queue");
        let copy = waiting.iter().find(|copy| copy.key == key).expect(key);
        let decided = page.decide(&copy.id, &seen, verdict, "alice", 0);
        assert_eq!(decided.await.expect("a decision"), Step::Taken);
        page.hurry("alice", 1);
        assert!(page.work(1).await);
        let left = send(review, get.clone(), quarantine, key, "", "").await;
        let released = send(research, get.clone(), anonymized, key, "", "").await;
        assert_eq!((left, released), (404, found), "{key}");
    }
    // What is clean after all goes to the researchers, also by hand.
    let mut from = HeaderMap::new();
    let source = format!("{quarantine}/o").parse().expect("a header");
    from.insert("x-amz-copy-source", source);
    let moved = raw(review, put, anonymized, "moved", "", from, Bytes::new());
    assert_eq!(moved.await.expect("a response").status(), 200);
    assert_eq!(send(review, delete, quarantine, "o", "", "").await, 204);
    assert_eq!(send(research, get, anonymized, "moved", "", "").await, 200);
}
