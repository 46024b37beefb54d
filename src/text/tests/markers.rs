//! The recognizer's windows, and what is asked of it. `training/markers/fixture.py` writes the
//! files.

use super::{
    letters::{A, H, L, drawn, drawn_at, markers},
    *,
};
use crate::text::{
    contrast::Levels,
    ink::{Ink, is_of},
    marker_contract::MarkerContract,
    plateaus,
    recognizer::{MAX_WINDOWS, Turn, window},
    sighted::Sighted,
};

const WINDOW: (usize, usize) = (128, 48);

fn golden(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).expect("the file exists")
}

fn levels(name: &str) -> GrayImage {
    GrayImage::of(&image::load_from_memory(&golden(name)).expect("a picture"))
}

#[test]
fn windows_are_those_of_the_training() {
    let (picture, expected) = (levels("markers.png"), levels("markers-windows.png"));
    let components: Vec<Value> = serde_json::from_slice(&golden("markers.json")).unwrap();
    assert_eq!(
        (expected.width, expected.height),
        (WINDOW.0, WINDOW.1 * components.len())
    );
    let each = expected.levels.chunks_exact(WINDOW.0 * WINDOW.1);
    let (mut sum, mut pixels) = (0, 0);
    for (component, expected) in components.iter().zip(each) {
        let at = |side: usize| component["box"][side].as_u64().unwrap() as u32;
        let (left, top) = (at(0), at(1));
        let component_rect = rect([left, top, at(2) - left, at(3) - top]);
        let turn = match component["turn"].as_str().unwrap() {
            "upright" => Turn::Upright,
            "left" => Turn::Left,
            "right" => Turn::Right,
            other => panic!("{other}"),
        };
        // The resized levels agree to one gray level, which the window stretches.
        let Levels { contrasts, .. } = Levels::of(&picture.part(&component_rect).levels);
        let most_apart = (255 / (contrasts[0] - contrasts[1]) + 1) as u8;
        let cut = window(&picture, &component_rect, turn, WINDOW).expect("there is ink");
        for (at, (a, b)) in cut.iter().zip(expected).enumerate() {
            let apart = a.abs_diff(*b);
            assert!(
                apart <= most_apart,
                "{component}: {a} instead of {b} at {}, {}",
                at % WINDOW.0,
                at / WINDOW.0
            );
            sum += u32::from(apart);
            pixels += 1;
        }
    }
    assert!(sum * 2 < pixels, "{sum} gray levels on {pixels} pixels");
}

/// A recognizer that names everything, upright, with this probability.
fn names_with(chance: f32) -> impl Fn(&InputTensor) -> Result<Vec<NamedTensor>, Error> {
    move |_| {
        Ok(vec![NamedTensor {
            name: "letter".into(),
            tensor: Tensor {
                dims: vec![1, 2],
                data: vec![1.0 - chance, chance],
            },
        }])
    }
}

/// Takes cells with something bright for text.
fn text(input: &InputTensor) -> Result<Vec<NamedTensor>, Error> {
    let bright = |pixels: &[f32; 64]| f32::from(u8::from(brightest(pixels) > 200.0));
    Ok(map(input, |pixels| (bright(pixels), 0.0)))
}

