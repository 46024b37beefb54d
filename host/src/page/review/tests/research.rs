//! Released copies of DICOM objects, and the research archive.

use http::{Request, Response, StatusCode};
use xray::config::Config;

use super::*;

const KEY: &str = "one.dcm";

/// An archive that responds with these statuses in turn, and then with the last one.
#[derive(Clone)]
struct Peer {
    statuses: &'static [u16],
    requests: Arc<Mutex<Vec<Request<Bytes>>>>,
}

impl Peer {
    fn new(statuses: &'static [u16]) -> Self {
        Self {
            statuses,
            requests: Arc::default(),
        }
    }

    fn requests(&self) -> Vec<Request<Bytes>> {
        locked(&self.requests).clone()
    }

    fn research(&self) -> Research {
        let config = Config::from_lookup(|name| {
            let value = match name {
                "s3_access_key" | "s3_secret_key" => "key",
                "dicomweb_research_url" => "http://archive.example/dicom-web",
                "dicomweb_research_credentials" => "xray:secret",
                _ => return None,
            };
            Some(value.to_owned())
        });
        let this = self.clone();
        let transport = Transport::from_fn(move |request| {
            let mut requests = locked(&this.requests);
            let status = this.statuses[requests.len().min(this.statuses.len() - 1)];
            requests.push(request);
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            std::future::ready(Ok(response))
        });
        let research = Research::of(&config.unwrap(), || Ok(transport));
        research.unwrap().unwrap()
    }
}

fn review(site: &Site, peer: &Peer) -> Arc<Review> {
    let review = Review::new(site.client.clone(), buckets()).unwrap();
    Arc::new(review.with_research(Some(peer.research())))
}

fn object() -> Vec<u8> {
    [&[0; 128][..], b"DICM", b"of a patient"].concat()
}

async fn quarantine(site: &Site, key: &str) {
    let object = &NewObject {
        body: object().into(),
        content_type: "application/dicom",
        metadata: vec![("xray-source", "source".to_owned())],
        precondition: Precondition::Seen,
    };
    let put = PutObject {
        bucket: QUARANTINE,
        key,
        object,
    };
    site.client.send(&put).await.unwrap().unwrap();
}

#[tokio::test]
async fn released_object_leaves_quarantine_when_the_research_archive_has_it() {
    let (site, peer) = (Site::new(), Peer::new(&[503, 200]));
    quarantine(&site, KEY).await;
    let first = review(&site, &peer);
    decide(&first, KEY, Verdict::Release, "alice", 0).await;
    assert!(peer.requests().is_empty());
    assert!(!first.work(UNDO).await);
    assert_eq!(site.keys(QUARANTINE).await, [KEY]);
    assert_eq!(site.keys(ANONYMIZED).await, [KEY]);
    assert_eq!(peer.requests().len(), 1);
    // Not again at once.
    assert!(first.work(UNDO + 1).await);
    assert_eq!(peer.requests().len(), 1);
    drop(first);

    // Another process, after the lease.
    let second = review(&site, &peer);
    second.refresh(Duration::ZERO).await.unwrap();
    assert!(second.work(UNDO + 2 * record::LEASE).await);
    assert_eq!(site.keys(QUARANTINE).await, Vec::<String>::new());
    assert_eq!(site.keys(ANONYMIZED).await, [KEY]);
    let requests = peer.requests();
    assert_eq!(requests.len(), 2);
    let request = &requests[1];
    assert_eq!(request.uri(), "http://archive.example/dicom-web/studies");
    assert!(request.headers().contains_key("authorization"));
    let (body, object) = (request.body(), object());
    assert!(body.windows(object.len()).any(|part| part == object));

    let events = site.events().await;
    let sent = events.iter().filter(|event| event.action == Action::Send);
    let results: Vec<_> = sent.filter_map(|event| event.result.as_deref()).collect();
    let refused = "failed: dicomweb_research_url: status 503";
    assert!(results[0].ends_with(&refused[8..]), "{results:?}");
    assert_eq!(results[1..], ["done"]);
}

#[tokio::test]
async fn nothing_is_sent_that_is_no_released_object() {
    let (site, peer) = (Site::new(), Peer::new(&[200]));
    quarantine(&site, KEY).await;
    quarantine(&site, "waits.dcm").await;
    site.quarantine("picture.jpeg", "1").await;
    let review = review(&site, &peer);
    decide(&review, KEY, Verdict::Reject, "alice", 0).await;
    decide(&review, "picture.jpeg", Verdict::Release, "alice", 0).await;
    assert!(review.work(UNDO).await);
    assert_eq!(site.keys(QUARANTINE).await, ["waits.dcm"]);
    assert!(peer.requests().is_empty());
    // Replaced by the function after the decision.
    decide(&review, "waits.dcm", Verdict::Release, "alice", UNDO).await;
    site.quarantine("waits.dcm", "other").await;
    review.work(3 * UNDO).await;
    assert!(peer.requests().is_empty());
}
