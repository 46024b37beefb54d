mod crashes;
mod overlaps;
mod research;
mod unclear;

use bytes::Bytes;
use fake_gateway::store::Store;
use s3::{NewObject, Precondition, PutObject, Retry, Transport};
use tempfile::TempDir;
use xray::store::hold::{hold_key, is_hold};

use super::{record::UNDO, *};
use crate::page::audit::{self, Action, Event, Phase};

const QUARANTINE: &str = "in-quarantine";
const ANONYMIZED: &str = "in-anonymized";
const AUDIT: &str = "in-audit";
/// The least that counts as a JPEG here: what differs stands behind it.
const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0";

struct Site {
    store: Store,
    client: Client,
    credentials: s3::Credentials,
    dir: TempDir,
}

fn buckets() -> Buckets {
    let config = xray::config::Config::from_lookup(|name| match name {
        "s3_access_key" | "s3_secret_key" => Some("key".to_owned()),
        _ => None,
    });
    config.unwrap().buckets("in")
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let credentials = fake_gateway::random_credentials();
        let store = Store::builder(dir.path(), credentials.clone())
            .bucket(QUARANTINE)
            .bucket(ANONYMIZED)
            .bucket(AUDIT)
            .open()
            .unwrap();
        let client = client(&credentials, store.transport());
        Self {
            store,
            client,
            credentials,
            dir,
        }
    }

    fn review(&self) -> Arc<Review> {
        Arc::new(Review::new(self.client.clone(), buckets()).unwrap())
    }

    async fn quarantine(&self, key: &str, text: &str) -> String {
        self.put(QUARANTINE, key, text, "source").await
    }

    async fn put(&self, bucket: &str, key: &str, text: &str, source: &str) -> String {
        self.put_for(bucket, key, text, (source, "text-left")).await
    }

    async fn put_for(
        &self,
        bucket: &str,
        key: &str,
        text: &str,
        (source, reason): (&str, &str),
    ) -> String {
        let metadata = vec![
            ("xray-source", source.to_owned()),
            ("xray-settings", "settings".to_owned()),
            ("xray-reason", reason.to_owned()),
        ];
        let object = &NewObject {
            body: [JPEG, text.as_bytes()].concat().into(),
            content_type: "image/jpeg",
            metadata,
            precondition: Precondition::Seen,
        };
        let put = PutObject {
            bucket,
            key,
            object,
        };
        self.client.send(&put).await.unwrap().unwrap()
    }

    /// Returns the keys in a bucket, without records and holds.
    async fn keys(&self, bucket: &str) -> Vec<String> {
        let page = self.client.list(bucket, "", "", 1000).await.unwrap();
        let keys = page.objects.into_iter().map(|object| object.key);
        keys.filter(|key| !key.starts_with("xray-review/") && !is_hold(key))
            .collect()
    }

    /// Returns the word of the hold on later copies of a source.
    async fn hold(&self, source: &str) -> Option<String> {
        let hold = self.client.get(QUARANTINE, &hold_key(source)).await;
        let hold = hold.unwrap()?;
        Some(String::from_utf8(hold.body.to_vec()).unwrap())
    }

    /// Returns the events of the audit log, which must be whole.
    async fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        let log = audit::read(&self.client, AUDIT, None, |entry| {
            events.extend_from_slice(&entry.events);
            Ok(())
        });
        assert_eq!(log.await.unwrap().faults, Vec::<String>::new());
        events
    }

    async fn body(&self, key: &str) -> Option<Bytes> {
        let object = self.client.get(ANONYMIZED, key).await.unwrap();
        object.map(|object| object.body)
    }
}

fn client(credentials: &s3::Credentials, transport: Transport) -> Client {
    let endpoint = s3::Endpoint::parse("http://store.example", s3::Addressing::Path).unwrap();
    let retry = Retry {
        attempts: 4,
        pause: Duration::from_millis(1),
    };
    Client::new(endpoint, credentials.clone(), transport).with_retry(retry)
}

/// Claims a copy and decides about it as `who`, who has seen it as it is listed.
async fn decide(review: &Arc<Review>, key: &str, verdict: Verdict, who: &str, at: Millis) -> Step {
    let id = bucket::id_of(key);
    review.refresh(Duration::ZERO).await.unwrap();
    let seen = review.find(&id).await.unwrap().unwrap().etag.clone();
    review.decide(&id, &seen, verdict, who, at).await.unwrap()
}

