//! Delivery of notifications: retries, concurrency, and who waits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use fake_gateway::notify::{Delivery, Event, Retry, Rule, Topic};
use http::Response;
use s3::Transport;
use tokio::sync::{mpsc, oneshot};

use crate::support::{BUCKET, served, topic};

/// A receiver that rejects the first `failures` deliveries.
fn failing(failures: usize, status: u16) -> (Transport, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = calls.clone();
    let transport = Transport::from_fn(move |_| {
        let refused = seen.fetch_add(1, Ordering::SeqCst) < failures;
        let status = if refused { status } else { 200 };
        async move { Ok(Response::builder().status(status).body(Bytes::new())?) }
    });
    (transport, calls)
}

fn quick(attempts: u32) -> Retry {
    let pause = Duration::from_millis(1);
    Retry {
        attempts,
        first_pause: pause,
        longest_pause: pause,
        timeout: Duration::from_secs(5),
    }
}

fn persistent(
    transport: Transport,
    concurrency: usize,
    attempts: u32,
) -> (Topic, mpsc::UnboundedReceiver<Delivery>) {
    let (finished, deliveries) = mpsc::unbounded_channel();
    let url = "http://receiver/".parse().unwrap();
    (
        Topic::persistent(url, transport, concurrency, quick(attempts), Some(finished)),
        deliveries,
    )
}

#[tokio::test]
async fn persistent_topic_retries_until_accepted() {
    let (transport, calls) = failing(2, 503);
    let (topic, mut deliveries) = persistent(transport, 4, 8);
    let s = served(vec![Rule::created(BUCKET, topic)]).await;
    assert_eq!(s.put("a b", &[], "1").await, 200);
    let delivery = deliveries.recv().await.unwrap();
    assert!(delivery.is_accepted());
    assert_eq!((delivery.attempts, calls.load(Ordering::SeqCst)), (3, 3));
    assert_eq!((delivery.event, delivery.key.as_str()), (Event::Put, "a b"));
}

#[tokio::test]
async fn persistent_topic_gives_up_and_reports_it() {
    let (transport, calls) = failing(100, 500);
    let (topic, mut deliveries) = persistent(transport, 4, 3);
    let s = served(vec![Rule::created(BUCKET, topic)]).await;
    assert_eq!(s.put("a", &[], "1").await, 200);
    let delivery = deliveries.recv().await.unwrap();
    assert!(!delivery.is_accepted());
    assert_eq!((delivery.attempts, calls.load(Ordering::SeqCst)), (3, 3));
    assert_eq!(delivery.response.unwrap().status(), 500);
}

#[tokio::test]
async fn direct_topic_pushes_once_while_the_uploader_waits() {
    let (transport, calls) = failing(1, 503);
    let s = served(vec![Rule::created(BUCKET, topic(transport))]).await;
    assert_eq!(s.put("a", &[], "1").await, 200);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn uploader_does_not_wait_for_a_persistent_topic() {
    let (open, gate) = oneshot::channel::<()>();
    let gate = Arc::new(tokio::sync::Mutex::new(Some(gate)));
    let transport = Transport::from_fn(move |_| {
        let gate = gate.clone();
        async move {
            if let Some(gate) = gate.lock().await.take() {
                gate.await.unwrap();
            }
            Ok(Response::new(Bytes::new()))
        }
    });
    let (topic, mut deliveries) = persistent(transport, 1, 1);
    let s = served(vec![Rule::created(BUCKET, topic)]).await;
    assert_eq!(s.put("a", &[], "1").await, 200);
    assert!(deliveries.try_recv().is_err());
    open.send(()).unwrap();
    assert!(deliveries.recv().await.unwrap().is_accepted());
}

#[tokio::test]
async fn deliveries_in_flight_are_bounded() {
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (under_way, highest) = (now.clone(), most.clone());
    let transport = Transport::from_fn(move |_| {
        let (under_way, highest) = (under_way.clone(), highest.clone());
        async move {
            highest.fetch_max(
                under_way.fetch_add(1, Ordering::SeqCst) + 1,
                Ordering::SeqCst,
            );
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            under_way.fetch_sub(1, Ordering::SeqCst);
            Ok(Response::new(Bytes::new()))
        }
    });
    let (topic, mut deliveries) = persistent(transport, 3, 1);
    let s = served(vec![Rule::created(BUCKET, topic)]).await;
    let keys: Vec<String> = (0..40).map(|i| format!("k{i}")).collect();
    futures_util::future::join_all(keys.iter().map(|key| s.put(key, &[], "1"))).await;
    for _ in 0..40 {
        assert!(deliveries.recv().await.unwrap().is_accepted());
    }
    assert!((1..=3).contains(&most.load(Ordering::SeqCst)));
}
