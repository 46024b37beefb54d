//! Finding pictures and uploading them.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use xray_demo::sender::{Failure, Manner, Sent, Source, Upload, pictures_in, send_all, send_one};

use crate::support::{BUCKET, served};

#[test]
fn pictures_are_found_wherever_they_lie() {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "chest_xray/train/NORMAL/IM-0001.jpeg",
        "chest_xray/train/PNEUMONIA/person1_bacteria_1.JPG",
        "chest_xray/test/a b.png",
        "chest_xray/.DS_Store",
        "chest_xray/readme.txt",
        "__MACOSX/chest_xray/._IM-0001.jpeg",
        ".hidden/x.png",
    ] {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    let found = pictures_in(dir.path()).unwrap();
    let keys: Vec<_> = found.iter().map(|upload| upload.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "chest_xray/test/a b.png",
            "chest_xray/train/NORMAL/IM-0001.jpeg",
            "chest_xray/train/PNEUMONIA/person1_bacteria_1.JPG",
        ]
    );
    assert!(pictures_in(&dir.path().join("missing")).is_err());
}

#[tokio::test]
async fn everything_is_sent_with_its_type() {
    let s = served(vec![]).await;
    let file = s.dir.path().join("one.png");
    fs::write(&file, "from a file").unwrap();
    let uploads = [
        Upload {
            key: "one.png".into(),
            source: Source::File(file),
        },
        Upload {
            key: "in/two.jpeg".into(),
            source: Source::Bytes("from memory".into()),
        },
    ];
    let sent = AtomicUsize::new(0);
    let count = |_: &Upload| {
        sent.fetch_add(1, Ordering::SeqCst);
    };
    send_all(&s.client, BUCKET, &uploads, 2, count)
        .await
        .unwrap();
    assert_eq!(sent.load(Ordering::SeqCst), 2);
    for (key, kind, body) in [
        ("one.png", "image/png", "from a file"),
        ("in/two.jpeg", "image/jpeg", "from memory"),
    ] {
        let got = s.client.get(BUCKET, key).await.unwrap().unwrap();
        assert_eq!(
            (&got.body()[..], &got.headers()["content-type"]),
            (body.as_bytes(), &kind.parse().unwrap())
        );
    }
}

#[tokio::test]
async fn a_failed_upload_is_an_error_that_names_the_picture() {
    let s = served(vec![]).await;
    let missing = s.dir.path().join("missing.png");
    let uploads = [Upload {
        key: "m.png".into(),
        source: Source::File(missing),
    }];
    let error = send_all(&s.client, BUCKET, &uploads, 2, |_| ())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("missing.png"), "{error:#}");
}

#[tokio::test]
async fn what_is_there_already_is_told_by_its_content() {
    let s = served(vec![]).await;
    let manner = Manner {
        part_size: 5 << 20,
        skips_present: true,
    };
    let large = vec![7u8; (5 << 20) + 1];
    for (key, body) in [
        ("empty.png", Vec::new()),
        ("small.png", b"a picture".to_vec()),
        ("large.png", large),
    ] {
        let file = s.dir.path().join(key);
        fs::write(&file, &body).unwrap();
        let upload = Upload {
            key: key.into(),
            source: Source::File(file.clone()),
        };
        let send = async || send_one(&s.client, BUCKET, &upload, &manner).await.unwrap();
        assert_eq!(send().await, Sent::Uploaded(body.len() as u64), "{key}");
        let got = s.client.get(BUCKET, key).await.unwrap().unwrap();
        assert!(got.body() == &body, "{key}");
        assert_eq!(send().await, Sent::Present, "{key}");
        // Of the same size, and another.
        if let Some(last) = body.last() {
            let mut other = body.clone();
            *other.last_mut().unwrap() = last ^ 1;
            fs::write(&file, other).unwrap();
            assert_eq!(send().await, Sent::Uploaded(body.len() as u64), "{key}");
        }
        fs::remove_file(&file).unwrap();
        let failed = send_one(&s.client, BUCKET, &upload, &manner).await;
        assert!(matches!(failed, Err(Failure::File(_))), "{key}");
    }
}
