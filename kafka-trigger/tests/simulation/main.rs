//! The trigger against a simulated cluster, in virtual time.
//!
//! Single scenarios first, then random schedules of rebalances, lost assignments, crashes,
//! restarts, failing commits and failing dead letters. A failing schedule is shrunk by proptest and
//! repeats exactly, since every choice comes from its seed.

mod cluster;
mod retries;
mod seeded;

use std::{collections::BTreeMap, time::Duration};

use kafka_trigger::{Backoff, Event, Options, RetryLimit, Trigger};
use proptest::prelude::*;

use cluster::{Cluster, MemberId, Plan, Planned, SimHandler, id};

const IN_FLIGHT: usize = 4;
const DONE: Plan = Plan::RetryThenDone(0);

fn options() -> Options {
    Options {
        group: "g".into(),
        in_flight: IN_FLIGHT,
        timeout: Some(Duration::from_secs(2)),
        backoff: Backoff {
            initial: Duration::from_millis(50),
            max: Duration::from_secs(1),
        },
        retry_limit: RetryLimit {
            failures: 0,
            crashes: 3,
        },
        // Shorter than the timeout, so that some deliveries outlive their partition.
        drain: Duration::from_secs(1),
        seed: Some(7),
        ..Options::default()
    }
}

fn planned(partition: u8, key: u8, plan: Plan) -> Planned {
    Planned {
        partition,
        key,
        gap: 0,
        plan,
    }
}

/// A cluster and the triggers that read it.
struct Env {
    cluster: Cluster,
    triggers: BTreeMap<MemberId, Trigger>,
    next: MemberId,
    options: Options,
}

impl Env {
    fn new(seed: u64, partitions: usize) -> Self {
        Self {
            cluster: Cluster::new(seed, partitions, IN_FLIGHT),
            triggers: BTreeMap::new(),
            next: 0,
            options: options(),
        }
    }

    fn start(&mut self) -> MemberId {
        let member = self.next;
        self.next += 1;
        let handler = SimHandler {
            cluster: self.cluster.clone(),
            member,
        };
        let trigger = Trigger::builder(self.cluster.join(member), handler)
            .options(self.options.clone())
            .start();
        self.triggers.insert(member, trigger);
        self.cluster.rebalance();
        member
    }

    fn crash(&mut self, member: MemberId) {
        self.cluster.crash(member);
        self.triggers.remove(&member);
        self.cluster.rebalance();
    }

    async fn stop(&mut self, member: MemberId) {
        if let Some(trigger) = self.triggers.remove(&member) {
            trigger.stop().await.unwrap();
        }
        self.cluster.rebalance();
    }

