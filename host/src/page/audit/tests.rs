use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use fake_gateway::store::Store;
use s3::{Addressing, Credentials, Endpoint, Retry, Transport};
use tempfile::TempDir;

use super::{chain::key_of, *};

const BUCKET: &str = "in-audit";

struct Site {
    client: Client,
    store: Store,
    credentials: Credentials,
    _dir: TempDir,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let credentials = fake_gateway::random_credentials();
        let store = Store::builder(dir.path(), credentials.clone());
        let store = store.bucket(BUCKET).open().unwrap();
        Self {
            client: client(&credentials, store.transport()),
            store,
            credentials,
            _dir: dir,
        }
    }

    fn audit(&self) -> Audit {
        Audit::new(self.client.clone(), BUCKET.to_owned())
    }

    async fn log(&self) -> Log {
        read(&self.client, BUCKET, None, |_| Ok(())).await.unwrap()
    }

    async fn body(&self, key: &str) -> Bytes {
        self.client.get(BUCKET, key).await.unwrap().unwrap().body
    }

    async fn overwrite(&self, key: &str, body: Bytes) {
        let put = self.client.put(BUCKET, key, "application/json", body);
        put.await.unwrap();
    }
}

fn client(credentials: &Credentials, transport: Transport) -> Client {
    let endpoint = Endpoint::parse("http://store.example", Addressing::Path).unwrap();
    let retry = Retry {
        attempts: 2,
        pause: std::time::Duration::from_millis(1),
    };
    Client::new(endpoint, credentials.clone(), transport).with_retry(retry)
}

fn view(who: &str) -> Event {
    Event::new(who, Action::View).of_copy("0123").what("copy")
}

#[tokio::test]
async fn later_entries_are_checked_against_those_that_were_read() {
    let site = Site::new();
    let audit = site.audit();
    let append = async |count: usize| {
        for _ in 0..count {
            audit.record(view("alice")).await.unwrap();
        }
    };
    let after = async |head: &Head| audit.read_after(Some(head.clone())).await.unwrap();
    append(3).await;
    let first = audit.read_after(None).await.unwrap();
    assert_eq!((first.entries, first.end.number), (3, 3));
    let same = after(&first.end).await;
    assert_eq!((same.entries, same.faults.len()), (0, 0));
    append(4).await;
    let later = after(&first.end).await;
    assert_eq!((later.entries, later.end.number), (4, 7));
    assert_eq!(later.faults, Vec::<String>::new());

    let sixth = site.body(&key_of(6)).await;
    site.overwrite(&key_of(6), site.body(&key_of(5)).await)
        .await;
    assert!(!after(&first.end).await.faults.is_empty());
    site.overwrite(&key_of(6), sixth).await;
    assert!(after(&first.end).await.faults.is_empty());
    // The end is cut off; what was read last is then behind the end.
    site.client.delete(BUCKET, &key_of(7)).await.unwrap();
    assert!(!after(&first.end).await.faults.is_empty());
    assert!(!after(&later.end).await.faults.is_empty());
}

#[tokio::test]
async fn entries_of_several_processes_are_one_chain() {
    let site = Site::new();
    let people = [("alice", site.audit()), ("bob", site.audit())];
    let work = people.iter().map(|(who, audit)| async move {
        for _ in 0..10 {
            let intent = audit.intend(view(who)).await.unwrap();
            audit.conclude(intent, "done").await;
        }
    });
    futures_util::future::join_all(work).await;
    // A third one that begins later.
    let last = site.audit();
    drop(last.intend(view("carol")).await.unwrap());
    let mut events = Vec::new();
    let log = read(&site.client, BUCKET, None, |entry| {
        events.extend_from_slice(&entry.events);
        Ok(())
    });
    let log = log.await.unwrap();
    assert_eq!(log.faults, Vec::<String>::new());
    let of = |who: &str| events.iter().filter(|event| event.who == who).count();
    assert_eq!((of("alice"), of("bob"), of("carol")), (20, 20, 1));
    assert_eq!((log.events, log.open), (41, 1));
    // The head can be noted elsewhere.
    let text = log.end.to_string();
    assert_eq!(text.parse::<Head>().unwrap(), log.end);
    let noted = read(&site.client, BUCKET, Some(&log.end), |_| Ok(()));
    let noted = noted.await.unwrap();
    assert_eq!(noted.faults, Vec::<String>::new());
    for bad in ["", "1", "x:0", "1:abcd"] {
        assert!(bad.parse::<Head>().is_err(), "{bad}");
    }
}

#[tokio::test]
async fn events_at_the_same_time_share_an_entry() {
    let site = Site::new();
    let audit = site.audit();
    let all = (0..100).map(|_| audit.record(view("alice")));
    for stored in futures_util::future::join_all(all).await {
        stored.unwrap();
    }
    let log = site.log().await;
    assert_eq!(log.faults, Vec::<String>::new());
    assert!(log.entries < 10, "{} entries", log.entries);
    assert_eq!(log.events, 100);
}

