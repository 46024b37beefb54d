//! Rights that an earlier `xray setup` has granted: they stay until they are revoked.

use http::{HeaderMap, Method};
use serde_json::Value;
use testkit::ceph::{Gateway, gateway, raw};

use crate::{
    CEPH_DIR,
    command::{fails, run, works, xray},
    reviewers::{User, buckets, send},
};

/// Returns the statements' ids in the policy of a bucket.
async fn ids(gateway: &Gateway, bucket: &str) -> Vec<String> {
    let none = (HeaderMap::new(), bytes::Bytes::new());
    let client = gateway.owner();
    let sent = raw(&client, Method::GET, bucket, "", "policy", none.0, none.1);
    let response = sent.await.unwrap();
    if response.status() == 404 {
        return Vec::new();
    }
    let policy: Value = serde_json::from_slice(response.body()).unwrap();
    let all = policy["Statement"].as_array().unwrap().iter();
    all.map(|statement| statement["Sid"].as_str().unwrap().to_owned())
        .collect()
}

/// Runs a command without the function's keys.
fn without_function(gateway: &Gateway, bucket: &str, arguments: &[&str]) -> String {
    let mut command = xray(gateway, bucket, arguments);
    command.env_remove("SPIN_VARIABLE_S3_ACCESS_KEY");
    command.env_remove("SPIN_VARIABLE_S3_SECRET_KEY");
    let ended = run(command);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_keeps_rights_of_users_that_no_option_names() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let input = "kept";
    let [review, upload, node] =
        ["kept-review", "kept-upload", "kept-node"].map(|name| User::new(gateway, name));
    let plain = ["setup", "--push", "http://127.0.0.1:9/", "--topic", input];
    let with = |more: &[&str]| works(gateway, input, &[&plain[..], more].concat());
    with(&[
        "--page-credentials-file",
        review.keys.to_str().unwrap(),
        "--page-upload-credentials-file",
        upload.keys.to_str().unwrap(),
        "--node-user",
        "kept-node",
    ]);
    let all = buckets(input);
    let quarantine = all.quarantine.as_deref().unwrap();
    let names = [
        input,
        &all.processed,
        &all.anonymized,
        quarantine,
        &all.audit,
    ];
    let policies = async || {
        let mut found = Vec::new();
        for name in names {
            found.push(ids(gateway, name).await);
        }
        found
    };
    let granted = policies().await;
    for (bucket, statement) in [
        (0, "XrayFunctionObjects"),
        (0, "XrayUploads"),
        (0, "XrayNodeObjects"),
        (1, "XrayFunctionObjects"),
        (2, "XrayReviewersObjects"),
        (3, "XrayReviewersKeepRecords"),
        (4, "XrayNobodyDeletes"),
    ] {
        let all = &granted[bucket];
        assert!(all.iter().any(|id| id == statement), "{statement}: {all:?}");
    }

    // As a new user would run it again, with and without the function's keys.
    let again = [with(&[]), without_function(gateway, input, &plain)];
    for said in &again {
        assert!(said.contains("all in sync"), "{said}");
        for part in [
            "note: the reviewers' user, arn:aws:iam:::user/kept-review, keeps its rights",
            "note: the user of uploads, arn:aws:iam:::user/kept-upload, keeps its rights",
            "--revoke node takes them away",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    assert!(!again[0].contains("the function's user, "), "{}", again[0]);
    assert!(again[1].contains("the function's user, "), "{}", again[1]);
    assert_eq!(policies().await, granted);
    let status = ["status", "--push", "http://127.0.0.1:9/", "--topic", input];
    works(gateway, input, &status);
    let put = async || send(&upload.client, Method::PUT, input, "xray-upload/a.jpeg", "").await;
    assert_eq!(put().await, 200);

    // One user goes, the others stay; first not really.
    let would = with(&["--revoke", "uploads", "--dry-run"]);
    assert!(would.contains("would be changed"), "{would}");
    assert_eq!(policies().await, granted);
    let said = with(&["--revoke", "uploads"]);
    let part = "note: the user of uploads, arn:aws:iam:::user/kept-upload, loses its rights";
    assert!(said.contains(part), "{said}");
    assert!(said.contains("1 of 17 resources"), "{said}");
    let left = policies().await;
    assert!(!left[0].iter().any(|id| id.starts_with("XrayUploads")));
    assert!(left[0].iter().any(|id| id == "XrayNodeObjects"));
    assert_eq!(left[1..], granted[1..]);
    assert_eq!(put().await, 403);

    // Another user takes the place of a former one.
    let said = with(&["--review-user", "kept-upload"]);
    let part = "is kept-upload, in place of arn:aws:iam:::user/kept-review, who loses them";
    assert!(said.contains(part), "{said}");
    let read = async |user: &User| send(&user.client, Method::GET, quarantine, "", "").await;
    assert_eq!((read(&upload).await, read(&review).await), (200, 403));

    // Both at once is a contradiction.
    let both = [&plain[..], &["--node-user", "x", "--revoke", "node"]].concat();
    let line = fails(xray(gateway, input, &both));
    assert!(line.contains("leave one of them out"), "{line}");

    // The audit log stays protected when nobody may write into it any more.
    let gone = [
        &plain[..],
        &[
            "--revoke",
            "reviewers",
            "--revoke",
            "node",
            "--revoke",
            "function",
        ],
    ]
    .concat();
    without_function(gateway, input, &gone);
    let left = policies().await;
    assert_eq!(left[0], [""; 0]);
    assert_eq!(left[3], ["XrayOwnerReads"]);
    assert_eq!(left[4], ["XrayOwnerReads", "XrayNobodyDeletes"]);
    assert_eq!((read(&upload).await, read(&node).await), (403, 403));
    let said = without_function(gateway, input, &plain);
    assert!(said.contains("all in sync"), "{said}");
    assert!(!said.contains("keeps its rights"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_user_of_uploads_must_not_be_the_function() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let input = "kept-twice";
    let user = User::new(gateway, "kept-twice");
    let setup = ["setup", "--push", "http://127.0.0.1:9/", "--topic", input];
    let named = [&setup[..], &["--upload-user", "kept-twice"]].concat();
    works(gateway, input, &named);
    let text = std::fs::read_to_string(&user.keys).unwrap();
    let key = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().to_owned()
    };
    let (access, secret) = (key("AWS_ACCESS_KEY_ID="), key("AWS_SECRET_ACCESS_KEY="));
    let mut command = xray(gateway, input, &setup);
    command.env("SPIN_VARIABLE_S3_ACCESS_KEY", &access);
    command.env("SPIN_VARIABLE_S3_SECRET_KEY", &secret);
    let line = fails(command);
    assert!(line.contains("so it may do more than write"), "{line}");
}
