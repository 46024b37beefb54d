//! `xray setup-backends` from wheels at hand, as on a machine without an index.

use std::{fs::File, io::Write, path::Path, process::Command};

use xray_host::nn::library::{self, Product};
use zip::{ZipWriter, write::SimpleFileOptions};

fn wheel(path: &Path, files: &[&str]) {
    let mut archive = ZipWriter::new(File::create(path).expect("a file"));
    for file in files {
        archive
            .start_file(*file, SimpleFileOptions::default())
            .expect("an entry");
        archive.write_all(file.as_bytes()).expect("its bytes");
    }
    archive.finish().expect("an archive");
}

fn setup(dir: &Path, wheel: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xray"))
        .arg("setup-backends")
        .arg("--dir")
        .arg(dir)
        .arg("--wheel")
        .arg(wheel)
        .output()
        .expect("xray runs");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8(text).expect("text"),
    )
}

#[test]
fn a_wheel_is_unpacked_once_and_said_so() {
    let scratch = tempfile::tempdir().expect("a folder");
    let dir = scratch.path().join("backends");
    let file = scratch
        .path()
        .join("onnxruntime-1.99.0-cp311-cp311-linux.whl");
    let library = "onnxruntime/capi/libonnxruntime.so.1.99.0";
    wheel(
        &file,
        &[
            library,
            "onnxruntime/__init__.py",
            "onnxruntime/LICENSE",
            "onnxruntime/ThirdPartyNotices.txt",
        ],
    );

    let (ok, said) = setup(&dir, &file);
    assert!(
        ok && said.contains("1.99.0") && said.contains("libonnxruntime.so.1.99.0"),
        "{said}"
    );
    let target = dir.join("onnxruntime-1.99.0");
    assert!(library::in_folder(Product::OnnxRuntime, &target).is_some());
    assert!(target.join("ThirdPartyNotices.txt").is_file());
    assert!(target.join("LICENSE").is_file() && !target.join("__init__.py").exists());
    let left: Vec<_> = std::fs::read_dir(&dir).expect("the folder").collect();
    assert_eq!(left.len(), 1, "no scratch folder is left: {left:?}");

    let (ok, said) = setup(&dir, &file);
    assert!(ok && said.contains("there already"), "{said}");
}

#[test]
fn a_wheel_without_a_library_is_refused_and_leaves_nothing() {
    let scratch = tempfile::tempdir().expect("a folder");
    let dir = scratch.path().join("backends");
    let file = scratch.path().join("openvino-1.0.0-cp311-cp311-win.whl");
    wheel(&file, &["openvino/libs/openvino_c.dll"]);
    let (ok, said) = setup(&dir, &file);
    assert!(!ok && said.contains("no library"), "{said}");
    assert_eq!(std::fs::read_dir(&dir).expect("the folder").count(), 0);

    std::fs::write(&file, "no archive").expect("a file");
    let (ok, said) = setup(&dir, &file);
    assert!(!ok && said.contains("not a wheel"), "{said}");
}
