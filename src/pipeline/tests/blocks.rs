//! JPEGs are edited in place, with the label and the box where a viewer sees them, and nothing of
//! the patient remains.

use std::path::PathBuf;

use image::{DynamicImage, GenericImageView};
use libjpeg_turbo_rs::{Encoder, PixelFormat};

use super::{contract, displayed, is_kept, run};
use crate::{
    error::Error,
    picture::{annotate::draw_label, input::tensor, source::Written},
    pipeline::{Outputs, verify::Redacted},
};

fn file(name: &str) -> Vec<u8> {
    let path = format!(
        "{}/jpeg-blocks/tests/files/{name}.jpg",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read(path).unwrap()
}

fn outputs(bytes: &[u8], settings: &[(&str, &str)]) -> Outputs {
    run(bytes, 16, settings, None).0.unwrap()
}

/// Asserts that only the pixels that the label and the box touch have changed. A decoder mixes
/// colors across a seam by `margin` pixels.
fn assert_only_label_and_box_change(
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
    let (before, labeled, redacted) = (
        displayed(source),
        displayed(&made.processed),
        displayed(&anonymized),
    );
    assert_eq!((made.width, made.height), before.dimensions(), "{name}");
    let label = label_size(&before, made.prediction.label());
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
            by_label || labeled.get_pixel(x, y) == pixel,
            "{name}: label at {x},{y}"
        );
        assert!(
            by_box || is_kept(&before, &redacted, (x, y)),
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
    assert_ne!(corner(&before), corner(&labeled), "{name}");
}

#[test]
fn only_label_and_box_are_touched() {
    for (name, margin) in [
        ("gray", 0),
        ("progressive", 0),
        ("restarts", 0),
        ("444", 0),
        ("420", 2),
        ("rgb", 0),
        ("rotated", 2),
    ] {
        assert_only_label_and_box_change(name, &file(name), "bottom-left 50x30", (50, 30), margin);
    }
}

#[test]
fn only_label_and_box_of_real_xrays_are_touched() {
    for path in real().iter().step_by(4) {
        let source = std::fs::read(path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_only_label_and_box_change(name, &source, "bottom-left 300x100", (300, 100), 2);
    }
}

/// Returns width and height of the label on a picture.
fn label_size(picture: &DynamicImage, text: String) -> (u32, u32) {
    let rect = draw_label(&mut picture.clone(), &text, 50.0).unwrap();
    (rect.width, rect.height)
}

#[test]
fn label_on_the_anonymized_copy_restores_nothing() {
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
        // Well inside the box, which ends at 89 x 34 pixels: the pixels under it must not matter.
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
        assert!(one == two, "{redaction}: pixels under the box are visible");
    }
}

#[test]
fn blur_and_heatmap_leave_the_rest_alone() {
    let source = file("gray");
    let before = displayed(&source);
    let settings = [
        ("redact_boxes", "bottom-left 50x30"),
        ("redaction", "blur"),
        ("overlay", "heatmap"),
    ];
    let made = outputs(&source, &settings);
    let anonymized = made.anonymized.unwrap().bytes;
    let (labeled, redacted) = (displayed(&made.processed), displayed(&anonymized));
    for (x, y, pixel) in before.pixels() {
        assert!(
            x < 56 && y >= 80 || is_kept(&before, &redacted, (x, y)),
            "{x},{y}"
        );
        // The hot cell is the upper left quarter, its outline ends before the middle.
        assert!(y < 72 || labeled.get_pixel(x, y) == pixel, "{x},{y}");
    }
    assert_ne!(redacted, before);
    let plain = displayed(&outputs(&source, &settings[..2]).processed);
    assert_ne!(labeled, plain, "the outline is missing");
}

#[test]
fn cmyk_is_edited_in_place() {
    let made = outputs(&file("cmyk"), &[("redact_boxes", "bottom-left 50x30")]);
    assert_eq!(made.written, Written::Blocks);
    let anonymized = made.anonymized.unwrap().bytes;
    let limits = jpeg_blocks::Limits::default();
    let jpeg = jpeg_blocks::Jpeg::parse(&anonymized, &limits).unwrap();
    let pixels = jpeg.read(jpeg.area(8, 104, 30, 8).unwrap()).unwrap();
    assert!(pixels.data.iter().all(|&v| v < 3));
}

#[test]
fn arithmetic_coding_is_reencoded_and_reported() {
    let pixels: Vec<u8> = (0..160 * 120).map(|i| (i % 160) as u8).collect();
    let source = Encoder::new(&pixels, 160, 120, PixelFormat::Grayscale)
        .arithmetic(true)
        .encode()
        .unwrap();
    let made = outputs(&source, &[("redact_boxes", "bottom-left 50x30")]);
    assert_eq!(made.written, Written::Reencoded);
    let before = displayed(&source);
    let redacted = displayed(&made.anonymized.unwrap().bytes);
    assert!(redacted.get_pixel(20, 100).0[0] < 6);
    assert!(before.get_pixel(150, 20).0[0].abs_diff(redacted.get_pixel(150, 20).0[0]) < 6);
}

#[test]
fn damaged_files_are_rejected() {
    let mut source = file("gray");
    source.truncate(source.len() / 2);
    assert!(matches!(
        run(&source, 16, &[], None).0,
        Err(Error::Damaged(_))
    ));
}

/// Asserts that the model's input from the blocks and from decoded pixels differ by at most one
/// level.
fn assert_inputs_agree(name: &str, source: &[u8], side: u32) {
    let given = run(source, side, &[], None).1.unwrap();
    let wanted = tensor(&displayed(source), &contract(side));
    let most = given
        .data
        .to_f32()
        .iter()
        .zip(wanted.data.to_f32())
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(most <= 1.0, "{name} at {side}: {most}");
}

#[test]
fn input_from_blocks_equals_input_from_pixels() {
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
            assert_inputs_agree(name, &file(name), side);
        }
    }
}

#[test]
fn input_from_blocks_equals_input_from_pixels_of_real_xrays() {
    for path in real().iter().step_by(2) {
        let source = std::fs::read(path).unwrap();
        assert_inputs_agree(path.file_name().unwrap().to_str().unwrap(), &source, 160);
    }
}

/// Returns real X-rays, which are not part of the repository.
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
        eprintln!("SKIP real X-rays are not at hand; they are not part of the repository");
    }
    files
}
