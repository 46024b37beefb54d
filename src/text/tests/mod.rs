//! Text detection, with models that are plain rules on pixels: the tests cover everything around a
//! model.

mod beside;
mod contract;
mod enlarged;
mod letter_rule;
mod letters;
mod looks;
mod markers;
mod parts;

use std::{cell::RefCell, slice::from_ref};

use image::{DynamicImage, Luma};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Detector, Found, Recognizer, Withheld, contract::TextContract};
use crate::{
    error::Error,
    model::tensor::{InputTensor, NamedTensor, Tensor},
    picture::{boxes::Rect, gray::GrayImage},
};

type Infer<'a> = &'a dyn Fn(&InputTensor) -> Result<Vec<NamedTensor>, Error>;

/// The contract of these tests, changed.
fn contract_with(change: impl FnOnce(&mut Value)) -> Result<TextContract, Error> {
    let mut contract = json!({
        "version": 2, "name": "text", "model_sha256": "0".repeat(64),
        "input": { "name": "gray", "multiple": 64, "scale": 1.0, "offset": 0.0 },
        "output": { "name": "cells", "stride": 8, "text": 1, "marker": 2 },
        "thresholds": { "high": 0.5, "low": 0.2, "residual": 0.3, "marker": 0.6 },
        "max_side": 2560,
    });
    change(&mut contract);
    TextContract::parse(&contract.to_string())
}

fn contract() -> TextContract {
    contract_with(|_| {}).unwrap()
}

/// Makes a map: `cell` gives the probabilities of text and a marker for the pixels of each cell.
fn map(input: &InputTensor, cell: impl Fn(&[f32; 64]) -> (f32, f32)) -> Vec<NamedTensor> {
    let (height, width) = (input.dims[2] as usize, input.dims[3] as usize);
    let levels = input.data.to_f32();
    let (rows, columns) = (height / 8, width / 8);
    let mut data = vec![0.0; 3 * rows * columns];
    for at in 0..rows * columns {
        let (x, y) = (at % columns * 8, at / columns * 8);
        let mut pixels = [0.0; 64];
        for (row, out) in pixels.chunks_exact_mut(8).enumerate() {
            out.copy_from_slice(&levels[(y + row) * width + x..][..8]);
        }
        let (text, marker) = cell(&pixels);
        data[rows * columns + at] = text;
        data[2 * rows * columns + at] = marker;
    }
    vec![NamedTensor {
        name: "cells".into(),
        tensor: Tensor {
            dims: vec![1, 3, rows as u32, columns as u32],
            data,
        },
    }]
}

fn brightest(pixels: &[f32; 64]) -> f32 {
    pixels.iter().fold(0.0, |most, v| most.max(*v))
}

/// A model for which the brightest pixel, in hundredths, is the probability of text.
fn hundredths(input: &InputTensor) -> Result<Vec<NamedTensor>, Error> {
    Ok(map(input, |pixels| (brightest(pixels) / 100.0, 0.0)))
}

fn find(gray: &GrayImage, infer: Infer<'_>) -> Found {
    find_with(&contract(), gray, infer)
}

/// Finds text, with the recognizer of these tests.
fn find_with(contract: &TextContract, gray: &GrayImage, infer: Infer<'_>) -> Found {
    let recognizer = Recognizer {
        contract: &letter_rule::letter_contract(),
        infer: &letter_rule::letter,
    };
    let detector = Detector {
        recognizer: Some(&recognizer),
        ..detector(contract, infer)
    };
    detector.find(from_ref(gray)).unwrap()
}

fn detector<'a>(contract: &'a TextContract, infer: Infer<'a>) -> Detector<'a> {
    Detector {
        contract,
        keep_side_markers: true,
        withheld: Withheld::default(),
        recognizer: None,
        infer,
    }
}

/// Draws a black picture with rectangles (left, top, width, height) of these levels.
fn picture(width: u32, height: u32, rects: &[([u32; 4], u8)]) -> GrayImage {
    let mut picture = image::GrayImage::new(width, height);
    for &([left, top, across, down], level) in rects {
        for y in top..top + down {
            for x in left..left + across {
                picture.put_pixel(x, y, Luma([level]));
            }
        }
    }
    GrayImage::of(&DynamicImage::from(picture))
}

