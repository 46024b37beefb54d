//! DICOM objects that are drawn, sent, and processed again. They have all that those of a modality
//! have.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use fake_gateway::store::Store;
use phantoms::{Kind, Phantom, Style};
use testkit::root;

use crate::{files, function_is_built, run, text, xray};

/// Returns the objects of so many ill children, with names for their files.
fn drawn(count: usize) -> Vec<(String, Vec<u8>)> {
    let draw = |index| {
        let style = Style::default();
        let (_, object) = Phantom::draw_dicom(3, index, Kind::Pneumonia, &style);
        (format!("child {index}.dcm"), object)
    };
    (0..count).map(draw).collect()
}

/// Returns the Python of `tests/dicom/fetch`; `None` if that was not run.
pub fn python() -> Option<PathBuf> {
    let fetch = root().join("tests/dicom/fetch");
    let output = run(Command::new(fetch).arg("--path"));
    if !output.status.success() {
        testkit::missing("pydicom", "run tests/dicom/fetch");
        return None;
    }
    Some(text(&output.stdout).trim().into())
}

/// Returns the errors that dciodvfy finds in an object.
fn errors(python: &Path, file: &Path) -> Vec<String> {
    let output = run(Command::new(python.with_file_name("dciodvfy")).arg(file));
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(said.contains("DXImageForPresentation"), "{said}");
    let errors = said.lines().filter(|line| line.starts_with("Error"));
    errors.map(str::to_owned).collect()
}

#[test]
fn drawn_objects_have_all_attributes_of_their_class() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    for (name, object) in drawn(2) {
        let path = dir.path().join(name);
        fs::write(&path, object).unwrap();
        assert_eq!(errors(&python, &path), [] as [&str; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dicom_objects_are_sent_and_processed_again() {
    if !function_is_built() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let credentials = fake_gateway::random_credentials();
    let mut store = Store::builder(dir.path().join("store"), credentials.clone());
    for suffix in ["", "-processed", "-anonymized", "-quarantine"] {
        store = store.bucket(format!("xray-data-in{suffix}"));
    }
    let store = store.open().unwrap();
    let listening = store.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let scans = dir.path().join("scans/ward 7");
    fs::create_dir_all(&scans).unwrap();
    for (name, object) in drawn(2) {
        fs::write(scans.join(name), object).unwrap();
    }
    let endpoint = listening.endpoint().url();
    let (key, secret) = (&credentials.access_key, credentials.secret_key.expose());

    let send = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
        command.arg("send").arg(dir.path().join("scans"));
        command.env("AWS_ENDPOINT_URL", &endpoint);
        command
            .env("AWS_ACCESS_KEY_ID", key)
            .env("AWS_SECRET_ACCESS_KEY", secret);
        let output = run(&mut command);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    let said = send();
    assert!(said.contains("2 sent"), "{said}");
    let said = send();
    assert!(
        said.contains("0 sent") && said.contains("2 already there"),
        "{said}"
    );

    let reprocess = |variables: &[(&str, &str)]| {
        let mut command = xray("reprocess");
        command
            .args(["--quiet", "--nn", "embedded"])
            .current_dir(dir.path());
        let own = [
            ("s3_endpoint", endpoint.as_str()),
            ("s3_access_key", key),
            ("s3_secret_key", secret),
            ("pseudonym_key", "a key for tests, long enough"),
        ];
        for (name, value) in own.iter().chain(variables) {
            command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
        }
        let output = run(&mut command);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout).trim().to_owned()
    };
    assert_eq!(
        reprocess(&[]),
        "0 current, 2 due (2 without output)\n2 done"
    );
    assert_eq!(reprocess(&[]), "2 current, 0 due");
    let processed = || files(&store.bucket_dir("xray-data-in-processed"));
    let names = |suffixes: &[&str]| -> Vec<String> {
        let of = |index| {
            suffixes
                .iter()
                .map(move |s| format!("ward 7/child {index}-processed{s}.dcm"))
        };
        (0..2).flat_map(of).collect()
    };
    assert_eq!(processed(), names(&["", ".sr"]));
    let copies = files(&store.bucket_dir("xray-data-in-anonymized"));
    assert_eq!(copies.len(), 2, "{copies:?}");

    let said = reprocess(&[("label_size", "40")]);
    assert_eq!(said, "0 current, 2 due (2 of other settings)\n2 done");
    assert_eq!(processed(), names(&["", ".sr"]));
}

/// A short run of `make dicom-key`: what is hidden, and what stays, by a key that knows both.
#[test]
fn copies_meet_the_expectations_of_their_key() {
    if !function_is_built() {
        return;
    }
    if python().is_none() {
        return;
    }
    let measure = root().join("tests/dicom/measure");
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(measure);
    command
        .arg(env!("CARGO_BIN_EXE_xray"))
        .arg(dir.path().join("key"))
        .arg("6");
    let output = run(&mut command);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{said}");
    let all = said
        .lines()
        .filter(|line| line.starts_with("all ") && line.contains("100.000 %"));
    assert_eq!(all.count(), 2, "{said}");
}
