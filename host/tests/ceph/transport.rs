//! The transport of the commands: responses that break off or are longer than they say.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use http::Method;
use s3::{Addressing, Client, Credentials, Endpoint, Raw};
use testkit::ceph::gateway;
use xray_host::ceph::{bucket::NoPublicAcls, resource::Resource, transport, user::user_id};

use crate::{CEPH_DIR, site::Site};

/// Serves these bytes on one connection after the other, whatever the request, and counts the
/// connections.
fn serve(responses: Vec<&'static str>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let served = count.clone();
    std::thread::spawn(move || {
        for response in responses {
            let (mut stream, _) = listener.accept().unwrap();
            served.fetch_add(1, Relaxed);
            let mut head = [0; 4096];
            _ = stream.read(&mut head).unwrap();
            stream.write_all(response.as_bytes()).unwrap();
        }
    });
    (format!("http://{address}"), count)
}

fn client(endpoint: &str) -> Client {
    let endpoint = Endpoint::parse(endpoint, Addressing::Path).unwrap();
    let keys = Credentials::new("key", "secret");
    Client::new(endpoint, keys, transport().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn request_is_repeated_once_on_another_connection() {
    let whole = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let garbage = "0</RequestId></Error>\r\n\r\n";
    let short = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx";
    for broken in ["", garbage, short] {
        let (endpoint, count) = serve(vec![broken, whole]);
        let get = Raw {
            bucket: "bucket",
            ..Raw::default()
        };
        client(&endpoint).send(&get).await.unwrap();
        assert_eq!(count.load(Relaxed), 2);
        // POST may have had its effect.
        let (endpoint, count) = serve(vec![broken, whole]);
        let post = Raw {
            method: Method::POST,
            ..get
        };
        client(&endpoint).send(&post).await.unwrap_err();
        assert_eq!(count.load(Relaxed), 1);
        // Once, not for ever.
        let (endpoint, count) = serve(vec![broken, broken, whole]);
        let get = Raw {
            bucket: "bucket",
            ..Raw::default()
        };
        client(&endpoint).send(&get).await.unwrap_err();
        assert_eq!(count.load(Relaxed), 2);
    }
}

/// Ceph 18 and 20 send more than the length that they announce when a bucket has no public access
/// block.
#[tokio::test(flavor = "multi_thread")]
async fn missing_public_access_block_does_not_spoil_the_connection() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "transport-block";
    let owner = gateway.owner();
    let put = Raw {
        method: Method::PUT,
        bucket,
        ..Raw::default()
    };
    owner.send(&put).await.unwrap();
    let endpoint = Endpoint::parse(&gateway.endpoint, Addressing::Path).unwrap();
    let client = Client::new(endpoint, gateway.owner.clone(), transport().unwrap());
    let block = NoPublicAcls {
        client: client.clone(),
        bucket: bucket.to_owned(),
    };
    for _ in 0..50 {
        block.read().await.unwrap();
        assert_eq!(user_id(&client).await.unwrap().as_deref(), Some("owner"));
        // POST is never repeated, so it fails if the connection is spoiled.
        let parameters = &[("Action", "ListTopics")];
        client.send(&s3::Sns { parameters }).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listing_goes_beyond_a_page() {
    let Some(site) = Site::new("transport-pages").await else {
        return;
    };
    let puts = (0..1005).map(|number| {
        let (client, bucket) = (site.client.clone(), site.bucket.clone());
        async move {
            let key = format!("{number:04}.txt");
            client
                .put(&bucket, &key, "text/plain", "x".into())
                .await
                .unwrap();
        }
    });
    futures_util::StreamExt::collect::<Vec<_>>(futures_util::StreamExt::buffer_unordered(
        futures_util::stream::iter(puts),
        16,
    ))
    .await;
    let first = site.client.list(&site.bucket, "", "", 1000).await.unwrap();
    assert!(first.is_truncated);
    assert_eq!(first.objects.len(), 1000);
    let last = &first.objects.last().unwrap().key;
    let rest = site
        .client
        .list(&site.bucket, "", last, 1000)
        .await
        .unwrap();
    assert!(!rest.is_truncated);
    let keys: Vec<&str> = rest
        .objects
        .iter()
        .map(|object| object.key.as_str())
        .collect();
    assert_eq!(
        keys,
        ["1000.txt", "1001.txt", "1002.txt", "1003.txt", "1004.txt"]
    );
}
