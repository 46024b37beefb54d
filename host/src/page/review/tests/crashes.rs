//! Processes that are killed, and a store that fails.

use std::sync::atomic::{AtomicU64, Ordering};

use http::{Method, Response};
use tokio::task::JoinSet;

use super::*;
use crate::page::review::record::LEASE;

/// A transport that ends after a number of requests, as a process does that is killed.
fn dying(store: &Store, lives: u64) -> Transport {
    let (inner, left) = (store.transport(), Arc::new(AtomicU64::new(lives)));
    Transport::from_fn(move |request| {
        let (inner, left) = (inner.clone(), left.clone());
        async move {
            let take = |n: u64| n.checked_sub(1);
            if left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
                .is_err()
            {
                std::future::pending::<()>().await;
            }
            Ok(inner.send(request).await?)
        }
    })
}

/// A process is killed after each request in turn; another one carries the decision out.
#[tokio::test]
async fn crash_at_any_request_loses_and_doubles_nothing() {
    for verdict in [Verdict::Release, Verdict::Reject] {
        for lives in 0..80 {
            let site = Site::new();
            site.quarantine("one.jpeg", "1").await;
            let first = Review::new(
                client(&site.credentials, dying(&site.store, lives)),
                buckets(),
            );
            let first = first.unwrap();
            let work = async {
                let step = decide(&first, "one.jpeg", verdict, "alice", 0).await;
                assert_eq!(step, Step::Taken);
                first.work(UNDO).await;
            };
            let ended = tokio::time::timeout(Duration::from_millis(60), work).await;
            let second = site.review();
            second.refresh(Duration::ZERO).await.unwrap();
            let is_decided = second.waiting().await.unwrap().0.is_empty();
            // As after the lease of the first.
            second.work(UNDO + 2 * LEASE).await;
            let places = (
                site.keys(QUARANTINE).await.len(),
                site.keys(ANONYMIZED).await.len(),
            );
            let expect = match (is_decided, verdict) {
                (false, _) => (1, 0),
                (true, Verdict::Release) => (0, 1),
                (true, Verdict::Reject) => (0, 0),
            };
            assert_eq!(places, expect, "{verdict:?} after {lives} requests");
            // The log is whole, and has an intent for all that happened.
            let events = site.events().await;
            let intends = |action| {
                let mut all = events.iter();
                all.any(|event| event.action == action && event.phase == Some(Phase::Intent))
            };
            let action = match verdict {
                Verdict::Release => Action::Release,
                Verdict::Reject => Action::Reject,
            };
            assert!(!is_decided || intends(Action::Decide) && intends(action));
            if ended.is_ok() {
                assert!(is_decided && lives > 5);
                break;
            }
            assert!(lives < 79, "it needs too many requests");
        }
    }
}

/// A transport of which one response in fifty fails, half of them after the request had its effect.
fn faulty(store: &Store, seed: u64) -> Transport {
    let (inner, count) = (store.transport(), Arc::new(AtomicU64::new(seed)));
    Transport::from_fn(move |request| {
        let (inner, n) = (inner.clone(), count.fetch_add(1, Ordering::SeqCst));
        async move {
            let broken = || Response::builder().status(503).body(Bytes::new()).unwrap();
            match (n % 100, request.method()) {
                (17, _) => Ok(broken()),
                (67, &Method::PUT | &Method::DELETE | &Method::GET) => {
                    inner.send(request).await?;
                    Ok(broken())
                }
                _ => Ok(inner.send(request).await?),
            }
        }
    })
}

