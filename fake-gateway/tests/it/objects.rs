//! The store as a client sees it.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Method;
use md5::{Digest, Md5};
use s3::{Client, Credentials, Transport};

use crate::support::{BUCKET, element, header, served};

#[tokio::test]
async fn what_is_put_comes_back_with_its_metadata() {
    let s = served(vec![]).await;
    let with = [
        ("content-type", "image/png"),
        ("x-amz-meta-kind", "xray"),
        ("x-amz-meta-pat", "p 1"),
    ];
    assert_eq!(s.put("in/a.png", &with, "hello").await, 200);

    let etag = format!("\"{}\"", hex::encode(Md5::digest("hello")));
    let head = s.client.head(BUCKET, "in/a.png").await.unwrap().unwrap();
    let got = s.client.get(BUCKET, "in/a.png").await.unwrap().unwrap();
    for answer in [&head, &got] {
        assert_eq!(header(answer, "etag"), etag);
        assert_eq!(header(answer, "content-length"), "5");
        assert_eq!(header(answer, "content-type"), "image/png");
        assert_eq!(header(answer, "x-amz-meta-kind"), "xray");
        assert_eq!(header(answer, "x-amz-meta-pat"), "p 1");
        assert_eq!(header(answer, "x-amz-version-id"), "");
    }
    assert!(head.body().is_empty());
    assert_eq!(&got.body()[..], b"hello");
}

#[tokio::test]
async fn an_overwrite_replaces_body_and_metadata() {
    let s = served(vec![]).await;
    s.put("a", &[("x-amz-meta-one", "1")], "first").await;
    s.put("a", &[("x-amz-meta-two", "2")], "second").await;
    let got = s.client.get(BUCKET, "a").await.unwrap().unwrap();
    assert_eq!(&got.body()[..], b"second");
    assert_eq!(
        (
            header(&got, "x-amz-meta-one"),
            header(&got, "x-amz-meta-two")
        ),
        ("", "2")
    );
}

#[tokio::test]
async fn a_wrong_signature_is_refused() {
    let s = served(vec![]).await;
    s.put("a", &[], "secret").await;
    let wrong = Credentials::new(s.credentials.access_key.clone(), "wrong");
    let unknown = Credentials::new("nobody", s.credentials.secret_key.clone());
    for (credentials, code) in [(wrong, "SignatureDoesNotMatch"), (unknown, "NotSignedUp")] {
        let client = Client::new(s.listening.endpoint(), credentials, Transport::http());
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let none = Default::default();
            let answer = client
                .send(method, BUCKET, "a", "", none, "x".into())
                .await
                .unwrap();
            assert_eq!(answer.status(), 403);
            assert_eq!(element(&answer, "Code"), code);
        }
    }
    let unsigned = http::Request::get(format!("{}/{BUCKET}/a", s.listening.endpoint()));
    let unsigned = unsigned.body(Default::default()).unwrap();
    assert_eq!(
        Transport::http().send(unsigned).await.unwrap().status(),
        403
    );
    assert_eq!(
        &s.client.get(BUCKET, "a").await.unwrap().unwrap().body()[..],
        b"secret"
    );
}

#[tokio::test]
async fn the_call_in_process_checks_signatures_too() {
    let s = served(vec![]).await;
    let inside = Client::new(
        "http://store.internal",
        s.credentials.clone(),
        s.store.transport(),
    );
    inside
        .put(BUCKET, "a b", "image/png", "hello".into())
        .await
        .unwrap();
    assert_eq!(
        &s.client.get(BUCKET, "a b").await.unwrap().unwrap().body()[..],
        b"hello"
    );
    assert_eq!(
        header(
            &inside.head(BUCKET, "a b").await.unwrap().unwrap(),
            "content-length"
        ),
        "5"
    );

    let wrong = Credentials::new(s.credentials.access_key.clone(), "wrong");
    let wrong = Client::new("http://store.internal", wrong, s.store.transport());
    assert!(
        wrong
            .get(BUCKET, "a b")
            .await
            .unwrap_err()
            .to_string()
            .contains("403")
    );
}

#[tokio::test]
async fn a_damaged_body_changes_nothing() {
    let s = served(vec![]).await;
    s.put("a", &[], "old").await;
    let md5 = STANDARD.encode(Md5::digest("other"));
    let answer = s
        .send(Method::PUT, "a", "", &[("content-md5", &md5)], "new")
        .await;
    assert_eq!(
        (answer.status().as_u16(), element(&answer, "Code").as_str()),
        (400, "BadDigest")
    );
    assert_eq!(
        &s.client.get(BUCKET, "a").await.unwrap().unwrap().body()[..],
        b"old"
    );
    let md5 = STANDARD.encode(Md5::digest("new"));
    assert_eq!(s.put("a", &[("content-md5", &md5)], "new").await, 200);
}

