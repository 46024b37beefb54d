//! Copies that may still contain text, with both commands.

use std::{fs, path::Path, process::Command};

use phantoms::{DEFAULT_SEED, Phantom};
use serde_json::Value;

use crate::{files, function_is_built, run, text, xray};

/// No text may be covered beyond a corner where none is, so that the patient on a phantom is too
/// much of it.
const STRICT: [&str; 4] = [
    "--variable",
    "max_redacted=0",
    "--variable",
    "redact_boxes=bottom-left 8x8",
];
const KEY: [&str; 2] = ["--variable", "pseudonym_key=a key for tests, long enough"];

fn command(name: &str, dir: &Path, more: &[&str]) -> Command {
    let mut command = xray(name);
    command.current_dir(dir).args(KEY).args(more);
    command
}

#[test]
fn process_keeps_them_apart_and_fails() {
    if !function_is_built() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in");
    fs::create_dir(&input).unwrap();
    // One well, one ill.
    for phantom in Phantom::draw_all(DEFAULT_SEED, 2) {
        fs::write(input.join(phantom.patient.file_name()), &phantom.jpeg).unwrap();
    }
    let process =
        |more: &[&str]| run(command("process", dir.path(), more).args(["in", "-o", "out"]));
    // Where nothing is found the copy is clean, as it is without a detector.
    let output = process(&["--variable", "text_detector="]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let clean = files(&dir.path().join("out/anonymized"));
    assert_eq!(clean.len(), 1);

    let output = process(&[&STRICT[..], &["--json"]].concat());
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("2 pictures, 0 failed, 1 quarantined; outputs in out"),
        "{stderr}"
    );
    let stdout = text(&output.stdout);
    let mut lines = stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let line = lines.find(|line| line["outcome"] == "quarantined").unwrap();
    assert_eq!(line["reason"], "too-much-text");
    assert_eq!(line["anonymized"], Value::Null);
    // Under a name of its own, so that it replaces no other picture of the patient and day when it
    // is let go.
    let kept = files(&dir.path().join("out/quarantine"));
    assert_eq!(kept.len(), 1);
    let stem = clean[0].strip_suffix(".jpeg").unwrap();
    assert!(kept[0].starts_with(&format!("{stem}_")), "{kept:?}");
    assert_eq!(line["quarantined"], format!("out/quarantine/{}", kept[0]));
    assert!(
        line["processed"].is_string() && line["error"].is_string(),
        "{line}"
    );
    let output = process(&STRICT);
    let stdout = text(&output.stdout);
    assert!(stdout.contains("processed + quarantined"), "{stdout}");
    assert!(stdout.contains("quarantined: too-much-text"), "{stdout}");

    let nowhere = ["--variable", "quarantine_suffix="];
    fs::remove_dir_all(dir.path().join("out")).unwrap();
    let output = process(&[&STRICT[..], &nowhere].concat());
    assert_eq!(output.status.code(), Some(1));
    let kept = files(&dir.path().join("out"));
    assert!(
        kept.iter().all(|file| file.starts_with("processed/")),
        "{kept:?}"
    );
}

#[test]
fn the_demo_tells_them_in_its_table() {
    if !function_is_built() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let output = run(command("demo", dir.path(), &STRICT).args(["--count", "2"]));
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{stdout}{stderr}");
    let mut rows = stdout.lines().filter(|line| line.contains("demo_"));
    assert!(
        rows.any(|row| row.contains("Pneumonia") && row.contains("quarantined")),
        "{stdout}"
    );
    assert!(
        stdout.contains("2 processed, 0 anonymized, 1 quarantined."),
        "{stdout}"
    );
    assert!(
        stdout.contains("/demo-out/xray-data-in-quarantine\n"),
        "{stdout}"
    );
    assert!(stderr.contains("quarantined: too-much-text"), "{stderr}");
    let out = dir.path().join("demo-out");
    assert_eq!(files(&out.join("xray-data-in-quarantine")).len(), 1);
    assert_eq!(files(&out.join("xray-data-in-anonymized")).len(), 0);
}