#[tokio::test]
async fn released_copy_moves_with_its_metadata_after_ten_seconds() {
    let site = Site::new();
    site.quarantine("a/one.jpeg", "1").await;
    let review = site.review();
    assert_eq!(
        decide(&review, "a/one.jpeg", Verdict::Release, "alice", 1000).await,
        Step::Taken
    );
    assert_eq!(review.undoable("alice", 1000).len(), 1);
    assert!(review.undoable("bob", 1000).is_empty());
    assert!(review.work(1000 + UNDO - 1).await);
    assert!(site.keys(ANONYMIZED).await.is_empty());

    assert!(review.work(1000 + UNDO).await);
    assert!(site.keys(QUARANTINE).await.is_empty());
    let object = site.client.get(ANONYMIZED, "a/one.jpeg").await.unwrap();
    let object = object.unwrap();
    assert_eq!(object.body, [JPEG, b"1"].concat());
    let mut metadata = object.head.metadata.clone();
    metadata.sort();
    assert_eq!(
        metadata,
        [("xray-settings", "settings"), ("xray-source", "source")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(object.head.content_type.as_deref(), Some("image/jpeg"));

    let id = bucket::id_of("a/one.jpeg");
    let events = site.events().await;
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            assert_eq!(
                (event.who.as_str(), event.copy.as_ref()),
                ("alice", Some(&id))
            );
            (event.action, event.phase.unwrap(), event.result.as_deref())
        })
        .collect();
    let (intent, outcome) = (Phase::Intent, Phase::Outcome);
    assert_eq!(
        told,
        [
            (Action::Decide, intent, None),
            (Action::Decide, outcome, Some("taken")),
            (Action::Release, intent, None),
            (Action::Release, outcome, Some("done")),
        ]
    );
    assert_eq!(events[0].what.as_deref(), Some("release"));
    assert_eq!(events[0].attempt, events[1].attempt);
    // Nothing of the key.
    assert!(!format!("{events:?}").contains("one.jpeg"), "{events:?}");
}

#[tokio::test]
async fn nothing_is_decided_and_nothing_released_without_an_audit_log() {
    let site = Site::new();
    site.quarantine("one.jpeg", "1").await;
    site.quarantine("two.jpeg", "2").await;
    let review = site.review();
    decide(&review, "one.jpeg", Verdict::Release, "alice", 0).await;
    let folder = site.dir.path().join(AUDIT);
    std::fs::rename(&folder, site.dir.path().join("elsewhere")).unwrap();
    assert!(!review.work(UNDO).await);
    let id = bucket::id_of("two.jpeg");
    let seen = review.find(&id).await.unwrap().unwrap().etag.clone();
    let decided = review.decide(&id, &seen, Verdict::Reject, "alice", 0).await;
    assert!(format!("{:#}", decided.unwrap_err()).contains("the audit log"));
    assert!(review.bucket.record(&id).await.unwrap().is_none());
    let undone = review.undo(&bucket::id_of("one.jpeg"), "alice", 1).await;
    assert!(undone.is_err());
    assert_eq!(site.keys(QUARANTINE).await.len(), 2);
    assert!(site.keys(ANONYMIZED).await.is_empty());

    std::fs::rename(site.dir.path().join("elsewhere"), &folder).unwrap();
    assert!(review.work(UNDO).await);
    assert_eq!(site.keys(ANONYMIZED).await, ["one.jpeg"]);
}

#[tokio::test]
async fn rejected_copy_leaves_a_tombstone_by_which_the_same_bytes_go_again() {
    let site = Site::new();
    site.quarantine("one.jpeg", "1").await;
    let review = site.review();
    decide(&review, "one.jpeg", Verdict::Reject, "alice", 0).await;
    review.work(UNDO).await;
    assert!(site.keys(QUARANTINE).await.is_empty());
    let (record, _) = review
        .bucket
        .record(&bucket::id_of("one.jpeg"))
        .await
        .unwrap()
        .unwrap();
    let decision = record.decision.unwrap();
    assert_eq!(
        (decision.verdict, decision.stage, decision.by.as_str()),
        (Verdict::Reject, Stage::Done, "alice")
    );

    // `xray reprocess` makes the same copy again; another process sees it first.
    site.quarantine("one.jpeg", "1").await;
    let other = site.review();
    assert_eq!(other.waiting().await.unwrap().0.len(), 0);
    other.work(2 * UNDO).await;
    assert!(site.keys(QUARANTINE).await.is_empty());

    // Other bytes are looked at, and so are the same bytes of another source.
    for (text, source) in [("2", "source"), ("1", "other")] {
        site.put(QUARANTINE, "one.jpeg", text, source).await;
        other.refresh(Duration::ZERO).await.unwrap();
        other.work(3 * UNDO).await;
        assert_eq!(site.keys(QUARANTINE).await, ["one.jpeg"], "{text} {source}");
    }
    assert!(site.keys(ANONYMIZED).await.is_empty());
}