/// Two reviewers at two pages decide 200 copies on a store that fails now and then, and one of the
/// pages is killed now and then. The audit log is whole, and has all of it.
#[tokio::test(flavor = "multi_thread")]
async fn two_reviewers_lose_and_double_nothing_in_200_reviews() {
    const COPIES: usize = 200;
    let site = Arc::new(Site::new());
    for number in 0..COPIES {
        site.quarantine(&format!("f/{number}.jpeg"), &number.to_string())
            .await;
    }
    let mut people = JoinSet::new();
    for (person, who) in ["alice", "bob"].into_iter().enumerate() {
        let site = site.clone();
        people.spawn(async move {
            let mut decided: HashMap<String, Verdict> = HashMap::new();
            let mut round = 0;
            'pages: loop {
                round += 1;
                let transport = faulty(&site.store, 31 * round + 50 * person as u64);
                let review = Review::new(client(&site.credentials, transport), buckets()).unwrap();
                for number in 0.. {
                    let time = now();
                    let Ok(next) = review.next(None, who, time).await else {
                        continue;
                    };
                    let Some(id) = next else {
                        break 'pages;
                    };
                    let entry = review.find(&id).await.unwrap().unwrap();
                    let verdict = match entry.key.len() % 2 {
                        0 => Verdict::Release,
                        _ => Verdict::Reject,
                    };
                    let step = review.decide(&id, &entry.etag, verdict, who, time).await;
                    if matches!(step, Ok(Step::Taken)) {
                        let twice = decided.insert(entry.key.clone(), verdict);
                        assert!(twice.is_none(), "decided twice");
                    }
                    review.hurry(who, time);
                    // A killed page leaves the last decisions undone; the next page does them.
                    if number % 10 != 9 {
                        review.work(time).await;
                    } else if person == 0 {
                        let work = review.work(time);
                        _ = tokio::time::timeout(Duration::from_micros(500), work).await;
                        continue 'pages;
                    }
                }
            }
            (who, decided)
        });
    }
    let (names, decided): (Vec<_>, Vec<_>) = people.join_all().await.into_iter().unzip();
    assert!(
        decided.iter().all(|one| one.len() > COPIES / 10),
        "one did all"
    );
    assert_eq!(decided.iter().map(HashMap::len).sum::<usize>(), COPIES);
    let review = site.review();
    review.refresh(Duration::ZERO).await.unwrap();
    review.work(now() + 10 * LEASE).await;

    assert!(site.keys(QUARANTINE).await.is_empty());
    let mut expect: Vec<_> = decided
        .iter()
        .flatten()
        .filter(|(_, verdict)| **verdict == Verdict::Release)
        .map(|(key, _)| key.clone())
        .collect();
    expect.sort();
    assert_eq!(site.keys(ANONYMIZED).await, expect);
    for key in &expect {
        let number = key.trim_start_matches("f/").trim_end_matches(".jpeg");
        assert_eq!(
            site.body(key).await.unwrap(),
            [JPEG, number.as_bytes()].concat()
        );
    }

    let events = site.events().await;
    for (person, who) in decided.iter().zip(names) {
        for (key, verdict) in person {
            let id = bucket::id_of(key);
            let of_copy = |action: Action, phase: Phase| {
                let all = events
                    .iter()
                    .filter(|event| event.copy.as_ref() == Some(&id));
                all.filter(move |event| (event.action, event.phase) == (action, Some(phase)))
                    .collect::<Vec<_>>()
            };
            let taken: Vec<_> = of_copy(Action::Decide, Phase::Outcome)
                .into_iter()
                .filter(|event| event.result.as_deref() == Some("taken"))
                .collect();
            let intents = of_copy(Action::Decide, Phase::Intent);
            let told =
                |event: &&&Event| event.who == who && event.what.as_deref() == Some(verdict.word());
            assert!(
                intents.iter().any(|event| told(&event)),
                "{who} {verdict:?}"
            );
            assert!(taken.len() <= 1 && taken.iter().all(|event| told(&event)));
            let effect = match verdict {
                Verdict::Release => Action::Release,
                Verdict::Reject => Action::Reject,
            };
            assert!(!of_copy(effect, Phase::Intent).is_empty());
            let of_copy = || {
                let all = events.iter();
                all.filter(|event| event.copy.as_ref() == Some(&id))
            };
            assert!(of_copy().any(|event| event.action == Action::Claim && event.who == who));
            let known = [Action::Claim, Action::Decide, effect];
            assert!(of_copy().all(|event| known.contains(&event.action)));
        }
    }
    println!("{} events in the audit log", events.len());
}
