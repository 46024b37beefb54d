//! Models that do not fit their contracts: refused at the start, by every backend.

use std::{fs, sync::Arc};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::{
    onnx_file::{Attribute, FLOAT, FLOAT16, Graph, UINT8},
    root,
};
use xray_host::nn::{
    Inference,
    backend::{Backend, Target},
    choose::Chosen,
    models::ModelFile,
};

use crate::inference::backends;

/// A model under the name of its contract.
fn model(bytes: &[u8], mut contract: Value) -> ModelFile {
    let sha256 = hex::encode(Sha256::digest(bytes));
    contract["model_sha256"] = json!(sha256);
    ModelFile {
        name: "chest".to_owned(),
        bytes: bytes.to_vec(),
        sha256,
        contract: contract.to_string(),
    }
}

/// Starts with a model. Returns the error, if there is one.
fn start(backend: &Arc<dyn Backend>, model: &ModelFile) -> Option<String> {
    let chosen = Chosen {
        backend: backend.clone(),
        target: Target::Cpu,
        line: String::new(),
    };
    let started = Inference::start(&chosen, std::slice::from_ref(model), 1, false);
    started.err().map(|error| format!("{error:#}"))
}

fn check(model: &ModelFile, expect: &str) {
    for backend in backends() {
        let error = start(&backend, model);
        let error = error.unwrap_or_else(|| panic!("{} takes {expect}", backend.version()));
        assert!(
            error.contains(expect) && error.contains("\"chest\""),
            "{}: {error}, not {expect}",
            backend.version()
        );
    }
}

fn shipped(name: &str) -> (Vec<u8>, Value) {
    let folder = root().join("models").join(name);
    let contract = fs::read_to_string(folder.join("contract.json")).unwrap();
    (
        fs::read(folder.join("model.onnx")).unwrap(),
        serde_json::from_str(&contract).unwrap(),
    )
}

#[test]
fn classifier_that_does_not_fit_its_contract_does_not_start() {
    let (bytes, contract) = shipped("pneumonia");
    for backend in backends() {
        assert_eq!(start(&backend, &model(&bytes, contract.clone())), None);
    }
    for (pointer, value, expect) in [
        ("/input/name", json!("pixels"), "no input \"pixels\""),
        ("/input/width", json!(224), "expects dimensions"),
        ("/input/layout", json!("NCHW"), "expects dimensions"),
        ("/input/channels", json!("rgb"), "expects dimensions"),
        ("/input/type", json!("u8"), "expects Fp32, not U8"),
        ("/output/name", json!("score"), "no output `score`"),
        ("/output/index", json!(9), "no element 9"),
        ("/checks/0/output", json!("views"), "no output `views`"),
        ("/checks/2/index", json!(5), "no element 5"),
        ("/heatmap/output", json!("cam"), "no output `cam`"),
        ("/heatmap/width", json!(12), "cells, not 12 x 10"),
        ("/output/kind", json!("odds"), "odds"),
    ] {
        let mut changed = contract.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        // Values of an integer type have to fit it.
        if pointer == "/input/type" {
            changed["input"]["scale"] = json!(1.0);
        }
        check(&model(&bytes, changed), expect);
    }
}

#[test]
fn text_detector_that_does_not_fit_its_contract_does_not_start() {
    let (bytes, contract) = shipped("text");
    for backend in backends() {
        assert_eq!(start(&backend, &model(&bytes, contract.clone())), None);
    }
    for (pointer, value, expect) in [
        ("/input/name", json!("pixels"), "no input \"pixels\""),
        ("/output/name", json!("cells"), "no output `cells`"),
        (
            "/output/stride",
            json!(16),
            "output `map` has the dimensions",
        ),
        ("/output/text", json!(3), "output `map` has the dimensions"),
    ] {
        let mut changed = contract.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        check(&model(&bytes, changed), expect);
    }
}

#[test]
fn marker_recognizer_that_does_not_fit_its_contract_does_not_start() {
    let (bytes, contract) = shipped("markers");
    for backend in backends() {
        assert_eq!(start(&backend, &model(&bytes, contract.clone())), None);
    }
    for (pointer, value, expect) in [
        ("/input/name", json!("pixels"), "no input \"pixels\""),
        ("/input/width", json!(64), "expects dimensions"),
        ("/output/name", json!("side"), "no output `side`"),
        (
            "/output/classes",
            json!(["other", "L", "R"]),
            "output `marker` has the dimensions",
        ),
        ("/thresholds/upright", json!(0.2), "`thresholds` must be"),
    ] {
        let mut changed = contract.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        check(&model(&bytes, changed), expect);
    }
}

/// The contract of a model of four pixels.
fn tiny(ty: &str) -> Value {
    json!({
        "version": 2, "name": "chest",
        "input": {"name": "input", "type": ty, "layout": "NHWC", "width": 2, "height": 2, "channels": "gray",
                  "resize": "nearest", "scale": 1.0, "offset": 0.0},
        "output": {"name": "output", "kind": "logit"},
    })
}

fn cast(from: u64, to: u64) -> Vec<u8> {
    let mut graph = Graph::default();
    let to_type = [("to", Attribute::Number(to))];
    graph.node("Cast", &["input"], "output", &to_type);
    let shape = &[1, 2, 2, 1];
    graph.converting_file((from, to), &[("input", shape)], ("output", shape))
}

#[test]
fn half_floats_are_refused_as_input_and_output_by_all_backends() {
    let fits = model(&cast(UINT8, FLOAT), tiny("u8"));
    for backend in backends() {
        assert_eq!(start(&backend, &fits), None, "{}", backend.version());
    }
    for (bytes, port) in [
        (cast(FLOAT16, FLOAT), "input"),
        (cast(FLOAT, FLOAT16), "output"),
    ] {
        check(&model(&bytes, tiny("f32")), port);
    }
}

/// Half floats within the graph are a matter of the backend's.
#[test]
fn half_floats_within_a_model_give_the_same_results() {
    let mut graph = Graph::default();
    let shape = &[1, 2, 2, 1];
    graph.node(
        "Cast",
        &["input"],
        "half",
        &[("to", Attribute::Number(FLOAT16))],
    );
    graph.node("Add", &["half", "half"], "sum", &[]);
    graph.node(
        "Cast",
        &["sum"],
        "output",
        &[("to", Attribute::Number(FLOAT))],
    );
    let bytes = graph.file(FLOAT, &[("input", shape)], ("output", shape));
    let values = [0.1, 0.25, 100.3, -7.0];
    for backend in backends() {
        let mut loaded = backend.load(&bytes, 1).unwrap();
        let input = xray_host::nn::tensor::Tensor::f32(&[1, 2, 2, 1], &values);
        let outputs = loaded.sessions[0]
            .run(&[("input".to_owned(), input)])
            .unwrap();
        let sums = outputs[0].1.to_f32().unwrap();
        for (sum, value) in sums.iter().zip(values) {
            // 11 bits of precision.
            let apart = (sum - 2.0 * value).abs();
            assert!(
                apart <= value.abs() / 500.0,
                "{}: {sums:?}",
                backend.version()
            );
        }
    }
}