#[test]
fn letters_are_not_recognized_where_the_detector_sees_text() {
    let (contract, letters) = (contract(), letter_rule::letter_contract());
    let picture = drawn(&[(&L, 400, 200)]);
    let finds: [(Infer<'_>, f32, bool); 3] = [
        (&markers, 0.92, true),
        (&markers, 0.88, false),
        (&text, 1.0, false),
    ];
    for (infer, chance, stays) in finds {
        let recognizer = Recognizer {
            contract: &letters,
            infer: &names_with(chance),
        };
        let found = Detector {
            recognizer: Some(&recognizer),
            ..detector(&contract, infer)
        }
        .find(from_ref(&picture))
        .unwrap();
        assert_eq!(found.side_markers.len() == 1, stays, "{chance}: {found:?}");
        assert_eq!(found.text.is_empty(), stays, "{chance}: {found:?}");
    }
}

#[test]
fn rulers_are_recognized_where_the_detector_sees_text() {
    let (contract, mut rulers) = (contract(), letter_rule::letter_contract());
    rulers.output.classes[1] = "ruler".into();
    let picture = drawn(&[(&L, 400, 200)]);
    for (chance, stays) in [(0.94, false), (0.96, true)] {
        let recognizer = Recognizer {
            contract: &rulers,
            infer: &names_with(chance),
        };
        let found = Detector {
            recognizer: Some(&recognizer),
            ..detector(&contract, &text)
        }
        .find(from_ref(&picture))
        .unwrap();
        assert_eq!(found.side_markers.len() == 1, stays, "{chance}: {found:?}");
    }
}

#[test]
fn marker_is_named_again_on_a_larger_window() {
    let (contract, letters) = (contract(), letter_rule::letter_contract());
    let picture = drawn(&[(&L, 400, 200)]);
    for (second, stays) in [(0.92, true), (0.88, false)] {
        let runs = RefCell::new(0);
        let recognizer = Recognizer {
            contract: &letters,
            infer: &|input| {
                *runs.borrow_mut() += 1;
                names_with(if *runs.borrow() == 1 { 0.95 } else { second })(input)
            },
        };
        let found = Detector {
            recognizer: Some(&recognizer),
            ..detector(&contract, &markers)
        }
        .find(from_ref(&picture))
        .unwrap();
        assert_eq!(found.side_markers.len() == 1, stays, "{second}: {found:?}");
    }
}

#[test]
fn other_letters_are_no_ink_of_a_marker() {
    let picture = drawn_at(4, (300, 300), &[(&A, 100, 100), (&H, 150, 106)]);
    let found = rect([92, 92, 100, 64]);
    let columns = |letters| {
        let ink = Ink::of(&picture, &found, letters);
        let width = ink.window.width as usize;
        let column = |at: &usize| ink.window.x + (at % width) as u32;
        let columns: Vec<u32> = ink.pixels.iter().map(column).collect();
        (columns.iter().min().copied(), columns.iter().max().copied())
    };
    let (left, right) = columns(1);
    assert!(right.unwrap() - left.unwrap() < 36);
    let (left, right) = columns(2);
    assert!(right.unwrap() - left.unwrap() > 70);
    assert_eq!(columns(usize::MAX), columns(2));
}

#[test]
fn ring_around_a_marker_is_the_marker() {
    let drawn = |thick: f64| {
        let mut picture = drawn_at(4, (300, 300), &[(&L, 134, 132)]);
        for (at, level) in picture.levels.iter_mut().enumerate() {
            let (x, y) = (at % 300, at / 300);
            let away = f64::hypot(x as f64 - 150.0, y as f64 - 150.0);
            if (48.0 - thick..48.0).contains(&away) {
                *level = 220;
            }
        }
        picture
    };
    let (marker, ring) = (rect([124, 124, 48, 52]), rect([102, 102, 97, 97]));
    let beyond = rect([102, 102, 140, 97]);
    assert!(is_of(&marker, &ring, &drawn(4.0), 8));
    assert!(!is_of(&marker, &ring, &drawn(0.0), 8));
    assert!(!is_of(&marker, &beyond, &drawn(4.0), 8));
    let inside = rect([130, 130, 20, 20]);
    assert!(is_of(&marker, &inside, &drawn(0.0), 0));
}

#[test]
fn recognizer_runs_on_a_bounded_number_of_windows() {
    let (contract, letters) = (contract(), letter_rule::letter_contract());
    let places: Vec<_> = (0..200)
        .map(|at| (8 + 40 * (at % 20), 8 + 56 * (at / 20)))
        .collect();
    let glyphs: Vec<_> = places.iter().map(|(x, y)| (&L, *x, *y)).collect();
    let picture = drawn_at(2, (820, 600), &glyphs);
    let runs = RefCell::new(0);
    let other = names_with(0.0);
    let recognizer = Recognizer {
        contract: &letters,
        infer: &|input| {
            *runs.borrow_mut() += 1;
            other(input)
        },
    };
    let found = Detector {
        recognizer: Some(&recognizer),
        ..detector(&contract, &markers)
    }
    .find(from_ref(&picture))
    .unwrap();
    assert_eq!(*runs.borrow(), MAX_WINDOWS);
    for (x, y) in places {
        let letter = rect([x, y, 16, 18]);
        assert!(
            found.text.iter().any(|text| text.holds(&letter)),
            "{x}, {y}"
        );
    }
}

#[test]
fn marker_that_is_seen_again_at_a_reduced_size_stays() {
    let (contract, letters): (_, MarkerContract) = (contract(), letter_rule::letter_contract());
    let (marker, beyond) = ([400, 200, 128, 144], [352, 160, 224, 224]);
    let picture = drawn_at(16, (1400, 900), &[(&L, marker[0], marker[1])]);
    // On the reduced copy the surroundings are text too.
    let infer = |input: &InputTensor| {
        if input.dims[3] > 500 {
            return markers(input);
        }
        let mut outputs = map(input, |_| (0.0, 0.0));
        let columns = input.dims[3] as usize / 8;
        let rows = input.dims[2] as usize / 8;
        for at in 0..rows * columns {
            let (x, y) = ((at % columns) as u32 * 32, (at / columns) as u32 * 32);
            let text = rect(beyond).contains(x, y);
            outputs[0].tensor.data[rows * columns + at] = f32::from(u8::from(text));
        }
        Ok(outputs)
    };
    // The larger component is not recognized.
    let runs = RefCell::new(0);
    let recognizer = Recognizer {
        contract: &letters,
        infer: &|input| {
            *runs.borrow_mut() += 1;
            names_with(if *runs.borrow() <= 2 { 0.95 } else { 0.0 })(input)
        },
    };
    let detector = Detector {
        recognizer: Some(&recognizer),
        ..detector(&contract, &infer)
    };
    let found = detector.find(from_ref(&picture)).unwrap();
    assert_eq!(found.text, []);
    assert!(
        found
            .side_markers
            .iter()
            .any(|stays| stays.holds(&rect(marker)))
    );
    let places = |markers: &[Rect]| detector.residual(from_ref(&picture), &[], markers).unwrap();
    assert_eq!(places(&found.side_markers), 0);
}

#[test]
fn large_marker_is_no_large_print() {
    let plane = drawn_at(30, (1600, 1000), &[(&A, 203, 301), (&H, 503, 301)]);
    let print = rect([196, 292, 556, 288]);
    for (markers, texts) in [
        (vec![print], 0),
        (vec![], 1),
        (vec![rect([196, 292, 260, 288])], 1),
    ] {
        let mut sighted = Sighted {
            markers,
            ..Sighted::default()
        };
        plateaus::add(&plane, &mut sighted);
        assert_eq!(sighted.text.len(), texts, "{:?}", sighted.markers);
    }
}
