//! Notifications, compared with those captured from a real gateway.

use bytes::Bytes;
use fake_gateway::notify::Rule;
use http::{Method, Request};
use s3::Raw;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::support::{BUCKET, Served, accepting, element, served, topic};

/// The captured notification: headers in order, and the body.
fn captured(name: &str) -> (Vec<String>, String) {
    let path = format!(
        "{}/../tests/notifications/18.2.7/{name}.http",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).unwrap().replace('\r', "");
    let (head, body) = text.split_once("\n\n").unwrap();
    (
        head.lines().skip(1).map(str::to_owned).collect(),
        body.trim_end().to_owned(),
    )
}

/// The names of the members in the order of the text.
fn member_names(json: &str) -> Vec<&str> {
    let pieces: Vec<&str> = json.split('"').collect();
    pieces
        .windows(2)
        .filter(|pair| pair[1].starts_with(':'))
        .map(|pair| pair[0])
        .collect()
}

/// Checks the form of what differs from run to run, and removes it.
fn normalized(body: &str) -> Value {
    let mut value: Value = serde_json::from_str(body).unwrap();
    let record = &mut value["Records"][0];
    let etag = record["s3"]["object"]["eTag"].as_str().unwrap().to_owned();
    let sequencer = record["s3"]["object"]["sequencer"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(sequencer.len() == 16 && !sequencer.bytes().any(|b| b.is_ascii_lowercase()));
    let bytes: [u8; 8] = hex::decode(sequencer).unwrap().try_into().unwrap();
    let seconds = u32::from_le_bytes(bytes[..4].try_into().unwrap());
    let nanos = u32::from_le_bytes(bytes[4..].try_into().unwrap());
    let id = format!("{seconds}.{:06}.{etag}", nanos / 1000);
    assert_eq!(record["eventId"], id.as_str());
    let time = record["eventTime"].as_str().unwrap();
    assert_eq!(
        (time.len(), &time[10..11], &time[19..20], &time[26..]),
        (27, "T", ".", "Z")
    );
    let request = record["responseElements"]["x-amz-request-id"]
        .as_str()
        .unwrap();
    assert_eq!(
        (request.split('.').count(), request.find('.')),
        (3, Some(36))
    );
    let bucket = record["s3"]["bucket"]["id"].as_str().unwrap();
    assert_eq!((bucket.split('.').count(), bucket.find('.')), (3, Some(36)));
    for pointer in [
        "/eventId",
        "/eventTime",
        "/responseElements/x-amz-request-id",
    ] {
        *record.pointer_mut(pointer).unwrap() = "…".into();
    }
    for pointer in ["/s3/bucket/id", "/s3/object/sequencer", "/s3/object/eTag"] {
        *record.pointer_mut(pointer).unwrap() = "…".into();
    }
    value
}

fn check(request: &Request<Bytes>, name: &str) {
    let (head, expected) = captured(name);
    let sent = std::str::from_utf8(request.body()).unwrap();
    assert_eq!(normalized(sent), normalized(&expected), "{name}");
    assert_eq!(member_names(sent), member_names(&expected), "{name}");
    assert_eq!(
        (request.method(), request.uri().path()),
        (&Method::POST, "/ok/raw")
    );
    // The transport sets the host, and the length follows the body.
    for line in head
        .iter()
        .filter(|line| !line.starts_with("Host") && !line.contains("Length"))
    {
        let (name, value) = line.split_once(": ").unwrap();
        assert_eq!(request.headers()[name], value);
    }
    assert_eq!(request.headers()["content-length"], sent.len().to_string());
}

const ODD: &str = "in/a b+c%20d&e=f?g#h é日本.png";
const TEN: &str = "0123456789";
const WITH: [(&str, &str); 3] = [
    ("x-amz-meta-kind", "xray"),
    ("x-amz-meta-pat", "p 1"),
    ("x-amz-tagging", "stage=raw&x=y%20z"),
];

async fn gateway() -> (Served, mpsc::UnboundedReceiver<Request<Bytes>>) {
    let (transport, requests) = accepting();
    let rule = Rule::created(BUCKET, topic(transport)).and_removed();
    (
        served(vec![rule.id("raw-id").opaque("opaque me=1&2")]).await,
        requests,
    )
}

#[tokio::test]
async fn put_notification_matches_the_gateway() {
    let (s, mut requests) = gateway().await;
    assert_eq!(s.put("in/simple.png", &[], TEN).await, 200);
    check(&requests.recv().await.unwrap(), "ObjectCreated-Put");
    assert_eq!(s.put(ODD, &WITH, TEN).await, 200);
    check(&requests.recv().await.unwrap(), "ObjectCreated-Put-odd-key");
}

#[tokio::test]
async fn copy_notification_matches_the_gateway() {
    let (s, mut requests) = gateway().await;
    s.put("in/simple.png", &[("x-amz-meta-kind", "xray")], TEN)
        .await;
    requests.recv().await.unwrap();
    let from = [("x-amz-copy-source", "xray-data-in/in/simple.png")];
    let response = s.send(Method::PUT, "in/copy é+1.png", "", &from, "").await;
    assert_eq!(response.status(), 200);
    check(
        &requests.recv().await.unwrap(),
        "ObjectCreated-Copy-odd-key",
    );
    let copy = s
        .client
        .get(BUCKET, "in/copy é+1.png")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (&copy.body[..], copy.head.get("kind")),
        (TEN.as_bytes(), "xray")
    );
    let missing = [("x-amz-copy-source", "xray-data-in/missing")];
    assert_eq!(
        s.send(Method::PUT, "b", "", &missing, "").await.status(),
        404
    );
}