    /// Waits for a condition, for at most an hour of virtual time.
    async fn until(&self, what: &str, condition: impl Fn(&Cluster) -> bool) {
        for _ in 0..36_000 {
            if condition(&self.cluster) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let state = self.cluster.state();
        let trace = &state.trace[state.trace.len().saturating_sub(60)..];
        panic!("not within an hour: {what}\n{}", trace.join("\n"));
    }

    /// Ends all faults, waits until everything is committed, and checks the rules.
    async fn finish(mut self) -> Cluster {
        {
            let mut state = self.cluster.state();
            state.fails_commits = false;
            state.fails_dead_letters = false;
            state.fails_retries = false;
            state.fails_store = false;
        }
        if self.cluster.members().is_empty() {
            self.start();
        }
        self.cluster.rebalance();
        self.until("all is committed", |cluster| {
            cluster.is_committed() && cluster.unsettled() == 0
        })
        .await;
        self.until("the retries are committed", Cluster::is_retried)
            .await;
        for member in self.cluster.members() {
            self.stop(member).await;
        }
        self.cluster.check();
        assert_eq!(self.cluster.unsettled(), 0, "records are lost");
        let deliveries = self.cluster.deliveries();
        let member = self.start();
        tokio::time::sleep(Duration::from_secs(5)).await;
        self.stop(member).await;
        assert_eq!(self.cluster.deliveries(), deliveries, "delivered again");
        self.cluster
    }
}

/// Runs a scenario in one thread and in virtual time.
fn simulate<T>(scenario: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(scenario)
}

#[test]
fn records_are_delivered_once_when_nothing_fails() {
    simulate(async {
        let mut env = Env::new(1, 3);
        let records: Vec<_> = (0..60).map(|n| planned(n % 3, n % 7, DONE)).collect();
        env.cluster.produce(&records);
        env.start();
        let cluster = env.finish().await;
        assert_eq!(cluster.state().repeated, 0);
    });
}

#[test]
fn offset_gaps_do_not_hold_up_the_commit() {
    simulate(async {
        let mut env = Env::new(1, 1);
        let records: Vec<_> = (0..20)
            .map(|n| Planned {
                gap: n % 4,
                ..planned(0, n, DONE)
            })
            .collect();
        env.cluster.produce(&records);
        env.start();
        let cluster = env.finish().await;
        assert_eq!(cluster.committed(0), 20 + 30);
    });
}

#[test]
fn retry_holds_up_no_other_key_of_its_partition() {
    simulate(async {
        let mut env = Env::new(1, 1);
        env.options.backoff = Backoff {
            initial: Duration::from_secs(600),
            max: Duration::from_secs(600),
        };
        env.cluster
            .produce(&[planned(0, 0, Plan::RetryThenDone(1))]);
        env.start();
        // By then it has failed, and it waits for at least five minutes.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let begun = tokio::time::Instant::now();
        let records: Vec<_> = (0..20).map(|n| planned(0, n % 7, DONE)).collect();
        env.cluster.produce(&records);
        // Three of them have its key.
        env.until("the other keys are done", |cluster| {
            cluster.unsettled() == 4
        })
        .await;
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert_eq!(env.cluster.committed(0), 0, "nothing after a gap");
        let cluster = env.finish().await;
        assert_eq!(cluster.state().repeated, 0);
    });
}

#[test]
fn partition_pauses_when_many_of_its_records_wait() {
    simulate(async {
        let mut env = Env::new(1, 2);
        env.options.max_waiting = 3;
        let failing: Vec<_> = (0..3)
            .map(|key| planned(0, key, Plan::RetryThenDone(20)))
            .collect();
        env.cluster.produce(&failing);
        let member = env.start();
        env.until("the partition is paused", |cluster| {
            cluster.reads(0) == 3 && cluster.is_paused(member, 0)
        })
        .await;
        let records: Vec<_> = (0..20).map(|n| planned(n % 2, n + 3, DONE)).collect();
        env.cluster.produce(&records);
        env.until("the other partition is committed", |cluster| {
            cluster.committed(1) == 10
        })
        .await;
        let cluster = env.finish().await;
        assert_eq!(cluster.state().repeated, 0);
    });
}

#[test]
fn partition_is_read_only_so_far_beyond_an_unfinished_record() {
    simulate(async {
        let mut env = Env::new(1, 1);
        env.options.max_ahead = 100;
        env.cluster
            .produce(&[planned(0, 0, Plan::BlockThenDone(200))]);
        let records: Vec<_> = (0..200).map(|n| planned(0, 1 + n % 5, DONE)).collect();
        env.cluster.produce(&records);
        let member = env.start();
        env.until("the partition is paused far ahead", |cluster| {
            cluster.unsettled() == 201 - 99 && cluster.is_paused(member, 0)
        })
        .await;
        env.finish().await;
    });
}

#[test]
fn full_window_pauses_a_partition() {
    simulate(async {
        let mut env = Env::new(1, 1);
        // All of one key, so that they wait for each other.
        let records: Vec<_> = (0..200).map(|_| planned(0, 0, DONE)).collect();
        env.cluster.produce(&records);
        let member = env.start();
        env.until("the window is full", |cluster| {
            cluster.reads(0) > 0 && cluster.is_paused(member, 0)
        })
        .await;
        assert!(env.cluster.reads(0) <= options().window() + 30);
        env.finish().await;
    });
}

#[test]
fn dead_letter_holds_the_commit_until_it_is_written() {
    simulate(async {
        let mut env = Env::new(3, 1);
        env.cluster.state().fails_dead_letters = true;
        let records = [
            planned(0, 0, Plan::Reject),
            planned(0, 1, DONE),
            planned(0, 2, Plan::Crash),
        ];
        env.cluster.produce(&records);
        env.start();
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(env.cluster.committed(0), 0);
        env.cluster.state().fails_dead_letters = false;
        let cluster = env.finish().await;
        let mut letters = cluster.state().dead_letters.clone();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters, [(0, 0, "refused"), (0, 2, "crashes")]);
    });
}

