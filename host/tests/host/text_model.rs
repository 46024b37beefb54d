//! The detector of burned-in text: everything that runs models draws the same map of a picture of
//! any size.

use std::fs;

use sha2::{Digest, Sha256};
use testkit::root;
use xray_host::nn::tensor::{NamedTensor, Tensor, TensorType};

use crate::inference::runners;

/// The most that its file may weigh, in bytes.
const LARGEST: usize = 1_000_000;

/// Returns a model of the repository, which may weigh so many bytes, and its contract.
pub fn model(name: &str, largest: usize) -> (Vec<u8>, serde_json::Value) {
    let folder = root().join("models").join(name);
    let model = fs::read(folder.join("model.onnx")).unwrap();
    assert!(model.len() <= largest, "{}", model.len());
    let contract = fs::read(folder.join("contract.json")).unwrap();
    let contract: serde_json::Value = serde_json::from_slice(&contract).unwrap();
    assert_eq!(
        contract["model_sha256"],
        hex::encode(Sha256::digest(&model))
    );
    (model, contract)
}

/// A picture with bars like letters on it, as the contract wants it.
fn picture(contract: &serde_json::Value, height: u32, width: u32) -> NamedTensor {
    let level = |i: u32| {
        let (x, y) = (i % width, i / width);
        let bar = (40..64).contains(&y) && (30..width - 40).contains(&x) && x % 9 < 3;
        if bar {
            230
        } else {
            (255 * (x + 2 * y) / (3 * (width + height))) as u8
        }
    };
    let levels: Vec<u8> = (0..width * height).map(level).collect();
    let input = &contract["input"];
    let number = |key: &str| input[key].as_f64().unwrap() as f32;
    let dims = [1, 1, height, width];
    let tensor = if input["type"] == "u8" {
        assert_eq!((number("scale"), number("offset")), (1.0, 0.0));
        Tensor {
            dims: dims.to_vec(),
            ty: TensorType::U8,
            data: levels,
        }
    } else {
        let value = |level: &u8| f32::from(*level) * number("scale") + number("offset");
        let values: Vec<f32> = levels.iter().map(value).collect();
        Tensor::f32(&dims, &values)
    };
    (input["name"].as_str().unwrap().to_owned(), tensor)
}

#[tokio::test]
async fn every_runner_draws_the_same_map_of_any_size() {
    let (model, contract) = model("text", LARGEST);
    let number = |object: &str, key: &str| contract[object][key].as_u64().unwrap() as u32;
    let (multiple, stride) = (number("input", "multiple"), number("output", "stride"));
    for (down, across) in [(3, 4), (5, 2), (1, 1)] {
        let (height, width) = (down * multiple, across * multiple);
        let mut first: Option<Vec<f32>> = None;
        for runner in runners() {
            let outputs = runner
                .compute(&model, vec![picture(&contract, height, width)])
                .await
                .unwrap();
            let (name, map) = &outputs[0];
            assert_eq!(*name, contract["output"]["name"].as_str().unwrap());
            let rows = [height / stride, width / stride];
            assert_eq!(map.dims[2..], rows, "{}", runner.name());
            let values = map.to_f32().unwrap();
            let first = first.get_or_insert_with(|| values.clone());
            let apart = first
                .iter()
                .zip(&values)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            println!("{height} x {width}, {}: {apart:.1e} apart", runner.name());
            assert!(apart < 1e-3, "{}: {apart}", runner.name());
        }
    }
}
