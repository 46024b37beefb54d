//! The shipped model through the function's own pixels and the embedded backend: what it says of
//! phantoms, of writing, of pictures that are no chest X-rays, and of real X-rays where they are at
//! hand.

use std::{
    io::Cursor,
    path::{Path, PathBuf},
};

use image::{DynamicImage, GrayImage, ImageFormat, Luma};
use phantoms::Style;
use phantoms::{Kind, Phantom};
use testkit::root;
use xray::{
    model::contract::Contract,
    model::predict::{Class, Prediction, Thresholds},
    model::tensor,
    picture::annotate::draw_label,
    picture::decode::decode,
    picture::heatmap::Heatmap,
    picture::input::tensor as input_tensor,
    picture::limits::Limits,
};
use xray_host::nn::{
    backend::{Backend, Target},
    embedded::Embedded,
    graph::Graph,
    tensor::Tensor,
};

use crate::support;

const THRESHOLDS: Thresholds = Thresholds {
    normal: 0.6,
    pneumonia: 0.8,
};

/// The model, ready to be asked.
struct Judge {
    graph: Graph,
    contract: Contract,
}

impl Judge {
    fn new() -> Option<Judge> {
        let (model, contract) = support::model()?;
        let backend = Embedded::open(Target::Cpu).unwrap();
        Some(Judge {
            graph: Graph::new(backend.load(&model, 1).unwrap()),
            contract: Contract::parse(&contract.to_string()).unwrap(),
        })
    }

    async fn outputs(&self, file: &[u8]) -> Vec<tensor::NamedTensor> {
        let limits = Limits {
            max_bytes: 1 << 26,
            max_pixels: 1 << 26,
            max_memory: u64::MAX,
        };
        let input = input_tensor(decode(file, &limits).unwrap().pixels(), &self.contract);
        let input = Tensor::f32(&input.dims, &input.data.to_f32());
        let inputs = vec![(self.contract.input.name.clone(), input)];
        let outputs = self.graph.compute(inputs).await.unwrap();
        outputs
            .into_iter()
            .map(|(name, tensor)| tensor::NamedTensor {
                name,
                tensor: tensor::Tensor {
                    data: tensor.to_f32().unwrap(),
                    dims: tensor.dims,
                },
            })
            .collect()
    }

    async fn says(&self, file: &[u8]) -> Prediction {
        Prediction::read(&self.outputs(file).await, &self.contract, &THRESHOLDS).unwrap()
    }

    async fn says_of(&self, picture: &DynamicImage) -> Prediction {
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, ImageFormat::Png).unwrap();
        self.says(file.get_ref()).await
    }
}

fn phantoms(kind: Kind, count: usize) -> Vec<Phantom> {
    // Another seed than those that were trained on.
    (0..count)
        .map(|i| Phantom::draw_as(4242, i, kind, &Style::default()))
        .collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::test]
async fn nine_of_ten_phantoms_are_called_what_they_are() {
    let Some(judge) = Judge::new() else { return };
    for kind in [Kind::Normal, Kind::Pneumonia] {
        let mut right = 0;
        for phantom in phantoms(kind, 30) {
            let said = judge.says(&phantom.jpeg).await;
            let as_drawn = match kind {
                Kind::Normal => said.risk < 0.6,
                _ => said.risk > 0.8,
            };
            right += usize::from(as_drawn && said.failed_check.is_none());
        }
        assert!(right >= 27, "{kind:?}: {right} of 30");
    }
}

#[tokio::test]
async fn what_is_no_upright_chest_is_doubted() {
    let Some(judge) = Judge::new() else { return };
    let gray = |f: fn(u32, u32) -> u32| {
        DynamicImage::from(GrayImage::from_fn(700, 600, |x, y| {
            Luma([f(x, y).min(255) as u8])
        }))
    };
    let strangers = [
        ("black", gray(|_, _| 0)),
        ("white", gray(|_, _| 255)),
        ("grey", gray(|_, _| 128)),
        ("slope", gray(|x, _| x * 255 / 700)),
        ("checks", gray(|x, y| 255 * ((x / 50 + y / 50) % 2))),
        (
            "noise",
            gray(|x, y| (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(0x9E37_79B9)) >> 24),
        ),
        (
            "disc",
            gray(|x, y| {
                if (x as i32 - 350).pow(2) + (y as i32 - 300).pow(2) < 40_000 {
                    200
                } else {
                    10
                }
            }),
        ),
    ];
    for (name, picture) in &strangers {
        let said = judge.says_of(picture).await;
        assert!(said.failed_check.is_some(), "{name}: {said:?}");
    }
    for phantom in phantoms(Kind::Mixed, 6) {
        let upright = image::load_from_memory(&phantom.jpeg).unwrap();
        let mut inverted = upright.clone();
        inverted.invert();
        let said = judge.says_of(&inverted).await;
        assert_eq!(
            said.failed_check.as_deref(),
            Some("inverted-grey"),
            "{said:?}"
        );
        let said = judge.says_of(&upright.rotate180()).await;
        assert!(said.failed_check.is_some(), "upside down: {said:?}");
    }
}

