//! Finding text: with models that are plain rules on pixels, so that what is tested is all that stands around a model.

use std::cell::RefCell;

use image::{DynamicImage, GrayImage, Luma};
use proptest::prelude::*;
use serde_json::{Value, json};
use xray::{
    error::Error,
    model::predict::{NamedTensor, Tensor},
    picture::redact::Rect,
    picture::resize::Grey,
    text::{Detector, Found, contract::TextContract},
};

fn contract_with(change: impl FnOnce(&mut Value)) -> Result<TextContract, Error> {
    let mut contract = json!({
        "version": 1, "name": "text", "model_sha256": "0".repeat(64),
        "input": { "name": "grey", "multiple": 64, "scale": 1.0, "offset": 0.0 },
        "output": { "name": "cells", "stride": 8, "text": 1, "mark": 2 },
        "thresholds": { "sure": 0.5, "faint": 0.2, "left": 0.3, "mark": 0.6 },
        "longest": 2560,
    });
    change(&mut contract);
    TextContract::parse(&contract.to_string())
}

fn contract() -> TextContract {
    contract_with(|_| {}).unwrap()
}

/// A map of what `cell` says of the pixels of each cell: text and mark.
fn map(grey: &Tensor, cell: impl Fn(&[f32; 64]) -> (f32, f32)) -> Vec<NamedTensor> {
    let (height, width) = (grey.dims[2] as usize, grey.dims[3] as usize);
    let (rows, columns) = (height / 8, width / 8);
    let mut data = vec![0.0; 3 * rows * columns];
    for at in 0..rows * columns {
        let (x, y) = (at % columns * 8, at / columns * 8);
        let mut pixels = [0.0; 64];
        for (row, out) in pixels.chunks_exact_mut(8).enumerate() {
            out.copy_from_slice(&grey.data[(y + row) * width + x..][..8]);
        }
        let (text, mark) = cell(&pixels);
        data[rows * columns + at] = text;
        data[2 * rows * columns + at] = mark;
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

/// The brightest pixel, in hundredths, is the probability of text.
fn hundredths(grey: &Tensor) -> Result<Vec<NamedTensor>, Error> {
    Ok(map(grey, |pixels| (brightest(pixels) / 100.0, 0.0)))
}

fn find(grey: &Grey, infer: &dyn Fn(&Tensor) -> Result<Vec<NamedTensor>, Error>) -> Found {
    detector(&contract(), infer).find(grey).unwrap()
}

fn detector<'a>(
    contract: &'a TextContract,
    infer: &'a dyn Fn(&Tensor) -> Result<Vec<NamedTensor>, Error>,
) -> Detector<'a> {
    Detector {
        contract,
        marks_stay: true,
        infer,
    }
}

/// A black picture with rectangles (left, top, width, height) of these levels.
fn picture(width: u32, height: u32, rects: &[([u32; 4], u8)]) -> Grey {
    let mut picture = GrayImage::new(width, height);
    for &([left, top, across, down], level) in rects {
        for y in top..top + down {
            for x in left..left + across {
                picture.put_pixel(x, y, Luma([level]));
            }
        }
    }
    Grey::of(&DynamicImage::from(picture))
}

fn rect([x, y, width, height]: [u32; 4]) -> Rect {
    Rect {
        x,
        y,
        width,
        height,
    }
}

