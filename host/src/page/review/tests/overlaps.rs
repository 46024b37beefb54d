//! Processes that work on one decision at the same time.

use http::{Method, Request};
use tokio::sync::Notify;

use super::*;
use crate::page::review::record::{LEASE, PATIENCE};

/// A response that is held back: its request has had its effect.
pub(super) struct Held {
    arrived: Arc<Notify>,
    go: Arc<Notify>,
}

impl Held {
    pub(super) async fn until_it_is_held(&self) {
        self.arrived.notified().await;
    }

    pub(super) fn let_go(&self) {
        self.go.notify_one();
    }
}

/// A transport that holds the first response back of which the request is the chosen one.
pub(super) fn holding(
    store: &Store,
    is_chosen: impl Fn(&Request<Bytes>) -> bool + Send + Sync + 'static,
) -> (Transport, Held) {
    let held = Held {
        arrived: Arc::default(),
        go: Arc::default(),
    };
    let (arrived, go) = (held.arrived.clone(), held.go.clone());
    let (inner, is_held) = (store.transport(), Arc::new(Mutex::new(false)));
    let transport = Transport::from_fn(move |request: Request<Bytes>| {
        let is_chosen = is_chosen(&request) && !std::mem::replace(&mut *locked(&is_held), true);
        let (inner, arrived, go) = (inner.clone(), arrived.clone(), go.clone());
        async move {
            let response = inner.send(request).await?;
            if is_chosen {
                arrived.notify_one();
                go.notified().await;
            }
            Ok(response)
        }
    });
    (transport, held)
}

pub(super) fn is_put_into(request: &Request<Bytes>, bucket: &str) -> bool {
    let path = request.uri().path();
    request.method() == Method::PUT && path.starts_with(&format!("/{bucket}/"))
}

impl Site {
    /// Returns a review of which the response to the PUT of a released copy is held back.
    fn held_at_release(&self) -> (Arc<Review>, Held) {
        let (transport, held) = holding(&self.store, |one| is_put_into(one, ANONYMIZED));
        let review = Review::new(client(&self.credentials, transport), buckets());
        (Arc::new(review.unwrap()), held)
    }

    /// Returns the results of an action, in the order of the log.
    pub(super) async fn results(&self, action: Action) -> Vec<String> {
        let events = self.events().await.into_iter();
        let ended = events.filter(|event| event.action == action);
        ended.filter_map(|event| event.result).collect()
    }
}

#[tokio::test]
async fn released_copy_stays_if_another_page_completes_the_release() {
    let site = Site::new();
    site.quarantine("one.jpeg", "1").await;
    let (first, held) = site.held_at_release();
    decide(&first, "one.jpeg", Verdict::Release, "alice", 0).await;
    let work = tokio::spawn({
        let first = first.clone();
        async move { first.work(UNDO).await }
    });
    held.until_it_is_held().await;
    let second = site.review();
    second.refresh(Duration::ZERO).await.unwrap();
    // Not before the lease has ended.
    assert!(second.work(UNDO + LEASE - 1).await);
    assert_eq!(site.keys(QUARANTINE).await, ["one.jpeg"]);
    assert!(second.work(UNDO + 2 * LEASE).await);
    assert!(site.keys(QUARANTINE).await.is_empty());

    held.let_go();
    assert!(work.await.unwrap());
    assert_eq!(site.body("one.jpeg").await.unwrap(), [JPEG, b"1"].concat());
    assert_eq!(site.results(Action::Release).await, ["done", "elsewhere"]);
    let record = first.bucket.record(&bucket::id_of("one.jpeg")).await;
    let (record, _) = record.unwrap().unwrap();
    assert_eq!(record.decision.unwrap().stage, Stage::Done);
}

#[tokio::test]
async fn released_copy_is_taken_back_if_its_source_is_removed_meanwhile() {
    let site = Site::new();
    site.quarantine("one.jpeg", "1").await;
    let (review, held) = site.held_at_release();
    decide(&review, "one.jpeg", Verdict::Release, "alice", 0).await;
    let work = tokio::spawn({
        let review = review.clone();
        async move { review.work(UNDO).await }
    });
    held.until_it_is_held().await;
    assert_eq!(site.keys(ANONYMIZED).await, ["one.jpeg"]);
    site.client.delete(QUARANTINE, "one.jpeg").await.unwrap();
    held.let_go();
    assert!(work.await.unwrap());
    assert!(site.keys(ANONYMIZED).await.is_empty());
    let refused = "refused: the copy was replaced or removed";
    assert_eq!(site.results(Action::Release).await, [refused]);
}

#[tokio::test]
async fn decision_that_another_page_carries_out_leaves_nothing_behind() {
    let site = Site::new();
    site.quarantine("one.jpeg", "1").await;
    let first = site.review();
    decide(&first, "one.jpeg", Verdict::Reject, "alice", 0).await;
    let second = site.review();
    second.refresh(Duration::ZERO).await.unwrap();
    assert!(second.work(UNDO + PATIENCE).await);
    assert!(first.work(UNDO + PATIENCE).await);
    assert_eq!(site.results(Action::Reject).await, ["done", "elsewhere"]);

    // Another person's decision by way of another page keeps its time.
    site.quarantine("two.jpeg", "1").await;
    decide(&first, "two.jpeg", Verdict::Release, "alice", 0).await;
    let id = bucket::id_of("two.jpeg");
    second.refresh(Duration::ZERO).await.unwrap();
    let undone = second.undo(&id, "alice", UNDO - 2).await;
    assert_eq!(undone.unwrap(), Step::Taken);
    assert_eq!(
        second.next(Some(&id), "alice", UNDO - 2).await.unwrap(),
        None
    );
    decide(&second, "two.jpeg", Verdict::Release, "bob", UNDO - 1).await;
    first.refresh(Duration::ZERO).await.unwrap();
    assert!(first.work(UNDO + 1).await);
    assert_eq!(site.keys(QUARANTINE).await, ["two.jpeg"]);
    assert!(second.work(2 * UNDO).await);
    assert!(site.keys(QUARANTINE).await.is_empty());

    // So does one about the next copy of a name.
    site.quarantine("one.jpeg", "2").await;
    let now = 10 * PATIENCE;
    decide(&second, "one.jpeg", Verdict::Release, "bob", now).await;
    first.refresh(Duration::ZERO).await.unwrap();
    assert!(first.work(now + 1).await);
    assert_eq!(site.keys(QUARANTINE).await, ["one.jpeg"]);
    let id = bucket::id_of("one.jpeg");
    let undone = second.undo(&id, "bob", now + 2).await;
    assert_eq!(undone.unwrap(), Step::Taken);
}