#[tokio::test]
async fn rejected_and_covered_copies_are_held_until_a_later_one_is_released() {
    let site = Site::new();
    let review = site.review();
    let quarantine = async |number: &str, reason| {
        let source = ("source", reason);
        site.put_for(QUARANTINE, "one.jpeg", number, source).await;
    };
    let settle = async |verdict, at| {
        let step = decide(&review, "one.jpeg", verdict, "alice", at).await;
        assert_eq!(step, Step::Taken);
        assert!(review.work(at + UNDO).await);
        assert!(site.keys(QUARANTINE).await.is_empty());
        site.client.delete(ANONYMIZED, "one.jpeg").await.unwrap();
        site.hold("source").await
    };
    quarantine("1", "text-left").await;
    assert_eq!(
        settle(Verdict::Reject, 0).await.as_deref(),
        Some("rejected")
    );
    // The copy that the function makes next, on which a person has decided anew.
    quarantine("2", "held").await;
    assert_eq!(settle(Verdict::Release, 1).await, None);
    // One that a person has covered further would be made without those boxes.
    for (number, reason) in [("3", COVERED), ("4", COVERED_TEXT_LEFT)] {
        quarantine(number, reason).await;
        review.bucket.hold("source", "covered").await.unwrap();
        let hold = settle(Verdict::Release, 2).await;
        assert_eq!(hold.as_deref(), Some("covered"));
    }
    quarantine("5", "held").await;
    assert_eq!(settle(Verdict::Release, 3).await, None);
}

#[tokio::test]
async fn queue_has_all_records_and_no_holds_whatever_is_listed() {
    let site = Site::new();
    // Around the folders of records and holds, and in folders of these names.
    let keys = [
        "a.jpeg",
        "b.jpeg",
        "xray-hold/c.jpeg",
        "xray-review/d.jpeg",
        "y.jpeg",
    ];
    for key in keys {
        site.quarantine(key, "1").await;
    }
    let first = site.review();
    for key in keys {
        decide(&first, key, Verdict::Release, "alice", 0).await;
    }
    first.bucket.hold("source", "rejected").await.unwrap();
    let listed = async |most| {
        let mut review = Review::new(site.client.clone(), buckets()).unwrap();
        review.bucket.most = most;
        review.refresh(Duration::ZERO).await.unwrap();
        let (waiting, decided) = review.waiting().await.unwrap();
        assert!(waiting.is_empty(), "{} are offered again", waiting.len());
        decided
    };
    assert_eq!(listed(bucket::MOST).await, keys.len());
    // As with more copies than are listed: those that are keep their decisions.
    assert!(listed(1).await >= 1);
}

#[tokio::test]
async fn other_bytes_enter_the_queue_with_their_history() {
    let site = Site::new();
    site.quarantine("one.jpeg", "1").await;
    let review = site.review();
    decide(&review, "one.jpeg", Verdict::Reject, "alice", 0).await;
    review.work(UNDO).await;
    site.quarantine("one.jpeg", "2").await;
    assert_eq!(
        decide(&review, "one.jpeg", Verdict::Release, "bob", UNDO).await,
        Step::Taken
    );
    let entry = review.find(&bucket::id_of("one.jpeg")).await.unwrap();
    let (record, _) = entry.unwrap().record.clone().unwrap();
    assert_eq!(record.history.len(), 1);
    assert_eq!(record.history[0].act, Act::Reject);
    assert_eq!(record.history[0].by, "alice");
}

#[tokio::test]
async fn undone_decision_has_no_effect() {
    let site = Site::new();
    site.quarantine("one.jpeg", "1").await;
    let review = site.review();
    let id = bucket::id_of("one.jpeg");
    for verdict in [Verdict::Reject, Verdict::Release] {
        decide(&review, "one.jpeg", verdict, "alice", 0).await;
        let refused = Step::Refused(Refusal::TooLate);
        assert_eq!(review.undo(&id, "bob", 1).await.unwrap(), refused);
        assert_eq!(
            review.undo(&id, "alice", UNDO - 1).await.unwrap(),
            Step::Taken
        );
        review.work(100 * UNDO).await;
        assert_eq!(site.keys(QUARANTINE).await, ["one.jpeg"]);
    }
    // Leaving the page ends the time at once.
    decide(&review, "one.jpeg", Verdict::Release, "alice", 0).await;
    review.hurry("bob", 1);
    review.work(1).await;
    assert!(site.keys(ANONYMIZED).await.is_empty());
    review.hurry("alice", 1);
    review.work(1).await;
    assert_eq!(site.keys(ANONYMIZED).await, ["one.jpeg"]);
    assert_eq!(
        review.undo(&id, "alice", 2).await.unwrap(),
        Step::Refused(Refusal::Gone)
    );
}

