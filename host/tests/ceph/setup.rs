//! `xray setup`, `status` and `teardown`.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use testkit::{
    ceph::{Gateway, gateway, raw},
    http::{Server, forward, status},
};

use crate::{
    CEPH_DIR,
    command::{fails, run, works, xray},
};

/// A part of each kind, as the first words of its line say.
fn lines_with(text: &str, word: &str) -> usize {
    text.lines().filter(|line| line.contains(word)).count()
}

async fn ask(gateway: &Gateway, method: Method, bucket: &str, query: &str, body: &str) -> String {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let none = HeaderMap::new();
    let owner = gateway.owner();
    let answer = raw(&owner, method, bucket, "", query, none, body);
    let answer = answer.await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    String::from_utf8(answer.into_body().to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_made_once_and_read_back_and_taken_away() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "setup-all";
    let to = ["--push", "http://127.0.0.1:9/", "--topic", "setup-all"];
    let with = |command: &'static str, more: &[&'static str]| -> Vec<&'static str> {
        [&[command], &to[..], more].concat()
    };
    let missing = run(xray(gateway, bucket, &with("status", &[])));
    assert_eq!(missing.code, 1);
    let resources = 14;
    assert_eq!(lines_with(&missing.stdout, " missing"), resources);

    let would = works(gateway, bucket, &with("setup", &["--dry-run"]));
    assert_eq!(
        lines_with(&would, "would be created: "),
        resources,
        "{would}"
    );
    assert_eq!(lines_with(&would, "setup-all-quarantine"), 3, "{would}");
    let nowhere = ["--dry-run", "--variable", "quarantine_suffix="];
    let would = works(gateway, bucket, &with("setup", &nowhere));
    assert_eq!(
        lines_with(&would, "would be created: "),
        resources - 3,
        "{would}"
    );
    assert!(!would.contains("quarantine"), "{would}");
    let still = run(xray(gateway, bucket, &with("status", &[])));
    assert_eq!(still.stdout, missing.stdout, "a dry run changes nothing");

    let made = works(gateway, bucket, &with("setup", &[]));
    assert_eq!(lines_with(&made, " created: "), resources, "{made}");
    let found = works(gateway, bucket, &with("setup", &[]));
    assert_eq!(lines_with(&found, "found: "), resources, "{found}");
    assert!(found.contains("14 resources, all in sync"));
    let status = works(gateway, bucket, &with("status", &[]));
    assert_eq!(lines_with(&status, " ok: "), resources, "{status}");
    let stored = ask(gateway, Method::GET, bucket, "notification", "").await;
    for suffix in [
        ".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".dcm", ".DCM", ".dicom", ".DICOM",
    ] {
        assert!(stored.contains(&format!("<Value>{suffix}</Value>")));
    }

    let would = works(gateway, bucket, &with("teardown", &["--dry-run"]));
    assert_eq!(lines_with(&would, "would be removed"), 6, "{would}");
    let gone = works(gateway, bucket, &with("teardown", &[]));
    assert_eq!(lines_with(&gone, " removed"), 6, "{gone}");
    assert_eq!(lines_with(&gone, " kept"), 4, "{gone}");
    let owner = gateway.owner();
    let put = owner.put(bucket, "x.jpg", "image/jpeg", "x".into());
    put.await.unwrap();
    let held = fails(xray(gateway, bucket, &with("teardown", &["--buckets"])));
    assert!(held.contains("delete its objects first"), "{held}");
    owner.delete(bucket, "x.jpg").await.unwrap();
    works(gateway, bucket, &with("teardown", &["--buckets"]));
    let after = run(xray(gateway, bucket, &with("status", &[])));
    assert_eq!(after.stdout, missing.stdout);
    works(gateway, bucket, &with("teardown", &["--buckets"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_have_set_stays_and_what_has_drifted_is_repaired() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "setup-drift";
    let setup = [
        "setup",
        "--push",
        "http://127.0.0.1:9/",
        "--topic",
        "setup-drift",
    ];
    let teardown = ["teardown", "--topic", "setup-drift"];
    works(gateway, bucket, &setup);
    // A notification and a policy of somebody else's, beside ours.
    let arn = "arn:aws:sns:default::setup-drift-others";
    gateway.topic_action(&[
        ("Action", "CreateTopic"),
        ("Name", "setup-drift-others"),
        ("Attributes.entry.1.key", "push-endpoint"),
        ("Attributes.entry.1.value", "http://127.0.0.1:9/"),
    ]);
    let theirs = format!(
        "<NotificationConfiguration><TopicConfiguration><Id>archive</Id><Topic>{arn}</Topic>\
         <Filter><S3Metadata><FilterRule><Name>x-amz-meta-a</Name><Value>b</Value></FilterRule></S3Metadata></Filter>\
         <Event>s3:ObjectRemoved:*</Event></TopicConfiguration></NotificationConfiguration>"
    );
    ask(gateway, Method::PUT, bucket, "notification", &theirs).await;
    let statement = r#"{"Sid":"Archive","Effect":"Allow","Principal":{"AWS":["arn:aws:iam:::user/archive"]},"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::setup-drift/*"]}"#;
    let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
    // Which takes ours away.
    ask(gateway, Method::PUT, bucket, "policy", &policy).await;
    let status = run(xray(gateway, bucket, &["status", "--topic", "setup-drift"]));
    assert_eq!(status.code, 1);
    assert_eq!(lines_with(&status.stdout, "policy of setup-drift  "), 1);
    assert!(status.stdout.contains("1 other notifications stay"));
    works(gateway, bucket, &setup);

    // Other suffixes: those that are not wanted any more go.
    let fewer = [&setup[..], &["--suffix", ".dcm.jpg", "--prefix", "in/"]].concat();
    let changed = works(gateway, bucket, &fewer);
    assert!(changed.contains("changed (events, filter or topic differ)"));
    let stored = ask(gateway, Method::GET, bucket, "notification", "").await;
    assert_eq!(stored.matches("<Id>xray").count(), 1, "{stored}");
    assert!(stored.contains("<Id>archive</Id>") && stored.contains("x-amz-meta-a"));
    let policies = ask(gateway, Method::GET, bucket, "policy", "").await;
    assert!(policies.contains("Archive") && policies.contains("XrayFunctionObjects"));

    // Another topic's attributes.
    let changed = works(
        gateway,
        bucket,
        &[&fewer[..], &["--not-persistent", "--opaque-data", "ward 7"]].concat(),
    );
    assert!(changed.contains("changed (is persistent, has different opaque data)"));
    assert!(changed.contains("note: not persistent"));

    works(gateway, bucket, &teardown);
    let stored = ask(gateway, Method::GET, bucket, "notification", "").await;
    assert!(stored.contains("archive") && !stored.contains("<Id>xray"));
    let policies = ask(gateway, Method::GET, bucket, "policy", "").await;
    assert!(policies.contains("Archive") && !policies.contains("Xray"));
}

/// A notification keeps the endpoint that its topic had: without being written again it would push
/// to the first for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_moved_moves_for_every_bucket() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let receiver = async |count: Arc<AtomicUsize>| {
        Server::start(move |_| {
            count.fetch_add(1, Relaxed);
            async { status(200) }
        })
        .await
    };
    let counts = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let first = receiver(counts[0].clone()).await;
    let second = receiver(counts[1].clone()).await;
    let setup = |bucket: &str, to: &Server| {
        let setup = [
            "setup",
            "--topic",
            "setup-moves",
            "--not-persistent",
            "--push",
        ];
        works(gateway, bucket, &[&setup[..], &[&to.address]].concat());
    };
    let owner = gateway.owner();
    let put = async |bucket: &str| {
        // Not persistent: the push is complete when the response arrives.
        let put = owner.put(bucket, "a.jpg", "image/jpeg", "x".into());
        put.await.unwrap();
        counts.each_ref().map(|count| count.load(Relaxed))
    };
    setup("setup-moves-a", &first);
    setup("setup-moves-b", &first);
    assert_eq!(put("setup-moves-a").await, [1, 0]);
    setup("setup-moves-b", &second);
    assert_eq!(put("setup-moves-b").await, [1, 1]);
    assert_eq!(put("setup-moves-a").await, [1, 2]);
}

