//! Settings, keys, addresses and clocks, each broken for `xray doctor` to see.
use testkit::{
    ceph::{SecondGateway, gateway},
    http::{Server, forward},
};

use crate::{
    CEPH_DIR,
    doctor::{breaks, doctor, lines, set_up, swallower},
};

#[tokio::test(flavor = "multi_thread")]
async fn settings_keys_and_addresses() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "doctor-keys";
    let receiver = swallower().await;
    set_up(gateway, bucket, &receiver.address, &[]);
    let with = |name: &str, value: &str| {
        let mut command = doctor(gateway, bucket, &["--no-probe"]);
        command.env(name, value);
        command
    };
    let check = |name, value, check, says| breaks(with(name, value), check, "failed", says);
    check("SPIN_VARIABLE_MAX_BYTES", "many", "settings", "max_bytes");
    let no_key = with("SPIN_VARIABLE_PSEUDONYM_KEY", "");
    breaks(no_key, "settings", "warning", "without pseudonym_key");
    let short = with("SPIN_VARIABLE_PSEUDONYM_KEY", "REPLACE-ME");
    breaks(short, "settings", "warning", "fewer than 16 characters");
    for (name, known) in [
        ("MODEL", "pneumonia"),
        ("TEXT_DETECTOR", "text"),
        ("MARKER_RECOGNIZER", "markers"),
    ] {
        let setting = name.to_lowercase();
        let says = format!("setting `{setting}`: `xrays` is not the name");
        let variable = format!("SPIN_VARIABLE_{name}");
        let known = format!("known: {known} ->");
        breaks(with(&variable, "xrays"), "settings", "failed", &says);
        breaks(with(&variable, "xrays"), "settings", "failed", &known);
    }
    check(
        "SPIN_VARIABLE_S3_ENDPOINT",
        "http://127.0.0.1:9",
        "gateway",
        "connection refused",
    );
    check(
        "SPIN_VARIABLE_S3_ENDPOINT",
        "http://rgw.invalid",
        "gateway",
        "does not resolve",
    );
    check(
        "SPIN_VARIABLE_S3_ENDPOINT",
        &receiver.address,
        "gateway",
        "not an S3 store",
    );
    check(
        "SPIN_VARIABLE_S3_SECRET_KEY",
        "not-the-secret",
        "credentials",
        "check the secret key",
    );
    check(
        "SPIN_VARIABLE_S3_ACCESS_KEY",
        "NOBODY",
        "credentials",
        "check the access key",
    );
    check(
        "AWS_SECRET_ACCESS_KEY",
        "not-the-secret",
        "owner",
        "check the secret key",
    );
    let mut none = doctor(gateway, bucket, &["--no-probe"]);
    none.env_remove("SPIN_VARIABLE_S3_ACCESS_KEY")
        .env_remove("SPIN_VARIABLE_S3_SECRET_KEY");
    breaks(none, "credentials", "failed", "no keys");
    // An address has no buckets in front of it.
    check(
        "SPIN_VARIABLE_S3_STYLE",
        "virtual",
        "endpoint style",
        "host of the bucket",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_the_gateway_does_not_know_is_seen() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let receiver = swallower().await;
    set_up(gateway, "doctor-style", &receiver.address, &[]);
    let port = gateway.endpoint.rsplit(':').next().unwrap();
    let at = |host: &str, port: &str| {
        let mut command = doctor(gateway, "doctor-style", &["--no-probe"]);
        command.env("SPIN_VARIABLE_S3_STYLE", "virtual");
        let hosts = format!("http://*.{host}:{port}");
        command.env("SPIN_VARIABLE_S3_BUCKET_HOSTS", hosts);
        command.env("SPIN_VARIABLE_S3_ENDPOINT", format!("http://{host}:{port}"));
        command
    };
    // Names below localhost are this machine's (RFC 6761), where the resolver knows.
    let resolves = tokio::net::lookup_host(format!("doctor-style.s3.localhost:{port}")).await;
    if resolves.is_err() {
        return testkit::missing(
            "a resolver for names below localhost",
            "install libnss-myhostname",
        );
    }
    let virtual_host = |host: &str| at(host, port);
    let (code, lines) = lines(virtual_host("s3.localhost"));
    assert_eq!(
        (code, lines["endpoint style"].0.as_str()),
        (0, "ok"),
        "{lines:?}"
    );
    breaks(
        virtual_host("other.localhost"),
        "endpoint style",
        "failed",
        "host for a bucket",
    );
    let mut by_path = virtual_host("other.localhost");
    by_path.env("SPIN_VARIABLE_S3_STYLE", "path");
    breaks(by_path, "endpoint style", "failed", "rgw_dns_name");
    // One that has no name at all.
    let nameless = SecondGateway::start(gateway, "--rgw-dns-name=").await;
    let port = nameless.endpoint.rsplit(':').next().unwrap();
    let command = at("s3.localhost", port);
    breaks(command, "endpoint style", "failed", "finds no bucket");
    let mut denied = virtual_host("s3.localhost");
    denied.env("SPIN_VARIABLE_S3_BUCKET_HOSTS", &gateway.endpoint);
    breaks(denied, "endpoint style", "failed", "s3_bucket_hosts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "doctor-clock";
    let receiver = swallower().await;
    set_up(gateway, bucket, &receiver.address, &[]);
    let at = |seconds: i64| {
        let endpoint = gateway.endpoint.clone();
        // The gateway, with another time in its responses.
        Server::start(move |request| {
            let endpoint = endpoint.clone();
            async move {
                let mut answer = forward(&endpoint, request).await;
                let time = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
                let date = jiff::fmt::rfc2822::DateTimePrinter::new();
                let date = date.timestamp_to_rfc9110_string(&time).unwrap();
                answer.headers_mut().insert("date", date.parse().unwrap());
                answer
            }
        })
    };
    let through = |door: &Server| {
        let mut command = doctor(gateway, bucket, &["--no-probe"]);
        command.env("SPIN_VARIABLE_S3_ENDPOINT", &door.address);
        command
    };
    let right = at(0).await;
    let (code, lines) = lines(through(&right));
    assert_eq!((code, lines["clock"].0.as_str()), (0, "ok"), "{lines:?}");
    breaks(
        through(&at(-300).await),
        "clock",
        "warning",
        "ahead of the gateway",
    );
    breaks(
        through(&at(1000).await),
        "clock",
        "failed",
        "behind the gateway",
    );
}
