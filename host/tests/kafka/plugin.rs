//! `trigger-kafka` as `spin up` treats it: its questions, its environment, its signals and its end.

use std::{
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{
    kafka::{Out, Topic, broker},
    process::HostProcess,
    root,
    wait::until,
};

use crate::{
    KAFKA_DIR,
    host::variables,
    outcome::{Scenario, reference},
    site::{Site, picture},
};

/// The program under the name that Spin gives it.
fn installed() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trigger-kafka");
    symlink(env!("CARGO_BIN_EXE_xray"), &path).unwrap();
    (dir, path)
}

/// The application as `spin up` writes it, with an HTTP trigger that the plugin ignores.
fn locked_app(site: &Site, topic: &Topic) -> String {
    let root = root().canonicalize().unwrap();
    let manifest = xray_host::app::manifest::Manifest::load(&root).unwrap();
    let variables: Value = manifest
        .variables
        .iter()
        .map(|(name, v)| {
            (
                name.clone(),
                json!({ "default": v.default, "secret": v.secret }),
            )
        })
        .collect();
    let xray = &manifest.components["xray"];
    let nn = xray.dependencies[0].source.as_ref().unwrap();
    let file = |path: PathBuf| format!("file://{}", path.canonicalize().unwrap().display());
    json!({
        "spin_lock_version": 1,
        "metadata": { "name": "xray", "version": "0.1.0", "triggers": { "kafka": { "brokers": "{{ brokers }}", "fetch_wait_ms": 100 } } },
        "must_understand": ["host_requirements"],
        "host_requirements": { "local_service_chaining": "optional" },
        "variables": merged(variables, "brokers"),
        "triggers": [
            { "id": "h", "trigger_type": "http", "trigger_config": { "component": "page", "route": "/..." } },
            { "id": "k", "trigger_type": "kafka", "trigger_config": { "component": "xray", "topic": topic.name, "group": "g" } },
        ],
        "components": [
            { "id": "page", "source": { "content_type": "application/wasm", "source": "file:///nowhere.wasm" } },
            {
                "id": "xray",
                "metadata": { "allowed_outbound_hosts": [site.endpoint] },
                "source": { "content_type": "application/wasm", "source": file(xray.source.clone()) },
                "files": [{ "source": file(root.join("models")), "path": "/models" }],
                "config": xray.variables,
                "dependencies": { "wasi:nn@0.2.0-rc-2024-10-28": {
                    "source": { "content_type": "application/wasm", "source": file(nn.clone()) }, "export": null, "inherit": "All",
                } },
            },
        ],
    })
    .to_string()
}

fn merged(mut variables: Value, required: &str) -> Value {
    variables[required] = json!({ "default": null, "secret": false });
    variables
}

/// The plugin with an application to run.
struct Plugin {
    dir: TempDir,
    program: PathBuf,
    _installed: TempDir,
}

impl Plugin {
    fn new(site: &Site, topic: &Topic) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("locked.json"), locked_app(site, topic)).unwrap();
        let (_installed, program) = installed();
        Self {
            dir,
            program,
            _installed,
        }
    }

    /// The command with the environment of `spin up`; what comes before is its parent.
    fn command(&self, site: &Site, brokers: &str, nn: &str, before: &[&str]) -> Command {
        let mut words: Vec<_> = before.iter().map(PathBuf::from).collect();
        words.push(self.program.clone());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.args(["--quiet", "--nn", nn, "--state-dir"]);
        command.arg(concat!(env!("CARGO_TARGET_TMPDIR"), "/state"));
        command.arg("--log-dir").arg(site.dir.path().join("logs"));
        let url = format!("file://{}/locked.json", self.dir.path().display());
        command.env("SPIN_LOCKED_URL", url);
        command.env("SPIN_WORKING_DIR", self.dir.path());
        command.env("SPIN_LOCAL_APP_DIR", "");
        command.env("SPIN_VARIABLE_BROKERS", brokers);
        variables(&mut command, site);
        command.stdin(Stdio::null());
        command
    }
}

#[test]
fn plugin_answers_what_spin_asks_for() {
    let (_dir, program) = installed();
    let answer = |flag| {
        let output = Command::new(&program).arg(flag).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (help, nothing) = answer("--help-args-only");
    assert_eq!(nothing, "");
    assert!(
        help.contains("--kafka-option <KEY=VALUE>") && help.contains("--metrics"),
        "{help}"
    );
    assert!(
        !help.contains("--from") && !help.contains("--help"),
        "{help}"
    );
    let (nothing, metadata) = answer("--launch-metadata-only");
    assert_eq!(nothing, "");
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let flags = metadata["all_flags"].as_array().unwrap();
    assert!(
        flags.contains(&json!({ "short": "-q", "long": "--quiet" })),
        "{metadata}"
    );
    assert!(
        flags.contains(&json!({ "short": null, "long": "--topic" })),
        "{metadata}"
    );
    assert!(
        !flags
            .iter()
            .any(|flag| flag["long"] == "--from" || flag["long"] == "--listen")
    );

    let output = Command::new(&program)
        .env_remove("SPIN_LOCKED_URL")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("`spin up` starts it") && said.lines().count() == 1,
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn plugin_runs_until_the_two_signals_of_one_ctrl_c() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    reference().await;
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "plugin", 2).await;
    let plugin = Plugin::new(&site, &topic);
    // Most often the dependency is left out; here it is composed in.
    let mut running = HostProcess::spawn(plugin.command(&site, &broker.plain, "component", &[]));
    running.until_printed("Kafka: plugin at");
    topic
        .send(
            site.put_all("a", 20)
                .await
                .into_iter()
                .map(Out::value)
                .collect(),
        )
        .await;
    let scenario = Scenario {
        name: "Spin plugin",
        site: &site,
        topic: &topic,
        group: "g",
        sent: 20,
        objects: &[("a", 20)],
        repeated: 0,
    };
    scenario.check().await;
    // A delivery is under way: both signals leave it time to end.
    site.door
        .delay
        .store(400, std::sync::atomic::Ordering::Relaxed);
    let requests = site.door.requests();
    let one = site.put(&crate::site::key("b", 0), picture(0)).await;
    topic.send(vec![Out::value(one)]).await;
    until("it is being handled", || {
        site.door.requests() > requests + 1
    });
    running.signal("-INT");
    running.signal("-TERM");
    let (status, printed) = running.wait();
    assert!(status.success(), "{status}: {printed}");
    assert!(site.processed(&crate::site::key("b", 0)).await.is_some());
    assert!(topic.is_done("g"));
    assert!(!printed.contains("DOE"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plugin_ends_when_its_parent_is_gone() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "orphan", 1).await;
    let plugin = Plugin::new(&site, &topic);
    // The shell waits for it, as `spin trigger-kafka` does.
    let shell = ["sh", "-c", "\"$0\" \"$@\" & wait"];
    let mut running = HostProcess::spawn(plugin.command(&site, &broker.plain, "embedded", &shell));
    running.until_printed("Kafka: orphan at");
    running.kill();
    // Returns once the orphan has closed standard error too.
    let (_, printed) = running.wait();
    assert!(
        printed.contains("the parent process has ended"),
        "{printed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_application_ends_it_with_one_line() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let topic = Topic::named(&broker.plain, "never", 1);
    let plugin = Plugin::new(&site, &topic);
    let text = locked_app(&site, &topic).replace("\"topic\"", "\"topci\"");
    std::fs::write(plugin.dir.path().join("locked.json"), text).unwrap();
    let output = plugin
        .command(&site, &broker.plain, "embedded", &[])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("topci") && said.lines().count() == 1,
        "{said}"
    );
}
