//! The memory that is counted before a picture is decoded covers what is then allocated.
//!
//! One test, since the allocator counts for the whole process.

use std::time::Duration;

use image::{DynamicImage, ImageBuffer, Luma, LumaA, Rgb, Rgba};
use jpeg2000_lossless::{Format, encode};
use libjpeg_turbo_rs::{Encoder, PixelFormat};
use peak_alloc::PeakAlloc;
use xray::{
    config::{Config, DEFAULTS},
    error::Error,
    model::{
        contract::Contract,
        tensor::{InputTensor, NamedTensor, Tensor},
    },
    picture::sniff::is_dicom,
    pipeline::{Outputs, dicom, process},
    text::{Detector, Withheld, contract::TextContract},
};

#[path = "fake/dicom.rs"]
mod object;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const CONTRACT: &str = include_str!("../models/pneumonia/contract.json");
const TEXT_CONTRACT: &str = include_str!("../models/text/contract.json");
const SIZE: (u32, u32) = (4000, 3000);

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

fn risk(_: &InputTensor) -> Result<Vec<NamedTensor>, Error> {
    Ok(vec![
        output("risk", vec![1], 0.97),
        output("view", vec![3], 0.0),
        output("distance", vec![1], 0.0),
        output("map", vec![1, 10, 10, 1], 0.0),
    ])
}

/// Processes a picture at high risk with the shipped contracts.
fn run(bytes: &[u8], changes: &[(&str, &str)]) -> Result<Outputs, Error> {
    let lookup = |name: &str| {
        let own = changes.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        let required = ["s3_access_key", "s3_secret_key", "pseudonym_key"].contains(&name);
        let default = DEFAULTS.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        let any = name.starts_with("max_bytes").then_some("4294967296");
        own.or(required.then_some("k"))
            .or(any)
            .or(default)
            .map(str::to_owned)
    };
    let config = Config::from_lookup(lookup).unwrap();
    let contract = Contract::parse(CONTRACT).unwrap();
    let text = TextContract::parse(TEXT_CONTRACT).unwrap();
    let stride = text.output.stride as u32;
    let find = |input: &InputTensor| {
        let dims = vec![1, 3, input.dims[2] / stride, input.dims[3] / stride];
        Ok(vec![output(&text.output.name, dims, 0.0)])
    };
    let detector = Detector {
        contract: &text,
        keep_side_markers: true,
        withheld: Withheld::default(),
        recognizer: None,
        infer: &find,
    };
    let (pixels, detector, clock) = (&config.pixels, Some(&detector), || Duration::ZERO);
    match is_dicom(bytes) {
        true => dicom::process(
            bytes,
            pixels,
            &config.dicom,
            &contract,
            detector,
            clock,
            risk,
        ),
        false => process(bytes, pixels, &contract, detector, clock, risk),
    }
}

/// A slope with some noise, as of an X-ray.
fn level(x: u32, y: u32) -> u8 {
    let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).wrapping_mul(9_301) >> 27;
    (x * 200 / SIZE.0 + noise) as u8
}

fn png(image: DynamicImage) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    image.write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}

