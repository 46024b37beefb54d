//! A JPEG's way through the pipeline: edited in place, with the label and the box where a viewer sees them, and nothing of the patient
//! left.

use std::{path::PathBuf, time::Duration};

use image::{DynamicImage, GenericImageView};
use libjpeg_turbo_rs::{Encoder, PixelFormat};
use xray::{
    config::{Config, DEFAULTS},
    error::Error,
    model::contract::Contract,
    model::predict::{NamedTensor, Tensor, tensor},
    picture::decode::{Limits, decode},
    picture::source::Written,
    pipeline::verify::Redacted,
    pipeline::{Outputs, process},
};

const LIMITS: Limits = Limits {
    max_bytes: 1 << 26,
    max_pixels: 1 << 26,
};

fn file(name: &str) -> Vec<u8> {
    let path = format!(
        "{}/jpeg-blocks/tests/files/{name}.jpg",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read(path).unwrap()
}

fn contract(side: u32) -> Contract {
    Contract::parse(&format!(
        r#"{{"version":1,"name":"m","model_sha256":"{}","input":{{"name":"x","layout":"NHWC","width":{side},"height":{side},
        "channels":"grey","resize":"box-then-bilinear","scale":1,"offset":0}},"output":{{"name":"y","kind":"probability"}},
        "heatmap":{{"output":"map","width":2,"height":2}}}}"#,
        "0".repeat(64)
    ))
    .unwrap()
}

/// The outputs at high risk, with these settings on top of the defaults, and what the model was given.
fn run(
    bytes: &[u8],
    side: u32,
    settings: &[(&str, &str)],
) -> (Result<Outputs, Error>, Option<Tensor>) {
    let lookup = |name: &str| {
        let own = settings.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        let needed = ["s3_access_key", "s3_secret_key"]
            .contains(&name)
            .then_some("k");
        let default = DEFAULTS.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        own.or(needed).or(default).map(str::to_owned)
    };
    let config = Config::from_lookup(lookup).unwrap();
    let mut given = None;
    let outputs = process(
        bytes,
        &config.pixels,
        &contract(side),
        None,
        || Duration::ZERO,
        |input| {
            given = Some(input.clone());
            let output = |name: &str, data: Vec<f32>| NamedTensor {
                name: name.into(),
                tensor: Tensor {
                    dims: vec![data.len() as u32],
                    data,
                },
            };
            Ok(vec![
                output("y", vec![0.97]),
                output("map", vec![9.0, -9.0, -9.0, -9.0]),
            ])
        },
    );
    (outputs, given)
}

fn outputs(bytes: &[u8], settings: &[(&str, &str)]) -> Outputs {
    run(bytes, 16, settings).0.unwrap()
}

/// As a viewer shows it: libjpeg-turbo's algorithms, turned by EXIF.
fn shown(bytes: &[u8]) -> DynamicImage {
    decode(bytes, &LIMITS).unwrap().into_pixels()
}

/// That nothing but what the label and the box touch has changed; `margin` is by how much a decoder mixes colours across a seam.
fn only_label_and_box(
    name: &str,
    source: &[u8],
    boxes: &str,
    (width, height): (u32, u32),
    margin: u32,
) {
    let made = outputs(source, &[("redact_boxes", boxes)]);
    assert_eq!(made.written, Written::Blocks, "{name}");
    let Redacted {
        bytes: anonymized,
        redaction,
        ..
    } = made.anonymized.unwrap();
    let (before, labelled, redacted) = (shown(source), shown(&made.processed), shown(&anonymized));
    assert_eq!((made.width, made.height), before.dimensions(), "{name}");
    let label = shown_label(&before, made.prediction.label());
    let covered = redaction.boxes[0];
    assert!(
        covered.width >= width && covered.height >= height,
        "{covered:?}"
    );
    for (x, y, pixel) in before.pixels() {
        // An MCU is 16 pixels at most here.
        let by_label = x < label.0 + 16 + margin && y < label.1 + 16 + margin;
        let by_box = x < covered.width + margin && y + margin >= covered.y;
        assert!(
            by_label || labelled.get_pixel(x, y) == pixel,
            "{name}: label at {x},{y}"
        );
        assert!(
            by_box || redacted.get_pixel(x, y) == pixel,
            "{name}: box at {x},{y}"
        );
        if x < width && y >= before.height() - height {
            let levels = redacted.get_pixel(x, y).0;
            assert!(
                levels[..3].iter().all(|&v| v < 3),
                "{name}: {x},{y} {levels:?}"
            );
        }
    }
    let corner = |picture: &DynamicImage| picture.crop_imm(0, 0, label.0, label.1);
    assert_ne!(corner(&before), corner(&labelled), "{name}");
}

#[test]
fn only_the_label_and_the_box_are_touched() {
    for (name, margin) in [
        ("gray", 0),
        ("progressive", 0),
        ("restarts", 0),
        ("444", 0),
        ("420", 2),
        ("rgb", 0),
        ("rotated", 2),
    ] {
        only_label_and_box(name, &file(name), "bottom-left 50x30", (50, 30), margin);
    }
}

