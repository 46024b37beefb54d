//! Conditional requests, and the atomicity of a condition and its write.

use http::Method;
use md5::{Digest, Md5};

use crate::support::{BUCKET, served};

#[tokio::test]
async fn conditional_writes_check_the_stored_etag() {
    let s = served(vec![]).await;
    let (first, second) = (hex::encode(Md5::digest("1")), hex::encode(Md5::digest("2")));
    let quoted = |etag: &str| format!("\"{etag}\"");
    assert_eq!(s.put("a", &[("if-match", &quoted(&first))], "1").await, 412);
    assert_eq!(s.put("a", &[("if-none-match", "*")], "1").await, 200);
    assert_eq!(s.put("a", &[("if-none-match", "*")], "2").await, 412);
    assert_eq!(
        s.put("a", &[("if-match", &quoted(&second))], "2").await,
        412
    );
    assert_eq!(s.put("a", &[("if-match", &quoted(&first))], "2").await, 200);
    assert_eq!(s.put("a", &[("if-match", &second)], "3").await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_conditional_writers_have_one_winner() {
    let s = served(vec![]).await;
    for round in 0..10 {
        let key = format!("race-{round}");
        let bodies: Vec<String> = (0..8).map(|writer| format!("writer {writer}")).collect();
        let create = [("if-none-match", "*")];
        let puts = bodies.iter().map(|body| s.put(&key, &create, body));
        let statuses = futures_util::future::join_all(puts).await;
        assert_eq!(
            statuses.iter().filter(|status| **status == 200).count(),
            1,
            "{statuses:?}"
        );
        assert_eq!(
            statuses.iter().filter(|status| **status == 412).count(),
            7,
            "{statuses:?}"
        );

        let winner = &bodies[statuses.iter().position(|status| *status == 200).unwrap()];
        let etag = hex::encode(Md5::digest(winner));
        let replace = [("if-match", etag.as_str())];
        let next: Vec<String> = (0..8).map(|writer| format!("second {writer}")).collect();
        let puts = next.iter().map(|body| s.put(&key, &replace, body));
        let statuses = futures_util::future::join_all(puts).await;
        assert_eq!(
            statuses.iter().filter(|status| **status == 200).count(),
            1,
            "{statuses:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_never_see_a_partial_write() {
    let s = served(vec![]).await;
    s.put("a", &[], "x").await;
    let write = async {
        for size in 1..60 {
            s.put("a", &[], &"x".repeat(size * 1000)).await;
        }
    };
    let read = async {
        for _ in 0..120 {
            let got = s.client.get(BUCKET, "a").await.unwrap().unwrap();
            assert_eq!(got.head.etag, hex::encode(Md5::digest(&got.body)));
        }
    };
    tokio::join!(write, read);
}

#[tokio::test]
async fn conditional_reads_and_deletions_check_the_stored_etag() {
    let s = served(vec![]).await;
    s.put("a", &[], "1").await;
    let etag = hex::encode(Md5::digest("1"));
    let status = async |method, with: &[(&'static str, &str)]| {
        s.send(method, "a", "", with, "").await.status().as_u16()
    };
    assert_eq!(status(Method::GET, &[("if-match", "\"other\"")]).await, 412);
    assert_eq!(status(Method::GET, &[("if-match", &etag)]).await, 200);
    assert_eq!(status(Method::GET, &[("if-none-match", &etag)]).await, 304);
    assert_eq!(
        status(Method::HEAD, &[("if-match", "\"other\"")]).await,
        412
    );
    assert_eq!(
        status(Method::DELETE, &[("if-match", "\"other\"")]).await,
        412
    );
    assert_eq!(status(Method::DELETE, &[("if-match", &etag)]).await, 204);
    assert_eq!(status(Method::HEAD, &[]).await, 404);
}
