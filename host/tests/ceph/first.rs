//! The gateway is there, takes our signatures, and keeps what the owner has from others.
use testkit::ceph::{gateway, raw};

use crate::CEPH_DIR;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

#[tokio::test(flavor = "multi_thread")]
async fn an_object_goes_in_and_comes_out() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let owner = gateway.owner();
    let none = HeaderMap::new();
    let made = raw(&owner, Method::PUT, "first", "", "", none, Bytes::new());
    assert_eq!(made.await.unwrap().status(), StatusCode::OK);
    let body = Bytes::from_static(b"a picture");
    let etag = owner.put("first", "a/b.jpeg", "image/jpeg", body.clone());
    let etag = etag.await.unwrap();
    let object = owner.get("first", "a/b.jpeg").await.unwrap().unwrap();
    assert_eq!((object.body, object.head.etag), (body, etag));
    let refused = gateway.function().get("first", "a/b.jpeg").await;
    assert!(refused.unwrap_err().to_string().contains("403"));
}
