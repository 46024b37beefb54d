//! Any key: uploaded, notified of by the gateway, fetched and stored by the function, listed, and
//! removed again.

use crate::{
    function::{Function, command, run},
    site::{Site, picture},
};

/// Keys that break when code encodes once too often, decodes, normalizes or cuts.
fn odd_keys() -> Vec<String> {
    let mut keys: Vec<String> = [
        "a b.jpeg",
        "a+b.jpeg",
        "a%20b.jpeg",
        "a&b=c.jpeg",
        "a#b.jpeg",
        "a?b=c&versionId=d.jpeg",
        // Composed and decomposed, which look the same.
        "\u{e9}.jpeg",
        "e\u{301}.jpeg",
        "日本/胸部 X線.jpeg",
        "\u{1F600}.jpeg",
        "/lead.jpeg",
        "..",
        "../up.jpeg",
        "a/../b.jpeg",
        "./a/./b.jpeg",
        "a//b.jpeg",
        "//",
        "_under.jpeg",
        "a\tb\".jpeg",
        "\u{1}.jpeg",
        "~-_.!*'();:@$,[]\\^`{|}<>.jpeg",
        "a%2Fb%00.jpeg",
    ]
    .map(str::to_owned)
    .into();
    keys.push(format!("{}.jpeg", "k".repeat(1019)));
    // 1,024 bytes that can't be cut anywhere.
    keys.push("線".repeat(341) + "x");
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn any_key_goes_all_the_way() {
    let Some(site) = Site::new("keys").await else {
        return;
    };
    let function = Function::start(&site, &[("remove_outputs", "true")]);
    site.notify(&function.url, false).await;
    let keys = odd_keys();
    // The picture is the same, so that outputs that got under a wrong key would not be seen by
    // their bytes; by count they are.
    for (number, key) in keys.iter().enumerate() {
        let etag = site.put(key, picture(0)).await;
        let made = site.made_of(key).await;
        let made = made.unwrap_or_else(|| panic!("{key:?}: {}", function.printed()));
        assert_eq!(made.head.get("xray-source-etag"), etag, "{key:?}");
        assert!(site.outputs(key).await.anonymized.is_some(), "{key:?}");
        assert_eq!(site.count(&site.processed()).await, number + 1, "{key:?}");
        assert_eq!(site.count(&site.anonymized()).await, number + 1, "{key:?}");
    }
    let reports = function.reported(keys.len()).await;
    let outcomes = reports.into_iter().map(|r| r["outcome"].clone());
    assert!(outcomes.eq(vec!["done"; keys.len()]));

    // Listed in pages, every key is there once and as it was.
    let mut listed = Vec::new();
    let mut page = site.client.list("keys", "", "", 3).await.unwrap();
    loop {
        listed.extend(page.objects.into_iter().map(|object| object.key));
        if !page.is_truncated {
            break;
        }
        let last = listed.last().unwrap();
        page = site.client.list("keys", "", last, 3).await.unwrap();
    }
    let mut all = keys.clone();
    all.sort();
    assert_eq!(listed, all);

    // What was made through notifications is current for one who goes by the listing.
    let (is_ok, said, errors) = run(command(&site, "reprocess", &[]).args(["--bucket", "keys"]));
    assert!(is_ok, "{errors}");
    assert_eq!(said.trim(), format!("{} current, 0 due", keys.len()));

    for key in &keys {
        site.delete(key).await;
    }
    for bucket in [site.processed(), site.anonymized()] {
        assert_eq!(site.count(&bucket).await, 0, "{}", function.printed());
    }
    // Keys hold names.
    let printed = function.printed();
    for key in keys.iter().filter(|key| key.len() > 6) {
        assert!(!printed.contains(&**key), "{key:?} was printed");
    }
}
