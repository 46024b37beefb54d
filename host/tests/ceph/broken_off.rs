//! `xray setup` that can't see what is there, and `xray teardown` whose reader goes away.

use std::{process::Command, sync::PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method};
use testkit::{
    ceph::{Gateway, TOPICS, gateway, raw},
    http::{Server, forward, status},
};

use crate::{
    CEPH_DIR,
    command::{fails, run, works, xray},
};

const PUSH: [&str; 2] = ["--push", "http://127.0.0.1:9/"];

/// The bucket's notifications, as the gateway stores them.
async fn notifications(gateway: &Gateway, bucket: &str) -> String {
    let owner = gateway.owner();
    let (none, empty) = (HeaderMap::new(), Bytes::new());
    let read = raw(&owner, Method::GET, bucket, "", "notification", none, empty);
    String::from_utf8(read.await.unwrap().into_body().to_vec()).unwrap()
}

/// As `xray teardown | head -0`.
#[tokio::test(flavor = "multi_thread")]
async fn teardown_into_a_closed_pipe_removes_everything() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "setup-pipe";
    let with = |command: &'static str| [&[command][..], &PUSH, &["--topic", bucket]].concat();
    works(gateway, bucket, &with("setup"));
    assert!(notifications(gateway, bucket).await.contains(bucket));
    let mut command: Command = xray(gateway, bucket, &["teardown", "--topic", bucket]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = {
        let _alone = TOPICS.lock().unwrap_or_else(PoisonError::into_inner);
        command.stdout(writer).output().unwrap()
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*stderr), (Some(0), ""));
    assert!(!notifications(gateway, bucket).await.contains(bucket));
    let after = run(xray(gateway, bucket, &with("status")));
    let line = |word: &str| after.stdout.lines().find(|line| line.starts_with(word));
    for resource in ["topic", "notification"] {
        let line = line(resource).unwrap_or_default();
        assert!(line.contains("missing"), "{resource}: {}", after.stdout);
    }
}

/// Without knowing the present topic, `setup` would add another, and each event would come twice.
#[tokio::test(flavor = "multi_thread")]
async fn setup_that_cannot_read_the_notifications_changes_nothing() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "setup-unread";
    let own = [&["setup"][..], &PUSH, &["--topic", "unread-own"]].concat();
    works(gateway, bucket, &own);
    let before = notifications(gateway, bucket).await;
    for (code, says) in [
        (
            403,
            "the notifications of the bucket setup-unread can't be read",
        ),
        (500, "reading the notifications of the bucket setup-unread"),
    ] {
        let endpoint = gateway.endpoint.clone();
        let door = Server::start(move |request| {
            let endpoint = endpoint.clone();
            async move {
                let query = request.uri().query().unwrap_or_default();
                if request.method() == Method::GET && query.starts_with("notification") {
                    return status(code);
                }
                forward(&endpoint, request).await
            }
        })
        .await;
        let mut command = xray(gateway, bucket, &[&["setup"][..], &PUSH].concat());
        command.env("SPIN_VARIABLE_S3_ENDPOINT", &door.address);
        let line = fails(command);
        assert!(line.contains(says), "{code}: {line}");
        assert_eq!(notifications(gateway, bucket).await, before, "{code}");
    }
    // The same command keeps to the topic when it can see it.
    works(gateway, bucket, &[&["setup"][..], &PUSH].concat());
    assert_eq!(notifications(gateway, bucket).await, before);
}
