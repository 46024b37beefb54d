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
    recognizer::MAX_WINDOWS,
    sighted::{Marker, Sighted},
    view::{Shown, Turn, window},
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
        let shown = Shown::of(&picture, &component_rect).expect("there is ink");
        let cut = window(&picture, &shown, &shown.ink, turn, WINDOW);
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

/// Searches a picture of a patient of whom these markers are withheld; the recognizer names
/// everything with this probability.
fn found_without(
    withheld: Withheld,
    letters: &MarkerContract,
    chance: f32,
    infer: Infer<'_>,
    picture: &GrayImage,
) -> Found {
    let contract = contract();
    let recognizer = Recognizer {
        contract: letters,
        infer: &names_with(chance),
    };
    let detector = Detector {
        recognizer: Some(&recognizer),
        withheld,
        ..detector(&contract, infer)
    };
    detector.find(from_ref(picture)).unwrap()
}

#[test]
fn markers_that_initials_spell_are_text() {
    let mut letters = letter_rule::letter_contract();
    let picture = drawn(&[(&L, 400, 200)]);
    for (word, initials, stays) in [
        ("PA", "ap", false),
        ("PA", "pjx", true),
        ("L", "lp", true),
        ("arrow", "arrow", true),
    ] {
        letters.output.classes[1] = word.into();
        let withheld = Withheld {
            initials: initials.chars().collect(),
            ..Withheld::default()
        };
        let found = found_without(withheld, &letters, 0.99, &markers, &picture);
        assert_eq!(found.side_markers.len() == 1, stays, "{word}: {found:?}");
        assert_eq!(found.text.is_empty(), stays, "{word}: {found:?}");
    }
}

#[test]
fn shapes_are_text_where_initials_spell_a_marker() {
    let mut letters = letter_rule::letter_contract();
    letters.output.classes[1] = "LT".into();
    let picture = picture(256, 256, &[([64, 64, 32, 32], 99)]);
    let infer = |input: &InputTensor| {
        let bright = |pixels: &[f32; 64]| f32::from(u8::from(brightest(pixels) > 50.0));
        Ok(map(input, |pixels| {
            (0.15 * bright(pixels), 0.85 * bright(pixels))
        }))
    };
    for (initials, stays) in [(['t', 'l'], false), (['t', 'r'], true)] {
        let withheld = Withheld {
            initials: initials.to_vec(),
            ..Withheld::default()
        };
        let found = found_without(withheld, &letters, 0.1, &infer, &picture);
        assert_eq!(found.shapes.len() == 1, stays, "{initials:?}: {found:?}");
    }
}

#[test]
fn rulers_are_recognized_where_the_detector_sees_text() {
    let (contract, mut rulers) = (contract(), letter_rule::letter_contract());
    rulers.output.classes[1] = "ruler".into();
    let ruler = |height: usize| {
        let mut picture = drawn(&[]);
        for (x, y) in (0..320).flat_map(|x| (0..height).map(move |y| (x, y))) {
            if y < 2 || x % 12 < 2 {
                picture.levels[(202 + y) * picture.width + 402 + x] = 250;
            }
        }
        picture
    };
    // The chance on all windows but one.
    let finds = [
        (14, 0.6, None, true),
        (14, 0.4, None, false),
        (14, 0.6, Some(3), false),
        (94, 0.6, None, false),
    ];
    for (height, chance, other, stays) in finds {
        let runs = RefCell::new(0);
        let recognizer = Recognizer {
            contract: &rulers,
            infer: &|input| {
                *runs.borrow_mut() += 1;
                let is_other = Some(*runs.borrow()) == other;
                names_with(if is_other { 0.0 } else { chance })(input)
            },
        };
        let found = Detector {
            recognizer: Some(&recognizer),
            ..detector(&contract, &text)
        }
        .find(from_ref(&ruler(height)))
        .unwrap();
        let case = (height, chance, other);
        assert_eq!(found.side_markers.len() == 1, stays, "{case:?}: {found:?}");
        assert_eq!(found.text.is_empty(), stays, "{case:?}: {found:?}");
    }
}

#[test]
fn arrows_are_recognized_where_the_detector_sees_some_of_a_marker() {
    let (contract, mut arrows) = (contract(), letter_rule::letter_contract());
    let picture = drawn(&[(&L, 400, 200)]);
    for (class, share, chance, stays) in [
        ("arrow", 0.15, 0.96, true),
        ("arrow", 0.15, 0.94, false),
        ("arrow", 0.05, 0.96, false),
        ("L", 0.15, 0.96, false),
        ("L", 0.25, 0.96, true),
    ] {
        arrows.output.classes[1] = class.into();
        let recognizer = Recognizer {
            contract: &arrows,
            infer: &names_with(chance),
        };
        let infer = |input: &InputTensor| {
            Ok(map(input, |pixels| {
                let bright = f32::from(u8::from(brightest(pixels) > 200.0));
                (bright * (1.0 - share), bright * share)
            }))
        };
        let found = Detector {
            recognizer: Some(&recognizer),
            ..detector(&contract, &infer)
        }
        .find(from_ref(&picture))
        .unwrap();
        let case = (class, share, chance);
        assert_eq!(found.side_markers.len() == 1, stays, "{case:?}: {found:?}");
    }
}

