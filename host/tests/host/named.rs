//! Models by name in the inference component: the contract decides, and a new file is never passed
//! over.

use std::{fs, path::Path};

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use xray_host::nn::error::{ErrorCode, NnError};

use testkit::onnx_file as file;

use crate::{
    inference::{shipped_input, shipped_score},
    nn_component::{ExecutionTarget, GraphEncoding, Instance},
    support,
};

/// A folder of models with these files for one named `chest`.
fn models(onnx: Option<&[u8]>, contract: Option<&str>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("chest");
    fs::create_dir(&folder).unwrap();
    if let Some(onnx) = onnx {
        fs::write(folder.join("model.onnx"), onnx).unwrap();
    }
    if let Some(contract) = contract {
        fs::write(folder.join("contract.json"), contract).unwrap();
    }
    dir
}

pub fn contract_of(onnx: &[u8]) -> String {
    format!(
        r#"{{"model_sha256": "{}"}}"#,
        hex::encode(Sha256::digest(onnx))
    )
}

/// Loads `name` and lets the shipped model's input through.
fn score(models: &Path, name: &str, contract: &serde_json::Value) -> Result<f32, NnError> {
    let mut instance = Instance::new(Some(models)).expect("it was there before");
    let graph = instance.load_by_name(name)?;
    let outputs = instance.compute(graph, &[shipped_input(contract, 7)])?;
    Ok(shipped_score(contract, &outputs))
}

#[test]
fn the_contract_decides_which_model_runs() {
    let Some((shipped, contract)) = support::model().filter(|_| Instance::new(None).is_some())
    else {
        return;
    };
    let named = contract_of(&shipped);
    let of = |dir: &TempDir| score(dir.path(), "chest", &contract);
    let expected = of(&models(Some(&shipped), Some(&named))).unwrap();
    // What is built in needs no file, and a contract may be written in capitals.
    assert_eq!(of(&models(None, Some(&named))).unwrap(), expected);
    let capitals = named.to_uppercase().replace("MODEL_SHA256", "model_sha256");
    assert_eq!(of(&models(None, Some(&capitals))).unwrap(), expected);

    // Another file under its own contract is read: the same network, and one unknown field that
    // makes it another file.
    let longer = [&shipped[..], &[0xfa, 0x07, 0x01, b'x']].concat();
    assert_eq!(
        of(&models(Some(&longer), Some(&contract_of(&longer)))).unwrap(),
        expected
    );
    // Trained again, with other weights in a file of the same size.
    let mut trained = shipped.clone();
    let weights = trained.len() / 2..trained.len() / 2 + 1024;
    trained[weights].iter_mut().for_each(|byte| *byte ^= 0x10);
    let other = of(&models(Some(&trained), Some(&contract_of(&trained)))).unwrap();
    assert!((other - expected).abs() > 1e-6, "{other} {expected}");

    // A new file under the old contract is refused: neither is the old model used, nor a file that
    // nobody vouches for.
    for new in [&longer, &trained, &b"no model at all".to_vec()] {
        let error = of(&models(Some(new), Some(&named))).unwrap_err();
        assert_eq!(error.code, ErrorCode::Security, "{error}");
        assert!(
            error.message.contains("\"chest\"") && error.message.contains("contract"),
            "{error}"
        );
    }
}

#[test]
fn missing_models_are_not_found() {
    if Instance::new(None).is_none() {
        return;
    }
    let onnx = file::model("Identity", &["input"], file::FLOAT, &[1, 3]);
    let named = contract_of(&onnx);
    let good = models(Some(&onnx), Some(&named));
    let code = |dir: &TempDir, name: &str| {
        let mut instance = Instance::new(Some(dir.path())).unwrap();
        instance.load_by_name(name).err().map(|error| error.code)
    };
    assert_eq!(code(&good, "chest"), None);
    for name in ["other", "", "../chest", "chest/", "/models/chest", "."] {
        assert_eq!(code(&good, name), Some(ErrorCode::NotFound), "{name:?}");
    }
    for without in [
        models(None, Some(&named)),
        models(Some(&onnx), None),
        models(Some(&onnx), Some("{}")),
        models(Some(&onnx), Some("no json")),
    ] {
        assert_eq!(code(&without, "chest"), Some(ErrorCode::NotFound));
    }
    let mut without_files = Instance::new(None).unwrap();
    let error = without_files.load_by_name("chest").err().unwrap();
    assert_eq!(error.code, ErrorCode::NotFound, "{error}");
}

#[test]
fn a_model_from_bytes_is_one_onnx_file_for_the_processor() {
    let Some(mut instance) = Instance::new(None) else {
        return;
    };
    use {ExecutionTarget as Target, GraphEncoding as Encoding};
    let onnx = file::model("Identity", &["input"], file::FLOAT, &[1, 3]);
    let mut code = |builder: &[Vec<u8>], encoding, target| {
        let loaded = instance.load(builder, encoding, target);
        loaded.err().map(|error| error.code)
    };
    let one = [onnx.clone()];
    assert_eq!(code(&one, Encoding::Onnx, Target::Cpu), None);
    assert_eq!(code(&one, Encoding::Autodetect, Target::Cpu), None);
    for encoding in [
        Encoding::Openvino,
        Encoding::Tensorflow,
        Encoding::Pytorch,
        Encoding::Tensorflowlite,
        Encoding::Ggml,
    ] {
        assert_eq!(
            code(&one, encoding, Target::Cpu),
            Some(ErrorCode::InvalidEncoding)
        );
    }
    for target in [Target::Gpu, Target::Tpu] {
        assert_eq!(
            code(&one, Encoding::Onnx, target),
            Some(ErrorCode::UnsupportedOperation)
        );
    }
    for builder in [&[][..], &[onnx.clone(), onnx.clone()]] {
        assert_eq!(
            code(builder, Encoding::Onnx, Target::Cpu),
            Some(ErrorCode::InvalidArgument)
        );
    }
    assert_eq!(
        code(
            &[onnx[..onnx.len() / 2].to_vec()],
            Encoding::Onnx,
            Target::Cpu
        ),
        Some(ErrorCode::RuntimeError)
    );
}