#[tokio::test]
async fn changed_removed_and_cut_off_entries_are_found() {
    let site = Site::new();
    let audit = site.audit();
    for _ in 0..4 {
        audit.record(view("alice")).await.unwrap();
    }
    let whole = site.log().await;
    assert_eq!((whole.end.number, whole.faults.len()), (4, 0));
    let fault = async || site.log().await.faults.join("; ");

    // Changed in the middle.
    let second = site.body(&key_of(2)).await;
    let text = String::from_utf8(second.to_vec()).unwrap();
    site.overwrite(&key_of(2), text.replace("alice", "bob").into())
        .await;
    assert_eq!(
        fault().await,
        "entry 3 does not follow entry 2: one of them was changed"
    );
    site.overwrite(&key_of(2), second).await;
    assert_eq!(fault().await, "");

    // Changed at the end, which has no successor.
    let last = site.body(&key_of(4)).await;
    let text = String::from_utf8(last.to_vec()).unwrap();
    site.overwrite(&key_of(4), text.replace("alice", "bob").into())
        .await;
    assert_eq!(
        fault().await,
        "entry 4 is not the one of the published head: it was changed"
    );
    site.overwrite(&key_of(4), last.clone()).await;

    // Cut off; and with the head that was then.
    site.client.delete(BUCKET, &key_of(4)).await.unwrap();
    let cut = "the end is missing: the published head is entry 4, and the last entry is 3";
    assert_eq!(fault().await, cut);
    let head = site.body("head").await;
    let third = Head::of(3, &site.body(&key_of(3)).await);
    site.overwrite("head", serde_json::to_vec(&third).unwrap().into())
        .await;
    assert_eq!(fault().await, "");
    let noted = read(&site.client, BUCKET, Some(&whole.end), |_| Ok(()));
    let noted = noted.await.unwrap();
    assert_eq!(
        noted.faults,
        ["the end is missing: the noted head is entry 4, and the last entry is 3"]
    );
    site.overwrite(&key_of(4), last).await;
    site.overwrite("head", head).await;

    // Removed in the middle; without a head.
    site.client.delete(BUCKET, &key_of(1)).await.unwrap();
    assert!(fault().await.contains("entry 1 is missing"));
    let other = Site::new();
    other.audit().record(view("alice")).await.unwrap();
    other.client.delete(BUCKET, "head").await.unwrap();
    assert_eq!(other.log().await.faults, ["the published head is missing"]);
}

#[tokio::test]
async fn removed_head_stays_missing_over_a_restart_and_in_an_emptied_log() {
    let site = Site::new();
    let missing = async |site: &Site| {
        assert_eq!(site.log().await.faults, ["the published head is missing"]);
        let after = site.audit();
        for error in [after.check().await, after.record(view("bob")).await] {
            let error = format!("{:#}", error.unwrap_err());
            assert!(
                error.contains("the head of the audit log is missing"),
                "{error}"
            );
            assert!(error.contains("audit verify --head"), "{error}");
        }
        assert_eq!(site.log().await.faults, ["the published head is missing"]);
    };
    let audit = site.audit();
    audit.check().await.unwrap();
    // A page that has started, and nobody has signed in.
    assert_eq!(site.log().await.faults, Vec::<String>::new());
    for _ in 0..2 {
        audit.record(view("alice")).await.unwrap();
    }
    site.client.delete(BUCKET, "head").await.unwrap();
    missing(&site).await;
    // The process that knew the head does not make another one either.
    audit.record(view("alice")).await.unwrap();
    missing(&site).await;
    for number in 1..=3 {
        site.client.delete(BUCKET, &key_of(number)).await.unwrap();
    }
    missing(&site).await;
}

#[tokio::test]
async fn entries_are_handed_over_while_later_ones_are_read() {
    const ENTRIES: u64 = 60;
    let site = Site::new();
    let audit = site.audit();
    for _ in 0..ENTRIES {
        audit.record(view("alice")).await.unwrap();
    }
    let (inner, asked) = (site.store.transport(), Arc::new(AtomicU64::new(0)));
    let transport = Transport::from_fn({
        let asked = asked.clone();
        move |request: http::Request<Bytes>| {
            let is_entry = request.uri().path().contains("/log/0");
            asked.fetch_add(u64::from(is_entry), Ordering::SeqCst);
            let inner = inner.clone();
            async move { Ok(inner.send(request).await?) }
        }
    });
    let client = client(&site.credentials, transport);
    let (mut most, mut handed) = (0, 0);
    let log = read(&client, BUCKET, None, |_| {
        handed += 1;
        most = most.max(asked.load(Ordering::SeqCst) - handed);
        Ok(())
    });
    assert_eq!(log.await.unwrap().entries, ENTRIES);
    // No more than are read at a time are in memory.
    assert!(most <= 17, "{most}");
}

#[tokio::test]
async fn bucket_that_is_missing_or_ignores_conditions_is_refused() {
    let site = Site::new();
    site.audit().check().await.unwrap();
    site.audit().check().await.unwrap();
    let other = Audit::new(site.client.clone(), "out-audit".to_owned());
    let error = format!("{:#}", other.check().await.unwrap_err());
    assert!(
        error.contains("xray setup --page-credentials-file"),
        "{error}"
    );
    let error = format!("{:#}", other.record(view("alice")).await.unwrap_err());
    assert!(error.contains("the audit log"), "{error}");

    // A gateway that ignores conditions, and one that never lets If-Match hold.
    let credentials = fake_gateway::random_credentials();
    for (name, status) in [("if-none-match", 200), ("if-match", 412)] {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::builder(dir.path(), credentials.clone());
        let store = store.bucket(BUCKET).open().unwrap();
        let inner = store.transport();
        let transport = Transport::from_fn(move |request: http::Request<Bytes>| {
            let inner = inner.clone();
            async move {
                let has_condition = request.headers().contains_key(name);
                let response = inner.send(request).await?;
                if !has_condition {
                    return Ok(response);
                }
                let response = http::Response::builder().status(status);
                let response = response.header("etag", "\"0\"").body(Bytes::new());
                Ok(response.unwrap())
            }
        });
        let audit = Audit::new(client(&credentials, transport), BUCKET.to_owned());
        let error = audit.check().await.unwrap_err().to_string();
        assert!(error.contains("can't check conditions"), "{name}: {error}");
    }
}
