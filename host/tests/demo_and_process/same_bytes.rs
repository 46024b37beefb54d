//! The component transforms blocks with WebAssembly's vectors, other builds number by number.

use std::{fs, io::Cursor, path::Path};

use image::{ImageFormat, imageops::crop_imm};
use jpeg_blocks::{Jpeg, Limits};
use phantoms::{DEFAULT_SEED, Phantom};
use serde_json::Value;

use crate::{function_is_built, run, text, xray};

#[test]
fn component_and_native_library_write_the_same_copies() {
    if !function_is_built() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in");
    fs::create_dir(&input).unwrap();
    for phantom in Phantom::draw_all(DEFAULT_SEED, 6) {
        let whole = image::load_from_memory(&phantom.jpeg).unwrap().to_luma8();
        // Sides that are no multiples of eight: the blocks at the edge are transformed.
        let part = crop_imm(&whole, 0, 0, whole.width() - 3, whole.height() - 5).to_image();
        let mut jpeg = Cursor::new(Vec::new());
        part.write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
        let path = input.join(phantom.patient.file_name());
        fs::write(path, jpeg.into_inner()).unwrap();
    }
    let mut command = xray("process");
    command.arg(&input).arg("-o").arg(dir.path().join("out"));
    command.args(["--nn", "embedded", "--json"]);
    for variable in [
        "anonymize=all",
        "text_detector=",
        "pseudonym_key=a key for tests, long enough",
    ] {
        command.args(["--variable", variable]);
    }
    let output = run(&mut command);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut copies = 0;
    for line in text(&output.stdout).lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let Some(copy) = line["anonymized"].as_str() else {
            continue;
        };
        let bytes = fs::read(Path::new(line["source"].as_str().unwrap())).unwrap();
        let jpeg = Jpeg::parse(&bytes, &Limits::default()).unwrap();
        let area = jpeg.area(0, jpeg.height() - 100, 300, 100).unwrap();
        let native = jpeg.write_visible(&[jpeg.fill(area, [0; 3])]).unwrap();
        assert!(fs::read(copy).unwrap() == native, "the copies differ");
        copies += 1;
    }
    assert!(copies >= 4, "{copies}");
}