#[tokio::test]
async fn multipart_notification_matches_the_gateway() {
    let (s, mut requests) = gateway().await;
    let key = "in/multi part+1.bin";
    let created = s
        .send(
            Method::POST,
            key,
            "uploads=",
            &[("x-amz-meta-kind", "mp")],
            "",
        )
        .await;
    let upload = element(&created, "UploadId");
    let mut parts = String::new();
    for (number, body) in [(1, "x".repeat(5 << 20)), (2, TEN.into())] {
        let query = format!("partNumber={number}&uploadId={upload}");
        let part = s.send(Method::PUT, key, &query, &[], body).await;
        let etag = part.headers()["etag"].to_str().unwrap().to_owned();
        parts += &format!("<Part><ETag>{etag}</ETag><PartNumber>{number}</PartNumber></Part>");
    }
    let list = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let done = s
        .send(Method::POST, key, &format!("uploadId={upload}"), &[], list)
        .await;
    assert_eq!(done.status(), 200);
    let request = requests.recv().await.unwrap();
    check(&request, "ObjectCreated-CompleteMultipartUpload-odd-key");
    let told: Value = serde_json::from_slice(request.body()).unwrap();
    let etag = told["Records"][0]["s3"]["object"]["eTag"].as_str().unwrap();
    assert!(etag.len() == 34 && etag.ends_with("-2"), "{etag}");
    let head = s.client.head(BUCKET, key).await.unwrap().unwrap();
    assert_eq!(head.etag, etag);
}

#[tokio::test]
async fn deletion_notification_matches_the_gateway() {
    let (s, mut requests) = gateway().await;
    s.client.delete(BUCKET, "nope").await.unwrap();
    check(&requests.recv().await.unwrap(), "ObjectRemoved-Delete");
    s.put(ODD, &WITH, TEN).await;
    requests.recv().await.unwrap();
    s.client.delete(BUCKET, ODD).await.unwrap();
    check(
        &requests.recv().await.unwrap(),
        "ObjectRemoved-Delete-odd-key",
    );
}

#[tokio::test]
async fn other_buckets_and_rejected_writes_are_not_notified() {
    let (transport, mut requests) = accepting();
    let s = served(vec![Rule::created(BUCKET, topic(transport))]).await;
    let create = Raw {
        method: Method::PUT,
        bucket: "elsewhere",
        ..Raw::default()
    };
    s.client.send(&create).await.unwrap();
    s.client
        .put("elsewhere", "a", "image/png", "1".into())
        .await
        .unwrap();
    assert_eq!(s.put("a", &[], "1").await, 200);
    assert_eq!(s.put("a", &[("if-none-match", "*")], "2").await, 412);
    s.client.delete(BUCKET, "a").await.unwrap();
    requests.recv().await.unwrap();
    assert!(requests.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sequencers_of_a_key_follow_its_writes() {
    let (transport, mut requests) = accepting();
    let s = served(vec![Rule::created(BUCKET, topic(transport))]).await;
    let bodies: Vec<String> = (0..20).map(|i| i.to_string()).collect();
    futures_util::future::join_all(bodies.iter().map(|body| s.put("a", &[], body))).await;
    let mut told = Vec::new();
    for _ in 0..20 {
        let body: Value = serde_json::from_slice(requests.recv().await.unwrap().body()).unwrap();
        let object = &body["Records"][0]["s3"]["object"];
        let bytes = hex::decode(object["sequencer"].as_str().unwrap()).unwrap();
        let part =
            |range: std::ops::Range<usize>| u32::from_le_bytes(bytes[range].try_into().unwrap());
        told.push((
            (part(0..4), part(4..8)),
            object["eTag"].as_str().unwrap().to_owned(),
        ));
    }
    told.sort();
    let head = s.client.head(BUCKET, "a").await.unwrap().unwrap();
    assert_eq!(head.etag, told.last().unwrap().1);
}
