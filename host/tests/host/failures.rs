//! One request's failure is its own, and limits hold.

use std::time::{Duration, Instant};

use http::StatusCode;
use xray_host::serve::runtime::Options;

use crate::{
    guests,
    support::{counted, get, options, start},
};

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
