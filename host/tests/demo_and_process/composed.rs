//! `xray compose`: one file that needs neither composition nor a host with inference.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use phantoms::{DEFAULT_SEED, Phantom};
use serde_json::Value;
use testkit::root;

use crate::{files, function_is_built, run, text};

fn process(app: &Path, dir: &Path, out: &str, options: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
    command.args(["process", "in", "--json", "--variable"]);
    command.args(["pseudonym_key=a key for tests, long enough", "-o", out]);
    command.args(options);
    let output = run(command.arg("--from").arg(app).current_dir(dir));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    let lines = stdout.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

#[test]
fn the_composed_file_runs_without_the_dependency() {
    if !function_is_built() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let app = dir.path().join("app");
    fs::create_dir(&app).unwrap();
    let mut compose = Command::new(env!("CARGO_BIN_EXE_xray"));
    compose.args(["compose", "-o"]).arg(app.join("whole.wasm"));
    let output = run(compose.arg("--from").arg(root()));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    assert!(
        said.contains("export wasi:http/incoming-handler@0.2.0"),
        "{said}"
    );
    assert!(!said.contains("wasi:nn"), "{said}");

    let manifest = fs::read_to_string(root().join("spin.toml")).unwrap();
    let mut manifest: toml::Table = toml::from_str(&manifest).unwrap();
    let component = manifest["component"]["xray"].as_table_mut().unwrap();
    component.insert("source".to_owned(), "whole.wasm".into());
    component.remove("dependencies").expect("it was there");
    fs::write(app.join("spin.toml"), manifest.to_string()).unwrap();
    symlink(
        root().canonicalize().unwrap().join("models"),
        app.join("models"),
    )
    .unwrap();

    fs::create_dir(dir.path().join("in")).unwrap();
    for phantom in Phantom::draw_all(DEFAULT_SEED, 2) {
        let path = dir.path().join("in").join(phantom.patient.file_name());
        fs::write(path, &phantom.jpeg).unwrap();
    }
    let apart = process(&root(), dir.path(), "apart", &["--nn", "embedded"]);
    let whole = process(&app, dir.path(), "whole", &[]);
    assert_eq!((apart.len(), whole.len()), (2, 2));
    for (apart, whole) in apart.iter().zip(&whole) {
        let risk = |line: &Value| line["risk"].as_f64().unwrap();
        assert!((risk(apart) - risk(whole)).abs() < 1e-4);
    }
    let made = files(&dir.path().join("apart"));
    assert_eq!(made, files(&dir.path().join("whole")));
    for file in made {
        let read = |out: &str| fs::read(dir.path().join(out).join(&file)).unwrap();
        assert!(read("apart") == read("whole"), "a picture differs");
    }
}
