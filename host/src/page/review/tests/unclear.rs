//! Acts whose response, copy or person is lost in the middle.

use http::{Request, Response};

use super::{
    overlaps::{holding, is_put_into},
    *,
};
use crate::page::review::record::PATIENCE;

const OVERTAKEN: &str = "refused: the copy was replaced or removed";

fn is_record(request: &Request<Bytes>) -> bool {
    is_put_into(request, QUARANTINE) && request.uri().path().contains("/xray-review/")
}

#[tokio::test]
async fn decision_of_which_the_response_is_lost_is_unknown_and_takes_effect() {
    let site = Site::new();
    site.quarantine("one.jpeg", "1").await;
    let inner = site.store.transport();
    // From the decision on, whatever is asked of the record breaks off.
    let transport = Transport::from_fn(move |request: Request<Bytes>| {
        let inner = inner.clone();
        async move {
            let breaks = is_record(&request);
            let response = inner.send(request).await?;
            let broken = || Response::builder().status(503).body(Bytes::new()).unwrap();
            Ok(if breaks { broken() } else { response })
        }
    });
    let first = Review::new(client(&site.credentials, transport), buckets());
    let first = Arc::new(first.unwrap());
    first.refresh(Duration::ZERO).await.unwrap();
    let id = bucket::id_of("one.jpeg");
    let seen = first.find(&id).await.unwrap().unwrap().etag.clone();
    let decided = first.decide(&id, &seen, Verdict::Release, "alice", 0).await;
    assert!(decided.is_err());
    let unknown = "unknown: the store failed";
    assert_eq!(site.results(Action::Decide).await, [unknown]);

    let second = site.review();
    second.refresh(Duration::ZERO).await.unwrap();
    second.work(UNDO + PATIENCE).await;
    assert_eq!(site.keys(ANONYMIZED).await, ["one.jpeg"]);
    assert_eq!(site.results(Action::Release).await, ["done"]);
}

#[tokio::test]
async fn effect_is_done_though_the_listing_behind_it_fails() {
    let site = Site::new();
    site.quarantine("one.jpeg", "1").await;
    let (inner, fails) = (site.store.transport(), Arc::new(Mutex::new(false)));
    let transport = Transport::from_fn({
        let fails = fails.clone();
        move |request: Request<Bytes>| {
            let query = request.uri().query().unwrap_or_default();
            let fails = query.contains("list-type") && *locked(&fails);
            let inner = inner.clone();
            async move {
                match fails {
                    true => Ok(Response::builder().status(503).body(Bytes::new()).unwrap()),
                    false => Ok(inner.send(request).await?),
                }
            }
        }
    });
    let review = Review::new(client(&site.credentials, transport), buckets());
    let review = Arc::new(review.unwrap());
    decide(&review, "one.jpeg", Verdict::Release, "alice", 0).await;
    let changed = site.quarantine("one.jpeg", "2").await;
    *locked(&fails) = true;
    assert!(review.work(UNDO).await);
    assert_eq!(site.results(Action::Release).await, [OVERTAKEN]);
    // The refusal of a step that is about other bytes.
    let id = bucket::id_of("one.jpeg");
    let other = "0".repeat(changed.len());
    let step = review.decide(&id, &other, Verdict::Release, "alice", UNDO);
    assert_eq!(step.await.unwrap(), Step::Refused(Refusal::Changed));
}

#[tokio::test]
async fn decision_whose_copy_is_gone_ends_in_the_log_and_the_history() {
    for verdict in [Verdict::Release, Verdict::Reject] {
        // Removed with its source, or replaced; seen in a listing first, or not.
        for (is_replaced, is_listed) in [(false, false), (false, true), (true, false), (true, true)]
        {
            let site = Site::new();
            site.quarantine("one.jpeg", "1").await;
            let review = site.review();
            decide(&review, "one.jpeg", verdict, "alice", 0).await;
            site.client.delete(QUARANTINE, "one.jpeg").await.unwrap();
            if is_replaced {
                site.quarantine("one.jpeg", "2").await;
            }
            if is_listed {
                review.refresh(Duration::ZERO).await.unwrap();
            }
            for _ in 0..2 {
                assert!(review.work(UNDO).await);
            }
            let action = match verdict {
                Verdict::Release => Action::Release,
                Verdict::Reject => Action::Reject,
            };
            let told = (is_replaced, is_listed);
            assert_eq!(site.results(action).await, [OVERTAKEN], "{told:?}");
            assert!(site.keys(ANONYMIZED).await.is_empty());
            let record = review.bucket.record(&bucket::id_of("one.jpeg")).await;
            let (record, _) = record.unwrap().unwrap();
            assert_eq!(record.decision, None, "{told:?}");
            let history: Vec<_> = record.history.iter().map(|past| past.act).collect();
            assert_eq!(history, [Act::Overtaken], "{told:?}");
            let (waiting, decided) = review.waiting().await.unwrap();
            assert_eq!((waiting.len(), decided), (usize::from(is_replaced), 0));
        }
    }
}

#[tokio::test]
async fn act_goes_on_when_its_person_has_gone() {
    let site = Site::new();
    site.quarantine("one.jpeg", "1").await;
    let (transport, held) = holding(&site.store, is_record);
    let review = Review::new(client(&site.credentials, transport), buckets());
    let review = Arc::new(review.unwrap());
    review.refresh(Duration::ZERO).await.unwrap();
    let id = bucket::id_of("one.jpeg");
    let seen = review.find(&id).await.unwrap().unwrap().etag.clone();
    tokio::select! {
        _ = review.decide(&id, &seen, Verdict::Release, "alice", 0) => panic!("it is held"),
        () = held.until_it_is_held() => {}
    }
    held.let_go();
    while site.results(Action::Decide).await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(site.results(Action::Decide).await, ["taken"]);
    // It is this process's own, so it waits no longer than the others.
    while !locked(&review.own).contains_key(&id) {
        tokio::task::yield_now().await;
    }
    assert!(review.work(UNDO).await);
    assert_eq!(site.keys(ANONYMIZED).await, ["one.jpeg"]);
}

#[tokio::test]
async fn text_of_a_form_is_logged_only_if_it_can_be_an_etag() {
    let site = Site::new();
    site.quarantine("one.jpeg", "1").await;
    let review = site.review();
    review.refresh(Duration::ZERO).await.unwrap();
    let id = bucket::id_of("one.jpeg");
    let long = "0".repeat(65);
    for seen in ["", "DOE^JOHN", "abcdefg", &long] {
        let step = review.decide(&id, seen, Verdict::Release, "alice", 0);
        assert_eq!(step.await.unwrap(), Step::Refused(Refusal::Changed));
    }
    assert!(site.events().await.is_empty());
}

#[tokio::test]
async fn last_decision_is_the_first_to_undo() {
    let site = Site::new();
    for key in ["1.jpeg", "2.jpeg", "3.jpeg"] {
        site.quarantine(key, "x").await;
    }
    let review = site.review();
    for (at, key) in ["2.jpeg", "3.jpeg", "1.jpeg"].into_iter().enumerate() {
        decide(&review, key, Verdict::Reject, "alice", at as Millis).await;
    }
    let undoable = review.undoable("alice", 5);
    let keys: Vec<_> = undoable.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["1.jpeg", "3.jpeg", "2.jpeg"]);
}
