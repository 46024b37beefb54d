//! The whole pipeline on one machine.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use phantoms::{DEFAULT_SEED, Format, Phantom};
use s3::{Addressing, Client, Credentials, Endpoint, Transport};

use crate::{files, function_is_built, is_redacted, picture, run, text, xray};

fn demo(dir: &Path) -> Command {
    let mut command = xray("demo");
    command.current_dir(dir);
    command
}

#[test]
fn the_default_demo_shows_every_class_and_misses_nothing() {
    if !function_is_built() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let output = run(&mut demo(dir.path()));
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    println!(
        "24 pictures, all in all in {:.1} s",
        started.elapsed().as_secs_f64()
    );

    let delivery = Phantom::draw_delivery(DEFAULT_SEED, 24);
    let format = |object: &Option<Vec<u8>>| match object {
        Some(_) => Format::Dicom,
        None => Format::Jpeg,
    };
    let objects = delivery.iter().filter(|(_, object)| object.is_some());
    assert_eq!(objects.count(), 3);
    for class in ["Pneumonia", "Unsure", "Normal"] {
        let rows = stdout
            .lines()
            .filter(|line| line.contains("demo_") && line.contains(class));
        assert!(rows.count() > 0, "no {class} in\n{stdout}");
    }
    for (phantom, object) in &delivery {
        let name = format(object).file_name(&phantom.patient);
        assert!(stdout.contains(&name), "{name} in {stdout}");
    }
    let of_objects = |line: &&str| line.contains("demo_") && line.contains(".dcm");
    for class in ["Pneumonia", "Normal"] {
        let mut rows = stdout.lines().filter(of_objects);
        assert!(
            rows.any(|row| row.contains(class)),
            "no {class} in {stdout}"
        );
    }
    assert!(
        stdout.contains("24 pictures (3 DICOM objects) in") && stdout.contains("24 processed"),
        "{stdout}"
    );

    let out = dir.path().join("demo-out");
    assert_eq!(files(&out.join("xray-data-in")).len(), 24);
    // A DICOM object has a structured report as well.
    let processed = files(&out.join("xray-data-in-processed"));
    let reports = processed.iter().filter(|name| name.ends_with(".sr.dcm"));
    assert_eq!((processed.len(), reports.count()), (27, 3));
    let anonymized = files(&out.join("xray-data-in-anonymized"));
    let ill = stdout
        .lines()
        .filter(|line| line.contains("demo_") && line.contains("Pneumonia"));
    assert_eq!(anonymized.len(), ill.count());
    for name in &anonymized {
        assert!(
            name.ends_with(".dcm")
                || is_redacted(&picture(&out.join("xray-data-in-anonymized").join(name))),
            "{name}"
        );
        for (Phantom { patient, .. }, _) in &delivery {
            for private in [&patient.name, &patient.id, &patient.birth] {
                assert!(!name.contains(private.as_str()), "{name} holds {private}");
            }
        }
    }
    let log = fs::read_to_string(out.join("logs/xray_stdout.txt")).unwrap();
    assert_eq!(log.lines().count(), 24);
    for (Phantom { patient, .. }, _) in &delivery {
        assert!(!log.contains(&patient.name) && !log.contains(&patient.birth));
    }
}

#[test]
fn images_of_ones_own_may_lie_in_folders_and_a_bad_one_is_named() {
    if !function_is_built() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let phantom = Phantom::draw(DEFAULT_SEED, 0);
    for name in [
        "chest_xray/train/NORMAL/IM-0001.jpeg",
        "chest_xray/test/PNEUMONIA/p1 é.jpeg",
    ] {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &phantom.jpeg).unwrap();
    }
    let images = ["--images", "chest_xray", "--out", "buckets"];
    let output = run(demo(dir.path()).args(images));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let processed = files(&dir.path().join("buckets/xray-data-in-processed"));
    assert_eq!(
        processed,
        [
            "test/PNEUMONIA/p1 é-processed.jpeg",
            "train/NORMAL/IM-0001-processed.jpeg"
        ]
    );

    fs::write(dir.path().join("chest_xray/bad.jpeg"), "no picture").unwrap();
    let output = run(demo(dir.path()).args(images));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("bad.jpeg: rejected: not-an-image"),
        "{}",
        text(&output.stderr)
    );
    assert!(
        text(&output.stdout).contains("3 pictures in"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.txt"), "precious").unwrap();
    let output = run(demo(dir.path()).args(["--out", "."]));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("--out"));
    assert_eq!(files(dir.path()), ["thesis.txt"]);
}

/// A demo that goes on, ended when it is dropped.
struct Kept {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Kept {
    /// The rest of the first line that has this text before it.
    fn after(&mut self, text: &str) -> String {
        loop {
            let line = self.lines.next().expect("the demo has ended").unwrap();
            if let Some((_, rest)) = line.split_once(text) {
                return rest.to_owned();
            }
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

#[test]
fn a_demo_that_goes_on_takes_more() {
    if !function_is_built() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut command = demo(dir.path());
    command
        .args(["--count", "2", "--keep"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut kept = Kept { child, lines };

    let endpoint = kept.after("The store goes on at ");
    let endpoint = endpoint.split(',').next().unwrap();
    let user = kept.after("curl --user ");
    let (key, secret) = user
        .split_whitespace()
        .next()
        .unwrap()
        .split_once(':')
        .unwrap();
    let endpoint = Endpoint::parse(endpoint, Addressing::Path).unwrap();
    let client = Client::new(endpoint, Credentials::new(key, secret), Transport::http());
    let phantom = Phantom::draw(DEFAULT_SEED, 4);
    let name = phantom.patient.file_name();
    let put = client.put("xray-data-in", &name, "image/jpeg", phantom.jpeg.into());
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(put)
        .unwrap();
    let line = kept.after("Pneumonia");
    assert!(line.ends_with(&name), "{line}");
    assert_eq!(
        files(&dir.path().join("demo-out/xray-data-in-processed")).len(),
        3
    );

    let pid = kept.child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert!(kept.child.wait().unwrap().success());
}