/// Covers rectangles of a picture with black.
fn covered(gray: &GrayImage, rects: &[Rect]) -> GrayImage {
    let mut copy = gray.clone();
    for (at, level) in copy.levels.iter_mut().enumerate() {
        let (x, y) = ((at % gray.width) as u32, (at / gray.width) as u32);
        if rects.iter().any(|rect| rect.contains(x, y)) {
            *level = 0;
        }
    }
    copy
}

pub(super) fn rect([x, y, width, height]: [u32; 4]) -> Rect {
    Rect {
        x,
        y,
        width,
        height,
    }
}

#[test]
fn components_grow_from_high_cells_over_low_ones() {
    let contract = contract();
    let cell = |column: u32, row: u32, level: u8| ([column * 8, row * 8, 8, 8], level);
    for (name, cells, expect) in [
        ("high", vec![cell(4, 4, 50)], vec![[24, 24, 24, 24]]),
        ("under high", vec![cell(4, 4, 49)], vec![]),
        (
            "low beside high",
            vec![cell(4, 4, 50), cell(5, 4, 20)],
            vec![[24, 24, 32, 24]],
        ),
        (
            "under low beside high",
            vec![cell(4, 4, 50), cell(5, 4, 19)],
            vec![[24, 24, 24, 24]],
        ),
        (
            "over a corner",
            vec![cell(4, 4, 50), cell(5, 5, 20)],
            vec![[24, 24, 32, 32]],
        ),
        (
            "over the other corner",
            vec![cell(5, 4, 50), cell(4, 5, 20)],
            vec![[24, 24, 32, 32]],
        ),
        (
            "a chain",
            vec![cell(4, 4, 50), cell(5, 4, 20), cell(6, 4, 20)],
            vec![[24, 24, 40, 24]],
        ),
        (
            "with a gap",
            vec![cell(4, 4, 50), cell(6, 4, 20)],
            vec![[24, 24, 24, 24]],
        ),
        (
            "two",
            vec![cell(2, 2, 50), cell(9, 9, 50)],
            vec![[8, 8, 24, 24], [64, 64, 24, 24]],
        ),
        // The other end of a row does not touch.
        (
            "opposite edges",
            vec![cell(0, 4, 50), cell(15, 5, 20)],
            vec![[0, 24, 16, 24]],
        ),
        (
            "the corner",
            vec![cell(15, 15, 50)],
            vec![[112, 112, 16, 16]],
        ),
    ] {
        let detector = Detector {
            // Weak ones are text then.
            keep_side_markers: false,
            ..detector(&contract, &hundredths)
        };
        let picture = picture(128, 128, &cells);
        let mut found = detector.find(from_ref(&picture)).unwrap().text;
        found.sort_by_key(|r| r.x);
        assert_eq!(
            found,
            expect.into_iter().map(rect).collect::<Vec<_>>(),
            "{name}"
        );
    }
}

#[test]
fn margin_is_a_sixth_of_the_text() {
    let found = find(&picture(512, 512, &[([96, 96, 240, 96], 90)]), &hundredths);
    assert_eq!(found.text, [rect([80, 80, 272, 128])]);
}

#[test]
fn large_text_is_found_on_the_reduced_picture() {
    // At full size its pixels are black and white, at half size they are gray, which this model is
    // trained for.
    let trained = |input: &InputTensor| {
        Ok(map(input, |pixels| {
            let gray = pixels.iter().all(|v| (100.0..150.0).contains(v));
            (f32::from(u8::from(gray)), 0.0)
        }))
    };
    let texture = |width, height| {
        let picture = image::GrayImage::from_fn(width, height, |x, y| {
            let inside = (1200..1600).contains(&x) && (400..480).contains(&y);
            Luma([if inside && (x + y) % 2 == 0 { 255 } else { 0 }])
        });
        GrayImage::of(&DynamicImage::from(picture))
    };
    let found = find(&texture(2600, 700), &trained).text;
    assert_eq!(found, [rect([1186, 386, 428, 108])]);
    assert_eq!(find(&texture(2560, 700), &trained).text, []);
}

