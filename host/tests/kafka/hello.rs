//! The example for the Kafka trigger, an application that has nothing to do with X-rays, run by the
//! plugin as `spin up` does it.

use std::{
    os::unix::fs::symlink,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use serde_json::json;
use testkit::{
    http::{Server, status},
    kafka::{Out, Topic, broker},
    missing,
    process::HostProcess,
    root,
    wait::until,
};
use xray_host::app::manifest::Manifest;

use crate::KAFKA_DIR;

const WASM: &str = "target/components/wasm32-wasip2/release/hello_kafka.wasm";

#[tokio::test(flavor = "multi_thread")]
async fn plugin_runs_an_application_with_http_variables_and_files() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    if !root().join(WASM).is_file() {
        return missing(WASM, "build it with `make logevents`");
    }
    let forwarded = Arc::new(Mutex::new(Vec::new()));
    let bodies = forwarded.clone();
    let receiver = Server::start(move |request| {
        bodies.lock().unwrap().push(request.into_body());
        async { status(200) }
    })
    .await;
    let origin = &receiver.address;
    let topic = Topic::create(&broker.plain, "greetings", 2).await;
    let dir = tempfile::tempdir().unwrap();
    let file = |path: &str| {
        format!(
            "file://{}",
            root().canonicalize().unwrap().join(path).display()
        )
    };
    let app = json!({
        "spin_lock_version": 0,
        "metadata": { "name": "hello-kafka", "triggers": { "kafka": { "brokers": "{{ brokers }}" } } },
        "variables": { "brokers": { "default": broker.plain }, "forward_to": { "default": "" } },
        "triggers": [{
            "id": "k", "trigger_type": "kafka",
            "trigger_config": { "component": "hello", "topic": topic.name, "group": "g", "fetch_wait_ms": 100 },
        }],
        "components": [{
            "id": "hello",
            "metadata": { "allowed_outbound_hosts": [origin] },
            "source": { "content_type": "application/wasm", "source": file(WASM) },
            "files": [{ "source": file("examples/hello-kafka/assets/greeting.txt"), "path": "greeting.txt" }],
            "config": { "forward_to": "{{ forward_to }}" },
        }],
    });
    let locked = dir.path().join("locked.json");
    std::fs::write(&locked, app.to_string()).unwrap();
    let program = dir.path().join("trigger-kafka");
    symlink(env!("CARGO_BIN_EXE_xray"), &program).unwrap();
    let mut command = Command::new(program);
    command.args([
        "--state-dir",
        concat!(env!("CARGO_TARGET_TMPDIR"), "/state"),
    ]);
    command.arg("--log-dir").arg(dir.path());
    command.env("SPIN_LOCKED_URL", format!("file://{}", locked.display()));
    command.env("SPIN_VARIABLE_FORWARD_TO", format!("{origin}/records"));
    let mut plugin = HostProcess::spawn({
        command.stdin(Stdio::null());
        command
    });
    plugin.until_printed("Kafka: greetings at");
    let values = ["one", "two", "three"];
    topic.send(values.map(Out::value).into()).await;
    until("all are committed", || topic.is_done("g"));
    let mut forwarded = std::mem::take(&mut *forwarded.lock().unwrap());
    forwarded.sort();
    assert_eq!(forwarded, ["one", "three", "two"]);
    plugin.signal("-TERM");
    let (status, printed) = plugin.wait();
    assert!(status.success(), "{printed}");
    assert!(!printed.contains("nference"), "it has no model: {printed}");
    let log = std::fs::read_to_string(dir.path().join("hello_stdout.txt")).unwrap();
    let mut lines: Vec<_> = log.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "hello, partition:0/offset:0 with 3 bytes",
            "hello, partition:0/offset:1 with 5 bytes",
            "hello, partition:1/offset:0 with 3 bytes",
        ]
    );
}

#[test]
fn manifest_of_the_example_is_valid() {
    let manifest = Manifest::load(&root().join("examples/hello-kafka")).unwrap();
    assert_eq!(manifest.kafka[0].component, "hello");
    assert!(manifest.components["hello"].source.ends_with(WASM));
}
