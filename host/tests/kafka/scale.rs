//! Costs for docs/sizing.md: CPU time of an event by hosts and by picture size, and the time of
//! rebalances. `make bench-scale`.

use std::{
    io::Cursor,
    time::{Duration, Instant},
};

use bytes::Bytes;
use image::{DynamicImage, ImageFormat, imageops::FilterType};
use testkit::{
    kafka::{Broker, Out, Topic, broker},
    root,
    wait::until,
};

use crate::{
    KAFKA_DIR,
    host::{Host, reading, serve, serve_with},
    site::{Site, key, picture},
};

/// CPU time of a process so far.
fn cpu(host: &Host) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", host.id())).unwrap();
    // The name, in parentheses, may contain spaces. User and system time are the 14th and 15th
    // field, in hundredths of a second.
    let fields: Vec<_> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    let ticks = |index: usize| fields[index].parse::<u64>().unwrap();
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// Largest resident memory of a process so far, in MiB.
fn peak(host: &Host) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() / 1024
}

fn assigned(host: &Host) -> i64 {
    host.metric("xray_kafka_assigned_partitions")
}

/// Processes these events, and prints their cost.
async fn cost(what: &str, site: &Site, topic: &Topic, hosts: &[Host], events: Vec<Vec<u8>>) -> f64 {
    let total = || hosts.iter().map(cpu).sum::<Duration>();
    let (count, before, requests) = (events.len(), total(), site.door.requests());
    let begun = Instant::now();
    topic
        .send(events.into_iter().map(Out::value).collect())
        .await;
    until("all is committed", || topic.is_done("g"));
    let took = begun.elapsed();
    let each = (total() - before).as_secs_f64() * 1e3 / count as f64;
    let peak = hosts.iter().map(peak).max().unwrap();
    println!(
        "COST {what:<34} CPU ms/event {each:>6.1}  events/s {:>5.1}  requests/event {:.2}  peak MiB {peak}",
        count as f64 / took.as_secs_f64(),
        (site.door.requests() - requests) as f64 / count as f64,
    );
    each
}

