//! DICOM objects through the real function, with inference in the host and in WebAssembly.

use std::{fs, path::Path, process::Command};

use libjpeg_turbo_rs::{Subsampling, precision};
use phantoms::{DEFAULT_SEED, Format, Kind, Phantom, Style, Subject, make_images};
use serde_json::Value;

use testkit::root;

use crate::{files, function_is_built, objects::python, run, text, xray};

#[path = "../../../tests/fake/hostile.rs"]
mod hostile;
#[path = "../../../src/mutate.rs"]
mod mutate;

use hostile::object;

#[test]
fn dicom_objects_are_processed_by_the_component() {
    if !function_is_built() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let phantom = Phantom::draw_as(DEFAULT_SEED, 0, Kind::Pneumonia, &Style::default());
    let picture = image::load_from_memory(&phantom.jpeg).unwrap().to_luma8();
    let (width, height) = (picture.width() as u16, picture.height() as u16);
    for (name, age) in [("child.dcm", "003Y"), ("adult.dcm", "044Y")] {
        let sample = |x, y| u16::from(picture.get_pixel(x, y).0[0]) * 16;
        let bytes = object::object(width, height, age, sample);
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    let process = |out: &str, nn: &str| -> Vec<Value> {
        let mut command = xray("process");
        command.args(["child.dcm", "adult.dcm", "--json", "-o", out, "--nn", nn]);
        command.args(["--variable", "pseudonym_key=a key for tests, long enough"]);
        let output = run(command.current_dir(dir.path()));
        assert!(output.status.success(), "{}", text(&output.stderr));
        let stdout = text(&output.stdout);
        stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let native = process("native", "embedded");
    let component = process("component", "component");
    for lines in [&native, &component] {
        assert_eq!(lines[0]["class"], "Pneumonia", "{lines:?}");
        assert_eq!(lines[1]["class"], "Unsure");
        assert_eq!(lines[1]["input_check"], "age");
        assert!(lines[1]["risk"].is_null());
    }
    let made = files(&dir.path().join("native"));
    assert_eq!(made, files(&dir.path().join("component")));
    for expect in [
        "processed/adult-processed.dcm",
        "processed/adult-processed.sr.dcm",
        "processed/child-processed.dcm",
        "processed/child-processed.sr.dcm",
    ] {
        assert!(made.iter().any(|file| file == expect), "{expect}: {made:?}");
    }
    let copies: Vec<_> = made
        .iter()
        .filter(|file| file.starts_with("anonymized/"))
        .collect();
    assert_eq!(copies.len(), 1, "{made:?}");
    let copy = fs::read(dir.path().join("native").join(copies[0])).unwrap();
    for secret in ["Quizzenburg", "Xaverine", "4711", "20200304"] {
        let found = copy
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!found, "{secret}");
    }
    // The box at the bottom left is covered by the lowest sample.
    let samples = &copy[copy.len() - 2 * usize::from(width) * usize::from(height)..];
    let at = 2 * (usize::from(height) - 50) * usize::from(width);
    assert!(samples[at..at + 2 * 300].iter().all(|byte| *byte == 0));
}

#[test]
fn dicom_file_without_extension_is_processed_and_other_files_are_named() {
    if !function_is_built() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let medium = dir.path().join("medium");
    fs::create_dir_all(medium.join("ST000001")).unwrap();
    let (_, object) = Phantom::draw_dicom(3, 0, Kind::Pneumonia, &Style::default());
    for (name, bytes) in [
        ("ST000001/IM000001", &object[..]),
        ("DICOMDIR", &object),
        ("readme.htm", b"a viewer"),
    ] {
        fs::write(medium.join(name), bytes).unwrap();
    }
    let mut command = xray("process");
    command.args(["medium", "--json", "-o", "out", "--nn", "embedded"]);
    let output = run(command.current_dir(dir.path()));
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    let skipped =
        "2 files were left out, neither JPEG, PNG nor DICOM: medium/DICOMDIR, medium/readme.htm";
    assert!(stderr.contains(skipped), "{stderr}");
    let made = files(&dir.path().join("out"));
    let result = "processed/ST000001/IM000001-processed.dcm";
    assert!(made.iter().any(|file| file == result), "{made:?}");
}

#[test]
fn drawn_dicom_objects_are_processed_and_lose_their_patients() {
    if !function_is_built() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let style = Style {
        format: Format::Dicom,
        ..Style::default()
    };
    let subject = Subject::Phantoms(Kind::Pneumonia, 2);
    make_images(
        &subject,
        &style,
        DEFAULT_SEED,
        &dir.path().join("in"),
        || {},
    )
    .unwrap();
    let mut command = xray("process");
    command.args(["in", "-o", "out", "--json", "--nn", "embedded"]);
    command.args(["--variable", "pseudonym_key=a key for tests, long enough"]);
    let output = run(command.current_dir(dir.path()));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let out = dir.path().join("out");
    let made = files(&out);
    let copies: Vec<_> = made
        .iter()
        .filter(|file| file.starts_with("anonymized/"))
        .collect();
    assert_eq!(copies.len(), 2, "{made:?}");
    let truth = fs::read_to_string(dir.path().join("in/truth.json")).unwrap();
    let truth: Vec<Value> = serde_json::from_str(&truth).unwrap();
    for copy in copies {
        let bytes = fs::read(out.join(copy)).unwrap();
        // The samples could hold short texts by chance.
        let head = &bytes[..4000.min(bytes.len())];
        for secret in truth.iter().flat_map(|truth| {
            let patient = &truth["patient"];
            let field = |name: &str| patient[name].as_str().unwrap().replace('-', "");
            let names = field("name");
            let mut secrets = vec![field("id"), field("birth"), field("exam")];
            secrets.extend(names.split(' ').map(str::to_owned));
            secrets
        }) {
            let found = head
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "{secret}");
        }
    }
}

