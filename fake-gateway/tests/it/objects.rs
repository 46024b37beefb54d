//! The store, seen by a client.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::Method;
use md5::{Digest, Md5};
use s3::{Addressing, Client, Credentials, Endpoint, ObjectHead, Raw, Transport};

use crate::support::{BUCKET, element, served};

#[tokio::test]
async fn put_object_is_returned_with_its_metadata() {
    let s = served(vec![]).await;
    let with = [
        ("content-type", "image/png"),
        ("x-amz-meta-kind", "xray"),
        ("x-amz-meta-pat", "p 1"),
    ];
    assert_eq!(s.put("in/a.png", &with, "hello").await, 200);

    let expected = ObjectHead {
        etag: hex::encode(Md5::digest("hello")),
        size: Some(5),
        content_type: Some("image/png".into()),
        version: None,
        metadata: vec![("kind".into(), "xray".into()), ("pat".into(), "p 1".into())],
    };
    let sorted = |mut head: ObjectHead| {
        head.metadata.sort();
        head
    };
    let head = s.client.head(BUCKET, "in/a.png").await.unwrap().unwrap();
    assert_eq!(sorted(head), expected);
    let got = s.client.get(BUCKET, "in/a.png").await.unwrap().unwrap();
    assert_eq!(sorted(got.head), expected);
    assert_eq!(&got.body[..], b"hello");
}

#[tokio::test]
async fn overwrite_replaces_body_and_metadata() {
    let s = served(vec![]).await;
    s.put("a", &[("x-amz-meta-one", "1")], "first").await;
    s.put("a", &[("x-amz-meta-two", "2")], "second").await;
    let got = s.client.get(BUCKET, "a").await.unwrap().unwrap();
    assert_eq!(&got.body[..], b"second");
    assert_eq!((got.head.get("one"), got.head.get("two")), ("", "2"));
}

#[tokio::test]
async fn wrong_signature_is_rejected() {
    let s = served(vec![]).await;
    s.put("a", &[], "secret").await;
    let wrong = Credentials::new(s.credentials.access_key.clone(), "wrong");
    let unknown = Credentials::new("nobody", s.credentials.secret_key.expose());
    for (credentials, code) in [(wrong, "SignatureDoesNotMatch"), (unknown, "NotSignedUp")] {
        let client = Client::new(s.listening.endpoint(), credentials, Transport::http());
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let request = Raw {
                method,
                bucket: BUCKET,
                key: "a",
                body: "x".into(),
                ..Raw::default()
            };
            let error = client.send(&request).await.unwrap_err();
            let refusal = error.refusal().unwrap();
            assert_eq!((refusal.status.as_u16(), &*refusal.code), (403, code));
        }
    }
    let uri = s.listening.endpoint().uri(BUCKET, "a", "").unwrap();
    let unsigned = http::Request::get(uri).body(Bytes::new()).unwrap();
    assert_eq!(
        Transport::http().send(unsigned).await.unwrap().status(),
        403
    );
    assert_eq!(
        &s.client.get(BUCKET, "a").await.unwrap().unwrap().body[..],
        b"secret"
    );
}

