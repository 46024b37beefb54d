//! The DICOM node's user: the rights that `xray setup` grants it, and their check.

use http::Method;
use testkit::ceph::gateway;

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

    let check = |with: &[&str]| {
        let look = [&["--no-probe"], with].concat();
        let (_, lines) = doctor::lines(doctor::doctor(gateway, input, &look));
        lines["DICOM node"].clone()
    };
    let (state, words) = check(&with);
    assert_eq!(state, "ok", "{words}");
    // The function's own keys are no node's.
    let file = node.keys.with_file_name("function");
    let (access, secret) = (&gateway.function.access_key, &gateway.function.secret_key);
    let text = format!(
        "AWS_ACCESS_KEY_ID={access}\nAWS_SECRET_ACCESS_KEY={}\n",
        secret.expose()
    );
    std::fs::write(&file, text).unwrap();
    let with = ["--node-credentials-file", file.to_str().unwrap()];
    let said = fails(xray(gateway, input, &[&push[..], &with].concat()));
    assert!(said.contains("make another user"), "{said}");
    let (state, words) = check(&with);
    assert_eq!(state, "failed", "{words}");
    assert!(words.contains("may not PUT"), "{words}");
}
