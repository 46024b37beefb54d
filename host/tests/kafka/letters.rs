//! Dead letters: records that can't be delivered, and redriving them.

use std::process::Command;

use rdkafka::message::{Header, OwnedHeaders};
use testkit::{
    kafka::{Out, Topic, broker},
    wait::until,
};

use crate::{
    KAFKA_DIR,
    host::Host,
    outcome::Scenario,
    site::{BUCKET, Site, event, key, picture},
};

fn dead_letters(brokers: &str, topic: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
    command.args([
        "dead-letters",
        "--kafka",
        brokers,
        "--topic",
        topic,
        "--group",
        "g",
    ]);
    let output = command.args(arguments).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_never_works_is_put_aside_and_sent_back() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "poison", 2).await;
    let host = Host::start(&site, &broker.plain, &topic.name, "g", &[]);
    // Not a picture yet.
    let name = key("a", 0);
    let bad = "this is not a picture".into();
    let etag = site
        .client
        .put(BUCKET, &name, "image/jpeg", bad)
        .await
        .unwrap();
    let header = Header {
        key: "trace",
        value: Some("t-1"),
    };
    let poison = Out {
        key: Some(b"JANE".to_vec()),
        value: Some(event(&name, &etag, 18)),
        headers: Some(OwnedHeaders::new().insert(header)),
    };
    topic.send(vec![poison]).await;
    let letters = Topic::named(&broker.plain, "poison-dead-letters", 1);
    until("it is put aside", || {
        host.metric("xray_kafka_dead_lettered_total") == 1
    });
    until("it is committed", || topic.is_done("g"));
    let read = letters.read();
    let (letter_key, _, headers) = &read[0];
    assert_eq!(letter_key.as_deref(), Some(&b"JANE"[..]));
    let expected = [
        ("trace", "t-1"),
        ("xray-dead-letter-reason", "refused"),
        ("xray-dead-letter-attempts", "1"),
        ("xray-dead-letter-topic", "poison"),
        ("xray-dead-letter-partition", "0"),
        ("xray-dead-letter-offset", "0"),
    ];
    for (name, value) in expected {
        assert_eq!(headers[name], value, "{name}");
    }

    let run = |arguments: &[&str]| dead_letters(&broker.plain, "poison", arguments);
    let list = run(&["list"]);
    assert!(
        list.starts_with("0:0 ") && list.contains("refused") && list.contains("poison 0:0"),
        "{list}"
    );
    let masked = run(&["show", "0:0"]);
    assert!(
        masked.contains("ObjectCreated:Put") && masked.contains("xray-data-in"),
        "{masked}"
    );
    for private in ["DOE", "JANE", "1960", "t-1"] {
        assert!(
            !masked.contains(private) && !list.contains(private),
            "{private}: {masked}"
        );
    }
    let shown = run(&["show", "0:0", "--reveal"]);
    assert!(shown.contains("DOE0") && shown.contains("JANE"), "{shown}");

    // Now it is one, under the name that the record has.
    site.client
        .put(BUCKET, &name, "image/jpeg", picture(0))
        .await
        .unwrap();
    assert_eq!(run(&["redrive"]), "1 records sent back\n");
    assert_eq!(run(&["redrive"]), "0 records sent back\n", "only once");
    assert!(run(&["list"]).contains("sent back"));
    let scenario = Scenario {
        name: "poison, put aside, sent back",
        site: &site,
        topic: &topic,
        group: "g",
        sent: 2,
        objects: &[("a", 1)],
        repeated: 0,
    };
    // The event is about the former object, and so its source has changed; the point is that it
    // gets processed.
    until("all is committed", || topic.is_done("g"));
    if site.processed(&name).await.is_none() {
        topic
            .send(vec![Out::value(site.put(&name, picture(0)).await)])
            .await;
    }
    scenario.check().await;
}

