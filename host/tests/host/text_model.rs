//! The detector of burned-in text: everything that runs models draws the same map of a picture of any size.

use std::fs;

use sha2::{Digest, Sha256};
use testkit::root;
use xray_host::nn::tensor::{NamedTensor, Tensor};

use crate::inference::runners;

/// The most that its file may weigh, in bytes.
const LARGEST: usize = 1_000_000;

/// A picture with bars like letters on it, levels 0 to 1.
fn picture(height: u32, width: u32) -> NamedTensor {
    let level = |i: u32| {
        let (x, y) = (i % width, i / width);
        let bar = (40..64).contains(&y) && (30..width - 40).contains(&x) && x % 9 < 3;
        if bar {
            0.9
        } else {
            (x + 2 * y) as f32 / (3 * (width + height)) as f32
        }
    };
    let levels: Vec<f32> = (0..width * height).map(level).collect();
    (
        "input".to_owned(),
        Tensor::f32(&[1, 1, height, width], &levels),
    )
}

#[tokio::test]
async fn every_runner_draws_the_same_map_of_any_size() {
    let folder = root().join("models/text");
    let model = fs::read(folder.join("model.onnx")).unwrap();
    assert!(model.len() <= LARGEST, "{}", model.len());
    let contract = fs::read(folder.join("contract.json")).unwrap();
    let contract: serde_json::Value = serde_json::from_slice(&contract).unwrap();
    assert_eq!(
        contract["model_sha256"],
        hex::encode(Sha256::digest(&model))
    );
    for (height, width) in [(192, 256), (320, 128), (64, 64)] {
        let mut first: Option<Vec<f32>> = None;
        for runner in runners() {
            let outputs = runner
                .compute(&model, vec![picture(height, width)])
                .await
                .unwrap();
            let (name, map) = &outputs[0];
            assert_eq!(name, "map");
            assert_eq!(map.dims, [1, 3, height / 8, width / 8], "{}", runner.name());
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