/// Prints the CPU time of hosts that have nothing to do.
async fn idle(hosts: &[Host]) {
    let total = || hosts.iter().map(cpu).sum::<Duration>();
    let (before, time) = (total(), Duration::from_secs(10));
    tokio::time::sleep(time).await;
    let each = (total() - before).as_secs_f64() * 1e3 / time.as_secs_f64() / hosts.len() as f64;
    println!("IDLE {:<34} CPU ms/s and host {each:.1}", hosts.len());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, run by `make bench-scale`"]
async fn cost_of_an_event_by_hosts() {
    let broker = broker(KAFKA_DIR).await.expect("a broker");
    let (mut costs, count) = (Vec::new(), 400);
    for hosts in [1, 2, 4, 8] {
        // Names of copies that are taken would cost a request more.
        let site = Site::open().await;
        let topic = Topic::create(&broker.plain, &format!("scale-{hosts}"), 64).await;
        let start = |_| Host::start(&site, &broker.plain, &topic.name, "g", &[]);
        let hosts: Vec<_> = (0..hosts).map(start).collect();
        let share = 64 / hosts.len() as i64;
        until("all have their share", || {
            hosts.iter().all(|host| assigned(host) == share)
        });
        let prefix = format!("h{}x", hosts.len());
        // As many for each host, since its first events cost more.
        let warm_up = site.put_all(&format!("{prefix}w"), 16 * hosts.len()).await;
        topic
            .send(warm_up.into_iter().map(Out::value).collect())
            .await;
        until("the warm-up is committed", || topic.is_done("g"));
        idle(&hosts).await;
        let events = site.put_all(&prefix, count).await;
        let what = format!("{} hosts, 64 partitions", hosts.len());
        costs.push(cost(&what, &site, &topic, &hosts, events).await);
    }
    let most = costs.iter().copied().fold(0.0, f64::max);
    println!("COST most / one host {:.3}", most / costs[0]);
}

/// One of the pictures, scaled to this many pixels a side.
fn sized(index: usize, side: u32) -> Bytes {
    let image = image::load_from_memory(&picture(index)).unwrap();
    let image = image.resize_exact(side, side, FilterType::Triangle);
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageLuma8(image.into_luma8())
        .write_to(&mut bytes, ImageFormat::Jpeg)
        .unwrap();
    bytes.into_inner().into()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, run by `make bench-scale`"]
async fn cost_of_an_event_by_size() {
    let broker = broker(KAFKA_DIR).await.expect("a broker");
    for nn in ["onnx", "embedded"] {
        let topic = Topic::create(&broker.plain, &format!("sizes-{nn}"), 16).await;
        for side in [512_u32, 1024, 2048, 3072] {
            let site = Site::open().await;
            let pictures: Vec<_> = (0..7).map(|index| sized(index, side)).collect();
            let command = serve_with(&site, &root(), nn);
            let mut command = reading(command, &broker.plain, &topic.name, "g", &[]);
            command.env("SPIN_VARIABLE_MAX_BYTES", "33554432");
            let hosts = [Host::run(command)];
            until("it has its partitions", || assigned(&hosts[0]) == 16);
            let events = async |prefix: &str, count: usize| {
                let mut events = Vec::new();
                for index in 0..count {
                    let key = key(&format!("{nn}{side}{prefix}"), index);
                    events.push(site.put(&key, pictures[index % 7].clone()).await);
                }
                events
            };
            let warm_up = events("w", 8).await;
            topic
                .send(warm_up.into_iter().map(Out::value).collect())
                .await;
            until("the warm-up is committed", || topic.is_done("g"));
            let size = pictures.iter().map(Bytes::len).sum::<usize>() / 7 / 1024;
            let what = format!("{nn}, {side} x {side}, {size} KiB");
            cost(&what, &site, &topic, &hosts, events("e", 60).await).await;
        }
    }
}

const ROUNDS: usize = 20;

fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let ms = |index: usize| times[index].as_secs_f64() * 1e3;
    println!(
        "REBALANCE {what:<40} median {:>6.0} ms  least {:>6.0}  most {:>6.0}",
        ms(times.len() / 2),
        ms(0),
        ms(times.len() - 1)
    );
}

fn display(site: &Site, broker: &Broker, topic: &Topic, options: &[&str]) -> Host {
    let mut display = serve(site, &root().join("components/logevents"));
    display.args([
        "--kafka",
        &broker.plain,
        "--topic",
        &topic.name,
        "--group",
        "g",
    ]);
    for option in ["fetch_wait_ms=100"].iter().chain(options) {
        display.arg("--kafka-option").arg(option);
    }
    Host::run(display)
}

/// A third host joins two others and leaves again.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, run by `make bench-scale`"]
async fn time_of_a_rebalance() {
    let broker = broker(KAFKA_DIR).await.expect("a broker");
    let site = Site::open().await;
    for protocol in ["classic", "consumer"] {
        let topic = Topic::create(&broker.plain, &format!("join-{protocol}"), 12).await;
        let option = format!("protocol={protocol}");
        let start = || display(&site, &broker, &topic, &[&option]);
        let stay = [start(), start()];
        let is_shared = |by: i64| stay.iter().all(|host| assigned(host) == by);
        until("two share", || is_shared(6));
        let (mut joins, mut leaves) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let third = start();
            let begun = Instant::now();
            until("three share", || is_shared(4) && assigned(&third) == 4);
            joins.push(begun.elapsed());
            let begun = Instant::now();
            let (status, printed) = third.end();
            assert!(status.success(), "{printed}");
            until("two share again", || is_shared(6));
            leaves.push(begun.elapsed());
        }
        tell(&format!("{protocol}, a third host joins"), joins);
        tell(&format!("{protocol}, it ends"), leaves);
    }
}

/// Two static members are restarted in turn, as a rolling update does it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, run by `make bench-scale`"]
async fn rolling_restart_of_static_members_causes_no_rebalance() {
    let broker = broker(KAFKA_DIR).await.expect("a broker");
    let site = Site::open().await;
    for protocol in ["classic", "consumer"] {
        let topic = Topic::create(&broker.plain, &format!("static-{protocol}"), 12).await;
        let start = |name: usize| {
            let member = format!("member=xray-{name}");
            display(
                &site,
                &broker,
                &topic,
                &[&format!("protocol={protocol}"), &member],
            )
        };
        let mut hosts = [Some(start(0)), Some(start(1))];
        let owned = |host: &Option<Host>| host.as_ref().map_or(0, assigned);
        until("two share", || hosts.iter().all(|host| owned(host) == 6));
        let (mut times, mut rebalances) = (Vec::new(), 0);
        for round in 0..ROUNDS {
            let (own, other) = (round % 2, (round + 1) % 2);
            let count = |hosts: &[Option<Host>]| {
                let host = hosts[other].as_ref().unwrap();
                host.metric("xray_kafka_rebalances_total")
            };
            let before = count(&hosts);
            let begun = Instant::now();
            let (status, printed) = hosts[own].take().unwrap().end();
            assert!(status.success(), "{printed}");
            hosts[own] = Some(start(own));
            until("it has its partitions again", || owned(&hosts[own]) == 6);
            times.push(begun.elapsed());
            rebalances += count(&hosts) - before;
        }
        tell(&format!("{protocol}, static member restarts"), times);
        println!(
            "REBALANCE {protocol}, static: {rebalances} at the other host in {ROUNDS} restarts"
        );
    }
}
