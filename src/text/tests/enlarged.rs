//! Pictures smaller than the contract's `min_side`, which are enlarged before they are searched.

use super::{letters::SHARE, *};
use crate::model::tensor::Elements;

fn enlarging(min_side: usize) -> TextContract {
    contract_with(|contract| contract["min_side"] = min_side.into()).unwrap()
}

#[test]
fn small_text_is_found_on_the_enlarged_picture_only() {
    // This model needs a whole bright cell, which two pixels of text are only when they are four
    // times as large.
    let whole = |input: &InputTensor| {
        Ok(map(input, |pixels| {
            let bright = pixels.iter().all(|v| *v > 60.0);
            (f32::from(u8::from(bright)), 0.0)
        }))
    };
    let gray = picture(128, 96, &[([60, 40, 12, 4], 255)]);
    assert_eq!(find(&gray, &whole).text, []);
    let contract = enlarging(512);
    let found = detector(&contract, &whole)
        .find(from_ref(&gray))
        .unwrap()
        .text;
    let [rect] = found[..] else {
        panic!("{found:?}");
    };
    assert!(rect.holds(&super::rect([60, 40, 12, 4])), "{rect:?}");
    assert!(rect.width <= 32 && rect.height <= 24, "{rect:?}");
}

#[test]
fn enlarged_picture_is_searched_at_min_side() {
    for (size, min_side, expect) in [
        ((100, 60), 200, [1, 1, 128, 256]),
        ((60, 100), 200, [1, 1, 256, 128]),
        ((200, 120), 200, [1, 1, 128, 256]),
        ((300, 60), 200, [1, 1, 64, 320]),
    ] {
        let runs = RefCell::new(Vec::new());
        let infer = |input: &InputTensor| {
            runs.borrow_mut().push(input.dims.clone());
            hundredths(input)
        };
        let contract = enlarging(min_side);
        let gray = picture(size.0, size.1, &[]);
        detector(&contract, &infer).find(from_ref(&gray)).unwrap();
        assert_eq!(runs.into_inner(), [expect], "{size:?}");
    }
}

#[test]
fn shapes_and_residual_text_are_placed_on_the_original() {
    let contract = enlarging(1000);
    let markers = |input: &InputTensor| {
        let scores = |score: f32| ((1.0 - SHARE) * score, SHARE * score);
        Ok(map(input, |pixels| scores(brightest(pixels) / 100.0)))
    };
    let gray = picture(250, 250, &[([100, 100, 16, 16], 90)]);
    let found = detector(&contract, &markers).find(from_ref(&gray)).unwrap();
    assert_eq!(found.text, []);
    let [marker] = found.stays()[..] else {
        panic!("{found:?}");
    };
    assert!(marker.holds(&rect([100, 100, 16, 16])), "{marker:?}");
    assert!(marker.width <= 20 && marker.height <= 20, "{marker:?}");

    let detector = detector(&contract, &hundredths);
    for (redacted, expect) in [
        ([96, 96, 24, 24], 0),
        ([96, 96, 12, 24], 1),
        ([0, 0, 10, 10], 1),
    ] {
        let places = detector
            .residual(from_ref(&gray), &[rect(redacted)], &[])
            .unwrap();
        assert_eq!(places, expect, "{redacted:?}");
    }
    assert_eq!(
        detector.residual(from_ref(&gray), &[], &[marker]).unwrap(),
        0
    );
}

#[test]
fn integer_inputs_get_the_levels() {
    for (ty, expect) in [
        ("u8", Elements::U8(vec![7; 64 * 64])),
        ("i16", Elements::I16(vec![7; 64 * 64])),
        ("f32", Elements::F32(vec![7.0; 64 * 64])),
    ] {
        let contract = contract_with(|contract| contract["input"]["type"] = ty.into()).unwrap();
        let infer = |input: &InputTensor| {
            assert_eq!(input.data, expect);
            hundredths(input)
        };
        let gray = picture(64, 64, &[([0, 0, 64, 64], 7)]);
        detector(&contract, &infer).find(from_ref(&gray)).unwrap();
    }
}

#[test]
fn levels_are_scaled_and_mirrored_at_the_edges() {
    for (ty, scale, offset) in [("u8", 1.0, 0.0), ("u8", 0.5, 9.0), ("f32", 0.004, -0.5)] {
        let contract = contract_with(|contract| {
            contract["input"] = json!({
                "name": "gray", "type": ty, "multiple": 64, "scale": scale, "offset": offset,
            });
        })
        .unwrap();
        let mut gray = picture(70, 66, &[]);
        for (at, level) in gray.levels.iter_mut().enumerate() {
            *level = (at * 11 % 256) as u8;
        }
        let infer = |input: &InputTensor| {
            assert_eq!(input.dims, [1, 1, 128, 128]);
            for (at, value) in input.data.to_f32().into_iter().enumerate() {
                let inside =
                    |at: usize, side: usize| if at < side { at } else { 2 * side - 1 - at };
                let (x, y) = (inside(at % 128, 70), inside(at / 128, 66));
                let level = f32::from(gray.levels[y * 70 + x]);
                let expect = level * scale as f32 + offset as f32;
                let expect = if ty == "u8" { expect.round() } else { expect };
                assert_eq!(value, expect, "{ty} {scale} at {x},{y}");
            }
            Ok(map(input, |_| (0.0, 0.0)))
        };
        detector(&contract, &infer).find(from_ref(&gray)).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// A bright box on a small picture is found whole, inside the picture, and its redaction hides
    /// it.
    #[test]
    fn bright_box_is_found_on_enlarged_pictures(
        (width, height) in (10u32..400, 10u32..400),
        (left, top) in (0.0f64..1.0, 0.0f64..1.0),
        (across, down) in (3u32..60, 3u32..30),
        min_side in 1usize..1500,
    ) {
        let at = |share: f64, side: u32, length: u32| (share * f64::from(side - length)) as u32;
        let (across, down) = (across.min(width), down.min(height));
        let text = rect([at(left, width, across), at(top, height, down), across, down]);
        let gray = picture(width, height, &[([text.x, text.y, across, down], 90)]);
        let contract = enlarging(min_side);
        let detector = detector(&contract, &hundredths);
        let found = detector.find(from_ref(&gray)).unwrap();
        prop_assert!(found.text.iter().any(|r| r.holds(&text)), "{:?} in {:?}", text, found.text);
        for r in &found.text {
            prop_assert!(r.x + r.width <= width && r.y + r.height <= height);
        }
        let copy = covered(&gray, &found.text);
        prop_assert_eq!(detector.residual(from_ref(&copy), &found.text, &[]).unwrap(), 0);
    }
}
