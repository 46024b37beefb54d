//! Faults of a reference, a registry or an image, and their error messages.

use oci_client::{
    client::{Config, ImageLayer},
    manifest::OciImageManifest,
};
use testkit::registry::{NURSE, Server, Wants};
use xray_host::app::registry::{APPLICATION, Registry};

use crate::{
    applications::{files, two},
    fails, push, run, text, xray,
};

fn up(server: &Server, reference: &str) -> std::process::Command {
    let arguments = ["up", "--listen", "127.0.0.1:0", "-f", reference];
    let mut command = xray(&arguments, server.home());
    command.args(server.flags());
    command.env("SPIN_VARIABLE_TOKEN", "t");
    command
}

#[test]
fn missing_images_are_named() {
    let Some(mut server) = Server::start(Wants::default()) else {
        return;
    };
    push(&server, two().path(), &server.reference("two:1.0"), &[]);
    for image in ["two:2.0", "three:1.0"] {
        let said = fails(&mut up(&server, &server.reference(image)));
        assert!(
            said.contains("no such repository, tag or content") && said.contains(image),
            "{said}"
        );
    }
    // Without TLS on the one side only.
    let mut command = xray(&["up", "-f", &server.reference("two:1.0")], server.home());
    let said = fails(&mut command);
    assert!(
        said.contains("cannot talk to") && said.contains("--insecure"),
        "{said}"
    );
    // Neither a file nor like a reference.
    let mut command = xray(&["up", "-f", "app/spin.toml"], server.home());
    let said = fails(&mut command);
    assert!(said.contains("no file or folder app/spin.toml"), "{said}");

    let gone = server.reference("two:1.0");
    server.stop();
    let said = fails(&mut up(&server, &gone));
    assert!(said.contains("cannot talk to"), "{said}");
}

#[test]
fn who_is_not_allowed_is_told_why() {
    let wants = Wants {
        user: true,
        ..Wants::default()
    };
    let Some(server) = Server::start(wants) else {
        return;
    };
    let home = server.home();
    let image = server.reference("two:1.0");
    let app = two();
    let authorized = |arguments: &[&str], encoded: &str| {
        let host = server.reference("");
        let host = host.trim_end_matches('/');
        let config = format!(r#"{{"auths": {{"{host}": {{"auth": "{encoded}"}}}}}}"#);
        let file = home.join(format!("{encoded}.json"));
        std::fs::write(&file, config).unwrap();
        let mut command = xray(arguments, &home);
        command.args(["--insecure"]).env("REGISTRY_AUTH_FILE", file);
        command
    };
    let from = app.path().to_str().unwrap();
    let mut anonymous = xray(&["push", &image, "--insecure", "-f", from], &home);
    let said = fails(&mut anonymous);
    assert!(
        said.contains("denies access to two") && said.contains("REGISTRY_AUTH_FILE"),
        "{said}"
    );
    let output = run(&mut authorized(&["push", &image, "-f", from], NURSE));
    assert!(output.status.success(), "{}", text(&output.stderr));

    let said = fails(&mut up(&server, &image));
    assert!(said.contains("denies access to two"), "{said}");
    // "nurse:wrong"
    let said = fails(&mut authorized(&["up", "-f", &image], "bnVyc2U6d3Jvbmc="));
    assert!(
        said.contains("the credentials from REGISTRY_AUTH_FILE were used"),
        "{said}"
    );
    let mut command = up(&server, &image);
    let said = fails(command.env("REGISTRY_AUTH_FILE", "nowhere.json"));
    assert!(
        said.contains("REGISTRY_AUTH_FILE names nowhere.json"),
        "{said}"
    );
}

#[test]
fn content_with_another_digest_is_not_used() {
    let Some(server) = Server::start(Wants::default()) else {
        return;
    };
    let image = server.reference("two:1.0");
    let digest = push(&server, two().path(), &image, &[]);
    let manifest = server.manifest(&digest);
    for layer in manifest["layers"].as_array().unwrap() {
        let digest = layer["digest"].as_str().unwrap();
        let file = server.blob(digest);
        let good = std::fs::read(&file).unwrap();
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        std::fs::write(&file, &bad).unwrap();
        let cache = tempfile::tempdir().unwrap();
        let mut command = up(&server, &image);
        let said = fails(command.arg("--cache-dir").arg(cache.path()));
        assert!(
            said.contains("does not match its digest") && said.contains(digest),
            "{said}"
        );
        let kept = files(&cache.path().join("oci/blobs"));
        let kept: Vec<_> = kept
            .iter()
            .filter(|name| digest.ends_with(&name["sha256/".len()..]))
            .collect();
        assert!(kept.is_empty(), "{kept:?}");
        std::fs::write(&file, &good).unwrap();
    }
}

/// Pushes an image of these parts as it is.
async fn store(reference: &str, layers: &[(&str, &str)], config: (&str, &str)) {
    let registry = Registry::new(reference, true).unwrap();
    let layers: Vec<_> = layers
        .iter()
        .map(|(kind, text)| ImageLayer::new((*text).to_owned(), (*kind).to_owned(), None))
        .collect();
    let config = Config::new(config.1.to_owned(), config.0.to_owned(), None);
    let manifest = OciImageManifest::build(&layers, &config, None);
    registry.push(&layers, config, manifest).await.unwrap();
}

#[tokio::test]
async fn images_of_other_kinds_are_rejected() {
    let Some(server) = Server::start(Wants::default()) else {
        return;
    };
    let reference = server.reference("other:1.0");
    let image_config = ("application/vnd.oci.image.config.v1+json", "{}");
    // Small enough to stand in the application itself.
    let locked = |trigger: &str, files: &str| {
        format!(
            r#"{{"spin_lock_version": 0, "triggers": [{{"id": "t", "trigger_type": "{trigger}",
            "trigger_config": {{"component": "c", "route": "/", "executor": null}}}}], "components": [{{"id": "c",
            "source": {{"content_type": "application/wasm", "inline": "AGFzbQ=="}}, "files": [{files}]}}]}}"#
        )
    };
    let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
    let nowhere = format!(r#"{{"digest": "sha256:{}", "path": "x"}}"#, "0".repeat(64));
    let other = nowhere.replace("\"digest\"", "\"inline\": \"AGFzbQ==\", \"digest\"");
    let cases = [
        (layer, "layer".to_owned(), "not a Spin application"),
        (APPLICATION, "no json".to_owned(), "locked application"),
        (APPLICATION, locked("redis", ""), "`redis`"),
        (
            APPLICATION,
            locked("http", r#"{"inline": "", "path": "../x"}"#),
            "not an absolute path",
        ),
        (
            APPLICATION,
            locked("http", &nowhere),
            "lacks content sha256:0000",
        ),
        (
            APPLICATION,
            locked("http", &other),
            "does not match its digest",
        ),
        (
            APPLICATION,
            locked("http", r#"{"digest": "sha256:../../x", "path": "x"}"#),
            "not a SHA-256 digest",
        ),
        // Read so far, and not a component.
        (APPLICATION, locked("http", ""), "is not a component"),
    ];
    for (kind, text, expected) in cases {
        store(&reference, &[(kind, &text)], image_config).await;
        let said = fails(&mut up(&server, &reference));
        assert!(said.contains(expected), "{said}");
    }
    // Early versions of Spin stored the application as the image's configuration.
    store(&reference, &[], (APPLICATION, &locked("http", ""))).await;
    let said = fails(&mut up(&server, &reference));
    assert!(said.contains("is not a component"), "{said}");
}
