//! `xray doctor` on archives for DICOM objects.

use http::StatusCode;
use testkit::{
    ceph::gateway,
    http::{Server, status},
};

use crate::{
    CEPH_DIR,
    doctor::{breaks, doctor, lines, set_up, swallower},
};

#[tokio::test(flavor = "multi_thread")]
async fn archives_are_reached_with_their_credentials() {
    let Some(gateway) = gateway(CEPH_DIR).await else {
        return;
    };
    let bucket = "doctor-archives";
    let receiver = swallower().await;
    set_up(gateway, bucket, &receiver.address, &[]);
    // No study is found, and nothing is searched without credentials.
    let archive = Server::start(|request| async move {
        let sent = request.headers().get("authorization");
        let is_known = sent.is_some_and(|value| value == "Basic Y2xpbmljOnNlY3JldA==");
        let path = request.uri().path();
        status(match (is_known, path) {
            (false, _) => 401,
            (true, "/web/studies") => StatusCode::NO_CONTENT.as_u16(),
            _ => 404,
        })
    })
    .await;
    let check = |path: &str, host: &str, credentials: &str| {
        let mut command = doctor(gateway, bucket, &["--no-probe"]);
        for (name, value) in [
            ("URL", &*format!("{}{path}", archive.address)),
            ("HOST", host),
            ("CREDENTIALS", credentials),
        ] {
            command.env(format!("SPIN_VARIABLE_DICOMWEB_{name}"), value);
        }
        command
    };
    let (name, address) = ("archive of results", archive.address.as_str());
    let (code, all) = lines(check("/web", address, "clinic:secret"));
    assert_eq!((code, all[name].0.as_str()), (0, "ok"), "{all:?}");
    let elsewhere = "http://127.0.0.1:9";
    for (path, host, credentials, state, says) in [
        (
            "/web",
            elsewhere,
            "clinic:secret",
            "failed",
            "dicomweb_host",
        ),
        (
            "/web",
            address,
            "clinic:wrong",
            "failed",
            "dicomweb_credentials",
        ),
        ("/other", address, "clinic:secret", "warning", "404"),
    ] {
        breaks(check(path, host, credentials), name, state, says);
    }
}
