//! The recognizer of markers: everything that runs models names the same marker.

use xray_host::nn::tensor::{NamedTensor, Tensor, TensorType};

use crate::{inference::runners, text_model::model};

/// The most that its file may weigh, in bytes.
const LARGEST: usize = 500_000;

/// A window with strokes (left, top, width, height) on a gray ground.
fn window(name: &str, (width, height): (u32, u32), strokes: &[[u32; 4]]) -> NamedTensor {
    let is_inked = |x: u32, y: u32| {
        strokes
            .iter()
            .any(|[left, top, w, h]| (*left..left + w).contains(&x) && (*top..top + h).contains(&y))
    };
    let level = |at: u32| match is_inked(at % width, at / width) {
        true => 255,
        false => (at % 7) as u8,
    };
    let tensor = Tensor {
        dims: vec![1, 1, height, width],
        ty: TensorType::U8,
        data: (0..width * height).map(level).collect(),
    };
    (name.to_owned(), tensor)
}

#[tokio::test]
async fn every_runner_names_the_same_marker() {
    let (model, contract) = model("markers", LARGEST);
    let input = &contract["input"];
    let side = |key: &str| input[key].as_u64().unwrap() as u32;
    let size = (side("width"), side("height"));
    let classes = contract["output"]["classes"].as_array().unwrap();
    for (strokes, expect) in [
        (vec![[57, 12, 4, 24], [57, 32, 14, 4]], Some("L")),
        (vec![], Some("other")),
        // An H.
        (
            vec![[55, 12, 4, 24], [69, 12, 4, 24], [55, 22, 18, 4]],
            Some("other"),
        ),
        // Two letters that are no marker.
        (
            vec![
                [45, 12, 4, 24],
                [45, 32, 14, 4],
                [64, 12, 4, 24],
                [78, 12, 4, 24],
                [64, 22, 18, 4],
            ],
            Some("other"),
        ),
        (vec![[0, 20, 128, 6]], None),
    ] {
        let mut first: Option<Vec<f32>> = None;
        for runner in runners() {
            let window = window(input["name"].as_str().unwrap(), size, &strokes);
            let outputs = runner.compute(&model, vec![window]).await.unwrap();
            let (name, chances) = &outputs[0];
            assert_eq!(*name, contract["output"]["name"].as_str().unwrap());
            assert_eq!(chances.dims, [1, classes.len() as u32], "{}", runner.name());
            let chances = chances.to_f32().unwrap();
            let best = (0..chances.len()).max_by(|a, b| chances[*a].total_cmp(&chances[*b]));
            let best = classes[best.unwrap()].as_str().unwrap();
            assert!(
                expect.is_none_or(|name| name == best),
                "{best}: {chances:?}"
            );
            let first = first.get_or_insert_with(|| chances.clone());
            for (a, b) in first.iter().zip(&chances) {
                assert!((a - b).abs() < 1e-4, "{}: {a} and {b}", runner.name());
            }
        }
    }
}
