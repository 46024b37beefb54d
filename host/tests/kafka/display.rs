//! `spin-kafka.toml`: the function and, with a consumer group of its own, the event display beside
//! it.

use testkit::{
    kafka::{Out, Topic, broker},
    missing, root,
    wait::until,
};
use xray_host::app::manifest::Manifest;

use crate::{
    KAFKA_DIR,
    host::{Host, serve},
    outcome::{Scenario, reference},
    site::Site,
};

#[tokio::test(flavor = "multi_thread")]
async fn display_sees_every_record_that_the_function_gets() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let wasm = "target/components/wasm32-wasip2/release/logevents.wasm";
    if !root().join(wasm).is_file() {
        return missing(wasm, "build it with `make logevents`");
    }
    reference().await;
    for keys_are_shown in [false, true] {
        let site = Site::open().await;
        let name = if keys_are_shown {
            "display-keys"
        } else {
            "display"
        };
        let topic = Topic::create(&broker.plain, name, 3).await;
        let mut command = serve(&site, &root().join("spin-kafka.toml"));
        command.env("SPIN_VARIABLE_KAFKA_BROKERS", &broker.plain);
        command.env("SPIN_VARIABLE_KAFKA_TOPIC", &topic.name);
        command.env("SPIN_VARIABLE_SHOW_KEYS", keys_are_shown.to_string());
        let host = Host::run(command);
        let events = site.put_all("a", 12).await;
        topic
            .send(events.into_iter().map(Out::value).collect())
            .await;
        let scenario = Scenario {
            name: "with the event display",
            site: &site,
            topic: &topic,
            group: "xray",
            sent: 12,
            objects: &[("a", 12)],
            repeated: 0,
        };
        scenario.check().await;
        until("the display's group has committed all", || {
            topic.is_done("xray-logevents")
        });
        let (status, printed) = host.end();
        assert!(status.success() && !printed.contains("DOE"), "{printed}");
        let log = site.dir.path().join("logs/logevents_stdout.txt");
        let log = std::fs::read_to_string(log).unwrap();
        assert_eq!(log.lines().count(), 12, "{log}");
        assert_eq!(log.contains("DOE"), keys_are_shown, "{log}");
        assert!(log.contains(r#""id":"partition:0/offset:0""#), "{log}");
    }
}

/// The two manifests say the same about the function.
#[test]
fn its_manifest_follows_the_other() {
    let load = |name| Manifest::load(&root().join(name)).unwrap();
    let (plain, kafka) = (load("spin.toml"), load("spin-kafka.toml"));
    let function = |manifest: &Manifest| format!("{:?}", manifest.components["xray"]);
    assert_eq!(function(&plain), function(&kafka));
    for (name, variable) in &plain.variables {
        let same = format!("{:?}", kafka.variables[name]);
        assert_eq!(format!("{variable:?}"), same, "{name}");
    }
}
