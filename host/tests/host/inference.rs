//! The three backends: that they agree, and that nothing a guest passes breaks them.

use std::{path::Path, sync::Arc};

use xray_host::nn::{
    backend::{Backend, Target},
    bindings::wasi::nn::{errors::ErrorCode, tensor::TensorType},
    choose::{Choice, choose},
    embedded::Embedded,
    graph::Graph,
    library::{Product, SearchPath},
    onnx::OnnxRuntime,
    openvino::OpenVino,
    tensor::{NamedTensor, Tensor, element_size},
};

use crate::{onnx_file as file, support};

/// Every backend of this machine; under CI all three.
fn backends() -> Vec<Arc<dyn Backend>> {
    let mut all: Vec<Arc<dyn Backend>> = vec![Arc::new(Embedded::open(Target::Cpu).unwrap())];
    if let Some(path) = support::library(Product::OnnxRuntime) {
        all.push(Arc::new(OnnxRuntime::open(&path, Target::Cpu).unwrap()));
    }
    if let Some(path) = support::library(Product::OpenVino) {
        all.push(Arc::new(OpenVino::open(&path, Target::Cpu).unwrap()));
    }
    all
}

async fn compute(
    backend: &Arc<dyn Backend>,
    model: &[u8],
    inputs: Vec<NamedTensor>,
) -> Result<Vec<NamedTensor>, xray_host::nn::error::NnError> {
    Graph::new(backend.load(model, 1)?).compute(inputs).await
}

/// Numbers between 0 and 1 that look like noise and are the same everywhere.
fn noise(count: usize, mut seed: u32) -> Vec<f32> {
    let next = |_| {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        (seed >> 8) as f32 / (1 << 24) as f32
    };
    (0..count).map(next).collect()
}

#[tokio::test]
async fn the_backends_agree_on_the_first_model() {
    let Some((model, contract)) = support::model() else {
        return;
    };
    let input = &contract["input"];
    let size = |key: &str| u32::try_from(input[key].as_u64().unwrap()).unwrap();
    let channels = if input["channels"] == "grey" { 1 } else { 3 };
    let dims = match input["layout"].as_str().unwrap() {
        "NHWC" => [1, size("height"), size("width"), channels],
        _ => [1, channels, size("height"), size("width")],
    };
    let count = dims.iter().product::<u32>() as usize;
    let name = input["name"].as_str().unwrap();
    let index = usize::try_from(contract["output"]["index"].as_u64().unwrap_or(0)).unwrap();
    for seed in [1, 7, 42] {
        let mut scores = Vec::new();
        for backend in backends() {
            let tensor = Tensor::f32(&dims, &noise(count, seed));
            let outputs = compute(&backend, &model, vec![(name.to_owned(), tensor)])
                .await
                .unwrap();
            let wanted = contract["output"]["name"].as_str().unwrap();
            let output = outputs.iter().find(|(name, _)| name == wanted);
            let (_, output) = output.expect("the output has the contract's name");
            scores.push((backend.version(), output.to_f32().unwrap()[index]));
        }
        println!("{scores:?}");
        let first = scores[0].1;
        assert!(
            scores.iter().all(|(_, score)| (score - first).abs() < 1e-4),
            "{scores:?}"
        );
    }
}

#[tokio::test]
async fn every_backend_names_itself() {
    for backend in backends() {
        let version = backend.version();
        let (name, number) = version.rsplit_once(' ').unwrap();
        assert!(
            ["rten", "ONNX Runtime", "OpenVINO"].contains(&name),
            "{version}"
        );
        assert!(
            number.starts_with(|c: char| c.is_ascii_digit()),
            "{version}"
        );
    }
}

/// What a backend cannot do is an error code, never a wrong number.
#[tokio::test]
async fn all_tensor_types_go_through_or_are_refused() {
    let types = [
        (TensorType::Fp32, file::FLOAT),
        (TensorType::U8, file::UINT8),
        (TensorType::I32, file::INT32),
        (TensorType::I64, file::INT64),
        (TensorType::Fp16, file::FLOAT16),
        (TensorType::Fp64, file::DOUBLE),
        (TensorType::Bf16, file::BFLOAT16),
    ];
    for backend in backends() {
        let mut passed = Vec::new();
        for (ty, element) in types {
            let model = file::model("Identity", &["input"], element, &[1, 3]);
            // One, two and three, in any of the types.
            let data: Vec<u8> = match ty {
                TensorType::Fp16 => [0x3c00u16, 0x4000, 0x4200]
                    .iter()
                    .flat_map(|v| v.to_le_bytes())
                    .collect(),
                TensorType::Bf16 => [0x3f80u16, 0x4000, 0x4040]
                    .iter()
                    .flat_map(|v| v.to_le_bytes())
                    .collect(),
                TensorType::Fp32 => [1f32, 2.0, 3.0]
                    .iter()
                    .flat_map(|v| v.to_le_bytes())
                    .collect(),
                TensorType::Fp64 => [1f64, 2.0, 3.0]
                    .iter()
                    .flat_map(|v| v.to_le_bytes())
                    .collect(),
                other => (1..=3u8)
                    .flat_map(|v| {
                        let mut bytes = vec![0; element_size(other)];
                        bytes[0] = v;
                        bytes
                    })
                    .collect(),
            };
            let tensor = Tensor {
                dims: vec![1, 3],
                ty,
                data,
            };
            match compute(&backend, &model, vec![("input".into(), tensor.clone())]).await {
                Ok(outputs) => {
                    let (name, output) = &outputs[0];
                    assert_eq!((name.as_str(), &output.dims), ("output", &tensor.dims));
                    if output.ty == ty {
                        assert_eq!(output.data, tensor.data, "{} {ty:?}", backend.version());
                        passed.push(ty);
                    }
                }
                Err(error) => assert!(
                    error.code != ErrorCode::Unknown && !error.message.is_empty(),
                    "{} {ty:?}: {error}",
                    backend.version()
                ),
            }
        }
        println!("{} takes {passed:?}", backend.version());
        assert!(passed.contains(&TensorType::Fp32) && passed.contains(&TensorType::U8));
    }
}

