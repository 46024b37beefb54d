//! `xray demo` and `xray process` as a user runs them: the binary, the real function, folders on
//! disk.

mod cases;
mod composed;
mod demo;
mod dicom;
mod found;
mod node;
mod objects;
mod orthanc;
mod process;
mod quarantine;
mod same_bytes;
mod signals;
mod swap;
mod telemetry;

use std::{
    path::Path,
    process::{Command, Output},
};

use image::GrayImage;
use testkit::{function_is_built, root};

/// The command on the repository's application, with nothing from the caller's environment.
fn xray(command: &str) -> Command {
    let mut xray = Command::new(env!("CARGO_BIN_EXE_xray"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SPIN_VARIABLE_")) {
        xray.env_remove(name);
    }
    xray.arg(command).arg("--from").arg(root());
    xray
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every file below a folder, as paths below it, in order. Hidden ones count.
fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn picture(path: &Path) -> GrayImage {
    image::open(path).unwrap().to_luma8()
}

/// Reports whether the box at the bottom left is black, except for the blocks at its edge that JPEG
/// shares with the rest.
fn is_redacted(picture: &GrayImage) -> bool {
    let (width, height) = (300 - 8, 100 - 8);
    let corner = image::imageops::crop_imm(picture, 0, picture.height() - height, width, height);
    corner.to_image().pixels().all(|pixel| pixel.0[0] < 8)
}