/// Returns the change of the risk when the label is printed on a picture.
async fn moved_by_label(judge: &Judge, file: &[u8]) -> f64 {
    let mut picture = image::load_from_memory(file).unwrap();
    let before = judge.says_of(&picture).await;
    let label = Prediction::new(1.0 - before.risk, &THRESHOLDS).label();
    draw_label(&mut picture, &label, 50.0).unwrap();
    (judge.says_of(&picture).await.risk - before.risk).abs()
}

#[tokio::test]
async fn writing_does_not_drive_the_risk() {
    let Some(judge) = Judge::new() else { return };
    let mut moves = Vec::new();
    for phantom in phantoms(Kind::Mixed, 24) {
        moves.push(moved_by_label(&judge, &phantom.jpeg).await);
    }
    let most = moves.iter().copied().fold(0.0, f64::max);
    // Phantoms in between are drawn to be where the model can't tell, so one of them may move
    // further than an X-ray does.
    println!(
        "label on phantoms: median {:.4}, most {most:.4}",
        median(moves.clone())
    );
    assert!(median(moves) < 0.02);
}

#[tokio::test]
async fn the_heatmap_marks_the_lungs_of_the_ill() {
    let Some(judge) = Judge::new() else { return };
    let ill = &phantoms(Kind::Pneumonia, 1)[0];
    let map = Heatmap::read(
        &judge.outputs(&ill.jpeg).await,
        judge.contract.heatmap.as_ref(),
    );
    let before = image::load_from_memory(&ill.jpeg).unwrap();
    let mut after = before.clone();
    map.unwrap().outline(&mut after, &THRESHOLDS);
    let (width, height) = (f64::from(ill.width), f64::from(ill.height));
    let (before, after) = (before.to_luma8(), after.to_luma8());
    let painted: Vec<_> = after
        .enumerate_pixels()
        .filter(|(x, y, pixel)| before.get_pixel(*x, *y) != *pixel)
        .collect();
    assert!(painted.len() > 300, "{}", painted.len());
    // The outermost cells have no vote.
    assert!(painted.iter().all(|(x, y, _)| {
        (0.05..0.95).contains(&(f64::from(*x) / width))
            && (0.05..0.95).contains(&(f64::from(*y) / height))
    }));
}

/// Real X-rays, which are not part of the repository.
fn real(folder: &str) -> Vec<PathBuf> {
    let dir = root().join("../shared/data").join(folder);
    let files = |kind: &str| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir.join(kind)).into_iter().flatten();
        let mut files: Vec<_> = entries.map(|e| e.unwrap().path()).collect();
        files.sort();
        files
    };
    let all = [files("NORMAL"), files("PNEUMONIA")].concat();
    if all.is_empty() {
        eprintln!(
            "SKIP real X-rays are not at hand ({folder}); they are no part of the repository"
        );
    }
    all
}

#[tokio::test]
async fn a_picture_and_its_reduced_twin_have_one_risk() {
    let Some(judge) = Judge::new() else { return };
    let mut moves = Vec::new();
    for large in real("chest-xray/full-size").iter().step_by(4) {
        let small = large.to_str().unwrap().replace("full-size", "train");
        let Ok(small) = std::fs::read(Path::new(&small)) else {
            continue;
        };
        let large = judge.says(&std::fs::read(large).unwrap()).await;
        moves.push((large.risk - judge.says(&small).await.risk).abs());
    }
    if !moves.is_empty() {
        println!("{} twins, median {:.4}", moves.len(), median(moves.clone()));
        assert!(median(moves) <= 0.03);
    }
}

#[tokio::test]
async fn the_label_moves_no_real_risk_far() {
    let Some(judge) = Judge::new() else { return };
    let mut moves = Vec::new();
    for file in real("chest-xray/full-size").iter().step_by(6) {
        moves.push(moved_by_label(&judge, &std::fs::read(file).unwrap()).await);
    }
    if !moves.is_empty() {
        let most = moves.iter().copied().fold(0.0, f64::max);
        println!(
            "{} X-rays, median {:.4}, most {most:.4}",
            moves.len(),
            median(moves.clone())
        );
        assert!(median(moves) < 0.02 && most <= 0.1, "{most}");
    }
}

/// The model's card says how many of the sixteen are right.
#[tokio::test]
async fn most_demo_pictures_are_called_what_they_are() {
    let Some(judge) = Judge::new() else { return };
    let (mut files, mut right) = ([0, 0], [0, 0]);
    for file in real("demo") {
        let said = judge.says(&std::fs::read(&file).unwrap()).await;
        let is_ill = file.parent().unwrap().ends_with("PNEUMONIA");
        println!("{} {said:?}", if is_ill { "ill " } else { "well" });
        assert!(said.failed_check.is_none(), "{said:?}");
        let expected = if is_ill {
            Class::Pneumonia
        } else {
            Class::Normal
        };
        files[usize::from(is_ill)] += 1;
        right[usize::from(is_ill)] += usize::from(said.class == expected);
    }
    if files == [8, 8] {
        assert!(right[0] >= 6 && right[1] >= 6, "{right:?}");
    }
}
