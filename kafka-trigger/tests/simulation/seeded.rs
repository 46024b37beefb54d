//! A thousand schedules of faults, each made from its number: crashes, stops, lost assignments,
//! rebalances, failing commits, dead letters and retry topics, and outages of the store. Each runs
//! with a retry topic and without. `XRAY_SEED=N` runs one.

use std::time::Duration;

use crate::{
    DONE, Env,
    cluster::{Plan, Planned},
    simulate,
};

const SCHEDULES: u64 = 1000;

/// Names the schedule if it fails.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat this schedule with XRAY_SEED={}", self.0);
        }
    }
}

#[test]
fn thousand_schedules_lose_nothing_and_keep_the_order() {
    schedules(false);
}

#[test]
fn thousand_schedules_with_a_retry_topic_lose_nothing_and_keep_order_and_attempts() {
    schedules(true);
}

fn schedules(has_retry_topic: bool) {
    let only = std::env::var("XRAY_SEED").ok();
    let only = only.map(|seed| seed.parse().expect("XRAY_SEED is a number"));
    let seeds = only.map_or(0..SCHEDULES, |seed: u64| seed..seed + 1);
    let (mut records, mut repeated) = (0, 0);
    for seed in seeds {
        let _named = Named(seed);
        let (own, again) = simulate(run(seed, has_retry_topic));
        records += own;
        repeated += again;
    }
    println!(
        "SCHEDULES retry topic {has_retry_topic:<5}  records {records}  delivered again {repeated}  lost 0  out of order 0"
    );
}

/// Runs a schedule. Returns the numbers of its records, and of those that were done twice.
async fn run(seed: u64, has_retry_topic: bool) -> (usize, usize) {
    let mut random = fastrand::Rng::with_seed(seed);
    let partitions = random.usize(1..8);
    let mut env = Env::new(seed, partitions);
    env.cluster.state().has_retry_topic = has_retry_topic;
    let records: Vec<_> = (0..random.usize(20..160))
        .map(|_| record(&mut random))
        .collect();
    let mut chunks = records.chunks(12);
    env.start();
    for _ in 0..random.usize(5..25) {
        if let Some(chunk) = chunks.next() {
            env.cluster.produce(chunk);
        }
        tokio::time::sleep(Duration::from_millis(random.u64(0..2_000))).await;
        step(&mut env, &mut random).await;
    }
    for chunk in chunks {
        env.cluster.produce(chunk);
    }
    // Also checks that nothing is lost and no record overtakes another of its key.
    let cluster = env.finish().await;
    let latest = cluster.latest();
    let state = cluster.state();
    assert_eq!(state.store, latest, "the store is stale");
    assert_eq!(state.last, latest, "an earlier record came last");
    (records.len(), state.repeated)
}

fn record(random: &mut fastrand::Rng) -> Planned {
    let key = random.u8(0..12);
    Planned {
        // As a producer with keys does it.
        partition: key % 7,
        key,
        gap: if random.u8(0..6) == 0 {
            random.u8(1..4)
        } else {
            0
        },
        plan: match random.u8(0..14) {
            0 | 1 => Plan::RetryThenDone(random.u32(1..6)),
            2 => Plan::BlockThenDone(random.u32(1..6)),
            3 => Plan::Reject,
            4 => Plan::Crash,
            5 => Plan::HangOnce,
            _ => DONE,
        },
    }
}

async fn step(env: &mut Env, random: &mut fastrand::Rng) {
    let members = env.cluster.members();
    let pick = random.choice(members.iter().copied());
    match (random.u8(0..14), pick) {
        (0 | 1, _) if members.len() < 4 => _ = env.start(),
        (2, Some(member)) => env.stop(member).await,
        (3 | 4, Some(member)) => env.crash(member),
        (5 | 6, Some(member)) => env.cluster.lose(member),
        (7, _) => {
            let fails = random.bool();
            env.cluster.state().fails_commits = fails;
        }
        (8, _) => {
            let fails = random.bool();
            env.cluster.state().fails_dead_letters = fails;
        }
        (9 | 10, _) => {
            let fails = random.bool();
            env.cluster.state().fails_store = fails;
        }
        (12 | 13, _) => {
            let fails = random.bool();
            env.cluster.state().fails_retries = fails;
        }
        _ => env.cluster.rebalance(),
    }
}
