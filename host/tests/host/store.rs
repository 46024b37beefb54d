//! The function in this process, with a store that is a closure: egress, variables, report lines.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Method, Request, Response};
use xray_host::{
    app::manifest::Manifest,
    serve::{outbound::ServiceOverrides, runtime::Options},
};

use crate::support::{options, try_start};

/// The function with one event about an object, and a store that this closure is.
async fn event<F>(
    endpoint: &'static str,
    allowed: Option<&str>,
    store: F,
) -> Option<(Response<Bytes>, Vec<String>)>
where
    F: Fn(Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
{
    event_after(endpoint, allowed, store, |_| ()).await
}

/// The same after a change of the folder with the copies of the application's files.
async fn event_after<F>(
    endpoint: &'static str,
    allowed: Option<&str>,
    store: F,
    change: impl FnOnce(&Path),
) -> Option<(Response<Bytes>, Vec<String>)>
where
    F: Fn(Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
{
    let copies = tempfile::tempdir().unwrap();
    testkit::function_is_built().then_some(())?;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = lines.clone();
    let mut manifest = Manifest::load(&testkit::root()).unwrap();
    if let Some(allowed) = allowed {
        manifest
            .components
            .get_mut("xray")
            .unwrap()
            .allowed_outbound_hosts = vec![allowed.to_owned()];
    }
    let authority = endpoint.split_once("://").unwrap().1;
    let options = Options {
        service_overrides: ServiceOverrides::default().with(authority, move |request| {
            let answer = store(request);
            async move { Ok(answer) }
        }),
        listeners: vec![Arc::new(move |_, line| {
            sink.lock().unwrap().push(line.to_owned())
        })],
        state_dir: Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))),
        temp: Some(copies.path().to_owned()),
        ..options()
    };
    let values = [
        ("s3_endpoint", endpoint),
        ("s3_access_key", "access"),
        ("s3_secret_key", "s3cret"),
        ("pseudonym_key", "k"),
    ];
    let runtime = try_start(manifest, &values, options).await.unwrap();
    let copy = std::fs::read_dir(copies.path()).unwrap().next();
    change(&copy.unwrap().unwrap().path());
    let record = r#"{"Records":[{"eventVersion":"2.2","eventSource":"ceph:s3","eventName":"ObjectCreated:Put",
        "s3":{"bucket":{"name":"in"},"object":{"key":"a/DOE_JANE.jpg","size":7,"eTag":"x","sequencer":"9FDB036B4065E808"}}}]}"#;
    let request = Request::post("/").header("content-type", "application/json");
    let answer = runtime
        .call(request.body(Bytes::from(record)).unwrap())
        .await;
    let lines = lines.lock().unwrap().clone();
    Some((answer, lines))
}

/// Other hosts than ours don't check the names at the start.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_model_is_a_settings_error_with_the_known_names() {
    let rename = |from: &'static str, to: &'static str| {
        move |files: &Path| {
            let models = files.join("models");
            std::fs::rename(models.join(from), models.join(to)).unwrap();
        }
    };
    for (from, to, expected) in [
        (
            "pneumonia",
            "lungs",
            "setting `model`: `pneumonia` is not the name of a classifier in the folder models; known: lungs",
        ),
        (
            "text",
            "letters",
            "setting `text_detector`: `text` is not the name of a text detector in the folder models; known: letters",
        ),
        (
            "markers",
            "sides",
            "setting `marker_recognizer`: `markers` is not the name of a marker recognizer in the folder models; known: sides",
        ),
    ] {
        let ended = event_after(
            "http://store.internal:7480",
            None,
            not_found,
            rename(from, to),
        );
        let Some((response, lines)) = ended.await else {
            return;
        };
        assert_eq!(response.status(), 503);
        let report: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(report["detail"], expected, "{report}");
        assert_eq!(report["reason"], "misconfigured");
    }
}

fn not_found(_: Request<Bytes>) -> Response<Bytes> {
    let body = Bytes::from_static(b"<Error><Code>NoSuchKey</Code></Error>");
    Response::builder().status(404).body(body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_function_reaches_a_store_without_a_socket() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let store = move |request: Request<Bytes>| {
        let host = request.headers()["host"].to_str().unwrap().to_owned();
        seen.lock().unwrap().push((
            request.method().clone(),
            request.uri().path().to_owned(),
            host,
        ));
        not_found(request)
    };
    let Some((answer, lines)) = event("http://store.internal:7480", None, store).await else {
        return;
    };
    let asked = asked.lock().unwrap().clone();
    assert!(
        asked
            .iter()
            .all(|(_, _, host)| host == "store.internal:7480"),
        "{asked:?}"
    );
    assert!(
        asked
            .iter()
            .any(|(method, _, _)| matches!(*method, Method::GET | Method::HEAD)),
        "{asked:?}"
    );
    // The object is gone, so there is nothing left to do.
    assert_eq!(answer.status(), 200, "{:?}", answer.body());
    assert!(
        lines
            .iter()
            .any(|line| line.contains("\"event\":\"object\"")),
        "{lines:?}"
    );
    assert!(!lines.concat().contains("DOE_JANE"), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_allowed_is_not_reached() {
    let reached = Arc::new(Mutex::new(0));
    let count = reached.clone();
    let store = move |request: Request<Bytes>| {
        *count.lock().unwrap() += 1;
        not_found(request)
    };
    let allowed = Some("https://elsewhere.example.com");
    let Some((answer, _)) = event("http://store.internal:7480", allowed, store).await else {
        return;
    };
    assert_eq!(*reached.lock().unwrap(), 0);
    assert_eq!(answer.status(), 503, "{:?}", answer.body());
    let said = String::from_utf8_lossy(answer.body());
    let words = "no response from s3_endpoint: the host denied the request; name its origin in";
    assert!(said.contains(words), "{said}");
}
