//! `xray setup` and `xray doctor` where releases of Ceph differ.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use s3::Raw;
use testkit::{
    ceph::{Gateway, SecondGateway, gateway},
    http::{Server, status},
};
use xray_host::ceph::user::owned;

use crate::{
    CEPH_DIR,
    command::{fails, owner, run, works, xray},
    doctor::{breaks, doctor, lines, set_up, swallower},
};

const NOWHERE: &str = "http://127.0.0.1:9/";

async fn notifications(gateway: &Gateway, bucket: &str) -> String {
    let get = Raw {
        bucket,
        query: "notification",
        ..Raw::default()
    };
    let response = gateway.owner().send(&get).await.unwrap();
    String::from_utf8(response.into_body().to_vec()).unwrap()
}

/// A receiver that counts.
async fn counter() -> (Server, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let receiver = Server::start(move |_| {
        counted.fetch_add(1, Relaxed);
        async { status(200) }
    });
    (receiver.await, count)
}

/// A gateway adds a notification to another topic beside the one with the same id.
#[tokio::test(flavor = "multi_thread")]
async fn another_topic_moves_the_notification() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "releases-moves";
    let (first, at_first) = counter().await;
    let (second, at_second) = counter().await;
    let setup = |topic: &str, receiver: &Server| {
        let arguments = ["setup", "--topic", topic, "--not-persistent", "--push"];
        works(
            gateway,
            bucket,
            &[&arguments[..], &[&receiver.address]].concat(),
        )
    };
    let puts = async |key: &str| {
        let put = gateway
            .owner()
            .put(bucket, key, "image/jpeg", "x".into())
            .await;
        put.unwrap();
        (at_first.load(Relaxed), at_second.load(Relaxed))
    };
    // In the order of their names and against it: a gateway deletes the first of the same id.
    setup("releases-moves-1", &first);
    assert_eq!(puts("a.jpg").await, (1, 0));
    let moved = setup("releases-moves-2", &second);
    assert!(moved.contains("the topic releases-moves-1, to which it went before"));
    let stored = notifications(gateway, bucket).await;
    assert_eq!(stored.matches("<Id>").count(), 10, "{stored}");
    assert!(!stored.contains("releases-moves-1"), "{stored}");
    assert_eq!(puts("b.jpg").await, (1, 1));
    assert!(setup("releases-moves-2", &second).contains("all in sync"));
    setup("releases-moves-1", &first);
    assert_eq!(puts("c.jpg").await, (2, 1));

    // Without --topic it stays where it is.
    let again = ["setup", "--not-persistent", "--push", &first.address];
    assert!(works(gateway, bucket, &again).contains("all in sync"));
    works(gateway, bucket, &["teardown"]);
    assert!(!notifications(gateway, bucket).await.contains("<Id>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn option_set_earlier_is_seen() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "releases-options";
    set_up(gateway, bucket, NOWHERE, &["--time-to-live", "60"]);
    let without = ["setup", "--push", NOWHERE];
    let changed = works(gateway, bucket, &without);
    assert!(
        changed.contains("changed (time_to_live is 60)"),
        "{changed}"
    );
    assert!(works(gateway, bucket, &without).contains("all in sync"));
    let with = [&without[..], &["--topic-attribute", "cloudevents=true"]].concat();
    works(gateway, bucket, &with);
    let changed = works(gateway, bucket, &without);
    assert!(
        changed.contains("changed (cloudevents is true)"),
        "{changed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_of_another_user_is_left_alone() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let topic = ["--topic", "releases-taken", "--push"];
    let setup = |bucket: &str, address: &str| {
        xray(
            gateway,
            bucket,
            &[&["setup"], &topic[..], &[address]].concat(),
        )
    };
    assert_eq!(
        run(setup("releases-taken-a", "http://127.0.0.1:9/a")).code,
        0
    );
    let mut theirs = setup("releases-taken-b", "http://127.0.0.1:9/b");
    owner(&mut theirs, &gateway.function);
    let line = fails(theirs);
    assert!(line.contains("--topic xray-releases-taken-b"), "{line}");
    // Unchanged.
    let same = run(setup("releases-taken-a", "http://127.0.0.1:9/a"));
    assert!(same.stdout.contains("all in sync"), "{}", same.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn user_of_an_account_signs_in() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    if gateway.is_before(19) {
        println!("accounts are of Ceph 19 and later");
        return;
    }
    let bucket = "releases-account";
    let (account, root, user) = gateway.account("releases");
    let function = format!("arn:aws:iam::{account}:user/releases-user");
    let receiver = swallower().await;
    let command = |arguments: &[&str]| {
        let mut command = xray(gateway, bucket, arguments);
        owner(&mut command, &root);
        command.env("SPIN_VARIABLE_S3_ACCESS_KEY", &user.access_key);
        command.env("SPIN_VARIABLE_S3_SECRET_KEY", user.secret_key.expose());
        command
    };
    let setup = ["setup", "--push", &receiver.address];
    let line = fails(command(&setup));
    assert!(
        line.contains("--function-user arn:aws:iam::ACCOUNT:user/NAME"),
        "{line}"
    );
    let made = run(command(
        &[&setup[..], &["--function-user", &function]].concat(),
    ));
    assert_eq!(made.code, 0, "{}", made.stderr);
    let (code, lines) = lines(command(&["doctor", "--json", "--no-probe"]));
    assert_eq!(code, 0, "{lines:?}");
    assert!(lines["credentials"].1.contains("accepted"), "{lines:?}");
    let mut wrong = command(&["doctor", "--json", "--no-probe"]);
    wrong.env("SPIN_VARIABLE_S3_SECRET_KEY", "not-the-secret");
    breaks(wrong, "credentials", "failed", "check the secret key");
}

#[tokio::test(flavor = "multi_thread")]
async fn suspended_versioning_is_reported() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "releases-suspended";
    let receiver = swallower().await;
    set_up(gateway, bucket, &receiver.address, &[]);
    for state in ["Enabled", "Suspended"] {
        let body =
            format!("<VersioningConfiguration><Status>{state}</Status></VersioningConfiguration>");
        let put = Raw {
            method: http::Method::PUT,
            bucket: "releases-suspended-processed",
            query: "versioning",
            body: body.into(),
            ..Raw::default()
        };
        gateway.owner().send(&put).await.unwrap();
    }
    let found = works(gateway, bucket, &["setup", "--push", &receiver.address]);
    assert!(found.contains("its versioning is suspended"), "{found}");
    let doctor = doctor(gateway, bucket, &["--no-probe"]);
    breaks(
        doctor,
        "processed bucket",
        "warning",
        "versioning is suspended",
    );
}

/// Ceph 16 refuses events of lifecycle rules.
#[tokio::test(flavor = "multi_thread")]
async fn expirations_are_subscribed_to_where_possible() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "releases-expires";
    let event = "s3:ObjectLifecycle:Expiration:*";
    set_up(gateway, bucket, NOWHERE, &[]);
    assert!(!notifications(gateway, bucket).await.contains(event));
    let removes = [
        "setup",
        "--push",
        NOWHERE,
        "--variable",
        "remove_outputs=true",
    ];
    for words in ["changed (events, filter or topic differ)", "all in sync"] {
        let made = works(gateway, bucket, &removes);
        assert!(made.contains(words), "{made}");
        let refuses = made.contains(&format!("this gateway refuses {event}"));
        assert_eq!(refuses, gateway.is_before(17), "{made}");
        let stored = notifications(gateway, bucket).await;
        assert_eq!(stored.contains(event), !refuses, "{stored}");
        assert!(stored.contains("s3:ObjectRemoved:*"), "{stored}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_beyond_a_page_are_listed() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let second = SecondGateway::start(gateway, "--rgw-list-buckets-max-chunk=2").await;
    let keys = gateway.user_of_tenant("pages", "owner");
    let endpoint = s3::Endpoint::parse(&second.endpoint, s3::Addressing::Path).unwrap();
    let client = s3::Client::new(endpoint, keys, s3::Transport::http());
    let names: Vec<String> = (0..7).map(|number| format!("page-{number}")).collect();
    for name in &names {
        let put = Raw {
            method: http::Method::PUT,
            bucket: name,
            ..Raw::default()
        };
        client.send(&put).await.unwrap();
    }
    assert_eq!(owned(&client).await.unwrap(), names);
}