#[test]
fn small_picture_takes_one_run_and_is_padded() {
    let runs = RefCell::new(Vec::new());
    let infer = |input: &InputTensor| {
        runs.borrow_mut().push(input.dims.clone());
        hundredths(input)
    };
    let gray = picture(100, 70, &[([96, 64, 4, 6], 90)]);
    // The padding mirrors the last pixels, but there is nothing to redact beyond the edge.
    assert_eq!(find(&gray, &infer).text, [rect([88, 56, 12, 14])]);
    assert_eq!(runs.into_inner(), [[1, 1, 128, 128]]);
}

#[test]
fn shapes_stay_unless_they_may_be_a_name() {
    let markers = |input: &InputTensor| {
        let scores = |score: f32| ((1.0 - letters::SHARE) * score, letters::SHARE * score);
        Ok(map(input, |pixels| scores(brightest(pixels) / 100.0)))
    };
    let gray = picture(256, 256, &[([64, 64, 16, 16], 90)]);
    let contract = contract();
    let mut detector = detector(&contract, &markers);
    let found = detector.find(from_ref(&gray)).unwrap();
    assert_eq!(
        (found.text, found.shapes),
        (vec![], vec![rect([64, 64, 16, 16])])
    );
    detector.keep_side_markers = false;
    let found = detector.find(from_ref(&gray)).unwrap();
    assert_eq!(
        (found.text, found.shapes),
        (vec![rect([56, 56, 32, 32])], vec![])
    );
}

#[test]
fn shapes_that_may_have_print_in_them_are_text() {
    let gray = picture(256, 256, &[([64, 64, 32, 32], 99)]);
    for (share, stays) in [(0.7, false), (0.75, false), (0.85, true), (0.97, false)] {
        let infer = |input: &InputTensor| {
            let cell = |pixels: &[f32; 64]| match brightest(pixels) > 50.0 {
                true => (1.0 - share, share),
                false => (0.0, 0.0),
            };
            Ok(map(input, cell))
        };
        let found = find(&gray, &infer);
        assert_eq!(found.shapes.len() == 1, stays, "{share}: {found:?}");
        assert_eq!(found.text.is_empty(), stays, "{share}: {found:?}");
    }
}

/// The level of a cell is its score in hundredths; these cells are as bright all over, so they are
/// no print.
#[test]
fn weak_components_stay_unless_they_may_be_text() {
    for (name, cells, keeps, stays) in [
        ("weak", vec![([64, 64, 16, 16], 74)], true, true),
        ("stronger", vec![([64, 64, 16, 16], 75)], true, false),
        ("a line", vec![([64, 64, 32, 16], 74)], true, false),
        ("large", vec![([64, 64, 104, 104], 74)], true, false),
        (
            "where no marker stays",
            vec![([64, 64, 16, 16], 74)],
            false,
            false,
        ),
        (
            "beside text",
            vec![([64, 64, 16, 16], 74), ([104, 64, 16, 16], 90)],
            true,
            false,
        ),
        (
            "far from it",
            vec![([64, 64, 16, 16], 74), ([128, 64, 16, 16], 90)],
            true,
            true,
        ),
    ] {
        let gray = picture(256, 256, &cells);
        let contract = contract();
        let mut detector = detector(&contract, &hundredths);
        detector.keep_side_markers = keeps;
        let (found, looks) = detector.look(from_ref(&gray)).unwrap();
        let is_weak = found.shapes == [rect([64, 64, 16, 16])];
        assert_eq!(is_weak, stays, "{name}: {found:?}");
        // The verification sees again what stayed, and takes it for no text.
        let mut copy = gray.clone();
        for (at, level) in copy.levels.iter_mut().enumerate() {
            let (x, y) = ((at % gray.width) as u32, (at / gray.width) as u32);
            if found.text.iter().any(|text| text.contains(x, y)) {
                *level = 0;
            }
        }
        let left = detector.residual_around(from_ref(&copy), &found.text, &found.shapes, &looks);
        assert_eq!(left.unwrap(), 0, "{name}");
    }
}

