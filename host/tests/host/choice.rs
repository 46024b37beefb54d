//! Which backend is taken, and what is said when one cannot be.

use std::path::Path;

use xray_host::nn::{
    backend::Target,
    choose::{Choice, choose},
    embedded::Embedded,
    library::{Product, SearchPath},
    onnx::OnnxRuntime,
    openvino::OpenVino,
};

#[test]
fn a_target_that_is_not_there_is_an_error() {
    let nowhere = SearchPath::default();
    for target in [Target::Gpu, Target::Npu] {
        assert!(Embedded::open(target).is_err());
        let error = choose(Choice::Auto, target, &nowhere)
            .err()
            .expect("there is no such device");
        assert!(error.to_string().contains(target.name()), "{error}");
    }
    // Test machines have no NPU; that a GPU is missing is not certain.
    if let Some(path) = testkit::backend_library(Product::OnnxRuntime) {
        assert!(
            format!("{:#}", OnnxRuntime::open(&path, Target::Npu).err().unwrap()).contains("NPU")
        );
    }
    if let Some(path) = testkit::backend_library(Product::OpenVino) {
        assert!(format!("{:#}", OpenVino::open(&path, Target::Npu).err().unwrap()).contains("NPU"));
    }
}

#[test]
fn auto_says_what_it_took_and_why() {
    let chosen = choose(Choice::Auto, Target::Cpu, &SearchPath::default()).unwrap();
    assert!(
        chosen.line.contains("rten 0.") && chosen.line.contains("no ONNX Runtime, no OpenVINO"),
        "{}",
        chosen.line
    );
    if let Some(path) = testkit::backend_library(Product::OnnxRuntime) {
        let folder = SearchPath::new(path.parent(), None);
        let chosen = choose(Choice::Auto, Target::Cpu, &folder).unwrap();
        assert!(
            chosen.line.contains(&chosen.backend.version()),
            "{}",
            chosen.line
        );
        assert!(
            chosen.line.contains("ONNX Runtime 1.") && chosen.line.contains("auto"),
            "{}",
            chosen.line
        );
    }
}

#[test]
fn a_library_that_is_none_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let fake = dir.path().join("libopenvino_c.so.1");
    std::fs::write(&fake, "not a library").unwrap();
    let message = |error: Option<anyhow::Error>| format!("{:#}", error.expect("it is no library"));
    let said = message(OpenVino::open(&fake, Target::Cpu).err());
    assert!(
        said.contains("ELF") || said.contains("libopenvino_c"),
        "{said}"
    );
    let path = SearchPath::new(Some(Path::new("/nowhere")), None);
    assert!(path.describe().starts_with("/nowhere"));
}
