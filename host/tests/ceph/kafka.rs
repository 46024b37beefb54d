//! A picture's whole way through a real Ceph and a real Kafka.
//!
//! Debian builds its gateway without Kafka, so the last step of a push is made here: a bridge takes the gateway's HTTP push
//! and writes the record as a gateway with Kafka does. Records captured from Ceph 18.2.7 (`tests/notifications/kafka-18.2.7`)
//! say how: no key, no headers, and the body that the HTTP push has.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use phantoms::Phantom;
use testkit::{
    ceph::{Gateway, gateway, raw},
    function_is_built,
    http::{Server, status},
    kafka::{Out, Topic, broker},
    wait::until,
};

use crate::{
    CEPH_DIR, KAFKA_DIR,
    command::{Function, works},
};

/// Writes what is pushed into the topic, and answers when the broker has it.
async fn bridge(topic: Arc<Topic>, pushes: Arc<AtomicUsize>) -> Server {
    Server::start(move |request| {
        let (topic, pushes) = (topic.clone(), pushes.clone());
        async move {
            let record = Out::value(request.into_body());
            topic.send(vec![record]).await;
            pushes.fetch_add(1, Relaxed);
            status(200)
        }
    })
    .await
}

async fn keys(gateway: &Gateway, bucket: &str) -> usize {
    let none = HeaderMap::new();
    let owner = gateway.owner();
    let listed = raw(&owner, Method::GET, bucket, "", "", none, Bytes::new());
    let body = listed.await.unwrap().into_body();
    String::from_utf8_lossy(&body).matches("<Key>").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_go_through_ceph_and_kafka() {
    let (Some(gateway), Some(broker)) = (gateway(CEPH_DIR).await, broker(KAFKA_DIR).await) else {
        return;
    };
    if !function_is_built() {
        return;
    }
    let bucket = "through-kafka";
    let topic = Arc::new(Topic::create(&broker.plain, bucket, 4).await);
    let pushes = Arc::new(AtomicUsize::new(0));
    let bridge = bridge(topic.clone(), pushes.clone()).await;
    works(
        gateway,
        bucket,
        &["setup", "--topic", bucket, "--push", &bridge.address],
    );
    let kafka = [
        "--kafka",
        &broker.plain,
        "--topic",
        bucket,
        "--group",
        "through",
    ];
    let function = Function::start(gateway, bucket, "127.0.0.1:0", &kafka);

    let phantoms = Phantom::draw_all(phantoms::DEFAULT_SEED, 12);
    let owner = gateway.owner();
    for phantom in &phantoms {
        let key = format!("ward 7/{}", phantom.patient.file_name());
        let jpeg = phantom.jpeg.clone().into();
        owner.put(bucket, &key, "image/jpeg", jpeg).await.unwrap();
    }
    // Not a picture by its name, and so no event.
    owner
        .put(bucket, "notes.txt", "text/plain", "x".into())
        .await
        .unwrap();

    until("every record is committed", || {
        topic.ends().iter().sum::<i64>() >= 12 && topic.is_done("through")
    });
    // At least once: what the gateway sent again was nothing to do.
    assert!(pushes.load(Relaxed) >= 12);
    for (key, value, headers) in topic.read() {
        assert!(key.is_none() && headers.is_empty(), "as the gateway's");
        let value = String::from_utf8(value.unwrap()).unwrap();
        assert!(
            value.contains(".jpeg") && !value.contains("notes.txt"),
            "{value}"
        );
    }
    let printed = function.printed();
    let reports = function.reports();
    let done = reports.iter().filter(|report| report["outcome"] == "done");
    assert_eq!(done.count(), 12, "{printed}");
    assert_eq!(keys(gateway, "through-kafka-processed").await, 12);
    let copies = reports
        .iter()
        .filter(|report| report["anonymized"] == "stored")
        .count();
    assert_eq!(keys(gateway, "through-kafka-anonymized").await, copies);
    assert!(copies > 0 && copies < 12, "both kinds were seen: {copies}");
    for phantom in &phantoms {
        assert!(!printed.contains(&phantom.patient.name), "no name in a log");
        let key = format!("ward 7/{}", phantom.patient.file_name());
        let key = key.replace(".jpeg", "-processed.jpeg");
        let stored = owner.get("through-kafka-processed", &key).await.unwrap();
        image::load_from_memory(&stored.expect("an output").body).unwrap();
    }
    println!(
        "12 pictures through {} and Apache Kafka: 12 labelled, {copies} anonymized",
        gateway.version
    );
}