/// As when a proxy leads a person from one replica to another.
#[tokio::test]
async fn decision_is_undone_on_another_page_than_took_it() {
    let site = Site::new();
    site.quarantine("a.jpeg", "a").await;
    let (took, other) = (site.review(), site.review());
    other.refresh(Duration::ZERO).await.unwrap();
    let step = decide(&took, "a.jpeg", Verdict::Reject, "alice", 0).await;
    assert_eq!(step, Step::Taken);
    // The next look at the queue offers it there, to its person only.
    other.refresh(Duration::ZERO).await.unwrap();
    assert_eq!(other.undoable("bob", 1).len(), 0);
    let offered = other.undoable("alice", 1);
    assert_eq!(offered.len(), 1);
    let undone = other.undo(&offered[0].id, "alice", 1).await.unwrap();
    assert_eq!(undone, Step::Taken);
    // The page that took the decision learns of that when it would carry it out.
    assert!(took.work(UNDO).await && other.work(UNDO).await);
    assert_eq!(site.keys(QUARANTINE).await, ["a.jpeg"]);
    assert_eq!(site.hold("source").await, None);
}

#[tokio::test]
async fn two_reviewers_get_different_copies_and_decide_each_once() {
    let site = Site::new();
    for number in 0..3 {
        site.quarantine(&format!("{number}.jpeg"), "x").await;
    }
    // Two processes, as two replicas of the page.
    let (one, two) = (site.review(), site.review());
    let alices = one.next(None, "alice", 0).await.unwrap().unwrap();
    two.refresh(Duration::ZERO).await.unwrap();
    let bobs = two.next(None, "bob", 0).await.unwrap().unwrap();
    assert_ne!(alices, bobs);
    let seen = two.find(&alices).await.unwrap().unwrap().etag.clone();
    let decided = two.decide(&alices, &seen, Verdict::Reject, "bob", 1);
    assert_eq!(
        decided.await.unwrap(),
        Step::Refused(Refusal::Claimed("alice".into()))
    );
    let decided = one.decide(&alices, &seen, Verdict::Release, "alice", 1);
    assert_eq!(decided.await.unwrap(), Step::Taken);
    let decided = two.decide(&alices, &seen, Verdict::Reject, "bob", 2);
    assert_eq!(
        decided.await.unwrap(),
        Step::Refused(Refusal::Decided("alice".into()))
    );
    // A skipped copy is free for the other at once.
    let third = one.next(None, "alice", 2).await.unwrap().unwrap();
    assert!(third != alices && third != bobs);
    assert_eq!(one.next(Some(&third), "alice", 3).await.unwrap(), None);
    two.refresh(Duration::ZERO).await.unwrap();
    assert_eq!(two.next(Some(&bobs), "bob", 3).await.unwrap(), Some(third));
}

#[tokio::test]
async fn decision_is_about_the_bytes_that_were_seen() {
    let site = Site::new();
    let seen = site.quarantine("one.jpeg", "1").await;
    let review = site.review();
    let id = bucket::id_of("one.jpeg");
    review.refresh(Duration::ZERO).await.unwrap();
    site.quarantine("one.jpeg", "2").await;
    let step = review.decide(&id, &seen, Verdict::Release, "alice", 0);
    assert_eq!(step.await.unwrap(), Step::Refused(Refusal::Changed));

    // Replaced after the decision: it is about nothing, and nothing is released.
    decide(&review, "one.jpeg", Verdict::Release, "alice", 0).await;
    site.quarantine("one.jpeg", "3").await;
    review.work(UNDO).await;
    assert!(site.keys(ANONYMIZED).await.is_empty());
    assert_eq!(review.waiting().await.unwrap().0.len(), 1);

    // Removed by the function: the same.
    decide(&review, "one.jpeg", Verdict::Release, "alice", 0).await;
    site.client.delete(QUARANTINE, "one.jpeg").await.unwrap();
    review.work(UNDO).await;
    assert!(site.keys(ANONYMIZED).await.is_empty());
}

#[tokio::test]
async fn release_replaces_no_other_anonymized_copy() {
    let site = Site::new();
    site.quarantine("one.jpeg", "1").await;
    site.put(ANONYMIZED, "one.jpeg", "clean", "source").await;
    let review = site.review();
    decide(&review, "one.jpeg", Verdict::Release, "alice", 0).await;
    review.work(UNDO).await;
    assert_eq!(
        site.body("one.jpeg").await.unwrap(),
        [JPEG, b"clean"].concat()
    );
    let (waiting, _) = review.waiting().await.unwrap();
    let (record, _) = waiting[0].record.clone().unwrap();
    assert_eq!(
        record.problem.as_deref(),
        Some("an anonymized copy with other bytes has this name")
    );
    // It waits again, for another decision.
    assert_eq!(
        decide(&review, "one.jpeg", Verdict::Reject, "bob", 2 * UNDO).await,
        Step::Taken
    );
}
