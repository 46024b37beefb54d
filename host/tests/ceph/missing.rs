//! Missing buckets, and removed objects in buckets whose versioning is suspended.

use testkit::http::HttpSink;

use crate::{
    function::Function,
    site::{Site, deliver, picture},
};

#[tokio::test(flavor = "multi_thread")]
async fn missing_bucket_is_retried_and_named() {
    let Some(site) = Site::new("missing").await else {
        return;
    };
    let catcher = HttpSink::start().await;
    site.notify(&catcher.url, false).await;
    let function = Function::start(&site, &[]);
    site.put("Jane Roe.jpeg", picture(0)).await;
    let event = catcher.take();
    let elsewhere = String::from_utf8(event.to_vec()).unwrap();
    let elsewhere = elsewhere.replace("\"name\":\"missing\"", "\"name\":\"no-such-bucket\"");
    let report = deliver(&function.url, &elsewhere.into()).await;
    assert_eq!(report["outcome"], "retry", "{report}");
    let detail = report["detail"].as_str().unwrap();
    assert!(
        detail.contains("bucket no-such-bucket does not exist"),
        "{detail}"
    );
    assert!(!detail.contains("Roe"), "{detail}");
    site.delete("Jane Roe.jpeg").await;
    let report = deliver(&function.url, &event).await;
    assert_eq!(report["reason"], "gone", "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_are_stored_again_where_versioning_is_suspended() {
    let Some(site) = Site::new("suspended").await else {
        return;
    };
    for bucket in [site.processed(), site.anonymized(), site.quarantine()] {
        site.version(&bucket).await;
        let body = "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
        site.configure(&bucket, "versioning=", body).await;
    }
    let catcher = HttpSink::start().await;
    site.notify(&catcher.url, false).await;
    let function = Function::start(&site, &[("remove_outputs", "true")]);
    let key = "ward/one.jpeg";
    // From the second round on, every output meets the delete marker of the one before.
    for number in 0..3 {
        let etag = site.put(key, picture(number)).await;
        let report = deliver(&function.url, &catcher.take()).await;
        assert_eq!(report["outcome"], "done", "{report}");
        assert_eq!(report["anonymized"], "stored", "{report}");
        let made = site.made_of(key).await.unwrap();
        assert_eq!(made.head.get("xray-source-etag"), etag);
        assert_eq!(site.count(&site.anonymized()).await, 1);
        site.delete(key).await;
        let report = deliver(&function.url, &catcher.take()).await;
        assert_eq!(report["outcome"], "done", "{report}");
        assert_eq!(site.count(&site.processed()).await, 0);
        assert_eq!(site.count(&site.anonymized()).await, 0);
    }
}
