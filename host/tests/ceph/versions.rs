//! Buckets with versions: the version that an event names is the one that counts.
use testkit::{
    ceph::raw,
    http::{HttpSink, field},
};

use crate::{
    function::Function,
    site::{Site, deliver, picture},
};

const VERSION: &str = "/s3/object/versionId";

#[tokio::test(flavor = "multi_thread")]
async fn the_version_that_an_event_names_is_fetched() {
    let Some(site) = Site::new("versions").await else {
        return;
    };
    site.version(&site.bucket).await;
    let catcher = HttpSink::start().await;
    site.notify(&catcher.url, false).await;
    let function = Function::start(&site, &[]);

    let mut events = Vec::new();
    for number in [0, 1] {
        let etag = site.put("one.jpeg", picture(number)).await;
        let event = catcher.take();
        events.push((etag, field(&event, VERSION), event));
    }
    // The first is no longer the current one, and is what its event is about.
    for (etag, version, event) in &events {
        assert!(!version.is_empty());
        let report = deliver(&function.url, event).await;
        assert_eq!(report["outcome"], "done", "{report}");
        let made = site.made_of("one.jpeg").await.unwrap();
        assert_eq!(made.head.get("xray-source-etag"), etag);
        assert_eq!(made.head.get("xray-source-version"), version);
    }
    for (index, reason) in [(0, "stale"), (1, "duplicate")] {
        let report = deliver(&function.url, &events[index].2).await;
        assert_eq!(report["reason"], reason, "{report}");
    }
    // A version that is gone for good.
    site.put("two.jpeg", picture(2)).await;
    let event = catcher.take();
    site.delete_version("two.jpeg", &field(&event, VERSION))
        .await;
    let report = deliver(&function.url, &event).await;
    assert_eq!(report["reason"], "gone", "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_follow_what_is_current() {
    let Some(site) = Site::new("versions-removal").await else {
        return;
    };
    site.version(&site.bucket).await;
    let catcher = HttpSink::start().await;
    site.notify(&catcher.url, false).await;
    let function = Function::start(&site, &[("remove_outputs", "true")]);
    let key = "one.jpeg";
    let source = async || {
        let made = site.made_of(key).await?;
        Some(made.head.get("xray-source-etag").to_owned())
    };

    let mut versions = Vec::new();
    for number in [0, 1] {
        let etag = site.put(key, picture(number)).await;
        let event = catcher.take();
        versions.push((etag, field(&event, VERSION)));
        deliver(&function.url, &event).await;
    }
    let [(first, old), (second, current)] = &versions[..] else {
        panic!()
    };

    // A delete marker hides the source: its outputs go.
    site.delete(key).await;
    let marker = catcher.take();
    assert_eq!(
        field(&marker, "/eventName"),
        "ObjectRemoved:DeleteMarkerCreated"
    );
    let report = deliver(&function.url, &marker).await;
    assert_eq!(report["processed"], "removed", "{report}");
    assert_eq!(site.outputs(key).await, Default::default());

    // The marker is removed: the source is back, and so are they.
    let head = raw(
        &site.client,
        http::Method::GET,
        &site.bucket,
        "",
        "versions=",
        Default::default(),
        Default::default(),
    );
    let listed = String::from_utf8(head.await.unwrap().body().to_vec()).unwrap();
    let of_marker = listed.split("<DeleteMarker>").nth(1).unwrap();
    let id = of_marker.split("<VersionId>").nth(1).unwrap();
    let id = id.split("</VersionId>").next().unwrap();
    site.delete_version(key, id).await;
    let report = deliver(&function.url, &catcher.take()).await;
    assert_eq!(report["processed"], "stored", "{report}");
    assert_eq!(source().await.as_ref(), Some(second));

    // An old version is removed: that changes nothing.
    let third = site.put(key, picture(2)).await;
    deliver(&function.url, &catcher.take()).await;
    site.delete_version(key, current).await;
    let report = deliver(&function.url, &catcher.take()).await;
    assert_eq!(report["reason"], "source-exists", "{report}");
    assert_eq!(source().await, Some(third));

    // The current one is removed: the one before it is current now.
    let made = site.made_of(key).await.unwrap();
    let newest = made.head.get("xray-source-version").to_owned();
    site.delete_version(key, &newest).await;
    let report = deliver(&function.url, &catcher.take()).await;
    assert_eq!(report["processed"], "stored", "{report}");
    assert_eq!(source().await.as_ref(), Some(first));

    site.delete_version(key, old).await;
    let report = deliver(&function.url, &catcher.take()).await;
    assert_eq!(report["processed"], "removed", "{report}");
    assert_eq!(site.outputs(key).await, Default::default());
}

/// RGW 16 holds a PUT's condition against the version that is about to be made.
#[tokio::test(flavor = "multi_thread")]
async fn outputs_may_have_versions_too() {
    let Some(site) = Site::new("versions-out").await else {
        return;
    };
    for bucket in [site.processed(), site.anonymized()] {
        site.version(&bucket).await;
    }
    let function = Function::start(&site, &[("remove_outputs", "true")]);
    site.notify(&function.url, false).await;
    for number in [0, 1, 2] {
        let etag = site.put("one.jpeg", picture(number)).await;
        let made = site.made_of("one.jpeg").await.unwrap();
        assert_eq!(
            made.head.get("xray-source-etag"),
            etag,
            "{}",
            function.printed()
        );
    }
    assert!(site.outputs("one.jpeg").await.anonymized.is_some());
    site.delete("one.jpeg").await;
    assert_eq!(site.outputs("one.jpeg").await, Default::default());
}