#[test]
fn blocked_record_is_never_dead_lettered() {
    simulate(async {
        let mut env = Env::new(11, 1);
        env.options.retry_limit.failures = 2;
        let records = [
            planned(0, 0, Plan::BlockThenDone(40)),
            planned(0, 1, Plan::RetryThenDone(40)),
        ];
        env.cluster.produce(&records);
        env.start();
        let cluster = env.finish().await;
        let letters = cluster.state().dead_letters.clone();
        assert_eq!(letters, [(0, 1, "failures")]);
    });
}

#[test]
fn crash_and_restart_lose_nothing() {
    simulate(async {
        let mut env = Env::new(5, 3);
        let records: Vec<_> = (0..90).map(|n| planned(n % 3, n % 11, DONE)).collect();
        env.cluster.produce(&records);
        let member = env.start();
        env.until("some are committed", |cluster| cluster.committed(0) > 3)
            .await;
        env.crash(member);
        env.finish().await;
    });
}

#[test]
fn cooperative_rebalance_repeats_nothing_that_completed_in_order() {
    simulate(async {
        let mut env = Env::new(9, 4);
        // One key for each partition. Records that completed after a gap are read again.
        let records: Vec<_> = (0..120).map(|n| planned(n % 4, n % 4, DONE)).collect();
        env.cluster.produce(&records);
        env.start();
        env.start();
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            env.cluster.rebalance();
        }
        let cluster = env.finish().await;
        assert_eq!(cluster.state().repeated, 0);
    });
}

#[test]
fn stop_commits_the_records_that_were_running() {
    simulate(async {
        let mut env = Env::new(2, 2);
        let records: Vec<_> = (0..40).map(|n| planned(n % 2, n, DONE)).collect();
        env.cluster.produce(&records);
        let member = env.start();
        env.until("some are read", |cluster| cluster.reads(0) > 5)
            .await;
        env.stop(member).await;
        let cluster = env.finish().await;
        assert_eq!(cluster.state().repeated, 0);
    });
}

/// Five records are committed, then the topic is deleted and created again, and ten are written.
async fn recreated(tell: impl FnOnce(&Cluster)) -> Cluster {
    let mut env = Env::new(6, 1);
    let records: Vec<_> = (0..5).map(|n| planned(0, n % 3, DONE)).collect();
    env.cluster.produce(&records);
    env.start();
    env.until("the first five are committed", Cluster::is_committed)
        .await;
    let records: Vec<_> = (0..10).map(|n| planned(0, n % 3, DONE)).collect();
    env.cluster.recreate(0);
    env.cluster.produce(&records);
    tell(&env.cluster);
    env.finish().await
}

#[test]
fn topic_created_again_is_read_from_its_beginning() {
    simulate(async {
        let cluster = recreated(|cluster| {
            cluster.reset_position(0);
            cluster.tell(0, Event::Recreated(vec![(id(0), 0)]));
        })
        .await;
        assert_eq!((cluster.reads(0), cluster.committed(0)), (10, 10));
        assert_eq!(cluster.state().repeated, 0);
    });
}

#[test]
fn falling_offset_is_a_topic_created_again() {
    simulate(async {
        let cluster = recreated(|cluster| cluster.reset_position(0)).await;
        assert_eq!((cluster.reads(0), cluster.committed(0)), (10, 10));
        assert_eq!(cluster.state().repeated, 0);
    });
}

#[test]
fn empty_topic_created_again_commits_its_beginning() {
    simulate(async {
        let mut env = Env::new(6, 1);
        env.cluster.produce(&[planned(0, 0, DONE)]);
        let member = env.start();
        env.until("the record is committed", Cluster::is_committed)
            .await;
        env.cluster.recreate(0);
        env.cluster.reset_position(0);
        env.cluster.tell(0, Event::Recreated(vec![(id(0), 0)]));
        env.until("the beginning is committed", |cluster| {
            cluster.committed(0) == 0
        })
        .await;
        // Written while nobody reads: without the commit they would be skipped.
        env.crash(member);
        env.cluster
            .produce(&[planned(0, 1, DONE), planned(0, 2, DONE)]);
        let cluster = env.finish().await;
        assert_eq!(cluster.committed(0), 2);
    });
}

#[test]
fn control_records_behind_the_last_record_are_committed() {
    simulate(async {
        let mut env = Env::new(6, 1);
        env.cluster
            .produce(&[planned(0, 0, DONE), planned(0, 1, Plan::RetryThenDone(3))]);
        let member = env.start();
        env.until("both are read", |cluster| cluster.reads(0) == 2)
            .await;
        env.cluster.tell(0, Event::ReadUpTo(vec![(id(0), 3)]));
        env.until("both are committed", |cluster| cluster.committed(0) == 2)
            .await;
        env.cluster.tell(0, Event::ReadUpTo(vec![(id(0), 3)]));
        env.until("the end is committed", |cluster| cluster.committed(0) == 3)
            .await;
        env.stop(member).await;
        env.cluster.check();
    });
}

