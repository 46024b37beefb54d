//! The function itself, its model and its settings, out of a registry: the pictures must be those
//! of the local files.

use std::{fs, path::Path};

use phantoms::{DEFAULT_SEED, Phantom};
use testkit::{
    function_is_built,
    registry::{Server, Wants},
    root,
};

use crate::{applications::files, fails, push, run, text, xray};

/// Returns the outputs of `xray process` for the pictures in `in` with that application, and its
/// message about inference.
fn process(dir: &Path, from: &str, flags: &[&str]) -> (Vec<(String, Vec<u8>)>, String) {
    let out = format!("out-{}", fs::read_dir(dir).unwrap().count());
    let mut command = xray(&["process", "in", "-o", &out, "-f", from], dir);
    command.arg("--quiet").args(flags);
    command.env(
        "SPIN_VARIABLE_PSEUDONYM_KEY",
        "0123456789abcdef0123456789abcdef",
    );
    let output = run(&mut command);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    let out = dir.join(out);
    let read = |name: String| (name.clone(), fs::read(out.join(name)).unwrap());
    let line = said.lines().find(|line| line.starts_with("Inference"));
    (
        files(&out).into_iter().map(read).collect(),
        line.unwrap().to_owned(),
    )
}

/// In every form that an image can have, and with inference inside and outside it.
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
    let embedded = ["--nn", "embedded"];
    let local = [&embedded[..], &["--state-dir", "state"]].concat();
    let (local, _) = process(dir.path(), root().to_str().unwrap(), &local);
    // Two processed pictures, and an anonymized one of who is ill.
    assert_eq!(local.len(), 3);
    for (tag, form, nn, inference) in [
        ("composed", &[][..], &[][..], "composed with one"),
        ("beside", &["--compose=false"], &embedded, "by rten"),
        (
            "archive",
            &["--compose=false", "--archive"],
            &["--nn", "component"],
            "composed in as",
        ),
    ] {
        let reference = server.reference(&format!("xray:{tag}"));
        push(&server, &root(), &reference, form);
        let flags = [nn, &["--insecure"]].concat();
        let (pulled, line) = process(dir.path(), &reference, &flags);
        assert!(pulled == local, "other pictures from {tag}");
        assert!(line.contains(inference), "{tag}: {line}");
    }
    let composed = server.reference("xray:composed");
    let arguments = ["up", "-f", &composed, "--insecure", "--nn", "onnx"];
    let mut command = xray(&arguments, server.home());
    for name in ["S3_ACCESS_KEY", "S3_SECRET_KEY"] {
        command.env(format!("SPIN_VARIABLE_{name}"), "x");
    }
    let said = fails(&mut command);
    assert!(said.contains("does not use the host's"), "{said}");
}
