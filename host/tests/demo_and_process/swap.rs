//! A data scientist's model takes the place of ours: another architecture, another input, only its
//! two files changed.

use std::{fs, os::unix::fs::symlink, process::Command};

use phantoms::Phantom;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use testkit::{
    onnx_file::{Attribute, FLOAT, Graph as File},
    root,
};
use xray::{
    model::contract::Contract, picture::decode::decode, picture::input::tensor,
    picture::limits::Limits,
};
use xray_host::nn::{
    backend::{Backend, Target},
    embedded::Embedded,
    graph::Graph,
    tensor::Tensor,
};

use crate::{function_is_built, run, text};

/// Numbers around 0 with the spread of He's initialization, the same everywhere.
fn weights(count: u64, fan_in: u64, mut seed: u32) -> Vec<f32> {
    let spread = (6.0 / fan_in as f32).sqrt();
    let next = |_| {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        spread * ((seed >> 8) as f32 / (1 << 23) as f32 - 1.0)
    };
    (0..count).map(next).collect()
}

/// The network of the system this one replaces: RGB 150 x 150, channels last, three convolutions
/// and two dense layers.
fn original_cnn() -> Vec<u8> {
    let mut file = File::default();
    file.node(
        "Transpose",
        &["pixels"],
        "x",
        &[("perm", Attribute::Numbers(&[0, 3, 1, 2]))],
    );
    let mut from = (3, "x".to_owned());
    for (i, channels) in [32, 32, 64].into_iter().enumerate() {
        let name = |what: &str| format!("{what}{i}");
        let (w, b) = (name("w"), name("b"));
        let count = channels * from.0 * 9;
        file.weights(
            &w,
            &[channels, from.0, 3, 3],
            &weights(count, from.0 * 9, 11 + i as u32),
        );
        file.weights(&b, &[channels], &weights(channels, 900, 21 + i as u32));
        file.node(
            "Conv",
            &[&from.1, &w, &b],
            &name("c"),
            &[("kernel_shape", Attribute::Numbers(&[3, 3]))],
        );
        file.node("Relu", &[&name("c")], &name("r"), &[]);
        let pool = [
            ("kernel_shape", Attribute::Numbers(&[2, 2])),
            ("strides", Attribute::Numbers(&[2, 2])),
        ];
        file.node("MaxPool", &[&name("r")], &name("p"), &pool);
        from = (channels, name("p"));
    }
    file.node(
        "Flatten",
        &[&from.1],
        "flat",
        &[("axis", Attribute::Number(1))],
    );
    let flat = 64 * 17 * 17;
    file.weights("dense", &[flat, 64], &weights(flat * 64, flat, 31));
    file.node("MatMul", &["flat", "dense"], "hidden", &[]);
    file.node("Relu", &["hidden"], "active", &[]);
    file.weights("last", &[64, 1], &weights(64, 64, 41));
    file.node("MatMul", &["active", "last"], "logit", &[]);
    file.file(FLOAT, &[("pixels", &[1, 150, 150, 3])], ("logit", &[1, 1]))
}

/// The application with that model in the place of ours.
fn app() -> (TempDir, Vec<u8>, String) {
    let dir = tempfile::tempdir().unwrap();
    let model = original_cnn();
    let sha256 = hex(&Sha256::digest(&model));
    let contract = json!({
        "version": 1, "name": "pneumonia", "model_sha256": sha256,
        "input": { "name": "pixels", "layout": "NHWC", "width": 150, "height": 150, "channels": "rgb",
                   "resize": "nearest", "scale": 1.0 / 255.0, "offset": 0.0 },
        "output": { "name": "logit", "kind": "logit" },
    })
    .to_string();
    let folder = dir.path().join("models/pneumonia");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("model.onnx"), &model).unwrap();
    fs::write(folder.join("contract.json"), &contract).unwrap();
    fs::copy(root().join("spin.toml"), dir.path().join("spin.toml")).unwrap();
    symlink(
        root().canonicalize().unwrap().join("target"),
        dir.path().join("target"),
    )
    .unwrap();
    // The other models stay the repository's.
    for model in ["models/text", "models/markers"] {
        let folder = dir.path().join(model);
        fs::create_dir(&folder).unwrap();
        for file in ["model.onnx", "contract.json"] {
            fs::copy(root().join(model).join(file), folder.join(file)).unwrap();
        }
    }
    (dir, model, contract)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[tokio::test]
async fn another_model_runs_with_only_its_files_changed() {
    if !function_is_built() {
        return;
    }
    let (app, model, contract) = app();
    let contract = Contract::parse(&contract).unwrap();
    let backend = Embedded::open(Target::Cpu).unwrap();
    let graph = Graph::new(backend.load(&model, 1).unwrap());
    let pictures = app.path().join("in");
    fs::create_dir(&pictures).unwrap();
    let mut expected = Vec::new();
    for phantom in Phantom::draw_all(3, 3) {
        fs::write(pictures.join(phantom.patient.file_name()), &phantom.jpeg).unwrap();
        let limits = Limits {
            max_bytes: 1 << 24,
            max_pixels: 1 << 24,
            max_memory: u64::MAX,
        };
        let wanted = tensor(decode(&phantom.jpeg, &limits).unwrap().pixels(), &contract);
        assert_eq!(wanted.dims, [1, 150, 150, 3]);
        let input = Tensor::f32(&wanted.dims, &wanted.data.to_f32());
        let outputs = graph
            .compute(vec![("pixels".to_owned(), input)])
            .await
            .unwrap();
        let logit = f64::from(outputs[0].1.to_f32().unwrap()[0]);
        expected.push((phantom.patient.file_name(), 1.0 / (1.0 + (-logit).exp())));
    }
    // The inference component has our model built in, and must not take it for this one of the same
    // name.
    for nn in ["embedded", "component"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xray"));
        command.arg("process").arg("--from").arg(app.path());
        command
            .current_dir(app.path())
            .args(["in", "-o", nn, "--json", "--nn", nn]);
        let output = run(&mut command);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let lines: Vec<Value> = text(&output.stdout)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), expected.len());
        for (name, risk) in &expected {
            let source = format!("in/{name}");
            let line = lines
                .iter()
                .find(|line| line["source"] == source.as_str())
                .unwrap();
            let said = line["risk"].as_f64().unwrap();
            assert!((said - risk).abs() < 1e-4, "{nn}: {said} {risk}");
            assert!(line["doubt"].is_null());
        }
    }
}
