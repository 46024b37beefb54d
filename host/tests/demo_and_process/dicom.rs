//! DICOM objects through the real function, with inference in the host and in WebAssembly.

use std::fs;

use phantoms::{DEFAULT_SEED, Kind, Phantom, Style};
use serde_json::Value;

use crate::{files, function_is_built, run, text, xray};

#[path = "../../../tests/fake/dicom.rs"]
mod object;

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
