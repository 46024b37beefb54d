//! The runtime in this process: one request's failure is its own, limits hold, egress is enforced.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use xray_host::{
    egress::InProcess,
    manifest::Manifest,
    nn::choose::Choice,
    runtime::{Options, Runtime},
    variables::Sources,
};

use crate::{guests, support};

fn options() -> Options {
    Options {
        nn: Choice::Embedded,
        quiet: true,
        sessions: 1,
        ..Options::default()
    }
}

fn sources(values: &[(&str, &str)]) -> Sources {
    let explicit = values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Sources {
        explicit,
        ..Sources::default()
    }
}

async fn start(components: &[(&str, String)], options: Options) -> (tempfile::TempDir, Runtime) {
    let texts: Vec<_> = components
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let app = support::app(&texts);
    let manifest = Manifest::load(app.path()).unwrap();
    let runtime = Runtime::start(manifest, sources(&[("token", "t")]), options)
        .await
        .unwrap();
    (app, runtime)
}

async fn get(runtime: &Runtime, path: &str) -> Response<Bytes> {
    runtime
        .call(Request::get(path).body(Bytes::new()).unwrap())
        .await
}

fn counted(runtime: &Runtime, line: &str) -> bool {
    runtime
        .metrics()
        .render((0, 0))
        .lines()
        .any(|own| own == line)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_is_one_problem_and_no_more() {
    let options = Options {
        timeout: Duration::from_millis(300),
        max_memory: 8 << 20,
        ..options()
    };
    let components = [
        ("trap", guests::trap()),
        ("spin", guests::spin()),
        ("greedy", guests::greedy()),
        ("silent", guests::silent()),
    ];
    let (_app, runtime) = start(&components, options).await;
    let cases = [
        ("/trap", 500),
        ("/spin", 503),
        ("/greedy", 500),
        ("/silent", 500),
        ("/nowhere", 404),
    ];
    // All at once and twice, so that each runs beside the others' failures.
    let tasks: Vec<_> = cases
        .into_iter()
        .chain(cases)
        .map(|(path, status)| {
            let runtime = runtime.clone();
            tokio::spawn(async move { (get(&runtime, path).await, path, status) })
        })
        .collect();
    for task in tasks {
        let (answer, path, status) = task.await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(
            answer.headers()["content-type"],
            "application/problem+json",
            "{path}"
        );
        let problem: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(problem["status"], status, "{path}");
        assert_eq!(
            answer.headers().contains_key("retry-after"),
            status == 503,
            "{path}"
        );
    }
    for line in [
        r#"xray_failures_total{kind="trap"} 2"#,
        r#"xray_failures_total{kind="deadline"} 2"#,
        r#"xray_failures_total{kind="memory"} 2"#,
        r#"xray_failures_total{kind="no-answer"} 2"#,
        r#"xray_requests_total{status="500"} 6"#,
        "xray_requests_in_flight 0",
    ] {
        assert!(
            counted(&runtime, line),
            "{line} is not in\n{}",
            runtime.metrics().render((0, 0))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_queue_the_answer_comes_at_once() {
    let options = Options {
        timeout: Duration::from_secs(1),
        max_concurrency: 1,
        queue: 1,
        ..options()
    };
    let (_app, runtime) = start(&[("spin", guests::spin())], options).await;
    let began = Instant::now();
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            let runtime = runtime.clone();
            tokio::spawn(async move { (get(&runtime, "/spin").await.status(), began.elapsed()) })
        })
        .collect();
    let mut ends = Vec::new();
    for task in tasks {
        let (status, at) = task.await.unwrap();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        ends.push(at);
    }
    ends.sort();
    assert!(
        ends[0] < Duration::from_millis(500),
        "turned away at once: {ends:?}"
    );
    assert!(
        ends[2] >= Duration::from_secs(2),
        "the second waited for the first: {ends:?}"
    );
    assert!(counted(
        &runtime,
        r#"xray_rejected_total{kind="queue-full"} 1"#
    ));
}

#[tokio::test]
async fn a_start_that_cannot_work_says_what_is_wrong() {
    let fails = |components: Vec<(&'static str, String)>,
                 values: &'static [(&str, &str)],
                 edit: fn(&str) -> String| async move {
        let texts: Vec<_> = components
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        let app = support::app(&texts);
        let path = app.path().join("spin.toml");
        std::fs::write(&path, edit(&std::fs::read_to_string(&path).unwrap())).unwrap();
        let manifest = Manifest::load(app.path()).unwrap();
        let result = Runtime::start(manifest, sources(values), options()).await;
        format!("{:#}", result.err().expect("this must not start"))
    };
    let trap = || vec![("trap", guests::trap())];
    let ok = &[("token", "s3cret")];
    let said = fails(trap(), &[], str::to_owned).await;
    assert!(
        said.contains("token") && said.contains("SPIN_VARIABLE_TOKEN"),
        "{said}"
    );
    let said = fails(vec![("a", guests::stranger())], ok, str::to_owned).await;
    assert!(
        said.contains("component a") && said.contains("somebody:else/thing"),
        "{said}"
    );
    let said = fails(trap(), ok, |text| text.replace("trap.wasm", "other.wasm")).await;
    assert!(said.contains("other.wasm"), "{said}");
    let said = fails(trap(), ok, |text| {
        text.to_owned() + "allowed_outbound_hosts = [\"{{ token }}\"]"
    })
    .await;
    assert!(said.contains("allowed_outbound_hosts"), "{said}");
    let said = fails(trap(), ok, |text| {
        text.to_owned() + "allowed_outbound_hosts = [\"{{ nobody }}\"]"
    })
    .await;
    assert!(said.contains("nobody"), "{said}");
}

#[tokio::test]
async fn a_model_that_is_not_its_contracts_stops_the_start() {
    let app = support::app(&[("trap", &guests::trap())]);
    let folder = app.path().join("models/chest");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("model.onnx"), "weights").unwrap();
    let path = app.path().join("spin.toml");
    let manifest = std::fs::read_to_string(&path).unwrap()
        + "files = [{ source = \"models\", destination = \"/models\" }]";
    std::fs::write(&path, manifest).unwrap();
    for (contract, said) in [
        (None, "no usable contract"),
        (
            Some(format!(r#"{{"model_sha256": "{}"}}"#, "0".repeat(64))),
            "is not the one of its contract",
        ),
    ] {
        if let Some(contract) = contract {
            std::fs::write(folder.join("contract.json"), contract).unwrap();
        }
        let manifest = Manifest::load(app.path()).unwrap();
        let result = Runtime::start(manifest, sources(&[("token", "t")]), options()).await;
        let error = format!("{:#}", result.err().expect("this must not start"));
        assert!(error.contains(said) && error.contains("chest"), "{error}");
    }
}

#[tokio::test]
async fn compiled_code_is_used_again() {
    let state = tempfile::tempdir().unwrap();
    let options = || Options {
        state_dir: Some(state.path().to_owned()),
        ..options()
    };
    for kind in ["miss", "hit"] {
        let (_app, runtime) = start(&[("trap", guests::trap())], options()).await;
        assert!(counted(
            &runtime,
            &format!("xray_aot_cache_total{{kind=\"{kind}\"}} 1")
        ));
        assert_eq!(get(&runtime, "/trap").await.status(), 500);
    }
}

/// The function with one event about an object, and a store that this closure is.
async fn event<F>(
    endpoint: &'static str,
    allowed: Option<&str>,
    store: F,
) -> Option<(Response<Bytes>, Vec<String>)>
where
    F: Fn(Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
{
    support::function()?;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = lines.clone();
    let mut manifest = Manifest::load(&support::root()).unwrap();
    if let Some(allowed) = allowed {
        manifest
            .components
            .get_mut("xray")
            .unwrap()
            .allowed_outbound_hosts = vec![allowed.to_owned()];
    }
    let authority = endpoint.split_once("://").unwrap().1;
    let options = Options {
        in_process: InProcess::default().with(authority, move |request| {
            let answer = store(request);
            async move { Ok(answer) }
        }),
        listeners: vec![Arc::new(move |_, line| {
            sink.lock().unwrap().push(line.to_owned())
        })],
        state_dir: Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))),
        ..options()
    };
    let values = [
        ("s3_endpoint", endpoint),
        ("s3_access_key", "access"),
        ("s3_secret_key", "s3cret"),
        ("pseudonym_key", "k"),
    ];
    let runtime = Runtime::start(manifest, sources(&values), options)
        .await
        .unwrap();
    let record = r#"{"Records":[{"eventVersion":"2.2","eventSource":"ceph:s3","eventName":"ObjectCreated:Put",
        "s3":{"bucket":{"name":"in"},"object":{"key":"a/DOE_JANE.jpg","size":7,"eTag":"x","sequencer":"9FDB036B4065E808"}}}]}"#;
    let request = Request::post("/").header("content-type", "application/json");
    let answer = runtime
        .call(request.body(Bytes::from(record)).unwrap())
        .await;
    let lines = lines.lock().unwrap().clone();
    Some((answer, lines))
}

fn not_found(_: Request<Bytes>) -> Response<Bytes> {
    Response::builder().status(404).body(Bytes::new()).unwrap()
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
}
