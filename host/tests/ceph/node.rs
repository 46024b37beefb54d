//! The DICOM node's user: the rights that `xray setup` grants it, and their check.

use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderMap, Method};
use s3::Client;
use serde_json::Value;
use testkit::ceph::{Gateway, gateway, raw};

use crate::{
    CEPH_DIR,
    command::{fails, run, works, xray},
    doctor,
    reviewers::{User, buckets, send},
};

#[tokio::test(flavor = "multi_thread")]
async fn dicom_node_may_only_write_into_the_input_bucket() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let input = "node-rights";
    let node = User::new(gateway, "dicom-node");
    let keys = node.keys.to_str().unwrap();
    let with = ["--node-credentials-file", keys];
    let push = ["setup", "--push", "http://127.0.0.1:9/", "--topic", input];
    let made = works(gateway, input, &[&push[..], &with].concat());
    for part in [
        "for the DICOM node's user dicom-node",
        "user/dicom-node may only PutObject",
    ] {
        assert!(made.contains(part), "{part}: {made}");
    }
    let named = ["--node-user", "dicom-node"];
    let again = works(gateway, input, &[&push[..], &named].concat());
    assert!(again.contains("all in sync"), "{again}");

    let all = buckets(input);
    let (owner, function) = (gateway.owner(), gateway.function());
    let (get, put, delete) = (Method::GET, Method::PUT, Method::DELETE);
    let (key, client) = ("PACS/1.2/1.2.3/1.2.3.4.dcm", &node.client);
    for (who, client, method, bucket, key, query, expected) in [
        ("node", client, &put, input, key, "", 200),
        ("node", client, &get, input, key, "", 403),
        ("node", client, &get, input, "", "", 403),
        ("node", client, &delete, input, key, "", 403),
        ("node", client, &put, input, key, "acl", 403),
        ("node", client, &put, &all.processed, key, "", 403),
        ("node", client, &get, &all.anonymized, "", "", 403),
        ("function", &function, &get, input, key, "", 200),
        ("owner", &owner, &get, input, key, "", 200),
    ] {
        let status = send(client, method.clone(), bucket, key, query).await;
        assert_eq!(status, expected, "{who}: {method} {bucket}/{key}?{query}");
    }

    // Events of the node's objects come; without `.dcm` they would not.
    let status = ["status", "--push", "http://127.0.0.1:9/", "--topic", input];
    let said = works(gateway, input, &[&status[..], &with].concat());
    assert!(said.contains(".dcm"), "{said}");
    let only = [&push[..], &with, &["--suffix", ".jpg"]].concat();
    works(gateway, input, &only);
    let said = run(xray(gateway, input, &[&status[..], &with].concat()));
    assert_eq!(said.code, 1);
    assert!(said.stdout.contains("differs"), "{}", said.stdout);
    // The function's own keys are no node's.
    let file = function_keys(gateway, &node);
    let with = ["--node-credentials-file", file.to_str().unwrap()];
    let said = fails(xray(gateway, input, &[&push[..], &with].concat()));
    assert!(said.contains("make another user"), "{said}");
}

/// Writes the function's keys to a file beside a user's.
fn function_keys(gateway: &Gateway, user: &User) -> PathBuf {
    let file = user.keys.with_file_name("function");
    let (access, secret) = (&gateway.function.access_key, &gateway.function.secret_key);
    let secret = secret.expose();
    let text = format!("AWS_ACCESS_KEY_ID={access}\nAWS_SECRET_ACCESS_KEY={secret}\n");
    std::fs::write(&file, text).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_finds_a_dicom_node_that_may_do_more_than_write() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let input = "doctor-node";
    let node = User::new(gateway, "doctor-node");
    let keys = node.keys.to_str().unwrap();
    let function = function_keys(gateway, &node);
    let function = function.to_str().unwrap();
    let flag = "--node-credentials-file";
    let check = |with: &[&str]| {
        let look = [&["--no-probe"], with].concat();
        let (_, lines) = doctor::lines(doctor::doctor(gateway, input, &look));
        lines["DICOM node"].clone()
    };
    let expect = |with: &[&str], state: &str, part: &str| {
        let (found, words) = check(with);
        assert!(found == state && words.contains(part), "{found}: {words}");
    };
    let push = ["setup", "--push", "http://127.0.0.1:9/", "--topic", input];
    let set_up = |with: &[&str]| works(gateway, input, &[&push[..], with].concat());
    set_up(&[]);
    expect(&[flag, keys], "failed", "may not write there");
    set_up(&[flag, keys]);
    expect(&[flag, keys], "ok", "and do nothing else");

    // It is nobody else's.
    expect(&[flag, function], "failed", "is the function's");
    for (other, whose) in [
        ("--page-credentials-file", "is the reviewers'"),
        ("--page-upload-credentials-file", "is the uploads'"),
    ] {
        expect(&[flag, keys, other, keys], "failed", whose);
    }

    // Rights on each of the other buckets: to read without listing, to list, and to write.
    let owner = gateway.owner();
    let arn = r#""arn:aws:iam:::user/doctor-node""#;
    let all = buckets(input);
    let quarantine = all.quarantine.as_deref().expect("a quarantine");
    let outputs = [all.processed.as_str(), all.anonymized.as_str(), quarantine];
    for bucket in outputs {
        let key = "there.jpeg";
        let stored = send(&gateway.function(), Method::PUT, bucket, key, "").await;
        assert_eq!(stored, 200, "{bucket}");
        for (action, verb) in [
            ("GetObject", "GET"),
            ("ListBucket", "GET"),
            ("PutObject", "PUT"),
        ] {
            let policy = raw(
                &owner,
                Method::GET,
                bucket,
                "",
                "policy",
                HeaderMap::new(),
                Bytes::new(),
            );
            let before = policy.await.unwrap().into_body();
            let mut policy: Value = serde_json::from_slice(&before).unwrap();
            let statements = policy["Statement"].as_array_mut().unwrap();
            let statement = format!(
                r#"{{"Sid":"More","Effect":"Allow","Principal":{{"AWS":[{arn}]}},"Action":["s3:{action}"],
                "Resource":["arn:aws:s3:::{bucket}","arn:aws:s3:::{bucket}/*"]}}"#
            );
            statements.push(serde_json::from_str(&statement).unwrap());
            set_policy(&owner, bucket, policy.to_string().into()).await;
            let part = format!("{bucket}: the DICOM node's user may {verb} there too");
            expect(&[flag, keys], "failed", &part);
            set_policy(&owner, bucket, before).await;
        }
    }
    expect(&[flag, keys], "ok", "and do nothing else");
}

async fn set_policy(owner: &Client, bucket: &str, policy: Bytes) {
    let none = HeaderMap::new();
    let set = raw(owner, Method::PUT, bucket, "", "policy", none, policy);
    assert!(set.await.unwrap().status().is_success());
}
