//! The function itself, its model and its settings, out of a registry: the pictures must be those of the local files.

use std::{fs, path::Path};

use xray_demo::phantom::{DEFAULT_SEED, Phantom};

use crate::{
    applications::files,
    common::{function_is_built, root},
    push, run,
    server::{Server, Wants},
    text, xray,
};

/// What `xray process` makes of the pictures in `in`, with the application from there.
fn process(dir: &Path, from: &str, flags: &[&str]) -> Vec<(String, Vec<u8>)> {
    let out = format!("out-{}", fs::read_dir(dir).unwrap().count());
    let mut command = xray(&["process", "in", "-o", &out, "-f", from], dir);
    command.args(["--nn", "embedded", "--quiet"]).args(flags);
    command.env(
        "SPIN_VARIABLE_PSEUDONYM_KEY",
        "0123456789abcdef0123456789abcdef",
    );
    let output = run(&mut command);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let out = dir.join(out);
    let read = |name: String| (name.clone(), fs::read(out.join(name)).unwrap());
    files(&out).into_iter().map(read).collect()
}

#[test]
fn pictures_are_the_same_from_a_registry() {
    if !function_is_built() {
        return;
    }
    let Some(server) = Server::start(Wants::default()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("in")).unwrap();
    for phantom in Phantom::draw_all(DEFAULT_SEED, 2) {
        let name = phantom.patient.file_name();
        fs::write(dir.path().join("in").join(name), &phantom.jpeg).unwrap();
    }
    let local = process(
        dir.path(),
        root().to_str().unwrap(),
        &["--state-dir", "state"],
    );
    // Two processed pictures, and an anonymized one of who is ill.
    assert_eq!(local.len(), 3);
    for (tag, arguments) in [("layers", &[][..]), ("archive", &["--archive"])] {
        let reference = server.reference(&format!("xray:{tag}"));
        push(&server, &root(), &reference, arguments);
        let pulled = process(dir.path(), &reference, &["--insecure"]);
        assert!(pulled == local, "other pictures from {tag}");
    }
}
