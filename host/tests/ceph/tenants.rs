//! Several users and tenants at one gateway: their topics and queues.

use std::process::Command;

use s3::{Client, Credentials, Sns};
use testkit::ceph::{Gateway, gateway};

use crate::{
    CEPH_DIR,
    command::{fails, owner, run, xray},
    doctor::lines,
};

const NOWHERE: &str = "http://127.0.0.1:9/";

fn command(gateway: &Gateway, keys: &Credentials, bucket: &str, arguments: &[&str]) -> Command {
    let mut command = xray(gateway, bucket, arguments);
    owner(&mut command, keys);
    command
}

async fn put(client: &Client, bucket: &str) -> Result<String, s3::Error> {
    client.put(bucket, "a.jpg", "image/jpeg", "x".into()).await
}

/// Before Ceph 19 topics of one name in two tenants have one queue.
#[tokio::test(flavor = "multi_thread")]
async fn queue_removed_from_another_tenant_is_seen_and_repaired() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "tenants-queue";
    let keys = ["queuea", "queueb"].map(|tenant| gateway.user_of_tenant(tenant, "owner"));
    let client = gateway.client(&keys[0]);
    let with = |keys: &Credentials, arguments: &[&str]| {
        let all = [arguments, &["--topic", "tenants-queue"]].concat();
        run(command(gateway, keys, bucket, &all))
    };
    let setup = ["setup", "--push", NOWHERE];
    for keys in &keys {
        assert_eq!(with(keys, &setup).code, 0);
    }
    put(&client, bucket).await.unwrap();
    assert_eq!(with(&keys[1], &["teardown"]).code, 0);

    let is_broken = gateway.is_before(19);
    assert_eq!(put(&client, bucket).await.is_err(), is_broken);
    let status = with(&keys[0], &["status", "--push", NOWHERE]);
    assert_eq!(status.stdout.contains("its queue is missing"), is_broken);
    assert_eq!(status.code, i32::from(is_broken));
    let doctor = ["doctor", "--json", "--no-probe"];
    let (_, lines) = lines(command(gateway, &keys[0], bucket, &doctor));
    let (state, words) = &lines["notification"];
    assert_eq!(state == "failed", is_broken, "{words}");
    assert_eq!(
        words.contains("is missing, so every PUT"),
        is_broken,
        "{words}"
    );

    let repaired = with(&keys[0], &setup);
    assert_eq!(repaired.code, 0, "{}", repaired.stderr);
    put(&client, bucket).await.unwrap();
    assert!(with(&keys[0], &setup).stdout.contains("all in sync"));
}

#[tokio::test(flavor = "multi_thread")]
async fn default_topics_of_two_tenants_do_not_meet() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "tenants-default";
    let keys = ["defaulta", "defaultb"].map(|tenant| gateway.user_of_tenant(tenant, "owner"));
    let with = |keys: &Credentials, arguments: &[&str]| {
        let ended = run(command(gateway, keys, bucket, arguments));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended.stdout
    };
    for (keys, topic) in keys.iter().zip(["defaulta", "defaultb"]) {
        let made = with(keys, &["setup", "--push", NOWHERE]);
        assert!(
            made.contains(&format!("xray_{topic}-tenants-default ")),
            "{made}"
        );
    }
    let gone = with(&keys[1], &["teardown"]);
    assert!(
        gone.contains("topic xray_defaultb-tenants-default"),
        "{gone}"
    );
    put(&gateway.client(&keys[0]), bucket).await.unwrap();
    with(&keys[0], &["status", "--push", NOWHERE]);
}

/// From Ceph 19 on topics are listed by 100, those of other users among them.
#[tokio::test(flavor = "multi_thread")]
async fn topic_beyond_a_page_is_found() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "tenants-pages";
    let [own, other] = ["owner", "other"].map(|user| gateway.user_of_tenant("topics", user));
    let other = gateway.client(&other);
    for number in 0..230 {
        let name = format!("page-{number}");
        let parameters = &[("Action", "CreateTopic"), ("Name", name.as_str())];
        other.send(&Sns { parameters }).await.unwrap();
    }
    // Whichever page it is on.
    for topic in ["tenants-pages-1", "tenants-pages-2", "tenants-pages-3"] {
        let with = |arguments: &[&str]| {
            let all = [arguments, &["--topic", topic]].concat();
            let ended = run(command(gateway, &own, bucket, &all));
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            ended.stdout
        };
        with(&["setup", "--push", NOWHERE]);
        assert!(with(&["setup", "--push", NOWHERE]).contains("all in sync"));
        with(&["status", "--push", NOWHERE]);
        let gone = with(&["teardown"]);
        assert!(
            gone.contains(&format!("topic {topic:<40} removed")),
            "{gone}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_that_another_notification_uses_stays() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let keys = gateway.user_of_tenant("shared", "owner");
    let with = |bucket: &str, arguments: &[&str]| {
        let all = [arguments, &["--topic", "tenants-shared"]].concat();
        command(gateway, &keys, bucket, &all)
    };
    for bucket in ["tenants-shared-a", "tenants-shared-b"] {
        assert_eq!(run(with(bucket, &["setup", "--push", NOWHERE])).code, 0);
    }
    let line = fails(with("tenants-shared-a", &["teardown"]));
    assert!(line.contains("tenants-shared-b still names it"), "{line}");
    put(&gateway.client(&keys), "tenants-shared-b")
        .await
        .unwrap();
}