#[tokio::test]
async fn calls_in_process_check_signatures() {
    let s = served(vec![]).await;
    let internal = Endpoint::parse("http://store.internal", Addressing::Path).unwrap();
    let inside = Client::new(internal.clone(), s.credentials.clone(), s.store.transport());
    inside
        .put(BUCKET, "a b", "image/png", "hello".into())
        .await
        .unwrap();
    assert_eq!(
        &s.client.get(BUCKET, "a b").await.unwrap().unwrap().body[..],
        b"hello"
    );
    let head = inside.head(BUCKET, "a b").await.unwrap().unwrap();
    assert_eq!(head.size, Some(5));

    let wrong = Credentials::new(s.credentials.access_key.clone(), "wrong");
    let wrong = Client::new(internal.clone(), wrong, s.store.transport());
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
async fn damaged_body_changes_nothing() {
    let s = served(vec![]).await;
    s.put("a", &[], "old").await;
    let md5 = STANDARD.encode(Md5::digest("other"));
    let response = s
        .send(Method::PUT, "a", "", &[("content-md5", &md5)], "new")
        .await;
    assert_eq!(
        (
            response.status().as_u16(),
            element(&response, "Code").as_str()
        ),
        (400, "BadDigest")
    );
    assert_eq!(
        &s.client.get(BUCKET, "a").await.unwrap().unwrap().body[..],
        b"old"
    );
    let md5 = STANDARD.encode(Md5::digest("new"));
    assert_eq!(s.put("a", &[("content-md5", &md5)], "new").await, 200);
}

#[tokio::test]
async fn deletion_leaves_no_files_behind() {
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
async fn odd_keys_become_files_of_the_same_name() {
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
        assert_eq!(&got.body[..], key.as_bytes());
        assert_eq!(
            std::fs::read(s.store.bucket_dir(BUCKET).join(key)).unwrap(),
            key.as_bytes()
        );
    }
}

#[tokio::test]
async fn keys_that_a_folder_cannot_hold_are_rejected() {
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
async fn file_stored_by_hand_is_an_object() {
    let s = served(vec![]).await;
    s.put("a", &[("x-amz-meta-kind", "old")], "old").await;
    std::fs::write(s.store.bucket_dir(BUCKET).join("a"), "by hand").unwrap();
    let got = s.client.get(BUCKET, "a").await.unwrap().unwrap();
    assert_eq!(got.head.etag, hex::encode(Md5::digest("by hand")));
    assert_eq!(&got.body[..], b"by hand");
    assert_eq!(got.head.get("kind"), "");
}

#[tokio::test]
async fn objects_are_listed_with_etags_and_any_key() {
    let s = served(vec![]).await;
    let keys = ["a b+c%20d&e=f é.png", "in/one"];
    for key in keys {
        let put = s.client.put(BUCKET, key, "image/png", Bytes::from(key));
        put.await.unwrap();
    }
    let page = s.client.list(BUCKET, "", "", 10).await.unwrap();
    let listed = page
        .objects
        .iter()
        .map(|one| (one.key.as_str(), one.etag.clone()));
    let expect = keys.map(|key| (key, hex::encode(Md5::digest(key))));
    assert_eq!(listed.collect::<Vec<_>>(), expect);
    let page = s.client.list(BUCKET, "", keys[0], 10).await.unwrap();
    assert_eq!((page.objects.len(), page.is_truncated), (1, false));
}

#[tokio::test]
async fn ranges_are_read() {
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
async fn buckets_are_created_and_listed() {
    let s = served(vec![]).await;
    let send = async |method, bucket, key: &str, query| {
        let request = Raw {
            method,
            bucket,
            key,
            query,
            ..Raw::default()
        };
        s.client.respond(&request).await.unwrap()
    };
    assert_eq!(send(Method::PUT, "another", "", "").await.status(), 200);
    assert_eq!(send(Method::PUT, "another", "x", "").await.status(), 200);
    assert_eq!(send(Method::PUT, "missing", "x", "").await.status(), 404);
    let listing = send(Method::GET, "another", "", "list-type=2").await;
    assert_eq!(element(&listing, "Key"), "x");
    assert!(s.dir.path().join("another").is_dir());
}

#[tokio::test]
async fn store_can_listen_again() {
    let s = served(vec![]).await;
    s.put("a", &[], "1").await;
    let address = s.listening.address();
    drop(s.listening);
    assert!(s.client.get(BUCKET, "a").await.is_err());
    let _again = s.store.listen(address).await.unwrap();
    assert_eq!(
        &s.client.get(BUCKET, "a").await.unwrap().unwrap().body[..],
        b"1"
    );
}
