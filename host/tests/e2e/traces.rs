//! Traces of events over HTTP, at a collector, and what they cost.

use std::{
    ffi::{OsStr, OsString},
    process::Command,
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Request;
use phantoms::{Kind, Phantom, Style};
use testkit::{
    collector::{Collector, Span},
    http::{Server, forward},
    root,
};
use tokio::net::TcpListener;

use crate::{phantoms, private, world::World};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A host that sends traces to this address, soon.
async fn world(endpoint: &str, variables: &[(&str, &str)], arguments: &[&str]) -> World {
    let soon = [("OTEL_BSP_SCHEDULE_DELAY", "50")];
    world_with(endpoint, &soon, variables, arguments).await
}

async fn world_with(
    endpoint: &str,
    environment: &[(&str, &str)],
    variables: &[(&str, &str)],
    arguments: &[&str],
) -> World {
    let host = OsStr::new(env!("CARGO_BIN_EXE_xray"));
    world_of(host, endpoint, environment, variables, arguments).await
}

/// The same with another program than this build's.
async fn world_of(
    host: &OsStr,
    endpoint: &str,
    environment: &[(&str, &str)],
    variables: &[(&str, &str)],
    arguments: &[&str],
) -> World {
    let mut command = Command::new(host);
    command.args([
        "up",
        "--listen",
        "127.0.0.1:0",
        "--nn",
        "embedded",
        "--from",
    ]);
    command.arg(root()).args(arguments);
    if !endpoint.is_empty() {
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
        command.envs(environment.iter().copied());
    }
    World::serve(command, variables).await
}

/// A store behind a server that keeps the contexts that it is sent.
async fn store(target: Arc<OnceLock<String>>) -> (Server, Arc<Mutex<Vec<String>>>) {
    let sent: Arc<Mutex<Vec<String>>> = Arc::default();
    let own = sent.clone();
    let server = Server::start(move |request: Request<Bytes>| {
        if let Some(value) = request.headers().get("traceparent") {
            own.lock().unwrap().push(value.to_str().unwrap().to_owned());
        }
        let target = target.clone();
        async move { forward(target.get().unwrap(), request).await }
    })
    .await;
    (server, sent)
}

fn named<'a>(tree: &'a [Span], name: &str) -> Vec<&'a Span> {
    tree.iter().filter(|span| span.name == name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn event_is_one_tree_of_spans_without_anything_of_the_patient() {
    if !testkit::function_is_built() {
        return;
    }
    let phantom = Phantom::draw_as(1, 0, Kind::Pneumonia, &Style::default());
    let secrets = private(&phantom);
    for propagates in [false, true] {
        let collector = Collector::start().await;
        let target = Arc::new(OnceLock::new());
        let (store, sent) = store(target.clone()).await;
        let variables = [("s3_endpoint", store.address.as_str())];
        let arguments: &[&str] = if propagates {
            &["--propagate-trace"]
        } else {
            &[]
        };
        let world = world(collector.endpoint(), &variables, arguments).await;
        let listening = world.listening.as_ref().unwrap();
        target.set(listening.endpoint().url()).unwrap();

        let event = world.put(&phantom.patient.file_name(), &phantom.jpeg).await;
        let response = world.post(&event, &[("traceparent", PARENT)]).await;
        assert_eq!(response.status(), 200, "{:?}", response.body());
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        assert!(body.contains(&format!(r#""trace_id":"{TRACE}""#)), "{body}");
        // A request of no trace begins one, and so does one whose sender does not record it.
        let unrecorded = PARENT.replace("-01", "-00");
        world
            .post(&Bytes::from_static(b"{}"), &[("traceparent", &unrecorded)])
            .await;
        world.post(&Bytes::from_static(b"{}"), &[]).await;
        let said = world.end(&secrets);
        assert!(said.contains(&format!(r#""trace_id":"{TRACE}""#)), "{said}");

        let trees = collector.trees(&["00f067aa0ba902b7"]);
        assert_eq!(trees.len(), 2, "{trees:#?}");
        let tree = trees.iter().find(|tree| tree[0].trace == TRACE).unwrap();
        for name in [
            "POST",
            "queue",
            "component",
            "object",
            "head",
            "fetch",
            "decode",
            "prepare",
            "predict",
            "detect",
            "annotate",
            "redact",
            "encode",
            "verify",
            "store",
        ] {
            assert_eq!(named(tree, name).len(), 1, "{name}: {tree:#?}");
        }
        // The label and the copy, after looks at both places.
        assert_eq!(named(tree, "PUT").len(), 2, "{tree:#?}");
        assert!(!named(tree, "GET").is_empty() && !named(tree, "HEAD").is_empty());
        let (object, steps) = (named(tree, "object")[0], named(tree, "detect")[0]);
        assert_eq!(steps.parent, object.id);
        assert!(object.begun <= steps.begun && steps.ended <= object.ended);
        assert_eq!(object.attributes["xray.outcome"], "done");
        let put = named(tree, "PUT")[0];
        assert_eq!(put.parent, named(tree, "component")[0].id);
        assert_eq!(put.attributes["http.response.status_code"], "200");

        assert_eq!(collector.strange(), Vec::<String>::new());
        for text in secrets
            .iter()
            .map(String::as_str)
            .chain(["xray-data-in", "url.", "http://"])
        {
            assert!(!collector.received(text), "{text}");
        }
        let resource = collector.resource();
        assert_eq!(resource["service.name"], "xray");
        let known = [
            "service.name",
            "service.version",
            "telemetry.sdk.language",
            "telemetry.sdk.name",
            "telemetry.sdk.version",
        ];
        assert!(
            resource.keys().all(|key| known.contains(&key.as_str())),
            "{resource:?}"
        );

        let sent = sent.lock().unwrap();
        assert_eq!(!sent.is_empty(), propagates, "{sent:?}");
        let requests: Vec<String> = tree
            .iter()
            .map(|span| format!("00-{TRACE}-{}-01", span.id))
            .collect();
        assert!(
            sent.iter()
                .filter(|own| own.contains(TRACE))
                .all(|own| requests.contains(own)),
            "{sent:?}"
        );
    }
}

/// A collector that refuses connections, one that never responds, and one that fails.
#[tokio::test(flavor = "multi_thread")]
async fn dead_collector_loses_no_event() {
    if !testkit::function_is_built() {
        return;
    }
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hanging = (format!("http://{}", hanging.local_addr().unwrap()), hanging);
    let failing = Collector::start().await;
    failing.fail(true);
    let endpoints = ["http://127.0.0.1:1", &hanging.0, failing.endpoint()];
    for endpoint in endpoints {
        let world = world(endpoint, &[("anonymize", "none")], &[]).await;
        for (index, phantom) in phantoms(8).iter().enumerate() {
            let key = format!("{index}/{}", phantom.patient.file_name());
            let event = world.put(&key, &phantom.jpeg).await;
            let (status, report) = world.deliver(&event).await;
            assert_eq!(
                (status, report["outcome"].as_str()),
                (200, Some("done")),
                "{report}"
            );
        }
        let begun = Instant::now();
        let said = world.end(&[]);
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{:?}",
            begun.elapsed()
        );
        if *endpoint != hanging.0 {
            let warnings = said.matches("the collector of traces: ").count();
            assert_eq!(warnings, 1, "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn collector_that_comes_back_gets_spans_again() {
    if !testkit::function_is_built() {
        return;
    }
    let collector = Collector::start().await;
    collector.fail(true);
    let world = world(collector.endpoint(), &[], &[]).await;
    let post = async || {
        let response = world.post(&Bytes::from_static(b"{}"), &[]).await;
        assert_eq!(response.status(), 400);
    };
    post().await;
    tokio::task::block_in_place(|| world.until_printed("it responded with status 503"));
    collector.fail(false);
    let mut count = 0;
    while collector.spans().is_empty() {
        post().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        count += 1;
        assert!(count < 3_000, "never");
    }
    tokio::task::block_in_place(|| world.until_printed("takes spans again"));
}

#[tokio::test(flavor = "multi_thread")]
async fn unsupported_protocol_is_refused_at_the_start() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
    command
        .args(["up", "--listen", "127.0.0.1:0", "--from"])
        .arg(root());
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");
    command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    for variable in ["S3_ACCESS_KEY", "S3_SECRET_KEY"] {
        command.env(format!("SPIN_VARIABLE_{variable}"), "k");
    }
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && said.contains("use http/protobuf"),
        "{said}"
    );
}

/// Processor time of a process so far, in seconds.
fn processor_time(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    // In hundredths, which is the kernel's constant for user space.
    fields[11..=12]
        .iter()
        .map(|ticks| ticks.parse::<f64>().unwrap() / 100.0)
        .sum()
}

/// Three hosts take turns with the same events: one that knows of no traces, one that has them
/// turned off, and one with them. The first is that of `XRAY_BASE`, such as one from before there
/// were traces; else it is this build's, and its ratio to the second shows what chance does.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, run by `make bench-traces`"]
async fn bench_traces_cost() {
    const BLOCKS: usize = 8;
    let collector = Collector::start().await;
    let own = OsString::from(env!("CARGO_BIN_EXE_xray"));
    let base = std::env::var_os("XRAY_BASE").filter(|path| !path.is_empty());
    println!("TRACES base: {base:?}");
    let base = base.unwrap_or_else(|| own.clone());
    // Copies, events of a block, and objects that they are about.
    let kinds = [
        ("duplicates", "none", 400, 1),
        ("no copy", "none", 100, 100),
        ("copy", "all", 20, 20),
    ];
    let phantoms = phantoms(12);
    for (what, anonymize, events, objects) in kinds {
        let variables = &[("anonymize", anonymize)];
        let (endpoint, quiet) = (collector.endpoint(), ["--quiet"]);
        let off = [("OTEL_SDK_DISABLED", "true")];
        let worlds = [
            world_of(&base, "", &[], variables, &quiet).await,
            world_of(&own, endpoint, &off, variables, &quiet).await,
            world_of(&own, endpoint, &[], variables, &quiet).await,
        ];
        let (mut off_to_base, mut on_to_off) = (Vec::new(), Vec::new());
        // The first one warms up.
        for block in 0..=BLOCKS {
            let mut times = [0.0; 3];
            for turn in 0..3 {
                // Each goes first, second and third in turn, in both directions.
                let which = match block % 2 {
                    0 => (block / 2 + turn) % 3,
                    _ => (block / 2 + 2 * turn) % 3,
                };
                let world = &worlds[which];
                let mut all = Vec::new();
                for index in 0..objects {
                    let phantom = &phantoms[index % phantoms.len()];
                    let key = format!("{block}/{index}/{}", phantom.patient.file_name());
                    all.push(world.put(&key, &phantom.jpeg).await);
                }
                let before = processor_time(world.id());
                for index in 0..events {
                    let response = world.post(&all[index % objects], &[]).await;
                    assert_eq!(response.status(), 200);
                }
                times[which] = processor_time(world.id()) - before;
            }
            if block > 0 {
                off_to_base.push(times[1] / times[0]);
                on_to_off.push(times[2] / times[1]);
            }
        }
        // The last spans are sent within five seconds.
        tokio::time::sleep(Duration::from_secs(7)).await;
        assert!(!collector.spans().is_empty(), "spans were sent");
        for (name, mut ratios) in [("off / base", off_to_base), ("on / off", on_to_off)] {
            ratios.sort_by(f64::total_cmp);
            let middle = BLOCKS / 2;
            println!(
                "TRACES {what:<12} {name:<12} {:.3} (median of {BLOCKS} blocks; {:.3} to {:.3})",
                (ratios[middle - 1] + ratios[middle]) / 2.0,
                ratios[0],
                ratios[BLOCKS - 1]
            );
        }
    }
}
