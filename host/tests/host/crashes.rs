//! Events that crash the component: a gateway repeats them forever unless it gets a success.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use testkit::collector::Collector;
use xray_host::serve::{
    logs::Stream,
    runtime::{Options, Runtime},
    traces::Traces,
};

use crate::{
    guests,
    support::{counted, options, start},
};

const NAME: &str = "DOE_JANE_19600101.jpeg";

fn record(key: &str, sequencer: &str) -> Value {
    json!({
        "eventVersion": "2.2", "eventSource": "ceph:s3", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "in"}, "object": {"key": key, "eTag": "", "sequencer": sequencer}},
    })
}

async fn push(runtime: &Runtime, path: &str, records: &[Value]) -> Response<Bytes> {
    let body = json!({ "Records": records }).to_string();
    let request = Request::post(path).header("content-type", "application/json");
    runtime.call(request.body(body.into()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn second_crash_of_a_pushed_event_is_rejected_with_200() {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let own = lines.clone();
    let options = Options {
        max_memory: 8 << 20,
        listeners: vec![Arc::new(move |stream, line: &str| {
            assert_eq!(stream, Stream::Stdout);
            own.lock().unwrap().push(line.to_owned());
        })],
        ..options()
    };
    let components = [("trap", guests::trap()), ("greedy", guests::greedy())];
    let (_app, runtime) = start(&components, options).await;
    for path in ["/trap", "/greedy"] {
        let one = [record(NAME, "01")];
        assert_eq!(push(&runtime, path, &one).await.status(), 500, "{path}");
        assert_eq!(lines.lock().unwrap().len(), 0, "{path}");
        for _ in 0..2 {
            let response = push(&runtime, path, &one).await;
            assert_eq!(response.status(), 200, "{path}");
            let body: Value = serde_json::from_slice(response.body()).unwrap();
            assert_eq!(body["outcome"], "rejected");
            assert_eq!(body["records"][0]["reason"], "crashed");
            assert_eq!(body["records"][0]["bucket"], "in");
            // The report is printed as the function's are, and names no key.
            let line = lines.lock().unwrap().pop().unwrap();
            let printed: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(printed, body["records"][0]);
            assert!(!line.contains("DOE"), "{line}");
        }
        // Another object, and the same one written again.
        for other in [record("b.jpeg", "01"), record(NAME, "02")] {
            assert_eq!(push(&runtime, path, &[other]).await.status(), 500, "{path}");
        }
    }
    for line in [
        r#"xray_objects_total{outcome="rejected",class="",reason="crashed"} 4"#,
        r#"xray_failures_total{kind="trap"} 5"#,
        r#"xray_failures_total{kind="memory"} 5"#,
    ] {
        assert!(counted(&runtime, line), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn message_about_a_failure_has_the_id_of_its_trace() {
    let collector = Collector::start().await;
    let traces = Traces::to(&collector.url()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        traces: Some(traces.clone()),
        log_dir: Some(dir.path().to_owned()),
        ..options()
    };
    let (_app, runtime) = start(&[("trap", guests::trap())], options).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    for sampled in ["01", "00"] {
        let parent = format!("00-{trace}-00f067aa0ba902b7-{sampled}");
        let request = Request::get("/trap").header("traceparent", parent);
        let response = runtime.call(request.body(Bytes::new()).unwrap()).await;
        assert_eq!(response.status(), 500);
    }
    let log = std::fs::read_to_string(dir.path().join("trap_stderr.txt")).unwrap();
    let of_trace = format!("trace_id={trace}");
    assert_eq!(log.matches(&of_trace).count(), 1, "{log}");
    assert_eq!(log.matches("the component failed").count(), 2, "{log}");
    tokio::task::block_in_place(|| traces.end());
    let trees = collector.trees(&["00f067aa0ba902b7"]);
    let [tree] = &trees[..] else {
        panic!("{:#?}", collector.spans())
    };
    let failed: Vec<_> = tree
        .iter()
        .filter_map(|span| Some((&*span.name, span.failed.as_deref()?)))
        .collect();
    assert!(failed.contains(&("component", "trap")), "{failed:?}");
    assert!(failed.contains(&("GET", "status")), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_failures_and_other_senders_are_not_counted() {
    let options = Options {
        timeout: Duration::from_millis(200),
        ..options()
    };
    let components = [
        ("trap", guests::trap()),
        ("spin", guests::spin()),
        ("silent", guests::silent()),
    ];
    let (_app, runtime) = start(&components, options).await;
    let one = record(NAME, "01");
    for _ in 0..3 {
        // A deadline depends on the load, and of two records either may be at fault.
        let status = |path: &'static str, records: Vec<Value>| {
            let runtime = runtime.clone();
            async move { push(&runtime, path, &records).await.status() }
        };
        assert_eq!(status("/spin", vec![one.clone()]).await, 503);
        assert_eq!(status("/silent", vec![one.clone()]).await, 500);
        assert_eq!(status("/trap", vec![one.clone(), one.clone()]).await, 500);
        // A Kafka source gives up by itself, and keeps a dead letter.
        let kafka = Request::post("/trap")
            .header("ce-specversion", "1.0")
            .header("ce-type", "dev.knative.kafka.event")
            .header("ce-source", "/apis/v1/namespaces/x/kafkasources/y#storage")
            .header("ce-id", "partition:0/offset:1");
        let body = json!({ "Records": [one] }).to_string();
        let response = runtime.call(kafka.body(body.into()).unwrap()).await;
        assert_eq!(response.status(), 500);
    }
    assert!(!runtime.metrics().render((0, 0)).contains("crashed"));
}
