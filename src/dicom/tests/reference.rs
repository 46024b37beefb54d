//! Objects in every transfer syntax, written by GDCM and pydicom, against what pydicom reads.

use std::{fs, path::Path, process::Command};

use super::*;
use crate::{
    dicom::{frame::Frame, object, render::Tables, syntax::Coding},
    mutate::{mutate, rounds},
};

/// Returns the Python that `tests/dicom/fetch` prepares; `None` if it was not run.
pub(super) fn python() -> Option<String> {
    let fetch = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dicom/fetch");
    let found = Command::new(fetch)
        .arg("--path")
        .output()
        .expect("tests/dicom/fetch");
    if found.status.success() {
        return Some(String::from_utf8(found.stdout).unwrap().trim().to_owned());
    }
    println!("SKIP DICOM against pydicom: run tests/dicom/fetch");
    assert!(std::env::var_os("CI").is_none(), "pydicom is missing");
    None
}

/// Runs a script of `tests/dicom/`.
pub(super) fn script(python: &str, name: &str, folder: &Path) {
    script_with(python, name, &[], folder);
}

/// Runs a script with these arguments before the folder, and returns what it prints.
pub(super) fn script_with(python: &str, name: &str, arguments: &[&str], folder: &Path) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/dicom")
        .join(name);
    let mut command = Command::new(python);
    command.arg(path).args(arguments).arg(folder);
    let ran = command.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{name}: {said}");
    said.into_owned()
}

/// A folder that is removed at the end.
pub(super) struct Folder(pub(super) std::path::PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("xray-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns the objects that `reference.py` writes, with their names.
pub(super) fn references(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "dcm"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    found.sort();
    found
}

/// Streams of every codec, mutated in their pixel data.
#[test]
fn mutated_references_never_panic() {
    let Some(python) = python() else { return };
    let folder = Folder::new("mutated");
    script(&python, "reference.py", &folder.0);
    let files = references(&folder.0);
    let settings = [("label_size", "20"), ("max_pixels", "300000")];
    rounds(300, |rng| {
        let (_, file) = &files[rng.below(files.len())];
        let pixels = file.windows(4).position(|w| w == [0xE0, 0x7F, 0x10, 0]);
        let from = pixels.unwrap_or(132) + rng.below(400);
        let (head, tail) = file.split_at(from.min(file.len()));
        let (part, rest) = tail.split_at(tail.len().min(200));
        let mutated = mutate(rng, part.to_vec(), &["\u{0}\u{1}", "\u{7f}\u{7f}"]);
        let bytes = [head, &mutated, rest].concat();
        let _ = process(&bytes, 0.9, &settings, None);
    });
}

#[test]
fn samples_and_shown_pictures_are_pydicoms() {
    let Some(python) = python() else { return };
    let folder = Folder::new("reference");
    script(&python, "reference.py", &folder.0);
    let mut compared = 0;
    for (name, bytes) in references(&folder.0) {
        let read =
            |extension: &str| fs::read(folder.0.join(format!("{name}.{extension}"))).unwrap();
        let container = open(&bytes);
        let data = container.data_set().unwrap();
        object::kind(&data).unwrap();
        let frame = Frame::decode(&data, container.syntax, &LIMITS).unwrap();
        let samples: Vec<u16> = read("samples")
            .as_chunks()
            .0
            .iter()
            .map(|pair| u16::from_le_bytes(*pair))
            .collect();
        let most = frame
            .samples
            .iter()
            .zip(&samples)
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        // Decoders of JPEG-LS agree even where the encoder lost something.
        let syntax = container.syntax;
        let allowed = u16::from(syntax.is_lossy && syntax.coding != Coding::JpegLs);
        assert_eq!(frame.samples.len(), samples.len(), "{name}");
        assert!(most <= Some(allowed), "{name}: samples differ by {most:?}");

        let tables = Tables::read(&data, &frame).unwrap();
        let levels = tables.shown.apply(&frame).levels;
        let shown = read("shown");
        let shares = shown
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f64::from_le_bytes(*bytes));
        for (at, (level, share)) in levels.iter().zip(shares).enumerate() {
            let exact = 255.0 * share;
            // Half a level, and what two orders of the same operations may differ.
            let slack = 0.5 + 1e-6 + if allowed > 0 { 1.0 } else { 0.0 };
            assert!(
                (f64::from(*level) - exact).abs() <= slack,
                "{name}: level {level} instead of {exact} at {at}"
            );
        }
        compared += 1;
    }
    assert_eq!(compared, 24);
}
