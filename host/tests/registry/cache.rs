//! What was pulled once.
use testkit::registry::{Server, Wants};

use crate::{
    applications::{Up, files, two},
    push, xray,
};

fn up(server: &Server, reference: &str, arguments: &[&str]) -> Up {
    let common = [
        "up",
        "--listen",
        "127.0.0.1:0",
        "--variable",
        "token=t",
        "-f",
        reference,
    ];
    let mut command = xray(&common, server.home());
    command.args(server.flags()).args(arguments);
    Up::start(command)
}

#[test]
fn nothing_is_pulled_twice_and_a_known_image_starts_without_its_registry() {
    let Some(mut server) = Server::start(Wants::default()) else {
        return;
    };
    let image = server.reference("two:1.0");
    let digest = push(&server, two().path(), &image, &[]);
    let first = up(&server, &image, &[]);
    assert_eq!(first.status("/one"), 500);
    first.end();
    // One component, one file that is large; the small ones stand in the locked application, which is the third.
    let pulled = server.requests("GET /v2/two/blobs/");
    assert_eq!(pulled, 3);
    up(&server, &image, &[]).end();
    assert_eq!(server.requests("GET /v2/two/blobs/"), pulled);

    // A file that was damaged since is noticed, and pulled again.
    let blobs = server.home().join(".cache/xray/oci/blobs/sha256");
    let large = files(&blobs).into_iter().find(|name| {
        let length = blobs.join(name).metadata().unwrap().len();
        length == 300_000
    });
    std::fs::write(blobs.join(large.unwrap()), "damaged").unwrap();
    up(&server, &image, &[]).end();
    assert_eq!(server.requests("GET /v2/two/blobs/"), pulled + 1);

    let manifests = server.requests("GET /v2/two/manifests/");
    let by_digest = server.reference(&format!("two@{digest}"));
    up(&server, &by_digest, &[]).end();
    assert_eq!(server.requests("GET /v2/two/manifests/"), manifests);

    server.stop();
    let offline = up(&server, &image, &[]);
    assert_eq!(offline.status("/two"), 500);
    let said = offline.printed();
    assert!(
        said.contains("cannot talk to") && said.contains(&format!("using {digest}")),
        "{said}"
    );
    offline.end();
    let offline = up(&server, &by_digest, &[]);
    assert!(!offline.printed().contains("cannot talk to"));
    offline.end();
}

#[test]
fn a_tag_is_asked_for_every_time() {
    let Some(server) = Server::start(Wants::default()) else {
        return;
    };
    let image = server.reference("two:latest");
    let app = two();
    push(&server, app.path(), &image, &[]);
    up(&server, &image, &[]).end();
    let manifest = app.path().join("spin.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(
        &manifest,
        text.replace("route = \"/one/...\"", "route = \"/new\""),
    )
    .unwrap();
    push(&server, app.path(), &image, &[]);
    let new = up(&server, &image, &[]);
    assert_eq!((new.status("/new"), new.status("/one")), (500, 404));
    new.end();
}

#[test]
fn several_processes_may_pull_at_once() {
    let Some(server) = Server::start(Wants::default()) else {
        return;
    };
    let image = server.reference("two:1.0");
    push(&server, two().path(), &image, &["--archive"]);
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache").display().to_string();
    let one = || up(&server, &image, &["--cache-dir", &cache]).end();
    std::thread::scope(|scope| (0..4).for_each(|_| _ = scope.spawn(one)));
    let left = files(dir.path());
    assert!(left.iter().all(|name| !name.contains(".tmp")), "{left:?}");
}
