//! Uploading files.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use s3::{Source, Upload, UploadError, UploadOptions, Uploaded};

use crate::support::{BUCKET, served};

#[tokio::test]
async fn uploads_are_stored_with_their_type() {
    let s = served(vec![]).await;
    let file = s.dir.path().join("one.png");
    fs::write(&file, "from a file").unwrap();
    let uploads = [
        Upload {
            key: "one.png".into(),
            content_type: "image/png",
            source: Source::File(file),
        },
        Upload {
            key: "in/two.jpeg".into(),
            content_type: "image/jpeg",
            source: Source::Bytes("from memory".into()),
        },
    ];
    let sent = AtomicUsize::new(0);
    let count = |_: &Upload| {
        sent.fetch_add(1, Ordering::SeqCst);
    };
    s.client
        .upload_all(BUCKET, &uploads, 2, count)
        .await
        .unwrap();
    assert_eq!(sent.load(Ordering::SeqCst), 2);
    for (key, kind, body) in [
        ("one.png", "image/png", "from a file"),
        ("in/two.jpeg", "image/jpeg", "from memory"),
    ] {
        let got = s.client.get(BUCKET, key).await.unwrap().unwrap();
        assert_eq!(
            (&got.body[..], got.head.content_type.as_deref()),
            (body.as_bytes(), Some(kind))
        );
    }
}

#[tokio::test]
async fn failed_upload_names_the_file() {
    let s = served(vec![]).await;
    let missing = s.dir.path().join("missing.png");
    let uploads = [Upload {
        key: "m.png".into(),
        content_type: "image/png",
        source: Source::File(missing),
    }];
    let (_, error) = s
        .client
        .upload_all(BUCKET, &uploads, 2, |_| ())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("missing.png"), "{error:#}");
}

#[tokio::test]
async fn stored_objects_are_recognized_by_content() {
    let s = served(vec![]).await;
    let options = UploadOptions {
        part_size: 5 << 20,
        skip_stored: true,
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
            content_type: "image/png",
            source: Source::File(file.clone()),
        };
        let send = async || s.client.upload(BUCKET, &upload, &options).await.unwrap();
        assert_eq!(send().await, Uploaded::Sent(body.len() as u64), "{key}");
        let got = s.client.get(BUCKET, key).await.unwrap().unwrap();
        assert!(got.body == body, "{key}");
        assert_eq!(send().await, Uploaded::AlreadyStored, "{key}");
        // Same size, other content.
        if let Some(last) = body.last() {
            let mut other = body.clone();
            *other.last_mut().unwrap() = last ^ 1;
            fs::write(&file, other).unwrap();
            assert_eq!(send().await, Uploaded::Sent(body.len() as u64), "{key}");
        }
        fs::remove_file(&file).unwrap();
        let failed = s.client.upload(BUCKET, &upload, &options).await;
        assert!(matches!(failed, Err(UploadError::File { .. })), "{key}");
    }
}