#[test]
fn only_the_label_and_the_box_of_real_xrays_are_touched() {
    for path in real().iter().step_by(4) {
        let source = std::fs::read(path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        only_label_and_box(name, &source, "bottom-left 300x100", (300, 100), 2);
    }
}

/// Width and height of the label on a picture.
fn shown_label(picture: &DynamicImage, text: String) -> (u32, u32) {
    let rect = xray::picture::annotate::draw_label(&mut picture.clone(), &text, 50.0).unwrap();
    (rect.width, rect.height)
}

#[test]
fn a_label_on_the_anonymized_copy_brings_nothing_back() {
    // The second source differs from the first only under the box, where the label stands too.
    for redaction in ["fill", "blur"] {
        let settings = [
            ("redact_boxes", "top-left 60%x30%"),
            ("anonymized_label", "true"),
            ("redaction", redaction),
        ];
        let one = file("gray");
        let limits = jpeg_blocks::Limits::default();
        let jpeg = jpeg_blocks::Jpeg::parse(&one, &limits).unwrap();
        // Well inside: the box ends at 89 x 34 pixels, and what is under it must not matter.
        let area = jpeg.area(0, 0, 80, 24).unwrap();
        let mut pixels = jpeg.read(area).unwrap();
        pixels
            .data
            .iter_mut()
            .enumerate()
            .for_each(|(i, v)| *v = (i * 91) as u8);
        let two = jpeg
            .write(
                &[jpeg.replace(area, &pixels).unwrap()],
                jpeg_blocks::Keep::Everything,
            )
            .unwrap();
        let [one, two] =
            [one, two].map(|source| outputs(&source, &settings).anonymized.unwrap().bytes);
        assert!(one == two, "{redaction}: what was under the box shows");
    }
}

#[test]
fn every_method_and_overlay_leaves_the_rest_alone() {
    let source = file("gray");
    let before = shown(&source);
    let settings = [
        ("redact_boxes", "bottom-left 50x30"),
        ("redaction", "blur"),
        ("overlay", "heatmap"),
    ];
    let made = outputs(&source, &settings);
    let anonymized = made.anonymized.unwrap().bytes;
    let (labelled, redacted) = (shown(&made.processed), shown(&anonymized));
    for (x, y, pixel) in before.pixels() {
        assert!(
            x < 56 && y >= 80 || redacted.get_pixel(x, y) == pixel,
            "{x},{y}"
        );
        // The hot cell is the upper left quarter, its outline ends before the middle.
        assert!(y < 72 || labelled.get_pixel(x, y) == pixel, "{x},{y}");
    }
    assert_ne!(redacted, before);
    let plain = shown(&outputs(&source, &settings[..2]).processed);
    assert_ne!(labelled, plain, "the outline is missing");
}

#[test]
fn inks_are_edited_too() {
    let made = outputs(&file("cmyk"), &[("redact_boxes", "bottom-left 50x30")]);
    assert_eq!(made.written, Written::Blocks);
    let anonymized = made.anonymized.unwrap().bytes;
    let limits = jpeg_blocks::Limits::default();
    let jpeg = jpeg_blocks::Jpeg::parse(&anonymized, &limits).unwrap();
    let pixels = jpeg.read(jpeg.area(8, 104, 30, 8).unwrap()).unwrap();
    assert!(pixels.data.iter().all(|&v| v < 3));
}

#[test]
fn what_can_not_be_edited_in_place_is_encoded_again_and_says_so() {
    let pixels: Vec<u8> = (0..160 * 120).map(|i| (i % 160) as u8).collect();
    let source = Encoder::new(&pixels, 160, 120, PixelFormat::Grayscale)
        .arithmetic(true)
        .encode()
        .unwrap();
    let made = outputs(&source, &[("redact_boxes", "bottom-left 50x30")]);
    assert_eq!(made.written, Written::Reencoded);
    let before = shown(&source);
    let redacted = shown(&made.anonymized.unwrap().bytes);
    assert!(redacted.get_pixel(20, 100).0[0] < 6);
    assert!(before.get_pixel(150, 20).0[0].abs_diff(redacted.get_pixel(150, 20).0[0]) < 6);
}

#[test]
fn damaged_files_are_refused() {
    let mut source = file("gray");
    source.truncate(source.len() / 2);
    assert!(matches!(run(&source, 16, &[]).0, Err(Error::Damaged(_))));
}

/// The model's input from the blocks and from decoded pixels differ by less than one level.
fn inputs_agree(name: &str, source: &[u8], side: u32) {
    let given = run(source, side, &[]).1.unwrap();
    let wanted = tensor(&shown(source), &contract(side));
    let most = given
        .data
        .iter()
        .zip(&wanted.data)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(most <= 1.0, "{name} at {side}: {most}");
}

#[test]
fn the_models_input_is_the_same_from_blocks_and_from_pixels() {
    for name in [
        "gray",
        "coarse",
        "progressive",
        "restarts",
        "444",
        "420",
        "rotated",
        "mozjpeg",
    ] {
        for side in [10, 20, 40, 100, 150] {
            inputs_agree(name, &file(name), side);
        }
    }
}

#[test]
fn the_models_input_of_real_xrays_is_the_same_from_blocks_and_from_pixels() {
    for path in real().iter().step_by(2) {
        let source = std::fs::read(path).unwrap();
        inputs_agree(path.file_name().unwrap().to_str().unwrap(), &source, 160);
    }
}

/// Real X-rays, which are no part of the repository.
fn real() -> Vec<PathBuf> {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    let folders = [
        "demo/NORMAL",
        "demo/PNEUMONIA",
        "chest-xray/full-size/NORMAL",
        "chest-xray/full-size/PNEUMONIA",
    ];
    let files = folders.iter().flat_map(|folder| {
        std::fs::read_dir(format!("{data}/{folder}"))
            .into_iter()
            .flatten()
    });
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    if files.is_empty() {
        eprintln!("SKIP real X-rays are not at hand; they are no part of the repository");
    }
    files
}
