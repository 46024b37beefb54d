//! What the trigger costs beside the same events over HTTP, in the same process: `make bench-kafka`.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use http::Request;
use s3::Transport;
use testkit::{
    kafka::{Out, Topic, broker},
    root,
    wait::until,
};

use crate::{
    KAFKA_DIR,
    host::{Host, command, serve},
    site::{Site, event, key, picture},
};

async fn post(transport: &Transport, host: &Host, event: Vec<u8>) {
    let request = Request::post(format!("http://{}/", host.address));
    let request = request.header("content-type", "application/json");
    let answer = transport.send(request.body(event.into()).unwrap()).await;
    assert_eq!(answer.unwrap().status(), 200);
}

async fn post_all(host: &Host, events: Vec<Vec<u8>>) -> Duration {
    let (transport, begun) = (Transport::http(), Instant::now());
    let posts = stream::iter(events).for_each_concurrent(8, |event| post(&transport, host, event));
    posts.await;
    begun.elapsed()
}

async fn send_all(host: &Host, topic: &Topic, events: Vec<Vec<u8>>) -> Duration {
    let (count, begun) = (events.len() as i64, Instant::now());
    topic
        .send(events.into_iter().map(Out::value).collect())
        .await;
    until("all is handled", || {
        host.metric("xray_kafka_handled_total") >= count
    });
    begun.elapsed()
}

fn tell(what: &str, count: usize, kafka: Duration, http: Duration) {
    let rate = |took: Duration| count as f64 / took.as_secs_f64();
    let (by_kafka, by_http) = (rate(kafka), rate(http));
    println!(
        "SPEED {what:<22} Kafka {by_kafka:>7.0}/s  HTTP {by_http:>7.0}/s  ratio {:.2}",
        by_kafka / by_http
    );
}

fn median(mut all: Vec<Duration>) -> f64 {
    all.sort();
    all[all.len() / 2].as_secs_f64() * 1e3
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, run by `make bench-kafka`"]
async fn kafka_beside_http() {
    let broker = broker(KAFKA_DIR).await.expect("a broker");
    let site = Site::open().await;
    let assigned = |host: &Host, partitions| {
        until("it has its partitions", || {
            host.metric("xray_kafka_assigned_partitions") == partitions
        });
    };

    // A component that does next to nothing; its events name objects that nobody asks for.
    let count = 10_000;
    let nothing = || (0..count).map(|i| event(&key("n", i), "00", 1)).collect();
    let topic = Topic::create(&broker.plain, "nothing", 16).await;
    let mut display = serve(&site, &root().join("components/logevents"));
    display.args(["--kafka", &broker.plain, "--topic", &topic.name]);
    let host = Host::run(display);
    assigned(&host, 16);
    let http = post_all(&host, nothing()).await;
    let kafka = send_all(&host, &topic, nothing()).await;
    tell("event display", count, kafka, http);
    drop(host);

    let topic = Topic::create(&broker.plain, "function", 16).await;
    let host = Host::run(command(&site, &broker.plain, &topic.name, "g", &[]));
    assigned(&host, 16);
    let count = 300;
    let http = post_all(&host, site.put_all("h", count).await).await;
    let kafka = send_all(&host, &topic, site.put_all("k", count).await).await;
    tell("function", count, kafka, http);

    let (mut by_kafka, mut by_http, transport) = (Vec::new(), Vec::new(), Transport::http());
    for index in 0..60 {
        let event = site.put(&key("lh", index), picture(index)).await;
        let begun = Instant::now();
        post(&transport, &host, event).await;
        by_http.push(begun.elapsed());

        let event = site.put(&key("lk", index), picture(index)).await;
        let (puts, begun) = (site.puts().0, Instant::now());
        topic.send(vec![Out::value(event)]).await;
        // Both pictures are stored.
        while site.puts().0 < puts + 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        by_kafka.push(begun.elapsed());
    }
    let (kafka, http) = (median(by_kafka), median(by_http));
    println!(
        "SPEED one at a time, median  produce to both PUTs {kafka:.1} ms  POST to answer {http:.1} ms  ratio {:.2}",
        kafka / http
    );
}
