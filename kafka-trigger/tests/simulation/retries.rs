//! Scenarios with a retry topic.

use std::time::Duration;

use kafka_trigger::Backoff;

use crate::{
    DONE, Env,
    cluster::{Plan, Planned},
    planned, simulate,
};

fn env(seed: u64, partitions: usize) -> Env {
    let env = Env::new(seed, partitions);
    env.cluster.state().has_retry_topic = true;
    env
}

fn slow(env: &mut Env) {
    env.options.backoff = Backoff {
        initial: Duration::from_secs(60),
        max: Duration::from_secs(60),
    };
}

#[test]
fn record_on_the_retry_topic_holds_up_no_commit() {
    simulate(async {
        let mut env = env(1, 1);
        env.options.max_ahead = 100;
        env.cluster
            .produce(&[planned(0, 0, Plan::BlockThenDone(200))]);
        let records: Vec<_> = (0..250).map(|n| planned(0, 1 + n % 5, DONE)).collect();
        env.cluster.produce(&records);
        env.start();
        env.until("all others are committed", |cluster| {
            cluster.committed(0) == 251 && cluster.unsettled() == 1
        })
        .await;
        let cluster = env.finish().await;
        assert_eq!(cluster.state().repeated, 0);
    });
}

#[test]
fn later_records_of_its_key_move_with_a_record() {
    simulate(async {
        let mut env = env(1, 1);
        slow(&mut env);
        env.cluster
            .produce(&[planned(0, 0, Plan::RetryThenDone(1))]);
        let records: Vec<_> = (0..20).map(|n| planned(0, n % 2, DONE)).collect();
        env.cluster.produce(&records);
        let member = env.start();
        env.until("everything is committed", |cluster| cluster.is_committed())
            .await;
        assert_eq!(env.cluster.unsettled(), 11, "of the first key");
        // The next one finds them, in their order.
        env.crash(member);
        let cluster = env.finish().await;
        let latest = cluster.latest();
        assert_eq!(cluster.state().last, latest);
        assert_eq!(cluster.state().repeated, 0);
    });
}

#[test]
fn attempts_survive_a_crash_and_a_rebalance() {
    simulate(async {
        for is_crash in [true, false] {
            let mut env = env(3, 1);
            slow(&mut env);
            env.cluster.produce(&[planned(0, 0, Plan::Crash)]);
            for attempts in 1..3 {
                let member = env.start();
                env.until("it has failed", |cluster| cluster.deliveries() == attempts)
                    .await;
                tokio::time::sleep(Duration::from_secs(5)).await;
                if is_crash {
                    env.crash(member);
                } else {
                    env.stop(member).await;
                }
            }
            let cluster = env.finish().await;
            assert_eq!(cluster.deliveries(), 3, "the limit");
            assert_eq!(cluster.state().dead_letters, [(0, 0, "crashes")]);
        }
    });
}

#[test]
fn retry_topic_that_is_down_loses_nothing() {
    simulate(async {
        let mut env = env(4, 2);
        let records: Vec<_> = (0..40)
            .map(|n| planned(n % 2, n % 6, Plan::RetryThenDone(u32::from(n) % 3)))
            .collect();
        env.cluster.produce(&records);
        env.start();
        env.until("some are read", |cluster| cluster.reads(0) > 0)
            .await;
        env.cluster.state().fails_retries = true;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let cluster = env.finish().await;
        let latest = cluster.latest();
        assert_eq!(cluster.state().last, latest);
    });
}

#[test]
fn nothing_is_delivered_before_the_retry_topic_is_read() {
    simulate(async {
        let mut env = env(4, 1);
        env.cluster.state().fails_retries = true;
        env.cluster.produce(&[planned(0, 0, DONE)]);
        env.start();
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(env.cluster.deliveries(), 0);
        env.finish().await;
    });
}

#[test]
fn partition_with_many_records_on_the_retry_topic_pauses() {
    simulate(async {
        let mut env = env(1, 1);
        env.options.max_ahead = 80;
        let records: Vec<Planned> = (0..200)
            .map(|_| planned(0, 0, Plan::BlockThenDone(30)))
            .collect();
        env.cluster.produce(&records);
        let member = env.start();
        env.until("it is paused", |cluster| {
            cluster.reads(0) >= 80 && cluster.is_paused(member, 0)
        })
        .await;
        assert!(env.cluster.reads(0) < 200);
        env.crash(member);
    });
}

#[test]
fn topic_created_again_keeps_what_waits_on_the_retry_topic() {
    simulate(async {
        let mut env = env(6, 1);
        slow(&mut env);
        let records: Vec<_> = (0..5).map(|n| planned(0, n, DONE)).collect();
        env.cluster.produce(&records);
        env.start();
        env.until("the first five are committed", |cluster| {
            cluster.is_committed()
        })
        .await;
        let records: Vec<_> = (0..10)
            .map(|n| planned(0, n % 3, Plan::RetryThenDone(u32::from(n) % 2)))
            .collect();
        env.cluster.recreate(0);
        env.cluster.produce(&records);
        env.cluster.reset_position(0);
        let cluster = env.finish().await;
        assert_eq!((cluster.reads(0), cluster.committed(0)), (10, 10));
        assert_eq!(cluster.state().repeated, 0);
    });
}