/// Runs a script of `tests/dicom/`, and returns what it prints.
fn script(python: &Path, name: &str, arguments: &[&str]) -> String {
    let path = root().join("tests/dicom").join(name);
    let output = run(Command::new(python).arg(path).args(arguments));
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{name}: {said}");
    said
}

/// Writes 12 bit samples as JPEG Extended, for which GDCM has no encoder.
fn extended(source: &[u8]) -> Vec<u8> {
    let number = |tag: [u8; 4]| {
        let at = source.windows(4).position(|w| w == tag).expect("the tag") + 8;
        u16::from_le_bytes([source[at], source[at + 1]])
    };
    let (height, width) = (number([0x28, 0, 0x10, 0]), number([0x28, 0, 0x11, 0]));
    let (rows, columns) = (usize::from(height), usize::from(width));
    let samples = source[source.len() - 2 * rows * columns..].as_chunks().0;
    let samples: Vec<i16> = samples.iter().map(|s| i16::from_le_bytes(*s)).collect();
    let stream = precision::compress_12bit(&samples, columns, rows, 1, 95, Subsampling::S444);
    object::compressed(width, height, b"1.2.840.10008.1.2.4.51", &stream.unwrap())
}

#[test]
fn every_transfer_syntax_goes_through_the_host_with_both_kinds_of_inference() {
    if !function_is_built() {
        return;
    }
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    let (_, source) = Phantom::draw_dicom(3, 0, Kind::Pneumonia, &Style::default());
    fs::write(dir.path().join("source.dcm"), &source).unwrap();
    script(&python, "through.py", &[folder]);
    fs::write(dir.path().join("51.dcm"), extended(&source)).unwrap();
    let sources = files(dir.path());
    assert_eq!(sources.len(), 14, "{sources:?}");
    let mut made = Vec::new();
    for nn in ["component", "embedded"] {
        let mut command = xray("process");
        command
            .args(&sources)
            .args(["--json", "-o", nn, "--nn", nn]);
        for variable in [
            "pseudonym_key=a key for tests, long enough",
            "anonymize=all",
            "redact_boxes=bottom-left 24x24",
            "text_detector=",
        ] {
            command.args(["--variable", variable]);
        }
        let output = run(command.current_dir(dir.path()));
        assert!(output.status.success(), "{}", text(&output.stderr));
        let lines = format!("{nn}.jsonl");
        fs::write(dir.path().join(&lines), &output.stdout).unwrap();
        println!(
            "{}",
            script(&python, "through.py", &["--check", folder, &lines])
        );
        let copies = dir.path().join(nn).join("anonymized");
        let read = |name: &String| fs::read(copies.join(name)).unwrap();
        made.push(files(&copies).iter().map(read).collect::<Vec<_>>());
    }
    assert!(
        made[0] == made[1],
        "the copies don't depend on the inference"
    );
}

/// An instance that is out of memory or panics ends without a report.
#[test]
fn hostile_objects_are_refused_by_the_component() {
    if !function_is_built() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let bombs = hostile::bombs();
    for (index, (_, bytes)) in bombs.iter().enumerate() {
        fs::write(dir.path().join(format!("bomb-{index:02}.dcm")), bytes).unwrap();
    }
    let sound = hostile::sound();
    mutate::rounds(60, |rng| {
        let (_, bytes) = &sound[rng.below(sound.len())];
        let from = 132 + rng.below(bytes.len() - 132);
        let mutated = mutate::mutate(rng, bytes[from..].to_vec(), &["\u{0}\u{1}"]);
        let name = format!("mutated-{}.dcm", rng.next());
        fs::write(dir.path().join(name), [&bytes[..from], &mutated].concat()).unwrap();
    });
    let mut command = xray("process");
    command.args([".", "--json", "-o", "out", "--nn", "embedded"]);
    command.args(["--variable", "pseudonym_key=a key for tests, long enough"]);
    let output = run(command.current_dir(dir.path()));
    let said = text(&output.stdout);
    let lines: Vec<Value> = said
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines.len(), bombs.len() + 60, "{}", text(&output.stderr));
    for line in &lines {
        let source = line["source"].as_str().unwrap();
        let bomb = source.split("bomb-").nth(1);
        let index = bomb.map(|rest| rest[..2].parse::<usize>().unwrap());
        let name = index.map_or(source, |index| bombs[index].0);
        let outcome = line["outcome"].as_str().unwrap();
        match index {
            Some(_) => assert_eq!(outcome, "rejected", "{name}: {line}"),
            None => assert_ne!(outcome, "failed", "{name}: {line}"),
        }
    }
}
