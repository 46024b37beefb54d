//! `xray reprocess` against the gateway.

use testkit::ceph::raw;

use crate::{
    function::{command, run},
    site::{Site, picture},
};

#[tokio::test(flavor = "multi_thread")]
async fn reprocess_makes_missing_outputs() {
    let Some(site) = Site::new("reprocess").await else {
        return;
    };
    // What lay there before the function did.
    let keys = ["ward 1/Roe+a.jpeg", "ward 1/Roe%20b.jpeg", "ward 2/c.jpeg"];
    for (number, key) in keys.iter().enumerate() {
        site.put(key, picture(number)).await;
    }
    site.put("ward 2/letter.txt", "Dear colleague".into()).await;
    site.put("ward 2/", "".into()).await;
    let reprocess = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = command(&site, "reprocess", variables);
        command
            .args(["--quiet", "--bucket", "reprocess"])
            .args(arguments);
        let (is_ok, said, errors) = run(&mut command);
        assert!(is_ok, "{errors}");
        assert!(!format!("{said}{errors}").contains("Roe"), "{said}{errors}");
        (said.trim().to_owned(), errors)
    };
    let said = |variables: &[(&str, &str)], arguments: &[&str]| reprocess(variables, arguments).0;

    let dry = said(&[], &["--dry-run"]);
    assert_eq!(dry, "0 current, 4 to process (4 without output)");
    assert_eq!(site.count(&site.processed()).await, 0);
    assert_eq!(
        said(&[], &["--prefix", "ward 1/", "--limit", "1"]),
        "0 current, 1 due (1 without output)\n1 done"
    );
    assert_eq!(said(&[], &["--since", "2100-01-01"]), "0 current, 0 due");
    let (text, errors) = reprocess(&[], &["--since", "1h"]);
    assert_eq!(
        text,
        "1 current, 3 due (3 without output)\n2 done\n1 rejected (1 not-an-image)"
    );
    assert!(errors.contains("rejected: not-an-image"), "{errors}");
    for key in keys {
        assert!(site.outputs(key).await.anonymized.is_some(), "{key}");
    }

    // Nothing is done twice; what was overwritten is, and what other settings made.
    assert_eq!(said(&[], &["--prefix", "ward 1/"]), "2 current, 0 due");
    let etag = site.put(keys[2], picture(3)).await;
    let wards =
        "2 current, 2 due (1 overwritten, 1 without output)\n1 done\n1 rejected (1 not-an-image)";
    assert_eq!(said(&[], &[]), wards);
    let made = site.made_of(keys[2]).await.unwrap();
    assert_eq!(made.head.get("xray-source-etag"), etag);
    let larger = [("label_size", "60")];
    let dry = said(&larger, &["--dry-run", "--prefix", "ward 1"]);
    assert_eq!(dry, "0 current, 2 to process (2 of other settings)");
    let text = said(&larger, &["--prefix", "ward 1"]);
    assert_eq!(text, "0 current, 2 due (2 of other settings)\n2 done");
    assert_eq!(site.count(&site.processed()).await, 3);
    assert_eq!(site.count(&site.anonymized()).await, 3);

    let (text, errors) = reprocess_named(&site);
    assert!(
        errors.contains("ward 2/letter.txt: rejected"),
        "{text}{errors}"
    );
}

/// With names, which only this option prints.
fn reprocess_named(site: &Site) -> (String, String) {
    let mut command = command(site, "reprocess", &[]);
    command.args([
        "--quiet",
        "--bucket",
        "reprocess",
        "--prefix",
        "ward 2",
        "--show-keys",
    ]);
    let (is_ok, said, errors) = run(&mut command);
    assert!(is_ok, "{errors}");
    (said, errors)
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_under_former_names_are_removed() {
    let Some(site) = Site::new("reprocess-renamed").await else {
        return;
    };
    let keys = ["demo_Jane Roe_7701_1980-02-03_2020-01-02.jpeg", "b.jpeg"];
    for (number, key) in keys.iter().enumerate() {
        site.put(key, picture(number)).await;
    }
    let said = |exam_date: &str, arguments: &[&str]| {
        let mut command = command(&site, "reprocess", &[("exam_date", exam_date)]);
        command
            .args(["--quiet", "--bucket", "reprocess-renamed"])
            .args(arguments);
        let (is_ok, said, errors) = run(&mut command);
        assert!(is_ok, "{errors}");
        said.trim().to_owned()
    };
    let copies = async || -> Vec<String> {
        let page = site
            .client
            .list(&site.anonymized(), "", "", 1000)
            .await
            .unwrap();
        page.objects.into_iter().map(|copy| copy.key).collect()
    };
    said("year", &[]);
    let before = copies().await;
    assert!(
        before.len() == 2 && before[0].ends_with("_2020-XX-XX.jpeg"),
        "{before:?}"
    );
    // Objects without our metadata, and copies whose source is not among those that are listed,
    // stay.
    let bucket = site.anonymized();
    let letter = site
        .client
        .put(&bucket, "letter", "text/plain", "Dear".into());
    letter.await.unwrap();
    said("keep", &["--prefix", "b"]);
    assert_eq!(copies().await.len(), 3);
    assert_eq!(
        said("keep", &[]),
        "1 current, 1 due (1 of other settings)\n1 done\n1 removed under former names"
    );
    let after = copies().await;
    assert!(
        after.len() == 3 && after[0].ends_with("_2020-01-02.jpeg"),
        "{after:?}"
    );
    assert!(
        !after.contains(&before[0]) && after.contains(&before[1]),
        "{after:?}"
    );
    assert_eq!(said("keep", &[]), "2 current, 0 due");
}

#[tokio::test(flavor = "multi_thread")]
async fn reprocess_reports_failures_in_one_line() {
    let Some(site) = Site::new("reprocess-refused").await else {
        return;
    };
    site.put("Jane Roe.jpeg", picture(0)).await;
    for (bucket, variables, says) in [
        ("no-such-bucket", vec![], "create it first"),
        ("reprocess-refused-processed", vec![], "bucket for outputs"),
        (
            "reprocess-refused",
            vec![("s3_secret_key", "wrong")],
            "check the secret key",
        ),
        (
            "reprocess-refused",
            vec![("s3_endpoint", "http://127.0.0.1:9")],
            "no response from the endpoint",
        ),
        (
            "reprocess-refused",
            vec![("model", "other")],
            "no model \"other\"",
        ),
    ] {
        let mut command = command(&site, "reprocess", &variables);
        command.args(["--quiet", "--dry-run", "--bucket", bucket]);
        let (is_ok, said, errors) = run(&mut command);
        assert!(!is_ok && said.is_empty(), "{says}: {said}");
        assert!(errors.contains(says), "{says}: {errors}");
        assert!(!errors.contains("Roe"), "{errors}");
    }
    // The outputs' bucket is missing: that may still be helped, so the run has failed.
    let none = Default::default();
    let bucket = site.anonymized();
    let gone = raw(
        &site.client,
        http::Method::DELETE,
        &bucket,
        "",
        "",
        none,
        Default::default(),
    );
    assert_eq!(gone.await.unwrap().status(), 204);
    let mut command = command(&site, "reprocess", &[]);
    let (is_ok, said, errors) = run(command.args(["--quiet", "--bucket", "reprocess-refused"]));
    assert!(!is_ok, "{said}");
    assert!(said.contains("1 failed (1 store)"), "{said}");
    assert!(errors.contains("does not exist; create it"), "{errors}");
    assert!(!errors.contains("Roe"), "{errors}");
}