#[tokio::test]
async fn what_is_deleted_leaves_nothing_behind() {
    let s = served(vec![]).await;
    s.put("in/a", &[("x-amz-meta-kind", "xray")], "1").await;
    s.client.delete(BUCKET, "in/a").await.unwrap();
    s.client.delete(BUCKET, "in/a").await.unwrap();
    assert!(s.client.get(BUCKET, "in/a").await.unwrap().is_none());
    let hidden = std::fs::read_dir(s.dir.path().join(".s3")).unwrap();
    let left: Vec<_> = hidden.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    let attributes = std::fs::read_dir(s.dir.path().join(".s3/.attributes")).unwrap();
    assert_eq!(attributes.count(), 0);
}

#[tokio::test]
async fn odd_keys_are_files_under_their_own_names() {
    let s = served(vec![]).await;
    let keys = [
        "demo_Ada Ramsey_8055_1945-10-17_2015-04-16.jpeg",
        "in/a b+c%20d&e=f?g#h é日本.png",
        "a~b'c(d)e!f*g;h:i@j,k$l.png",
        "%2F%252F.png",
        &format!("{}a.png", "folder/".repeat(140)),
    ];
    for key in keys {
        assert_eq!(s.put(key, &[], key).await, 200, "{key}");
        let got = s.client.get(BUCKET, key).await.unwrap().expect(key);
        assert_eq!(&got.body()[..], key.as_bytes());
        assert_eq!(
            std::fs::read(s.store.bucket_dir(BUCKET).join(key)).unwrap(),
            key.as_bytes()
        );
    }
}

#[tokio::test]
async fn keys_that_a_folder_can_not_hold_are_refused() {
    let s = served(vec![]).await;
    for key in ["in//a", "in/./a", "in/../a", "../a", &"long".repeat(64)] {
        assert_eq!(s.put(key, &[], "x").await, 400, "{key}");
    }
    s.put("a", &[], "x").await;
    s.put("b/c", &[], "x").await;
    assert_eq!(s.put("a/b", &[], "x").await, 400);
    assert_eq!(s.put("b", &[], "x").await, 400);
    assert!(s.client.head(BUCKET, "b").await.unwrap().is_none());
}

#[tokio::test]
async fn a_file_put_there_by_hand_is_an_object_too() {
    let s = served(vec![]).await;
    s.put("a", &[("x-amz-meta-kind", "old")], "old").await;
    std::fs::write(s.store.bucket_dir(BUCKET).join("a"), "by hand").unwrap();
    let got = s.client.get(BUCKET, "a").await.unwrap().unwrap();
    let etag = format!("\"{}\"", hex::encode(Md5::digest("by hand")));
    assert_eq!(header(&got, "etag"), etag);
    assert_eq!(&got.body()[..], b"by hand");
    assert_eq!(header(&got, "x-amz-meta-kind"), "");
}

#[tokio::test]
async fn a_part_of_an_object_can_be_read() {
    let s = served(vec![]).await;
    s.put("a", &[], "0123456789").await;
    for (range, part) in [
        ("bytes=2-4", "234"),
        ("bytes=7-", "789"),
        ("bytes=-2", "89"),
    ] {
        let got = s.send(Method::GET, "a", "", &[("range", range)], "").await;
        assert_eq!(
            (got.status().as_u16(), &got.body()[..]),
            (206, part.as_bytes()),
            "{range}"
        );
    }
    let beyond = s
        .send(Method::GET, "a", "", &[("range", "bytes=10-")], "")
        .await;
    assert_eq!(beyond.status(), 416);
}

#[tokio::test]
async fn buckets_can_be_made_and_listed() {
    let s = served(vec![]).await;
    let none = Default::default;
    let send = async |method, bucket, key: &str, query| {
        s.client
            .send(method, bucket, key, query, none(), "".into())
            .await
            .unwrap()
    };
    assert_eq!(send(Method::PUT, "another", "", "").await.status(), 200);
    assert_eq!(send(Method::PUT, "another", "x", "").await.status(), 200);
    assert_eq!(send(Method::PUT, "missing", "x", "").await.status(), 404);
    let listing = send(Method::GET, "another", "", "list-type=2").await;
    assert_eq!(element(&listing, "Key"), "x");
    assert!(s.dir.path().join("another").is_dir());
}

#[tokio::test]
async fn a_store_that_is_gone_can_come_back() {
    let s = served(vec![]).await;
    s.put("a", &[], "1").await;
    let address = s.listening.address();
    drop(s.listening);
    assert!(s.client.get(BUCKET, "a").await.is_err());
    let _again = s.store.listen(address).await.unwrap();
    assert_eq!(
        &s.client.get(BUCKET, "a").await.unwrap().unwrap().body()[..],
        b"1"
    );
}
