//! `xray send` against the gateway.

use std::fs;

use phantoms::{Kind, Phantom, Style};
use testkit::ceph::raw;

use crate::{
    function::{Function, run, send},
    site::{Site, picture},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_sent_once_and_goes_through_the_function() {
    let Some(site) = Site::new("send").await else {
        return;
    };
    let function = Function::start(&site, &[]);
    site.notify(&function.url, false).await;
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("Roe & Söhne");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("Jane Roe+1.jpeg"), picture(0)).unwrap();
    fs::write(dir.path().join("b.jpg"), picture(1)).unwrap();
    fs::write(dir.path().join("empty.png"), "").unwrap();
    fs::write(dir.path().join("notes Roe.txt"), "not a picture").unwrap();
    // As on a medium of a modality.
    let (_, object) = Phantom::draw_dicom(3, 0, Kind::Pneumonia, &Style::default());
    fs::write(dir.path().join("IM000001"), &object).unwrap();
    // Two parts and a bit; the JPEG's own end comes long before.
    let mut large = picture(2).to_vec();
    large.resize((10 << 20) + 7, 0);
    fs::write(dir.path().join("large.JPEG"), &large).unwrap();
    let path = dir.path().to_str().unwrap();
    let arguments = [path, "--prefix", "ward 7/", "--part-size", "5"];

    let (is_ok, said, errors) = run(&mut send(&site, &site.bucket, &arguments));
    assert!(is_ok, "{errors}");
    assert!(errors.contains("5 sent to send (1"), "{errors}");
    let skipped = "1 file was left out, neither JPEG, PNG nor DICOM (--show-keys names them)";
    assert!(errors.contains(skipped), "{errors}");
    assert!(errors.contains("0 already there"), "{errors}");
    assert!(!format!("{said}{errors}").contains("Roe"), "{errors}");
    for (key, body) in [
        ("ward 7/Roe & Söhne/Jane Roe+1.jpeg", picture(0)),
        ("ward 7/b.jpg", picture(1)),
        ("ward 7/large.JPEG", large.clone().into()),
    ] {
        let sent = site.client.get(&site.bucket, key).await.unwrap().unwrap();
        assert!(sent.body == body, "{key}");
        assert_eq!(sent.head.content_type.as_deref(), Some("image/jpeg"));
        assert_eq!(key.ends_with(".JPEG"), sent.head.etag.ends_with("-3"));
        assert!(
            site.outputs(key).await.processed.is_some(),
            "{key}: {}",
            function.printed()
        );
    }
    let key = "ward 7/IM000001.dcm";
    let sent = site.client.get(&site.bucket, key).await.unwrap().unwrap();
    assert_eq!(sent.head.content_type.as_deref(), Some("application/dicom"));
    assert!(site.outputs(key).await.processed.is_some());
    let reports = function.reported(5).await.len();

    // Nothing is sent twice, in one part or in several, and what has changed is told by its content
    // alone.
    let (is_ok, _, errors) = run(&mut send(&site, &site.bucket, &arguments));
    assert!(
        is_ok && errors.contains("0 sent to send (0 B), 5 already there"),
        "{errors}"
    );
    assert_eq!(function.reports().len(), reports);
    large[1 << 20] ^= 1;
    fs::write(dir.path().join("large.JPEG"), &large).unwrap();
    let (is_ok, _, errors) = run(&mut send(&site, &site.bucket, &arguments));
    assert!(is_ok && errors.contains("1 sent to send (10."), "{errors}");
    let sent = site
        .client
        .get(&site.bucket, "ward 7/large.JPEG")
        .await
        .unwrap();
    assert!(sent.unwrap().body == large);
    let (is_ok, _, errors) = run(send(&site, &site.bucket, &arguments).arg("--again"));
    assert!(is_ok && errors.contains("5 sent to send"), "{errors}");

    // Everything was completed: no parts are left behind.
    let none = Default::default();
    let left = raw(
        &site.client,
        http::Method::GET,
        "send",
        "",
        "uploads=",
        none,
        Default::default(),
    );
    let left = String::from_utf8(left.await.unwrap().body().to_vec()).unwrap();
    assert!(
        left.contains("ListMultipartUploadsResult") && !left.contains("<Upload>"),
        "{left}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn send_reports_refusals_with_remedies_and_without_names() {
    let Some(site) = Site::new("send-refused").await else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("Jane Roe.jpeg");
    fs::write(&file, picture(0)).unwrap();
    let path = file.to_str().unwrap();
    let function = &site.gateway.function;
    let long = "x".repeat(1020);
    let bucket = site.bucket.as_str();
    let nobody = ("AWS_ACCESS_KEY_ID", "nobody");
    let wrong = ("AWS_SECRET_ACCESS_KEY", "wrong");
    let another = [
        ("AWS_ACCESS_KEY_ID", function.access_key.as_str()),
        ("AWS_SECRET_ACCESS_KEY", function.secret_key.expose()),
    ];
    for (what, bucket, arguments, environment, says) in [
        (
            "no bucket",
            "no-such-bucket",
            vec![],
            &[][..],
            "no-such-bucket",
        ),
        ("no such user", bucket, vec![], &[nobody], "check the keys"),
        ("a wrong secret", bucket, vec![], &[wrong], "check the keys"),
        (
            "another user",
            bucket,
            vec![],
            &another,
            "the bucket's policy",
        ),
        (
            "nobody there",
            bucket,
            vec!["--endpoint", "http://127.0.0.1:9"],
            &[],
            "the endpoint",
        ),
        (
            "no endpoint",
            bucket,
            vec!["--endpoint", "rgw"],
            &[],
            "http://",
        ),
        (
            "a long key",
            bucket,
            vec!["--prefix", &long],
            &[],
            "1024 bytes",
        ),
    ] {
        let mut command = send(&site, bucket, &[path]);
        command.args(&arguments);
        let environment = environment.iter().copied();
        let (is_ok, said, errors) = run(command.envs(environment));
        assert!(!is_ok, "{what}");
        assert!(errors.contains(says), "{what}: {errors}");
        assert_eq!(errors.trim().lines().count(), 1, "{what}: {errors}");
        assert!(
            !format!("{said}{errors}").contains("Roe"),
            "{what}: {errors}"
        );
    }
    assert_eq!(site.count(&site.bucket).await, 0);

    // A file that can't be read does not keep the others from being sent.
    fs::create_dir(dir.path().join("is a folder.jpeg")).unwrap();
    std::os::unix::fs::symlink("/nowhere", dir.path().join("gone.jpeg")).unwrap();
    fs::write(dir.path().join("second.jpeg"), picture(1)).unwrap();
    let folder = dir.path().to_str().unwrap();
    let (is_ok, _, errors) = run(&mut send(&site, &site.bucket, &[folder]));
    assert!(
        is_ok && errors.contains("2 sent"),
        "a folder is not a picture: {errors}"
    );
    assert_eq!(site.count(&site.bucket).await, 2);
}
