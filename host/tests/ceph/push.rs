//! Notifications over HTTP push, while the function is there and while it is not.
use testkit::{
    http::{HttpSink, Then},
    wait::until_async,
};

use crate::{
    function::{Function, command, run},
    site::{Site, picture},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_persistent_loses_what_the_function_misses() {
    let Some(site) = Site::new("push-lossy").await else {
        return;
    };
    let function = Function::start(&site, &[]);
    site.notify(&function.url, false).await;
    site.put("seen.jpeg", picture(0)).await;
    assert!(
        site.made_of("seen.jpeg").await.is_some(),
        "pushed within the PUT"
    );

    let address = function.kill();
    // The upload succeeds, and nobody hears of it.
    let etag = site.put("missed.jpeg", picture(1)).await;
    let function = Function::start_at(&site, &address, &[]);
    site.put("after.jpeg", picture(2)).await;
    assert!(site.made_of("after.jpeg").await.is_some());
    assert!(site.made_of("missed.jpeg").await.is_none(), "it is lost");
    assert_eq!(function.reported(1).await.len(), 1);

    // That is what `reprocess` is for.
    let (is_ok, said, errors) =
        run(command(&site, "reprocess", &[]).args(["--bucket", "push-lossy"]));
    assert!(is_ok, "{errors}");
    assert_eq!(said.trim(), "2 current, 1 due (1 without output)\n1 done");
    let made = site.made_of("missed.jpeg").await.unwrap();
    assert_eq!(made.head.get("xray-source-etag"), etag);
}

/// The function is behind something that answers 503 for it while it is away, as an ingress does. Without, RGW 16.2.15 tries the
/// closed port some thousand times a second, and after about ten seconds may wait for ever for an answer that it has had.
#[tokio::test(flavor = "multi_thread")]
async fn a_persistent_topic_delivers_what_the_function_missed() {
    let Some(site) = Site::new("push-kept").await else {
        return;
    };
    let ingress = HttpSink::start().await;
    site.notify(&ingress.url, true).await;
    let function = Function::start(&site, &[]);
    ingress.set(Then::Forward(function.url.clone()));
    site.put("seen.jpeg", picture(0)).await;
    let is_made = async |key: &str| site.made_of(key).await.is_some();
    until_async("the first is made", async || is_made("seen.jpeg").await).await;

    ingress.set(Then::Away);
    let address = function.kill();
    for key in ["one.jpeg", "two.jpeg"] {
        site.put(key, picture(1)).await;
    }
    // Overwritten while nobody listens: of the two events only the last has anything to do.
    let last = site.put("one.jpeg", picture(2)).await;
    let tried = ingress.count() + 10;
    let in_vain = async || ingress.count() >= tried;
    until_async("the gateway has tried in vain", in_vain).await;
    assert!(!is_made("one.jpeg").await);

    let function = Function::start_at(&site, &address, &[]);
    ingress.set(Then::Forward(function.url.clone()));
    until_async("what was missed is made", async || {
        is_made("one.jpeg").await && is_made("two.jpeg").await
    })
    .await;
    let made = site.made_of("one.jpeg").await.unwrap();
    assert_eq!(made.head.get("xray-source-etag"), last);
    let reports = function.reports();
    let is_left = reports.iter().any(|r| r["reason"] == "changed");
    assert!(is_left, "{}", function.printed());
    assert_eq!(site.count(&site.processed()).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn overwrites_end_with_the_last_and_what_never_works_holds_nothing_up() {
    let Some(site) = Site::new("push-many").await else {
        return;
    };
    let function = Function::start(&site, &[]);
    site.notify(&function.url, true).await;
    site.put("letter.jpeg", "Dear colleague".into()).await;
    for number in [0, 1, 2, 0, 1, 3, 2] {
        site.put("one.jpeg", picture(number)).await;
    }
    site.put("other.jpeg", picture(3)).await;
    let reports = function.reported(9).await;
    let head = site.client.head(&site.bucket, "one.jpeg").await.unwrap();
    let made = site.made_of("one.jpeg").await.unwrap();
    let source = head.unwrap().etag;
    assert_eq!(made.head.get("xray-source-etag"), source);
    assert!(site.made_of("other.jpeg").await.is_some());
    assert!(
        reports.iter().all(|r| r["outcome"] != "retry"),
        "{}",
        function.printed()
    );
    assert_eq!(site.count(&site.anonymized()).await, 2);
    // A persistent topic repeats what fails, at once and for ever.
    let rejected = reports.iter().filter(|r| r["reason"] == "not-an-image");
    assert_eq!(rejected.count(), 1, "{}", function.printed());
}
