//! Copies that may still contain text, on a real gateway: kept apart, replaced once clean, released
//! by a person.

use http::{HeaderMap, Method};
use testkit::{ceph::raw, http::HttpSink};

use crate::{
    function::{Function, command, run},
    site::{Site, deliver, picture},
};

/// No text may be covered beyond a corner where none is, so that the patient on a phantom is too
/// much of it.
const STRICT: [(&str, &str); 2] = [("max_redacted", "0"), ("redact_boxes", "bottom-left 8x8")];
/// Nothing is found, and so nothing is too much or left.
const LENIENT: [(&str, &str); 1] = [("text_detector", "")];

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_not_clean_is_kept_apart_until_it_is() {
    let Some(site) = Site::new("quarantine").await else {
        return;
    };
    let catcher = HttpSink::start().await;
    site.notify(&catcher.url, false).await;
    let strict = Function::start(&site, &STRICT);
    site.put("a/one.jpeg", picture(0)).await;
    let event = catcher.take();
    let report = deliver(&strict.url, &event).await;
    assert_eq!(report["outcome"], "quarantined", "{report}");
    assert_eq!(report["anonymized"], "quarantined", "{report}");
    assert_eq!(report["reason"], "too-much-text", "{report}");
    let outputs = site.outputs("a/one.jpeg").await;
    assert!(outputs.processed.is_some() && outputs.anonymized.is_none());
    let kept = outputs.quarantined.expect("a copy in quarantine");
    assert_eq!(deliver(&strict.url, &event).await["reason"], "duplicate");
    assert_eq!(site.count(&site.quarantine()).await, 1);
    assert_eq!(site.count(&site.anonymized()).await, 0);

    // With settings under which it is clean it leaves quarantine by itself.
    let bucket = ["--bucket", "quarantine"];
    let mut again = command(&site, "reprocess", &LENIENT);
    let (is_ok, said, errors) = run(again.args(bucket));
    assert!(is_ok, "{said}{errors}");
    let outputs = site.outputs("a/one.jpeg").await;
    let clean = outputs.anonymized.expect("a clean copy");
    let stem = clean.strip_suffix(".jpeg").unwrap();
    assert!(kept.starts_with(&format!("{stem}_")), "{kept} {clean}");
    assert_eq!(outputs.quarantined, None);
    // And goes back where it is not.
    let mut strictly = command(&site, "reprocess", &STRICT);
    let (_, said, errors) = run(strictly.args(bucket));
    let outputs = site.outputs("a/one.jpeg").await;
    assert_eq!(outputs.quarantined.as_ref(), Some(&kept), "{said}{errors}");
    assert_eq!(outputs.anonymized, None);

    // Moved by who has looked at it, as docs/privacy.md says: the function knows it as its own.
    let mut from = HeaderMap::new();
    let source = format!("{}/{kept}", site.quarantine());
    from.insert("x-amz-copy-source", source.parse().unwrap());
    let (to, none) = (site.anonymized(), "".into());
    let moved = raw(&site.client, Method::PUT, &to, &kept, "", from, none);
    assert_eq!(moved.await.unwrap().status(), 200);
    site.client.delete(&site.quarantine(), &kept).await.unwrap();
    assert_eq!(site.outputs("a/one.jpeg").await.anonymized, Some(kept));
    assert_eq!(deliver(&strict.url, &event).await["reason"], "duplicate");
    // The source comes anew: the released copy is of what is no more.
    site.put("a/one.jpeg", picture(1)).await;
    let report = deliver(&strict.url, &catcher.take()).await;
    assert_eq!(report["outcome"], "quarantined", "{report}");
    let outputs = site.outputs("a/one.jpeg").await;
    assert!(outputs.quarantined.is_some() && outputs.anonymized.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn unclean_copies_may_be_stored_nowhere_and_a_missing_bucket_is_named() {
    let Some(site) = Site::new("quarantine-none").await else {
        return;
    };
    let catcher = HttpSink::start().await;
    site.notify(&catcher.url, false).await;
    let (bucket, none) = (site.quarantine(), "".into());
    let gone = raw(
        &site.client,
        Method::DELETE,
        &bucket,
        "",
        "",
        HeaderMap::new(),
        none,
    );
    assert_eq!(gone.await.unwrap().status(), 204);
    site.put("one.jpeg", picture(0)).await;
    let event = catcher.take();
    let missing = Function::start(&site, &STRICT);
    let report = deliver(&missing.url, &event).await;
    assert_eq!(report["outcome"], "retry", "{report}");
    let detail = report["detail"].as_str().unwrap();
    assert!(detail.contains("quarantine_suffix"), "{detail}");
    assert_eq!(site.count(&site.anonymized()).await, 0);

    let nowhere = Function::start(&site, &[STRICT[0], STRICT[1], ("quarantine_suffix", "")]);
    let report = deliver(&nowhere.url, &event).await;
    assert_eq!(report["outcome"], "quarantined", "{report}");
    assert_eq!(report["anonymized"], "withheld", "{report}");
    assert!(site.made_of("one.jpeg").await.is_some());
    assert_eq!(site.count(&site.anonymized()).await, 0);
}
