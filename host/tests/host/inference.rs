//! The three backends and the inference component agree; the backends share their sessions well.

use std::sync::Arc;

use xray_host::nn::{
    backend::{Backend, Target},
    embedded::Embedded,
    error::NnError,
    graph::Graph,
    library::Product,
    onnx::OnnxRuntime,
    openvino::OpenVino,
    tensor::{NamedTensor, Tensor},
};

use crate::{
    backends,
    nn_component::{ExecutionTarget, GraphEncoding, Instance},
    onnx_file as file, support,
};

/// Every backend of this machine; under CI all three.
pub fn backends() -> Vec<Arc<dyn Backend>> {
    let mut all: Vec<Arc<dyn Backend>> = vec![Arc::new(Embedded::open(Target::Cpu).unwrap())];
    if let Some(path) = backends::library(Product::OnnxRuntime) {
        all.push(Arc::new(OnnxRuntime::open(&path, Target::Cpu).unwrap()));
    }
    if let Some(path) = backends::library(Product::OpenVino) {
        all.push(Arc::new(OpenVino::open(&path, Target::Cpu).unwrap()));
    }
    all
}

/// What runs models: a backend of this host, or the component for hosts without any.
pub enum Runner {
    Native(Arc<dyn Backend>),
    Component,
}

/// Everything that runs models on this machine.
pub fn runners() -> Vec<Runner> {
    let mut all: Vec<_> = backends().into_iter().map(Runner::Native).collect();
    if Instance::new(None).is_some() {
        all.push(Runner::Component);
    }
    all
}

impl Runner {
    pub fn name(&self) -> String {
        match self {
            Self::Native(backend) => backend.version(),
            Self::Component => "component".to_owned(),
        }
    }

    /// Loads and computes once.
    pub async fn compute(
        &self,
        model: &[u8],
        inputs: Vec<NamedTensor>,
    ) -> Result<Vec<NamedTensor>, NnError> {
        let backend = match self {
            Self::Native(backend) => backend,
            Self::Component => {
                let builder = [model.to_vec()];
                let work = move || in_component(&builder, &inputs);
                return tokio::task::spawn_blocking(work).await.unwrap();
            }
        };
        Graph::new(backend.load(model, 1)?).compute(inputs).await
    }
}

fn in_component(builder: &[Vec<u8>], inputs: &[NamedTensor]) -> Result<Vec<NamedTensor>, NnError> {
    let mut instance = Instance::new(None).expect("it was there before");
    let graph = instance.load(builder, GraphEncoding::Onnx, ExecutionTarget::Cpu)?;
    instance.compute(graph, inputs)
}

/// The shipped model's input: its name, and noise of its shape.
pub fn shipped_input(contract: &serde_json::Value, seed: u32) -> NamedTensor {
    let input = &contract["input"];
    let size = |key: &str| u32::try_from(input[key].as_u64().unwrap()).unwrap();
    let channels = if input["channels"] == "gray" { 1 } else { 3 };
    let dims = match input["layout"].as_str().unwrap() {
        "NHWC" => [1, size("height"), size("width"), channels],
        _ => [1, channels, size("height"), size("width")],
    };
    let count = dims.iter().product::<u32>() as usize;
    let tensor = Tensor::f32(&dims, &noise(count, seed));
    (input["name"].as_str().unwrap().to_owned(), tensor)
}

/// The shipped model's score among its outputs.
pub fn shipped_score(contract: &serde_json::Value, outputs: &[NamedTensor]) -> f32 {
    let wanted = contract["output"]["name"].as_str().unwrap();
    let index = usize::try_from(contract["output"]["index"].as_u64().unwrap_or(0)).unwrap();
    let output = outputs.iter().find(|(name, _)| name == wanted);
    let (_, output) = output.expect("the output has the contract's name");
    output.to_f32().unwrap()[index]
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
    for seed in [1, 7, 42] {
        let mut scores = Vec::new();
        for runner in runners() {
            let input = shipped_input(&contract, seed);
            let outputs = runner.compute(&model, vec![input]).await.unwrap();
            scores.push((runner.name(), shipped_score(&contract, &outputs)));
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
