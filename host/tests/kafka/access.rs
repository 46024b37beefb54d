//! TLS and passwords: right ones work, wrong ones are told in one line.

use std::{
    process::Output,
    time::{Duration, Instant},
};

use testkit::{
    kafka::{Broker, Out, Topic, broker},
    process::HostProcess,
    wait::until,
};

use crate::{
    KAFKA_DIR,
    host::{Host, command},
    outcome::Scenario,
    site::Site,
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
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
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

/// From files, and as the PEM texts that variables may hold.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_the_client_gets_in() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let topic = Topic::create(&broker.plain, "certificate", 2).await;
    let files = [
        ("ca", "ca.crt"),
        ("certificate", "app.crt"),
        ("private_key", "app.key"),
    ];
    for (round, prefix) in ["f", "t"].into_iter().enumerate() {
        let option = |(key, file): (&str, &str)| {
            let path = broker.dir.join(file);
            match round {
                0 => format!("{key}={}", path.display()),
                _ => format!("{key}={}", std::fs::read_to_string(path).unwrap()),
            }
        };
        let options = files.map(option);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let host = Host::start(&site, &broker.certificate, &topic.name, "g", &options);
        let events = site.put_all(prefix, 4).await;
        topic
            .send(events.into_iter().map(Out::value).collect())
            .await;
        let objects = [("f", 4), ("t", 4)];
        let scenario = Scenario {
            name: ["client certificate, files", "client certificate, texts"][round],
            site: &site,
            topic: &topic,
            group: "g",
            sent: 4 * (round + 1),
            objects: &objects[..=round],
            repeated: 0,
        };
        scenario.check().await;
        let (status, printed) = host.end();
        assert!(status.success(), "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_access_is_one_line() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let fails = |address: &str, options: Vec<String>, says: &[&str]| {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let Output { status, stderr, .. } = command(&site, address, "secure", "g", &options)
            .output()
            .unwrap();
        let printed = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(1), "{printed}");
        let about: Vec<&str> = printed
            .lines()
            .filter(|line| {
                let is_logged = [" WARN ", " ERROR "]
                    .iter()
                    .any(|level| line.contains(level));
                line.starts_with("xray: ") || is_logged
            })
            .collect();
        let [line] = about[..] else {
            panic!("one line: {printed}")
        };
        assert!(says.iter().all(|word| line.contains(word)), "{line}");
        assert!(!printed.contains("wrong-secret"), "{printed}");
        println!("{line}");
    };
    let no_certificate = format!("ca={}", broker.dir.join("ca.crt").display());
    fails(
        &broker.certificate,
        vec![no_certificate],
        &["alert", "certificate", "localhost"],
    );
    fails(
        &broker.tls,
        options(&broker, "SCRAM-SHA-512", "wrong-secret"),
        &["uthentication", "localhost"],
    );
    let mut no_ca = options(&broker, "SCRAM-SHA-512", "app-secret");
    no_ca[0] = "tls=true".into();
    fails(&broker.tls, no_ca, &["certificate", "localhost"]);
    let mut missing_ca = options(&broker, "SCRAM-SHA-512", "app-secret");
    missing_ca[0] = "ca=/nowhere/ca.crt".into();
    fails(&broker.tls, missing_ca, &["`ca`", "/nowhere/ca.crt"]);
    fails(
        &broker.tls,
        options(&broker, "GSSAPI", "x"),
        &["sasl_mechanism", "SCRAM-SHA-512"],
    );
}

/// A broker may be unreachable for a while, so the host waits; but it says why, and can be stopped.
#[tokio::test(flavor = "multi_thread")]
async fn listener_of_the_other_protocol_is_named_and_start_can_be_stopped() {
    let Some(broker) = broker(KAFKA_DIR).await else {
        return;
    };
    let site = Site::open().await;
    let ca = format!("ca={}", broker.dir.join("ca.crt").display());
    let start = |address: &str, options: &[&str]| {
        let process = HostProcess::spawn(command(&site, address, "secure", "g", options));
        process.until_printed("Metrics at");
        process
    };
    let plain_on_tls = start(&broker.tls, &[]);
    let tls_on_plain = start(&broker.plain, &[&ca]);
    let mut stopped = start(&broker.tls, &[]);
    let begun = Instant::now();
    let (status, printed) = stopped.end();
    let took = begun.elapsed();
    println!("stopped while it connects: {took:?}");
    assert!(status.success(), "{printed}");
    assert!(took < Duration::from_secs(5), "{took:?}: {printed}");
    assert!(!printed.contains("Serving"), "{printed}");

    for (mut waiting, reasons) in [
        (
            plain_on_tls,
            &[
                "yet, retrying: the connection was closed at the first request; the listener may expect TLS",
            ][..],
        ),
        (
            tls_on_plain,
            &[
                "yet, retrying: the connection was closed in the TLS handshake; the listener may be one without TLS",
                // If the client reads the end before it has written all, which ends the start.
                "SSL handshake failed: Disconnected",
            ],
        ),
    ] {
        until("it goes on, or has ended", || {
            waiting.ended().is_some() || waiting.printed().contains("Serving")
        });
        let (_, printed) = match waiting.ended() {
            None => waiting.end(),
            Some(_) => waiting.wait(),
        };
        let is_said = reasons.iter().any(|reason| printed.contains(reason));
        assert!(is_said, "{printed}");
    }
}