#[test]
fn marker_is_named_on_two_views() {
    let (contract, letters) = (contract(), letter_rule::letter_contract());
    let picture = drawn(&[(&L, 400, 200)]);
    for (chances, stays) in [
        (&[0.95, 0.92][..], true),
        (&[0.95, 0.88], false),
        (&[0.95, 0.0, 0.0, 0.95], true),
        (&[0.0, 0.95, 0.95], true),
        (&[0.0, 0.0, 0.95, 0.95], true),
        (&[0.0, 0.0, 0.0, 0.95, 0.95], false),
    ] {
        let runs = RefCell::new(chances.iter());
        let recognizer = Recognizer {
            contract: &letters,
            infer: &|input| {
                let chance = runs.borrow_mut().next();
                names_with(*chance.unwrap_or(&0.0))(input)
            },
        };
        let found = Detector {
            recognizer: Some(&recognizer),
            ..detector(&contract, &markers)
        }
        .find(from_ref(&picture))
        .unwrap();
        assert_eq!(
            found.side_markers.len() == 1,
            stays,
            "{chances:?}: {found:?}"
        );
    }
}

#[test]
fn marker_beside_an_edge_is_recognized_by_its_ink() {
    let (contract, letters) = (contract(), letter_rule::letter_contract());
    let mut picture = drawn(&[(&A, 400, 200)]);
    // Of a bone: at the component's side, and beyond it.
    for row in picture.levels.chunks_exact_mut(900).skip(100).take(250) {
        row[434..439].fill(180);
    }
    // Names what is bright in the middle.
    let centered = |input: &InputTensor| {
        let levels = input.data.to_f32();
        let bright = |column: &usize| levels.iter().skip(*column).step_by(128).any(|l| *l > 200.0);
        let (first, last) = ((0..128).find(bright), (0..128).rev().find(bright));
        let is_centered = first
            .zip(last)
            .is_some_and(|(a, b)| (a + b).abs_diff(127) <= 2);
        names_with(if is_centered { 0.95 } else { 0.0 })(input)
    };
    let recognizer = Recognizer {
        contract: &letters,
        infer: &centered,
    };
    let found = Detector {
        recognizer: Some(&recognizer),
        ..detector(&contract, &markers)
    }
    .find(from_ref(&picture))
    .unwrap();
    assert_eq!(found.side_markers, [rect([392, 192, 48, 56])]);
    assert_eq!(found.text, []);
}

#[test]
fn ink_of_a_ruler_reaches_beyond_what_is_found_of_it() {
    let mut picture = drawn(&[]);
    for (x, y) in (0..400).flat_map(|x| (0..14).map(move |y| (x, y))) {
        if y < 2 || x % 12 < 2 {
            picture.levels[(202 + y) * 900 + 300 + x] = 250;
        }
    }
    // A letter on the same strip, and one that touches what is found, are not the ruler's.
    for x in (100..106).chain(396..400) {
        for y in 218..224 {
            picture.levels[y * 900 + x] = 250;
        }
    }
    let ruler = rect([300, 202, 400, 14]);
    for (found, turned) in [([392, 200, 96, 24], false), ([200, 392, 24, 96], true)] {
        let (picture, ruler) = match turned {
            true => (picture.transposed(), ruler.transposed()),
            false => (picture.part(&rect([0, 0, 900, 400])), ruler),
        };
        assert_eq!(Ink::along(&picture, &rect(found)).bounds(), Some(ruler));
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
    let (marker, other) = ([400, 200, 128, 144], [640, 200, 128, 144]);
    for (name, with_other, beyond, stays) in [
        ("near", false, [352, 160, 224, 224], true),
        ("further", false, [256, 64, 416, 416], true),
        ("with other print", true, [352, 160, 480, 224], false),
    ] {
        let glyphs = [(&L, marker[0], marker[1]), (&A, other[0], other[1])];
        let picture = drawn_at(16, (1400, 900), &glyphs[..1 + usize::from(with_other)]);
        // On the reduced copy the surroundings are text, too; at full size the other print is not
        // seen.
        let infer = |input: &InputTensor| {
            let is_whole = input.dims[3] > 500;
            let mut outputs = if is_whole {
                markers(input)?
            } else {
                map(input, |_| (0.0, 0.0))
            };
            let (rows, columns) = (input.dims[2] as usize / 8, input.dims[3] as usize / 8);
            let side = if is_whole { 8 } else { 32 };
            for at in 0..rows * columns {
                let (x, y) = ((at % columns) as u32 * side, (at / columns) as u32 * side);
                let data = &mut outputs[0].tensor.data;
                if !is_whole {
                    data[rows * columns + at] = f32::from(u8::from(rect(beyond).contains(x, y)));
                } else if x + 8 >= other[0] {
                    data[2 * rows * columns + at] = 0.0;
                }
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
        assert_eq!(found.text.is_empty(), stays, "{name}: {found:?}");
        let is_kept = |kept: &Rect| kept.holds(&rect(marker));
        assert_eq!(found.side_markers.iter().any(is_kept), stays, "{name}");
        if stays {
            let places = detector.residual(from_ref(&picture), &[], &found.side_markers);
            assert_eq!(places.unwrap(), 0, "{name}");
        }
    }
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
            markers: markers.into_iter().map(Marker::letter).collect(),
            ..Sighted::default()
        };
        plateaus::add(&plane, &mut sighted);
        assert_eq!(sighted.text.len(), texts, "{:?}", sighted.markers);
    }
}
