//! A gateway over TLS, as gateways outside of tests are.

use std::process::Command;
use testkit::ceph::gateway;

use crate::{
    CEPH_DIR,
    command::{fails, owner, run, xray},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_over_tls_takes_secrets_and_must_be_trusted() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "tls";
    // Of their own: the gateway lists no topics over plain HTTP any more once one of the tenant's
    // has a password.
    let users = ["owner", "function"].map(|user| gateway.user_of_tenant("tls", user));
    let over_tls = |arguments: &[&str]| -> Command {
        let mut command = xray(gateway, bucket, arguments);
        let [_, function] = &users;
        owner(&mut command, &users[0]);
        command.env("SPIN_VARIABLE_S3_ACCESS_KEY", &function.access_key);
        command.env("SPIN_VARIABLE_S3_SECRET_KEY", function.secret_key.expose());
        command.env("SPIN_VARIABLE_S3_ENDPOINT", &gateway.tls_endpoint);
        command.env("SSL_CERT_FILE", gateway.dir.join("ca.crt"));
        command
    };
    let setup = [
        "setup",
        "--topic",
        "tls",
        "--push",
        "kafka://127.0.0.1:9093",
        "--tls",
        "--push-user",
        "app",
        "--sasl-mechanism",
        "PLAIN",
        "--ca-location",
        "/etc/ssl/kafka.crt",
    ];
    let with_password = || {
        let mut command = over_tls(&setup);
        command.env("XRAY_PUSH_PASSWORD", "p@ss:word/hunter2");
        command
    };
    let made = run(with_password());
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert!(
        made.stdout
            .contains("arn:aws:iam::tls:user/function may GetObject")
    );
    let found = run(with_password());
    assert!(found.stdout.contains("14 resources, all in sync"));
    // Another password is another endpoint.
    let mut changed = with_password();
    changed.env("XRAY_PUSH_PASSWORD", "an0ther-hunter2");
    assert!(
        run(changed)
            .stdout
            .contains("changed (pushes to another address)")
    );
    let well = run(over_tls(&["doctor", "--no-probe"]));
    assert!(
        well.stdout
            .contains("tls pushes to kafka://127.0.0.1:9093, persistent")
    );
    assert_eq!(well.code, 0);

    let mut untrusted = over_tls(&setup);
    untrusted.env("XRAY_PUSH_PASSWORD", "hunter2hunter2");
    untrusted.env_remove("SSL_CERT_FILE");
    let line = fails(untrusted);
    assert!(line.contains("its certificate is not trusted"), "{line}");
    // TLS on the port without it: the certificate is not to blame.
    let mut no_tls = over_tls(&setup);
    let endpoint = gateway.endpoint.replace("http://", "https://");
    no_tls.env("SPIN_VARIABLE_S3_ENDPOINT", endpoint);
    no_tls.env("XRAY_PUSH_PASSWORD", "hunter2hunter2");
    let line = fails(no_tls);
    assert!(line.contains("no TLS on this port; use http://"), "{line}");
    let mut plain = over_tls(&["teardown", "--topic", "tls"]);
    plain.env("SPIN_VARIABLE_S3_ENDPOINT", &gateway.endpoint);
    let line = fails(plain);
    assert!(line.contains("lists topics only over HTTPS"), "{line}");
    let mut plain = over_tls(&["doctor", "--no-probe"]);
    plain.env("SPIN_VARIABLE_S3_ENDPOINT", &gateway.endpoint);
    let plain = run(plain);
    assert!(
        plain
            .stdout
            .contains("shows a topic with a password only over HTTPS")
    );
    assert_eq!(plain.code, 1);
    run(over_tls(&["teardown", "--topic", "tls"]));
}
