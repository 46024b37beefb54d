//! Schedules of faults against a real Kafka, each made from its number: members that are killed,
//! ended and started, a broker that is killed, a handler that fails. `XRAY_SEED=N` runs one,
//! `XRAY_SCHEDULES=N` that many; `make schedules` runs 50. With `XRAY_RETRY_TOPIC` there is a retry
//! topic, and attempts must survive. `make test` runs a few with one and a few without.
//!
//! A member is this program again, as a process of its own, with the trigger and a handler that
//! asks the judge of the test for each response.

mod judge;
mod member;

use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng, rngs::StdRng};
use testkit::{
    kafka::{Broker, Out, Topic, broker},
    wait::until,
};

use self::{
    judge::{Judge, Plan},
    member::Member,
};
use crate::KAFKA_DIR;

const PARTITIONS: i32 = 4;
const KEYS: usize = 10;
const GROUP: &str = "schedule";

/// Time after which a schedule that goes on without a fault says what is open.
const SLOW: Duration = Duration::from_secs(60);

/// Number of schedules of each kind in `make test`.
const FEW: u64 = 2;

/// Reports whether the members of repeated schedules have a retry topic.
fn has_retry_topic() -> bool {
    std::env::var_os("XRAY_RETRY_TOPIC").is_some_and(|value| !value.is_empty())
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_of_faults_lose_nothing_and_keep_the_order() {
    let Some(mut broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        Some(text.parse::<u64>().expect("a number"))
    };
    let count = number("XRAY_SCHEDULES");
    let (seeds, kinds) = match (number("XRAY_SEED"), count) {
        (Some(seed), _) => (seed..seed + 1, vec![has_retry_topic()]),
        (None, Some(count)) => (0..count, vec![has_retry_topic()]),
        (None, None) => (0..FEW, vec![false, true]),
    };
    for has_retries in kinds {
        let begun = Instant::now();
        let mut total = Counts::default();
        for seed in seeds.clone() {
            let retries = if has_retries {
                "XRAY_RETRY_TOPIC=1 "
            } else {
                ""
            };
            println!("schedule {seed}; repeat it with {retries}XRAY_SEED={seed}");
            total.add(run(&mut broker, seed, has_retries).await);
        }
        println!(
            "SCHEDULES {total:?} retry topic {has_retries}, lost 0, out of order 0, in {:.0} s",
            begun.elapsed().as_secs_f64()
        );
    }
}

/// Numbers over all schedules.
#[derive(Debug, Default)]
struct Counts {
    schedules: usize,
    records: usize,
    deliveries: usize,
    again: usize,
    dead_letters: usize,
    kills: u32,
    ends: u32,
    brokers: u32,
    fenced: u32,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.records += other.records;
        self.deliveries += other.deliveries;
        self.again += other.again;
        self.dead_letters += other.dead_letters;
        self.kills += other.kills;
        self.ends += other.ends;
        self.brokers += other.brokers;
        self.fenced += other.fenced;
    }
}

fn plan(random: &mut StdRng) -> Plan {
    match random.random_range(0..14) {
        0..3 => Plan::Fail(random.random_range(1..6)),
        3 => Plan::Refuse,
        4 | 5 => Plan::Crash,
        _ => Plan::Fail(0),
    }
}

async fn run(broker: &mut Broker, seed: u64, has_retries: bool) -> Counts {
    let mut random = StdRng::seed_from_u64(seed);
    let name = format!(
        "schedule-{seed}{}",
        if has_retries { "-parked" } else { "" }
    );
    let topic = Topic::create(&broker.plain, &name, PARTITIONS).await;
    let judge = Judge::start().await;
    let (address, brokers) = (judge.address.clone(), broker.plain.clone());
    // KIP-848 every third time.
    let protocol = ["classic", "classic", "consumer"][seed as usize % 3];
    let start = |number| Member::start(&address, &brokers, (&name, has_retries), number, protocol);
    let mut members = [Some(start(0)), None, None];
    let mut counts = Counts {
        schedules: 1,
        ..Counts::default()
    };
    let breaks_broker = seed % 5 == 4;
    let turns = random.random_range(6..12);
    for turn in 0..turns {
        let records: Vec<_> = (0..random.random_range(5..20))
            .map(|_| judge.record(random.random_range(0..KEYS), plan(&mut random)))
            .collect();
        counts.records += records.len();
        for (key, value) in records {
            let partition = i32::try_from(key).unwrap() % PARTITIONS;
            let key = Some(format!("key-{key}").into_bytes());
            let out = Out {
                key,
                ..Out::value(value)
            };
            topic.put(partition, &out).await;
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(50..700))).await;
        let number = random.random_range(0..members.len());
        let own = &mut members[number];
        match (random.random_range(0..10), own.take()) {
            (0..6, Some(member)) => {
                member.kill();
                counts.kills += 1;
                // Its name brings its partitions back at once.
                *own = Some(start(number));
            }
            (6..8, Some(member)) => {
                tokio::task::block_in_place(|| member.end());
                counts.ends += 1;
            }
            (_, None) => *own = Some(start(number)),
            (_, member) => *own = member,
        }
        judge.set_down(random.random_bool(0.2));
        if breaks_broker && turn == turns / 2 {
            tokio::task::block_in_place(|| {
                broker.kill();
                broker.restart();
            });
            counts.brokers += 1;
        }
    }
    judge.set_down(false);
    for (number, own) in members.iter_mut().enumerate() {
        own.get_or_insert_with(|| start(number));
    }
    // As a supervisor does.
    let mut supervise = || {
        for (number, own) in members.iter_mut().enumerate() {
            if own.as_mut().is_some_and(Member::has_ended) {
                *own = Some(start(number));
                counts.fenced += 1;
            }
        }
    };
    let retries = Topic::named(&broker.plain, &format!("{name}-retries"), PARTITIONS);
    let (begun, mut is_slow) = (Instant::now(), false);
    until(&format!("schedule {seed}: all is settled"), || {
        supervise();
        judge.check();
        let unsettled = judge.unsettled();
        if begun.elapsed() > SLOW && !is_slow {
            is_slow = true;
            println!("schedule {seed} is slow: unsettled {unsettled:?}");
            for topic in [&topic].into_iter().chain(has_retries.then_some(&retries)) {
                let (committed, ends) = (topic.committed(GROUP), topic.ends());
                println!("{}: committed {committed:?} of {ends:?}", topic.name);
            }
        }
        unsettled.is_empty()
    });
    until(&format!("schedule {seed}: all is committed"), || {
        supervise();
        topic.is_done(GROUP) && (!has_retries || retries.is_done(GROUP))
    });
    for member in members.into_iter().flatten() {
        tokio::task::block_in_place(|| member.end());
    }
    judge.check();
    let dead = Topic::named(&broker.plain, &format!("{name}-dead-letters"), 1);
    let letters = match judge.dead() {
        0 => Vec::new(),
        _ => dead.read(),
    };
    judge.check_letters(&letters);
    if has_retries {
        judge.check_attempts(&letters, counts.kills + counts.brokers);
    }
    counts.dead_letters = letters.len();
    (counts.deliveries, counts.again) = judge.deliveries();
    topic.delete().await;
    if has_retries {
        retries.delete().await;
    }
    counts
}