#[test]
fn simulation_repeats_exactly_with_its_seed() {
    let run = |seed| {
        simulate(async {
            let mut env = Env::new(seed, 3);
            let records: Vec<_> = (0..60).map(|n| planned(n % 3, n % 5, DONE)).collect();
            env.cluster.produce(&records);
            let first = env.start();
            env.start();
            tokio::time::sleep(Duration::from_millis(700)).await;
            env.cluster.lose(first);
            tokio::time::sleep(Duration::from_millis(300)).await;
            env.crash(first);
            let cluster = env.finish().await;
            cluster.state().trace.join("\n")
        })
    };
    assert!(run(4) == run(4));
    assert!(run(4) != run(5));
}

/// A change from outside.
#[derive(Debug, Clone, Copy)]
enum Step {
    Produce,
    Start,
    Stop(u8),
    Crash(u8),
    Lose(u8),
    Rebalance,
    FailCommits(bool),
    FailDeadLetters(bool),
    FailRetries(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Produce),
        2 => Just(Step::Start),
        1 => any::<u8>().prop_map(Step::Stop),
        2 => any::<u8>().prop_map(Step::Crash),
        2 => any::<u8>().prop_map(Step::Lose),
        3 => Just(Step::Rebalance),
        1 => any::<bool>().prop_map(Step::FailCommits),
        1 => any::<bool>().prop_map(Step::FailDeadLetters),
        1 => any::<bool>().prop_map(Step::FailRetries),
    ]
}

fn record() -> impl Strategy<Value = Planned> {
    let plan = prop_oneof![
        8 => Just(DONE),
        2 => (1_u32..5).prop_map(Plan::RetryThenDone),
        1 => Just(Plan::Reject),
        1 => Just(Plan::Crash),
        1 => Just(Plan::HangOnce),
    ];
    let gap = prop_oneof![5 => Just(0_u8), 1 => 1_u8..4];
    (0_u8..4, 0_u8..6, gap, plan).prop_map(|(partition, key, gap, plan)| Planned {
        partition,
        key,
        gap,
        plan,
    })
}

async fn run_schedule(mut env: Env, records: Vec<Planned>, steps: &[(u16, Step)]) {
    let mut chunks = records.chunks(10);
    if let Some(chunk) = chunks.next() {
        env.cluster.produce(chunk);
    }
    env.start();
    for (delay, step) in steps {
        tokio::time::sleep(Duration::from_millis((*delay).into())).await;
        let members = env.cluster.members();
        let pick = |index: u8| members.get(usize::from(index) % members.len().max(1));
        match *step {
            Step::Produce => {
                if let Some(chunk) = chunks.next() {
                    env.cluster.produce(chunk);
                }
            }
            Step::Start if members.len() < 3 => _ = env.start(),
            Step::Start => {}
            Step::Stop(index) => {
                if let Some(member) = pick(index) {
                    env.stop(*member).await;
                }
            }
            Step::Crash(index) => {
                if let Some(member) = pick(index) {
                    env.crash(*member);
                }
            }
            Step::Lose(index) => {
                if let Some(member) = pick(index) {
                    env.cluster.lose(*member);
                }
            }
            Step::Rebalance => env.cluster.rebalance(),
            Step::FailCommits(fails) => env.cluster.state().fails_commits = fails,
            Step::FailDeadLetters(fails) => env.cluster.state().fails_dead_letters = fails,
            Step::FailRetries(fails) => env.cluster.state().fails_retries = fails,
        }
    }
    for chunk in chunks {
        env.cluster.produce(chunk);
    }
    env.finish().await;
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Under any schedule nothing is lost, the order by key is kept, only the contiguous prefix is
    /// committed, and commits never go back.
    #[test]
    fn promises_hold_under_any_schedule(
        seed: u64,
        has_retry_topic: bool,
        partitions in 1_usize..5,
        records in prop::collection::vec(record(), 1..80),
        steps in prop::collection::vec((0_u16..1500, step()), 0..16),
    ) {
        simulate(async {
            let env = Env::new(seed, partitions);
            env.cluster.state().has_retry_topic = has_retry_topic;
            run_schedule(env, records, &steps).await;
        });
    }
}
