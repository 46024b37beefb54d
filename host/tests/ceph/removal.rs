//! Removals as the gateway tells of them, with and without `remove_outputs`.
use testkit::http::HttpSink;

use crate::{
    function::Function,
    site::{Site, deliver, picture},
};

#[tokio::test(flavor = "multi_thread")]
async fn outputs_go_with_their_source_only_where_that_is_wanted() {
    let Some(site) = Site::new("removal").await else {
        return;
    };
    let catcher = HttpSink::start().await;
    site.notify(&catcher.url, false).await;
    let keeps = Function::start(&site, &[]);
    let follows = Function::start(&site, &[("remove_outputs", "true")]);

    site.put("a/one.jpeg", picture(0)).await;
    let put = catcher.take();
    assert_eq!(deliver(&keeps.url, &put).await["outcome"], "done");
    site.put("a/two.jpeg", picture(1)).await;
    deliver(&keeps.url, &catcher.take()).await;
    site.delete("a/one.jpeg").await;
    let removal = catcher.take();
    let report = deliver(&keeps.url, &removal).await;
    assert_eq!(report["reason"], "not-a-creation");
    assert!(site.made_of("a/one.jpeg").await.is_some());

    let report = deliver(&follows.url, &removal).await;
    assert_eq!(report["processed"], "removed", "{report}");
    assert_eq!(report["anonymized"], "removed", "{report}");
    assert_eq!(site.outputs("a/one.jpeg").await, Default::default());
    // The neighbour has kept its own.
    assert_eq!(site.count(&site.processed()).await, 1);
    assert_eq!(site.count(&site.anonymized()).await, 1);
    let report = deliver(&follows.url, &removal).await;
    assert_eq!(report["reason"], "no-outputs");
    // The event of the upload, late: its source is gone.
    let report = deliver(&follows.url, &put).await;
    assert_eq!(report["reason"], "gone", "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_comes_late_takes_nothing_of_the_new_source() {
    let Some(site) = Site::new("removal-late").await else {
        return;
    };
    let catcher = HttpSink::start().await;
    site.notify(&catcher.url, false).await;
    let function = Function::start(&site, &[("remove_outputs", "true")]);

    site.put("one.jpeg", picture(0)).await;
    deliver(&function.url, &catcher.take()).await;
    site.delete("one.jpeg").await;
    let removal = catcher.take();
    site.put("one.jpeg", picture(1)).await;
    let again = catcher.take();
    let report = deliver(&function.url, &removal).await;
    assert_eq!(report["reason"], "source-exists", "{report}");
    assert_eq!(deliver(&function.url, &again).await["outcome"], "done");
    let report = deliver(&function.url, &removal).await;
    assert_eq!(report["reason"], "stale", "{report}");
    assert!(site.outputs("one.jpeg").await.anonymized.is_some());
}
