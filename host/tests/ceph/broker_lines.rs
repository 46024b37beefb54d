//! The lines of `xray doctor` about Kafka, against a real broker.

use serde_json::Value;
use testkit::{
    ceph::gateway,
    kafka::{Topic, broker},
    wait::until,
};

use crate::{
    CEPH_DIR, KAFKA_DIR,
    command::{run, works, xray},
};

#[tokio::test(flavor = "multi_thread")]
async fn broker_and_topics() {
    let (Some(gateway), Some(broker)) = (gateway(CEPH_DIR).await, broker(KAFKA_DIR).await) else {
        return;
    };
    let bucket = "doctor-kafka";
    let setup = |topic: &str| {
        let push = format!("kafka://{}", broker.plain);
        works(
            gateway,
            bucket,
            &["setup", "--topic", topic, "--push", &push],
        );
    };
    let doctor = |brokers: &str, more: &[&str]| {
        let common = [
            "doctor",
            "--json",
            "--timeout",
            "3",
            "--topic",
            bucket,
            "--kafka",
            brokers,
        ];
        let ended = run(xray(gateway, bucket, &[&common[..], more].concat()));
        let report: Value = serde_json::from_str(&ended.stdout).unwrap();
        let failed = report["checks"].as_array().unwrap().iter();
        let mut failed = failed.filter(|line| line["state"] == "failed").cloned();
        (failed.next(), failed.next())
    };
    let breaks = |brokers: &str, more: &[&str], check: &str, says: &str| {
        let (first, second) = doctor(brokers, more);
        let line = first.expect("a line fails");
        assert_eq!(
            (&line["check"], second),
            (&Value::from(check), None),
            "{line}"
        );
        assert!(line["found"].as_str().unwrap().contains(says), "{line}");
        assert!(line["remedy"].is_string(), "{line}");
    };
    setup(bucket);
    let look = ["--no-probe"];
    breaks(
        &broker.plain,
        &look,
        "Kafka topic",
        "doctor-kafka does not exist",
    );
    Topic::create(&broker.plain, bucket, 3).await;
    until("the broker tells of the topic", || {
        doctor(&broker.plain, &look) == (None, None)
    });
    // On a machine without the application.
    let elsewhere = tempfile::tempdir().unwrap();
    let flags = ["doctor", "--no-probe", "--topic", bucket, "--kafka"];
    let mut command = xray(gateway, bucket, &[&flags[..], &[&broker.plain]].concat());
    command.current_dir(elsewhere.path());
    command.env_remove("SPIN_VARIABLE_PSEUDONYM_KEY");
    let ended = run(command);
    let with = format!("ok   Kafka topic        {bucket} with 3 partitions");
    assert!(
        ended.code == 0 && ended.stdout.contains(&with),
        "{}",
        ended.stdout
    );
    breaks("127.0.0.1:9", &look, "broker", "Connection refused");
    let ca = format!("ca={}", broker.dir.join("ca.crt").display());
    let sasl = [
        "--no-probe",
        "--kafka-option",
        &ca,
        "--kafka-option",
        "sasl_mechanism=PLAIN",
        "--kafka-option",
        "username=app",
        "--kafka-option",
        "password=wrong-secret",
    ];
    breaks(&broker.tls, &sasl, "broker", "uthentication");
    // Debian's gateway takes Kafka and can't deliver to it: what only the whole way shows.
    if gateway.is_without_kafka() {
        breaks(
            &broker.plain,
            &[],
            "end to end",
            "no record arrived in Kafka",
        );
        // Why, only its log says, and that only for a topic that is not persistent.
        let push = format!("kafka://{}", broker.plain);
        let setup = ["setup", "--topic", bucket, "--not-persistent", "--push"];
        works(gateway, bucket, &[&setup[..], &[&push]].concat());
        let owner = gateway.owner();
        let put = owner.put(bucket, "a.jpg", "image/jpeg", "x".into());
        put.await.unwrap();
        until("its log says why", || {
            gateway.log().contains("unknown schema")
        });
    }
    works(gateway, bucket, &["teardown", "--topic", bucket]);
    setup("doctor-kafka-other");
    breaks(
        &broker.plain,
        &look,
        "topic",
        "writes to doctor-kafka-other, and the function reads doctor-kafka",
    );
    works(
        gateway,
        bucket,
        &[
            "setup",
            "--topic",
            "doctor-kafka-other",
            "--push",
            "http://127.0.0.1:9/",
        ],
    );
    let (first, _) = doctor(&broker.plain, &look);
    let line = first.unwrap();
    assert!(
        line["found"]
            .as_str()
            .unwrap()
            .contains("and the function reads Kafka"),
        "{line}"
    );
}