#[tokio::test]
async fn wrong_inputs_are_invalid_arguments_everywhere() {
    let model = file::model("Add", &["a", "b"], file::FLOAT, &[2, 3]);
    let good = || Tensor::f32(&[2, 3], &[1.0; 6]);
    let named = |name: &str, tensor| (name.to_owned(), tensor);
    for backend in backends() {
        let sum = compute(
            &backend,
            &model,
            vec![named("b", good()), named("a", good())],
        )
        .await;
        assert_eq!(sum.unwrap()[0].1.to_f32().unwrap(), [2.0; 6]);
        let wrong = [
            vec![],
            vec![named("a", good())],
            vec![named("a", good()), named("a", good())],
            vec![named("a", good()), named("c", good())],
            vec![named("a", good()), named("b", good()), named("c", good())],
            vec![
                named("a", good()),
                named("b", Tensor::f32(&[3, 2], &[1.0; 6])),
            ],
            vec![named("a", good()), named("b", Tensor::f32(&[6], &[1.0; 6]))],
            vec![
                named("a", good()),
                named("b", Tensor::f32(&[2, 3], &[1.0; 5])),
            ],
            vec![named("a", good()), named("b", Tensor::f32(&[2, 0], &[]))],
            vec![
                named("a", good()),
                named("b", Tensor::f32(&[u32::MAX; 8], &[])),
            ],
            vec![
                named("a", good()),
                named(
                    "b",
                    Tensor {
                        ty: TensorType::I32,
                        ..good()
                    },
                ),
            ],
        ];
        for inputs in wrong {
            let error = compute(&backend, &model, inputs.clone()).await.unwrap_err();
            assert_eq!(
                error.code,
                ErrorCode::InvalidArgument,
                "{} {inputs:?}",
                backend.version()
            );
        }
        for damaged in [&model[..model.len() / 2], b"", b"no model"] {
            let loaded = backend.load(damaged, 1).err();
            println!("XX {} {} {:?}", backend.version(), damaged.len(), loaded);
        }
    }
}

#[tokio::test]
async fn an_open_dimension_takes_any_size() {
    let model = file::model("Add", &["a", "b"], file::FLOAT, &[0, 2]);
    for backend in backends() {
        let graph = Graph::new(backend.load(&model, 1).unwrap());
        for rows in [1, 3, 2] {
            let tensor = Tensor::f32(&[rows, 2], &vec![0.5; 2 * rows as usize]);
            let inputs = vec![("a".to_owned(), tensor.clone()), ("b".to_owned(), tensor)];
            let outputs = graph.compute(inputs).await.unwrap();
            assert_eq!(outputs[0].1.dims, [rows, 2], "{}", backend.version());
            assert!(
                outputs[0]
                    .1
                    .to_f32()
                    .unwrap()
                    .iter()
                    .all(|value| *value == 1.0)
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_share_few_sessions() {
    let model = file::model("Add", &["a", "b"], file::FLOAT, &[1, 2]);
    for backend in backends() {
        let graph = Arc::new(Graph::new(backend.load(&model, 2).unwrap()));
        let tasks = (0..200u16).map(|number| {
            let graph = graph.clone();
            tokio::spawn(async move {
                let tensor = Tensor::f32(&[1, 2], &[f32::from(number), 1.0]);
                let inputs = vec![("a".to_owned(), tensor.clone()), ("b".to_owned(), tensor)];
                let outputs = graph.compute(inputs).await.unwrap();
                assert_eq!(
                    outputs[0].1.to_f32().unwrap(),
                    [2.0 * f32::from(number), 2.0]
                );
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!((graph.sessions(), graph.sessions_in_use()), (2, 0));
    }
}

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
    if let Some(path) = support::library(Product::OnnxRuntime) {
        assert!(
            format!("{:#}", OnnxRuntime::open(&path, Target::Npu).err().unwrap()).contains("NPU")
        );
    }
    if let Some(path) = support::library(Product::OpenVino) {
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
    if let Some(path) = support::library(Product::OnnxRuntime) {
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