fn jpeg(color: bool, change: impl FnOnce(Encoder<'_>) -> Encoder<'_>) -> Vec<u8> {
    let channels = if color { 3 } else { 1 };
    let pixels: Vec<u8> = (0..SIZE.1)
        .flat_map(|y| (0..SIZE.0).map(move |x| (x, y)))
        .flat_map(|(x, y)| {
            [level(x, y), level(y, x) / 2, 40]
                .into_iter()
                .take(channels)
        })
        .collect();
    let format = if color {
        PixelFormat::Rgb
    } else {
        PixelFormat::Grayscale
    };
    let encoder = Encoder::new(&pixels, SIZE.0 as usize, SIZE.1 as usize, format);
    change(encoder).encode().unwrap()
}

/// A kind of picture with the function that draws one.
type Kind = (&'static str, fn() -> Vec<u8>);

const KINDS: [Kind; 14] = [
    ("PNG gray", || {
        png(ImageBuffer::from_fn(SIZE.0, SIZE.1, |x, y| Luma([level(x, y)])).into())
    }),
    ("PNG gray 16 bit", || {
        png(
            ImageBuffer::from_fn(SIZE.0, SIZE.1, |x, y| Luma([u16::from(level(x, y)) * 256]))
                .into(),
        )
    }),
    ("PNG gray with alpha", || {
        png(ImageBuffer::from_fn(SIZE.0, SIZE.1, |x, y| LumaA([level(x, y), level(y, x)])).into())
    }),
    ("PNG color", || {
        png(ImageBuffer::from_fn(SIZE.0, SIZE.1, |x, y| Rgb([level(x, y), 9, level(y, x)])).into())
    }),
    ("PNG color 16 bit", || {
        png(ImageBuffer::from_fn(SIZE.0, SIZE.1, |x, y| {
            Rgb([u16::from(level(x, y)) * 256, 9, 9])
        })
        .into())
    }),
    ("PNG color 16 bit with alpha", || {
        png(ImageBuffer::from_fn(SIZE.0, SIZE.1, |x, y| {
            Rgba([
                u16::from(level(x, y)) * 256,
                9,
                9,
                u16::from(level(y, x)) * 256,
            ])
        })
        .into())
    }),
    ("JPEG gray", || jpeg(false, |e| e.quality(90))),
    ("JPEG color 4:4:4", || {
        jpeg(true, |e| e.quality(90).sampling_factors(vec![(1, 1); 3]))
    }),
    ("JPEG color 4:2:0 progressive", || {
        jpeg(true, |e| {
            e.quality(90)
                .sampling_factors(vec![(2, 2), (1, 1), (1, 1)])
                .progressive(true)
        })
    }),
    ("JPEG gray progressive", || {
        jpeg(false, |e| e.quality(90).progressive(true))
    }),
    ("JPEG color arithmetic", || {
        jpeg(true, |e| e.quality(90).arithmetic(true))
    }),
    ("JPEG gray arithmetic", || {
        jpeg(false, |e| e.quality(90).arithmetic(true))
    }),
    ("DICOM 12 bit", || {
        object::object(SIZE.0 as u16, SIZE.1 as u16, "003Y", |x, y| {
            u16::from(level(x, y)) * 8
        })
    }),
    ("DICOM 12 bit, JPEG 2000", || {
        let (width, height) = SIZE;
        let format = Format {
            width,
            height,
            bits: 12,
            is_signed: false,
        };
        // Noise, which nothing compresses.
        let mixed = |i: u32| i.wrapping_mul(2_654_435_761) ^ (i >> 3).wrapping_mul(0x9E37_79B9);
        let sample = |i| (mixed(i).wrapping_mul(0x85EB_CA6B) >> 20) as i32;
        let stream = encode((0..width * height).map(sample).collect(), &format).unwrap();
        let syntax = b"1.2.840.10008.1.2.4.90";
        object::compressed(width as u16, height as u16, syntax, &stream)
    }),
];

#[test]
fn counted_memory_covers_what_is_allocated() {
    let any = u32::MAX.to_string();
    for (name, draw) in KINDS {
        let bytes = draw();
        // Noise takes the decoder long, and the settings are about pictures.
        let settings = if name.ends_with("JPEG 2000") { 1 } else { 2 };
        let all = [&[][..], &[("overlay", "heatmap"), ("redaction", "blur")]];
        for changes in all.into_iter().take(settings) {
            let unlimited = [&[("max_memory_picture", &*any)], changes].concat();
            ALLOCATED.reset_peak_usage();
            run(&bytes, &unlimited).unwrap();
            let peak = ALLOCATED.peak_usage();
            let mib = peak >> 20;
            // The count is over what was allocated, so a limit of just that much is not enough.
            let limited = |limit: usize| {
                let limit = limit.to_string();
                run(
                    &bytes,
                    &[&[("max_memory_picture", &*limit)], changes].concat(),
                )
            };
            let error = limited(peak).map(|_| ());
            assert!(
                matches!(error, Err(Error::TooLarge { .. })),
                "{name}, {changes:?}: {mib} MiB were not counted"
            );
            // The count stays close enough not to turn good pictures away.
            let ample = 2 * peak + (64 << 20);
            assert!(
                limited(ample).is_ok(),
                "{name}, {changes:?}: counted over twice {mib} MiB"
            );
            println!("{name}, {changes:?}: {mib} MiB");
        }
    }
}