#[test]
fn residual_text_is_counted_outside_redactions_and_side_markers() {
    let contract = contract();
    let detector = detector(&contract, &hundredths);
    let residual = |cells: &[([u32; 4], u8)], redacted: [u32; 4], marker: [u32; 4]| {
        let gray = picture(256, 256, cells);
        detector
            .residual(from_ref(&gray), &[rect(redacted)], &[rect(marker)])
            .unwrap()
    };
    let (redacted, marker) = ([64, 64, 64, 32], [160, 160, 16, 16]);
    for (name, cells, expect) in [
        ("nothing", vec![], 0),
        ("in the redaction", vec![([64, 64, 64, 32], 99)], 0),
        ("the marker", vec![([160, 160, 16, 16], 99)], 0),
        ("the marker's edge", vec![([152, 160, 32, 16], 99)], 0),
        ("beside the redaction", vec![([128, 64, 8, 8], 30)], 1),
        (
            "beside the redaction, under the threshold",
            vec![([128, 64, 8, 8], 29)],
            0,
        ),
        ("beside the marker", vec![([144, 160, 8, 16], 99)], 1),
        ("across the redaction", vec![([56, 64, 80, 8], 99)], 2),
        (
            "elsewhere, in two places",
            vec![([0, 0, 8, 8], 40), ([248, 248, 8, 8], 40)],
            2,
        ),
    ] {
        assert_eq!(residual(&cells, redacted, marker), expect, "{name}");
    }
}

#[test]
fn map_that_does_not_fit_the_contract_is_an_error() {
    type Change = fn(&mut NamedTensor);
    let changes: [(&str, Change); 5] = [
        ("another name", |map| map.name = "y".into()),
        ("too few classes", |map| {
            map.tensor.dims[1] = 2;
            map.tensor.data.truncate(2 * 16 * 16);
        }),
        ("another size", |map| map.tensor.dims[2] = 8),
        ("fewer values", |map| map.tensor.data.truncate(9)),
        // NaN is under every threshold, and a logit is over or under them by chance.
        ("NaN", |map| map.tensor.data[700] = f32::NAN),
    ];
    for (name, change) in changes {
        let infer = |input: &InputTensor| {
            let mut outputs = hundredths(input)?;
            change(&mut outputs[0]);
            Ok(outputs)
        };
        let contract = contract();
        let detector = detector(&contract, &infer);
        let gray = picture(128, 128, &[]);
        for error in [
            detector.find(from_ref(&gray)).map(|_| ()).unwrap_err(),
            detector
                .residual(from_ref(&gray), &[], &[])
                .map(|_| ())
                .unwrap_err(),
        ] {
            assert!(matches!(error, Error::Model(_)), "{name}: {error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// A bright box anywhere on a picture of any size is found whole, and its redaction hides it.
    #[test]
    fn bright_box_is_found_anywhere(
        (width, height) in (10u32..3500, 10u32..1800),
        (left, top) in (0.0f64..1.0, 0.0f64..1.0),
        (across, down) in (3u32..200, 3u32..80),
    ) {
        let at = |share: f64, side: u32, length: u32| (share * f64::from(side - length)) as u32;
        let (across, down) = (across.min(width), down.min(height));
        let text = rect([at(left, width, across), at(top, height, down), across, down]);
        let gray = picture(width, height, &[([text.x, text.y, across, down], 90)]);
        let found = find(&gray, &hundredths);
        prop_assert!(found.text.iter().any(|r| r.holds(&text)), "{:?} in {:?}", text, found.text);
        for r in &found.text {
            prop_assert!(r.x + r.width <= width && r.y + r.height <= height);
        }
        let contract = contract();
        let detector = detector(&contract, &hundredths);
        let copy = covered(&gray, &found.text);
        prop_assert_eq!(detector.residual(from_ref(&copy), &found.text, &[]).unwrap(), 0);
    }
}
