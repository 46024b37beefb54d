//! TLS and passwords: right ones work, wrong ones are told in one line.

use std::process::Output;

use crate::{
    broker::{Broker, broker},
    host::{Host, command},
    outcome::Scenario,
    site::Site,
    topic::{Out, Topic},
};

fn options(broker: &Broker, mechanism: &str, password: &str) -> Vec<String> {
    let ca = broker.dir.join("ca.crt");
    vec![
        format!("ca={}", ca.display()),
        format!("sasl_mechanism={mechanism}"),
        "username=app".into(),
        format!("password={password}"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mechanism_gets_in() {
    let Some(broker) = broker().await else { return };
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "secure", 2).await;
    let mechanisms = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
    for (index, mechanism) in mechanisms.into_iter().enumerate() {
        let mut options = options(&broker, mechanism, "app-secret");
        if index == 2 {
            // As a variable would hold it, not as a file.
            let ca = std::fs::read_to_string(broker.dir.join("ca.crt")).unwrap();
            options[0] = format!("ca={ca}");
        }
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let host = Host::start(&site, &broker.tls, &topic.name, "g", &options);
        let prefix = ["p", "s", "t"][index];
        topic
            .send(
                site.put_all(prefix, 4)
                    .await
                    .into_iter()
                    .map(Out::value)
                    .collect(),
            )
            .await;
        let objects = [("p", 4), ("s", 4), ("t", 4)];
        let scenario = Scenario {
            name: mechanism,
            site: &site,
            topic: &topic,
            group: "g",
            sent: 4 * (index + 1),
            objects: &objects[..=index],
            repeated: 0,
        };
        scenario.check().await;
        let (status, printed) = host.end();
        assert!(
            status.success() && !printed.contains("app-secret"),
            "{printed}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_us_out_is_one_line() {
    let Some(broker) = broker().await else { return };
    let site = Site::open().await;
    let fails = |options: Vec<String>, says: &[&str]| {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let Output { status, stderr, .. } = command(&site, &broker.tls, "secure", "g", &options)
            .output()
            .unwrap();
        let printed = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(1), "{printed}");
        let about: Vec<&str> = printed
            .lines()
            .filter(|line| line.starts_with("xray: "))
            .collect();
        let [line] = about[..] else {
            panic!("one line: {printed}")
        };
        assert!(says.iter().all(|word| line.contains(word)), "{line}");
        assert!(!printed.contains("wrong-secret"), "{printed}");
        println!("{line}");
    };
    fails(
        options(&broker, "SCRAM-SHA-512", "wrong-secret"),
        &["uthentication", "localhost"],
    );
    let mut no_ca = options(&broker, "SCRAM-SHA-512", "app-secret");
    no_ca[0] = "tls=true".into();
    fails(no_ca, &["certificate", "localhost"]);
    let mut missing_ca = options(&broker, "SCRAM-SHA-512", "app-secret");
    missing_ca[0] = "ca=/nowhere/ca.crt".into();
    fails(missing_ca, &["`ca`", "/nowhere/ca.crt"]);
    fails(
        options(&broker, "OAUTHBEARER", "x"),
        &["sasl_mechanism", "SCRAM-SHA-512"],
    );
}