#[test]
fn what_hangs_together_with_something_sure_is_one_text() {
    let cell = |column: u32, row: u32, level: u8| ([column * 8, row * 8, 8, 8], level);
    for (what, cells, expect) in [
        ("sure", vec![cell(4, 4, 50)], vec![[24, 24, 24, 24]]),
        ("nearly sure", vec![cell(4, 4, 49)], vec![]),
        (
            "faint beside sure",
            vec![cell(4, 4, 50), cell(5, 4, 20)],
            vec![[24, 24, 32, 24]],
        ),
        (
            "too faint beside sure",
            vec![cell(4, 4, 50), cell(5, 4, 19)],
            vec![[24, 24, 24, 24]],
        ),
        (
            "over a corner",
            vec![cell(4, 4, 50), cell(5, 5, 20)],
            vec![[24, 24, 32, 32]],
        ),
        (
            "over a corner, the other way",
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
        // The other end of a row is no neighbour.
        (
            "two edges",
            vec![cell(0, 4, 50), cell(15, 5, 20)],
            vec![[0, 24, 16, 24]],
        ),
        (
            "the corner",
            vec![cell(15, 15, 50)],
            vec![[112, 112, 16, 16]],
        ),
    ] {
        let mut found = find(&picture(128, 128, &cells), &hundredths).text;
        found.sort_by_key(|r| r.x);
        assert_eq!(
            found,
            expect.into_iter().map(rect).collect::<Vec<_>>(),
            "{what}"
        );
    }
}

#[test]
fn a_cover_reaches_a_sixth_of_the_text_beyond_it() {
    let found = find(&picture(512, 512, &[([96, 96, 240, 96], 90)]), &hundredths);
    assert_eq!(found.text, [rect([80, 80, 272, 128])]);
}

#[test]
fn large_text_is_found_on_the_reduced_picture() {
    // At full size its pixels are black and white, at a half they are grey, which is what this model is trained for.
    let trained = |grey: &Tensor| {
        Ok(map(grey, |pixels| {
            let grey = pixels.iter().all(|v| (100.0..150.0).contains(v));
            (f32::from(u8::from(grey)), 0.0)
        }))
    };
    let texture = |width, height| {
        let picture = GrayImage::from_fn(width, height, |x, y| {
            let inside = (1200..1600).contains(&x) && (400..480).contains(&y);
            Luma([if inside && (x + y) % 2 == 0 { 255 } else { 0 }])
        });
        Grey::of(&DynamicImage::from(picture))
    };
    let found = find(&texture(2600, 700), &trained).text;
    assert_eq!(found, [rect([1186, 386, 428, 108])]);
    assert_eq!(find(&texture(2560, 700), &trained).text, []);
}

#[test]
fn a_small_picture_is_asked_about_once_and_filled_up() {
    let asked = RefCell::new(Vec::new());
    let infer = |grey: &Tensor| {
        asked.borrow_mut().push(grey.dims.clone());
        hundredths(grey)
    };
    let grey = picture(100, 70, &[([96, 64, 4, 6], 90)]);
    // The last pixels go on beyond the edge, where there is no picture to cover.
    assert_eq!(find(&grey, &infer).text, [rect([88, 56, 12, 14])]);
    assert_eq!(asked.into_inner(), [[1, 1, 128, 128]]);
}

#[test]
fn marks_stay_unless_they_may_be_a_name() {
    let marks = |grey: &Tensor| Ok(map(grey, |pixels| (0.0, brightest(pixels) / 100.0)));
    let grey = picture(256, 256, &[([64, 64, 16, 16], 90)]);
    let contract = contract();
    let mut detector = detector(&contract, &marks);
    let found = detector.find(&grey).unwrap();
    assert_eq!(
        (found.text, found.marks),
        (vec![], vec![rect([64, 64, 16, 16])])
    );
    detector.marks_stay = false;
    let found = detector.find(&grey).unwrap();
    assert_eq!(
        (found.text, found.marks),
        (vec![rect([56, 56, 32, 32])], vec![])
    );
}

#[test]
fn what_is_still_to_be_seen_counts() {
    let contract = contract();
    let detector = detector(&contract, &hundredths);
    let left = |cells: &[([u32; 4], u8)], covered: [u32; 4], mark: [u32; 4]| {
        let grey = picture(256, 256, cells);
        detector
            .left(&grey, &[rect(covered)], &[rect(mark)])
            .unwrap()
    };
    let (covered, mark) = ([64, 64, 64, 32], [160, 160, 16, 16]);
    for (what, cells, expect) in [
        ("nothing", vec![], 0),
        ("under the cover", vec![([64, 64, 64, 32], 99)], 0),
        ("the mark", vec![([160, 160, 16, 16], 99)], 0),
        ("the mark's edge", vec![([152, 160, 32, 16], 99)], 0),
        ("beside the cover", vec![([128, 64, 8, 8], 30)], 1),
        (
            "beside the cover, too faint",
            vec![([128, 64, 8, 8], 29)],
            0,
        ),
        ("beside the mark", vec![([144, 160, 8, 16], 99)], 1),
        (
            "out of the cover on two sides",
            vec![([56, 64, 80, 8], 99)],
            2,
        ),
        (
            "elsewhere, in two places",
            vec![([0, 0, 8, 8], 40), ([248, 248, 8, 8], 40)],
            2,
        ),
    ] {
        assert_eq!(left(&cells, covered, mark), expect, "{what}");
    }
}

#[test]
fn a_map_that_is_not_what_the_contract_says_is_refused() {
    type Change = fn(&mut NamedTensor);
    let changes: [(&str, Change); 5] = [
        ("another name", |map| map.name = "y".into()),
        ("too few classes", |map| {
            map.tensor.dims[1] = 2;
            map.tensor.data.truncate(2 * 16 * 16);
        }),
        ("another size", |map| map.tensor.dims[2] = 8),
        ("fewer values", |map| map.tensor.data.truncate(9)),
        // Not a number is under every threshold, and a logit is over or under them by chance.
        ("no number", |map| map.tensor.data[700] = f32::NAN),
    ];
    for (what, change) in changes {
        let infer = |grey: &Tensor| {
            let mut outputs = hundredths(grey)?;
            change(&mut outputs[0]);
            Ok(outputs)
        };
        let contract = contract();
        let detector = detector(&contract, &infer);
        let grey = picture(128, 128, &[]);
        for error in [
            detector.find(&grey).map(|_| ()).unwrap_err(),
            detector.left(&grey, &[], &[]).map(|_| ()).unwrap_err(),
        ] {
            assert!(matches!(error, Error::Model(_)), "{what}: {error}");
        }
    }
}

#[test]
fn a_contract_is_consistent_or_refused() {
    contract();
    let refused: [(&str, Value); 16] = [
        ("/version", 2.into()),
        ("/name", "a/b".into()),
        ("/model_sha256", "AB".into()),
        ("/input/multiple", 96.into()),
        ("/input/multiple", 256.into()),
        ("/input/scale", Value::Null),
        ("/input/layout", "NHWC".into()),
        ("/output/stride", 0.into()),
        ("/output/stride", 128.into()),
        ("/output/text", 2.into()),
        ("/output/mark", 99.into()),
        ("/thresholds/faint", 0.6.into()),
        ("/thresholds/left", 0.0.into()),
        ("/thresholds/mark", 1.5.into()),
        ("/longest", 10.into()),
        ("/checks", json!([])),
    ];
    for (place, value) in refused {
        let changed = contract_with(|contract| {
            let (parent, key) = place.rsplit_once('/').unwrap();
            contract.pointer_mut(parent).unwrap()[key] = value.clone();
        });
        assert!(matches!(changed, Err(Error::Model(_))), "{place} = {value}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Wherever a bright box lies, on a picture of whatever size, it is covered whole, and the cover hides it.
    #[test]
    fn a_bright_box_is_found_anywhere(
        (width, height) in (10u32..3500, 10u32..1800),
        (left, top) in (0.0f64..1.0, 0.0f64..1.0),
        (across, down) in (3u32..200, 3u32..80),
    ) {
        let at = |share: f64, side: u32, length: u32| (share * f64::from(side - length)) as u32;
        let (across, down) = (across.min(width), down.min(height));
        let text = rect([at(left, width, across), at(top, height, down), across, down]);
        let grey = picture(width, height, &[([text.x, text.y, across, down], 90)]);
        let found = find(&grey, &hundredths);
        prop_assert!(found.text.iter().any(|r| r.holds(&text)), "{:?} in {:?}", text, found.text);
        for r in &found.text {
            prop_assert!(r.x + r.width <= width && r.y + r.height <= height);
        }
        let contract = contract();
        let left = detector(&contract, &hundredths).left(&grey, &found.text, &[]).unwrap();
        prop_assert_eq!(left, 0);
    }
}
