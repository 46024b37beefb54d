//! Objects that came in another way than by a plain PUT, that change under the function's hands, or
//! that the gateway keeps under keys.

use bytes::Bytes;
use http::{HeaderMap, Method};
use testkit::{
    ceph::{SecondGateway, raw},
    http::{HttpSink, field},
};

use crate::{
    function::Function,
    site::{Site, deliver, picture},
};

const ETAG: &str = "/s3/object/eTag";

#[tokio::test(flavor = "multi_thread")]
async fn parts_and_copies_are_objects_like_any_other() {
    let Some(site) = Site::new("edge-made").await else {
        return;
    };
    let catcher = HttpSink::start().await;
    site.notify(&catcher.url, false).await;
    let function = Function::start(&site, &[]);

    // A JPEG may have anything after its end; so the second part can begin behind the 5 MiB that
    // the first one needs.
    let mut body = picture(0).to_vec();
    body.resize((5 << 20) + 10, 0);
    let body = Bytes::from(body);
    let mut parts = site
        .client
        .multipart(&site.bucket, "parts.jpeg", "image/jpeg")
        .await
        .unwrap();
    for part in [body.slice(..5 << 20), body.slice(5 << 20..)] {
        parts.part(part).await.unwrap();
    }
    let etag = parts.complete().await.unwrap();
    assert!(etag.ends_with("-2"), "{etag}");
    let event = catcher.take();
    assert_eq!(
        field(&event, "/eventName"),
        "ObjectCreated:CompleteMultipartUpload"
    );
    assert_eq!(field(&event, ETAG), etag);
    let report = deliver(&function.url, &event).await;
    assert_eq!(report["outcome"], "done", "{report}");
    let made = site.made_of("parts.jpeg").await.unwrap();
    assert_eq!(made.head.get("xray-source-etag"), etag);

    site.put("a b+c/é.jpeg", picture(1)).await;
    catcher.take();
    let mut headers = HeaderMap::new();
    let source = format!("{}/a%20b%2Bc/%C3%A9.jpeg", site.bucket);
    headers.insert("x-amz-copy-source", source.parse().unwrap());
    let copied = raw(
        &site.client,
        Method::PUT,
        &site.bucket,
        "copy.jpeg",
        "",
        headers,
        Bytes::new(),
    );
    assert_eq!(copied.await.unwrap().status(), 200);
    let event = catcher.take();
    assert_eq!(field(&event, "/eventName"), "ObjectCreated:Copy");
    let report = deliver(&function.url, &event).await;
    assert_eq!(report["outcome"], "done", "{report}");
    assert!(site.outputs("copy.jpeg").await.anonymized.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_or_removed_objects_are_left_to_their_own_events() {
    let Some(site) = Site::new("edge-changed").await else {
        return;
    };
    let catcher = HttpSink::start().await;
    site.notify(&catcher.url, false).await;
    let function = Function::start(&site, &[]);

    site.put("one.jpeg", picture(0)).await;
    let first = catcher.take();
    let etag = site.put("one.jpeg", picture(1)).await;
    let second = catcher.take();
    let report = deliver(&function.url, &first).await;
    assert_eq!(report["reason"], "changed", "{report}");
    assert!(site.made_of("one.jpeg").await.is_none());
    assert_eq!(deliver(&function.url, &second).await["outcome"], "done");
    let made = site.made_of("one.jpeg").await.unwrap();
    assert_eq!(made.head.get("xray-source-etag"), etag);
    assert_eq!(deliver(&function.url, &first).await["reason"], "stale");

    site.put("two.jpeg", picture(2)).await;
    let put = catcher.take();
    site.delete("two.jpeg").await;
    catcher.take();
    assert_eq!(deliver(&function.url, &put).await["reason"], "gone");
    assert_eq!(site.count(&site.processed()).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_may_be_locked() {
    let Some(site) = Site::new("edge-locked").await else {
        return;
    };
    // Buckets that are locked from the start, in place of those that are there.
    for bucket in [site.processed(), site.anonymized()] {
        let none = (HeaderMap::new(), Bytes::new());
        let gone = raw(
            &site.client,
            Method::DELETE,
            &bucket,
            "",
            "",
            none.0,
            none.1,
        );
        assert_eq!(gone.await.unwrap().status(), 204);
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-bucket-object-lock-enabled", "true".parse().unwrap());
        site.make(&bucket, headers).await;
        let body = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
            <Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>";
        site.configure(&bucket, "object-lock=", body).await;
    }
    let function = Function::start(&site, &[("remove_outputs", "true")]);
    site.notify(&function.url, false).await;
    for number in [0, 1] {
        let etag = site.put("one.jpeg", picture(number)).await;
        let made = site.made_of("one.jpeg").await.unwrap();
        assert_eq!(
            made.head.get("xray-source-etag"),
            etag,
            "{}",
            function.printed()
        );
    }
    // What is locked is hidden by a delete marker and stays until its time is over.
    site.delete("one.jpeg").await;
    let report = function.reported(3).await.pop().unwrap();
    assert_eq!(report["processed"], "removed", "{report}");
    assert!(site.made_of("one.jpeg").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn encrypted_objects_are_told_apart() {
    let Some(site) = Site::new("edge-keys").await else {
        return;
    };
    let catcher = HttpSink::start().await;
    site.notify(&catcher.url, false).await;
    let function = Function::start(&site, &[]);
    let put = async |key: &str, headers: &[(&'static str, &str)]| {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.insert(*name, value.parse().unwrap());
        }
        let put = raw(
            &site.client,
            Method::PUT,
            &site.bucket,
            key,
            "",
            all,
            picture(0),
        );
        let put = put.await.unwrap();
        assert_eq!(put.status(), 200, "{put:?}");
        catcher.take()
    };

    // A key of the uploader's own, which nobody else has.
    let event = put(
        "customer.jpeg",
        &[
            ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
            (
                "x-amz-server-side-encryption-customer-key",
                "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
            ),
            (
                "x-amz-server-side-encryption-customer-key-md5",
                "hRasmdxgYDKV3nvbahU1MA==",
            ),
        ],
    )
    .await;
    let report = deliver(&function.url, &event).await;
    assert_eq!(report["outcome"], "rejected", "{report}");
    assert_eq!(report["reason"], "encrypted");

    // A key of the gateway's key service.
    let kms = [
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "xray-tests"),
    ];
    let event = put("service.jpeg", &kms).await;
    let report = deliver(&function.url, &event).await;
    assert_eq!(report["outcome"], "done", "{report}");

    // The same store through a gateway whose key service has lost the key.
    let event = put("lost.jpeg", &kms).await;
    let keyless = SecondGateway::start(site.gateway, "--rgw-crypt-s3-kms-encryption-keys=").await;
    let function = Function::start(&site, &[("s3_endpoint", &keyless.endpoint)]);
    let report = deliver(&function.url, &event).await;
    assert_eq!(report["outcome"], "retry", "{report}");
    assert!(
        report["detail"].as_str().unwrap().contains("key service"),
        "{report}"
    );
}