/// Records that are refused again while they are sent back are not sent once more.
#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_refused_again_are_sent_back_once() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "hopeless", 1).await;
    let host = Host::start(&site, &broker.plain, &topic.name, "g", &[]);
    let hopeless = || Out::value(b"[]".to_vec());
    topic
        .send(std::iter::repeat_with(hopeless).take(50).collect())
        .await;
    let refused = |count| {
        until("they are refused", || {
            host.metric("xray_kafka_dead_lettered_total") == count
        });
    };
    refused(50);
    let said = dead_letters(&broker.plain, "hopeless", &["redrive"]);
    assert_eq!(said, "50 records sent back\n");
    refused(100);
}

/// Every form that a record can have ends somewhere, and none holds up what comes behind it.
#[tokio::test(flavor = "multi_thread")]
async fn odd_records() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "odd", 1).await;
    let host = Host::start(&site, &broker.plain, &topic.name, "g", &[]);
    let odd = vec![
        Out::default(),
        Out {
            key: Some(vec![]),
            ..Out::default()
        },
        Out::value(vec![]),
        Out::value(b"\xff\xfe\x00".to_vec()),
        Out {
            key: Some(b"\xff".to_vec()),
            value: Some(b"{}".to_vec()),
            headers: None,
        },
        Out::value(vec![b'x'; 10 << 20]),
        Out::value(b"[]".to_vec()),
    ];
    let count = odd.len();
    topic.send(odd).await;
    topic
        .send(vec![Out::value(site.put(&key("a", 0), picture(0)).await)])
        .await;
    until("all is committed", || topic.is_done("g"));
    assert!(site.processed(&key("a", 0)).await.is_some());
    assert_eq!(host.metric("xray_kafka_handled_total"), count as i64 + 1);
    let letters = Topic::named(&broker.plain, "odd-dead-letters", 1).read();
    assert_eq!(letters.len(), count);
    let null = letters
        .iter()
        .filter(|(key, value, _)| key.is_none() && value.is_none());
    assert_eq!(null.count(), 1, "a tombstone stays one");
    assert!(
        letters
            .iter()
            .any(|(_, value, _)| value.as_ref().is_some_and(|v| v.len() == 10 << 20))
    );
    println!(
        "FAULTS {:<28} sent {:>5}  dead letters {count}  lost 0",
        "odd records",
        count + 1
    );
}

/// The dead-letter topic takes nothing: then nothing is committed, and it is said.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_cannot_be_written_holds_the_commit() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "blocked", 1).await;
    let letters = Topic::named(&broker.plain, "blocked-dead-letters", 1);
    letters.make(&[("max.message.bytes", "100")]).await;
    let host = Host::start(&site, &broker.plain, &topic.name, "g", &[]);
    topic.send(vec![Out::value(vec![b'x'; 1000])]).await;
    until("it is said", || host.printed().contains("dead letter: "));
    assert_eq!(topic.committed("g"), [0]);
    let (status, printed) = host.end();
    assert!(status.success(), "{printed}");
    assert_eq!(topic.committed("g"), [0]);
    assert_eq!(letters.read().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn options_stand_behind_the_action_and_no_letters_are_no_failure() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let topic = Topic::create(&broker.plain, "no-letters", 1).await;
    let run = |source: &str, action: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
        command.arg("dead-letters").args(action);
        command.args(["--kafka", &broker.plain, "--topic", source, "--group", "g"]);
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        (code, text(output.stdout), text(output.stderr))
    };
    let none = format!(
        "no dead letters: there is no topic {}-dead-letters at {}\n",
        topic.name, broker.plain
    );
    for action in [&["list"], &["redrive"]] {
        let (code, said, errors) = run(&topic.name, action);
        assert_eq!((code, said.as_str()), (0, none.as_str()), "{errors}");
    }
    // Letters that are named must be there, and so must the source, or its name is wrong.
    for action in [&["show", "0:0"], &["redrive", "0:0"]] {
        let (code, _, errors) = run(&topic.name, action);
        assert!(code == 1 && errors.contains(none.trim()), "{errors}");
    }
    let (code, _, errors) = run("no-leters", &["list"]);
    assert!(code == 1 && errors.contains("check --topic"), "{errors}");
}
