//! Many notifications over few objects, with faults at random. `XRAY_SOAK` says how many;
//! `make soak` runs 20,000.

use std::{sync::atomic::Ordering::Relaxed, time::Instant};

use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use testkit::{
    kafka::{Out, Topic, broker},
    wait::until,
};

use crate::{
    KAFKA_DIR,
    host::Host,
    outcome::{Scenario, reference},
    site::Site,
};

#[tokio::test(flavor = "multi_thread")]
async fn soak() {
    let Some(mut broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let sent: usize = std::env::var("XRAY_SOAK").map_or(2_000, |text| text.parse().unwrap());
    let objects = (sent / 40).max(1);
    // Another seed is another run; the one that failed is in the output.
    let seed: u64 = std::env::var("XRAY_SEED").map_or(7, |text| text.parse().unwrap());
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    reference().await;
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "soak", 16).await;
    let events = site.put_all("a", objects).await;
    let mut records: Vec<_> = (0..sent)
        .map(|index| events[index % objects].clone())
        .collect();
    records.shuffle(&mut random);
    site.door.failing.store(20, Relaxed);
    let member = |number| format!("member=host-{number}");
    let start = |number| {
        let member = member(number);
        // The partitions of one that was killed must not wait long for it.
        Host::start(
            &site,
            &broker.plain,
            "soak",
            "g",
            &[&member, "session_timeout_ms=6000"],
        )
    };
    let mut hosts = vec![start(0), start(1)];
    let begun = Instant::now();
    let (mut kills, mut brokers, mut fenced) = (0, 0, 0);
    let address = broker.plain.clone();
    let restart = |number: usize| {
        Host::start(
            &site,
            &address,
            "soak",
            "g",
            &[&member(number), "session_timeout_ms=6000"],
        )
    };
    for (turn, chunk) in records.chunks(sent / 10).enumerate() {
        let chunk: Vec<_> = chunk.iter().cloned().map(Out::value).collect();
        topic.send(chunk).await;
        until("some of it is handled", || {
            for (number, host) in hosts.iter_mut().enumerate() {
                if host.has_ended() {
                    // A killed broker may know only the one before it by this name.
                    assert!(host.printed().contains("fenced"), "{}", host.printed());
                    *host = restart(number);
                    fenced += 1;
                }
            }
            hosts.iter().any(Host::has_handled_some)
        });
        match turn {
            // Once in the middle, so that both halves of the run have one behind or before them.
            5 => {
                tokio::task::block_in_place(|| broker.kill());
                tokio::task::block_in_place(|| broker.restart());
                brokers += 1;
            }
            _ if random.random_bool(0.4) => {
                let number = random.random_range(0..2);
                hosts.remove(number).kill();
                hosts.insert(number, restart(number));
                kills += 1;
            }
            _ => {}
        }
    }
    let scenario = Scenario {
        name: "soak",
        site: &site,
        topic: &topic,
        group: "g",
        sent,
        objects: &[("a", objects)],
        repeated: 8 * (kills + fenced),
    };
    scenario.check().await;
    println!(
        "soak: {sent} notifications of {objects} objects in {:.1} s, 2% of the store's responses 503, {kills} hosts killed, {fenced} fenced, {brokers} broker killed",
        begun.elapsed().as_secs_f64()
    );
}