/// A look at the queue of a topic is a PUT that stores nothing; the function must not hear of it.
#[tokio::test(flavor = "multi_thread")]
async fn look_at_the_queue_sends_no_event() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let heard = Arc::new(Mutex::new(String::new()));
    let all = heard.clone();
    let receiver = Server::start(move |request| {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        all.lock().unwrap().push_str(&body);
        async { status(200) }
    })
    .await;
    let owner = gateway.owner();
    for (bucket, persistent) in [
        ("setup-look-persistent", &[][..]),
        ("setup-look", &["--not-persistent"]),
    ] {
        let setup = ["setup", "--topic", bucket, "--push", &receiver.address];
        let again = || works(gateway, bucket, &[&setup[..], persistent].concat());
        again();
        // A look finds the notification, and what it would match.
        assert!(again().contains("all in sync"));
        let doctor = crate::doctor::doctor(gateway, bucket, &["--no-probe"]);
        assert_eq!(run(doctor).code, 0);
        // Whatever the looks have sent comes before this.
        let put = owner.put(bucket, "after.jpg", "image/jpeg", "x".into());
        put.await.unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !heard
            .lock()
            .unwrap()
            .contains(&format!("\"name\":\"{bucket}\""))
        {
            assert!(std::time::Instant::now() < until, "no event of {bucket}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert!(heard.lock().unwrap().contains("after.jpg"));
        let listed = owner.list(bucket, "", "", 10).await.unwrap();
        assert_eq!(listed.objects.len(), 1);
    }
    let heard = heard.lock().unwrap();
    assert!(!heard.contains("queue-check"), "{heard}");
}

/// Response of a gateway when somebody else writes a topic at the same moment.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_fails_to_write_a_topic_is_asked_again() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let fails_left = Arc::new(AtomicUsize::new(0));
    let (left, endpoint) = (fails_left.clone(), gateway.endpoint.clone());
    let door = Server::start(move |request| {
        let (left, endpoint) = (left.clone(), endpoint.clone());
        async move {
            let is_about_topics = request.body().starts_with(b"Action=CreateTopic");
            let less = |left: usize| left.checked_sub(1);
            if is_about_topics && left.fetch_update(Relaxed, Relaxed, less).is_ok() {
                return status(500);
            }
            forward(&endpoint, request).await
        }
    })
    .await;
    let setup = [
        "setup",
        "--topic",
        "setup-again",
        "--push",
        "http://127.0.0.1:9/",
    ];
    let through = || {
        let mut command = xray(gateway, "setup-again", &setup);
        command.env("SPIN_VARIABLE_S3_ENDPOINT", &door.address);
        command
    };
    fails_left.store(99, Relaxed);
    let line = fails(through());
    assert!(line.contains("topic setup-again: 500"), "{line}");
    assert_eq!(fails_left.load(Relaxed), 94, "it gives up");
    fails_left.store(3, Relaxed);
    assert_eq!(run(through()).code, 0);
    assert_eq!(fails_left.load(Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gateway_hides_is_said() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "setup-hidden";
    let setup = |arguments: &[&str]| {
        let all = [&["setup", "--topic", "setup-hidden"], arguments].concat();
        xray(gateway, bucket, &all)
    };
    let kafka = ["--push", "kafka://127.0.0.1:9092"];
    let made = run(setup(
        &[&kafka[..], &["--max-retries", "3", "--time-to-live", "60"]].concat(),
    ));
    assert_eq!(made.code, 0);
    assert!(
        made.stdout.contains("is built without Kafka"),
        "{}",
        made.stdout
    );
    let ignored = "this gateway ignores time_to_live, max_retries";
    assert_eq!(gateway.is_before(19), made.stdout.contains(ignored));

    let mut secret = setup(&[&kafka[..], &["--push-user", "app", "--tls"]].concat());
    secret.env("XRAY_PUSH_PASSWORD", "hunter2hunter2");
    let refused = fails(secret);
    assert!(refused.contains("over plain HTTP"), "{refused}");

    let amqp = ["--push", "amqp://127.0.0.1/", "--exchange", "xray"];
    let changed = run(setup(&[&amqp[..], &["--ack", "routable"]].concat()));
    assert_eq!(changed.code, 0);
    assert!(changed.stdout.contains("the exchange must be there"));
    let found = run(setup(&[&amqp[..], &["--ack", "routable"]].concat()));
    assert!(found.stdout.contains("all in sync"));

    // Another bucket that uses the topic: without it, the gateway would refuse every PUT there.
    works(
        gateway,
        "setup-hidden-2",
        &[&["setup", "--topic", "setup-hidden"], &amqp[..]].concat(),
    );
    let held = fails(xray(
        gateway,
        bucket,
        &["teardown", "--topic", "setup-hidden"],
    ));
    assert!(
        held.contains("a notification of setup-hidden-2 still names it"),
        "{held}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_one_line() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let setup = |arguments: &[&str]| {
        let mut all = vec!["setup", "--push", "http://127.0.0.1:9/"];
        all.extend(arguments);
        xray(gateway, "setup-wrong", &all)
    };
    let check = |command, says: &str| {
        let line = fails(command);
        assert!(line.contains(says), "{line}");
    };
    let with = |name: &str, value: &str| {
        let mut command = setup(&[]);
        command.env(name, value);
        command
    };
    check(
        xray(gateway, "setup-wrong", &["setup"]),
        "set --push to the address",
    );
    check(setup(&["--bucket", "A_B"]), "can't be a bucket");
    check(
        with("AWS_SECRET_ACCESS_KEY", "not-the-secret"),
        "check the secret key",
    );
    check(with("AWS_ACCESS_KEY_ID", ""), "must be set together");
    check(with("AWS_ACCESS_KEY_ID", "NOBODY"), "check the access key");
    check(
        with("SPIN_VARIABLE_S3_SECRET_KEY", "not-the-secret"),
        "s3_access_key and s3_secret_key",
    );
    check(
        with("SPIN_VARIABLE_S3_ENDPOINT", "http://127.0.0.1:9"),
        "connection refused",
    );
    let mut none = setup(&[]);
    none.env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY");
    check(none, "the keys of the buckets' owner are missing");
    // A bucket of somebody else's.
    let none = HeaderMap::new();
    let theirs = gateway.function();
    let made = raw(
        &theirs,
        Method::PUT,
        "setup-theirs",
        "",
        "",
        none,
        Bytes::new(),
    );
    assert_eq!(made.await.unwrap().status(), StatusCode::OK);
    check(
        setup(&["--bucket", "setup-theirs"]),
        "belongs to another user",
    );
}
