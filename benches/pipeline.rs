//! One picture's way through the pipeline, without real inference: `cargo bench -p xray`.
//!
//! Only the time in this crate counts: the model and the text detector return constants.

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use image::{DynamicImage, GrayImage, ImageFormat};
use libjpeg_turbo_rs::{Encoder, PixelFormat};
use xray::{
    config::{Config, DEFAULTS},
    error::Error,
    model::{
        contract::Contract,
        tensor::{InputTensor, NamedTensor, Tensor},
    },
    pipeline::process,
    text::{Detector, Withheld, contract::TextContract},
};

const WIDTH: usize = 1_800;
const HEIGHT: usize = 1_400;

const CONTRACT: &str = include_str!("../models/pneumonia/contract.json");
const TEXT_CONTRACT: &str = include_str!("../models/text/contract.json");

/// Draws soft shapes with noise, which compress about as well as an X-ray.
fn pixels() -> Vec<u8> {
    let mut seed = 1u32;
    let pixel = |i: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (x, y) = ((i % WIDTH) as f32, (i / WIDTH) as f32);
        let shape = (x / 170.0).sin() * (y / 110.0).cos();
        (124.0 + 90.0 * shape + (seed >> 29) as f32) as u8
    };
    (0..WIDTH * HEIGHT).map(pixel).collect()
}

fn jpeg(pixels: &[u8], arithmetic: bool) -> Vec<u8> {
    Encoder::new(pixels, WIDTH, HEIGHT, PixelFormat::Grayscale)
        .quality(90)
        .arithmetic(arithmetic)
        .encode()
        .expect("the picture can be encoded")
}

fn png(pixels: &[u8]) -> Vec<u8> {
    let image = GrayImage::from_raw(WIDTH as u32, HEIGHT as u32, pixels.to_vec())
        .expect("the pixels have this size");
    let mut out = std::io::Cursor::new(Vec::new());
    DynamicImage::from(image)
        .write_to(&mut out, ImageFormat::Png)
        .expect("the picture can be encoded");
    out.into_inner()
}

fn output(name: &str, dims: Vec<u32>, value: f32) -> NamedTensor {
    let length = dims.iter().product::<u32>() as usize;
    NamedTensor {
        name: name.into(),
        tensor: Tensor {
            dims,
            data: vec![value; length],
        },
    }
}

/// A confident prediction of pneumonia, so that every step runs.
fn predict(_input: &InputTensor) -> Result<Vec<NamedTensor>, Error> {
    Ok(vec![
        output("risk", vec![1], 0.97),
        output("view", vec![3], 0.0),
        output("distance", vec![1], 0.0),
        output("map", vec![1, 10, 10, 1], 0.0),
    ])
}

fn pipeline(criterion: &mut Criterion) {
    let lookup = |name: &str| {
        let required = ["s3_access_key", "s3_secret_key"].contains(&name);
        let default = DEFAULTS.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        required.then_some("k").or(default).map(str::to_owned)
    };
    let config = Config::from_lookup(lookup).expect("the defaults are valid");
    let contract = Contract::parse(CONTRACT).expect("the contract is valid");
    let text_contract = TextContract::parse(TEXT_CONTRACT).expect("the contract is valid");
    let stride = text_contract.output.stride as u32;
    let find = |input: &InputTensor| {
        let (height, width) = (input.dims[2] / stride, input.dims[3] / stride);
        let dims = vec![1, 3, height, width];
        Ok(vec![output(&text_contract.output.name, dims, 0.0)])
    };
    let detector = Detector {
        contract: &text_contract,
        keep_side_markers: true,
        withheld: Withheld::default(),
        recognizer: None,
        infer: &find,
    };

    let pixels = pixels();
    let mut group = criterion.benchmark_group("process");
    group.throughput(Throughput::Elements((WIDTH * HEIGHT) as u64));
    for (name, bytes) in [
        ("jpeg-in-place", jpeg(&pixels, false)),
        // Arithmetic coding can't be edited in place, so the picture is decoded and encoded again.
        ("jpeg-reencoded", jpeg(&pixels, true)),
        ("png", png(&pixels)),
    ] {
        for (suffix, detector) in [("", None), ("-with-detector", Some(&detector))] {
            group.bench_function(format!("{name}{suffix}"), |b| {
                b.iter(|| {
                    process(
                        black_box(&bytes),
                        &config.pixels,
                        &contract,
                        detector,
                        || Duration::ZERO,
                        predict,
                    )
                    .expect("the picture is valid")
                });
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = pipeline
}
criterion_main!(benches);
