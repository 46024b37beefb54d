//! The stages of an edit on gray X-ray-sized pictures, baseline and progressive:
//! `cargo bench -p jpeg-blocks`.

use std::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jpeg_blocks::{Jpeg, Keep, Limits, markers::segments};

const WIDTH: u16 = 1_800;
const HEIGHT: u16 = 1_400;

/// Encodes soft shapes with noise, which compress about as well as an X-ray.
fn picture(progressive: bool) -> Vec<u8> {
    let mut seed = 1u32;
    let mut pixels = Vec::with_capacity(usize::from(WIDTH) * usize::from(HEIGHT));
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (seed >> 29) as f32;
            let shape = (f32::from(x) / 170.0).sin() * (f32::from(y) / 110.0).cos();
            pixels.push((124.0 + 90.0 * shape + noise) as u8);
        }
    }
    let mut out = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut out, 90);
    encoder.set_progressive(progressive);
    encoder
        .encode(&pixels, WIDTH, HEIGHT, jpeg_encoder::ColorType::Luma)
        .expect("the picture can be encoded");
    out
}

fn stages(criterion: &mut Criterion) {
    let limits = Limits::default();
    let keep = Keep::Picture { icc: false };
    for (name, progressive) in [("baseline", false), ("progressive", true)] {
        let bytes = picture(progressive);
        let jpeg = Jpeg::parse(&bytes, &limits).expect("the file is valid");
        let top = jpeg
            .area(0, 0, 660, 60)
            .expect("the label lies on the picture");
        let bottom = jpeg
            .area(0, usize::from(HEIGHT) - 100, 300, 100)
            .expect("the box lies on the picture");
        let draw = |jpeg: &Jpeg<'_>| {
            let mut pixels = jpeg.read(top).expect("the area lies on the picture");
            pixels.data.iter_mut().step_by(9).for_each(|v| *v = 255);
            jpeg.replace(top, &pixels).expect("the pixels fit")
        };
        let edits = [draw(&jpeg), jpeg.fill(bottom, [0; 3])];

        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("segments", |b| {
            b.iter(|| segments(black_box(&bytes)).count())
        });
        group.bench_function("parse", |b| {
            b.iter(|| Jpeg::parse(black_box(&bytes), &limits).is_ok());
        });
        for factor in [1usize, 2, 4, 8] {
            group.bench_function(BenchmarkId::new("reduced", factor), |b| {
                b.iter(|| jpeg.reduced(black_box(factor)));
            });
        }
        group.bench_function("edit", |b| {
            b.iter(|| (draw(&jpeg), jpeg.fill(bottom, [0; 3])))
        });
        group.bench_function("write", |b| b.iter(|| jpeg.write(black_box(&edits), keep)));
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = stages
}
criterion_main!(benches);
