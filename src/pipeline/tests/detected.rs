//! Text that is found on files of every kind: it is redacted where a viewer sees it, the file that
//! is verified is the one that is stored, and if nothing is found nothing changes.

use std::cell::{Cell, RefCell};

use image::GenericImageView;
use libjpeg_turbo_rs::{Encoder, PixelFormat};

use super::{displayed, is_kept, output, run};
use crate::{
    model::tensor::InputTensor,
    picture::gray::GrayImage,
    pipeline::{Outputs, verify::Unclean},
    text::{Detector, Withheld, contract::TextContract},
};

/// Returns JPEGs that are edited in place, one that is not, and a PNG.
fn files() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/jpeg-blocks/tests/files");
    let mut files: Vec<_> = ["gray", "420", "422", "progressive", "rgb", "rotated"]
        .map(|name| {
            let file = std::fs::read(format!("{folder}/{name}.jpg")).unwrap();
            (name.to_owned(), file)
        })
        .into();
    let pixels: Vec<u8> = (0..200 * 160).map(|i| (i % 200) as u8).collect();
    let arithmetic = Encoder::new(&pixels, 200, 160, PixelFormat::Grayscale)
        .arithmetic(true)
        .encode()
        .unwrap();
    files.push(("arithmetic".to_owned(), arithmetic));
    let mut png = std::io::Cursor::new(Vec::new());
    displayed(&files[0].1)
        .write_to(&mut png, image::ImageFormat::Png)
        .unwrap();
    files.push(("png".to_owned(), png.into_inner()));
    files
}

pub(crate) fn text_contract() -> TextContract {
    TextContract::parse(&format!(
        r#"{{"version":2,"name":"text","model_sha256":"{}","input":{{"name":"x","multiple":8,"scale":1,"offset":0}},
        "output":{{"name":"y","stride":8,"text":1,"marker":2}},
        "thresholds":{{"high":0.5,"low":0.2,"residual":0.3,"marker":0.6}},"max_side":2560}}"#,
        "0".repeat(64)
    ))
    .unwrap()
}

/// Returns the number of planes in which text is searched on a file.
fn planes(file: &[u8]) -> usize {
    1 + GrayImage::color_of(&displayed(file)).iter().len()
}

/// Processes a picture at high risk, without a detector or with one that gives
/// `finds(n, column, row)` for a cell: `n` is 1 when it searches the brightness of the source, 2
/// for that of the copy, 3 for other planes of the source, 4 for all that comes later. Returns the
/// outputs and the detector's inputs.
pub(super) fn outputs(
    bytes: &[u8],
    settings: &[(&str, &str)],
    finds: Option<&dyn Fn(usize, usize, usize) -> f32>,
) -> (Outputs, Vec<InputTensor>) {
    let given = RefCell::new(Vec::new());
    let runs = Cell::new(0);
    let copy = planes(bytes);
    let search = |input: &InputTensor| {
        given.borrow_mut().push(input.clone());
        let kind = match runs.get() {
            0 => 1,
            run if run == copy => 2,
            run if run < copy => 3,
            _ => 4,
        };
        runs.set(runs.get() + 1);
        let (rows, columns) = (input.dims[2] as usize / 8, input.dims[3] as usize / 8);
        let mut data = vec![0.0; 3 * rows * columns];
        for cell in 0..rows * columns {
            let found = finds.map(|f| f(kind, cell % columns, cell / columns));
            data[rows * columns + cell] = found.unwrap_or_default();
        }
        Ok(vec![output(
            "y",
            vec![1, 3, rows as u32, columns as u32],
            data,
        )])
    };
    let text = text_contract();
    let detector = Detector {
        contract: &text,
        keep_side_markers: true,
        withheld: Withheld::default(),
        recognizer: None,
        infer: &search,
    };
    let outputs = run(bytes, 16, settings, finds.map(|_| &detector)).0;
    (outputs.unwrap(), given.into_inner())
}

fn level(given: &InputTensor, x: usize, y: usize) -> f32 {
    given.data.to_f32()[y * given.dims[3] as usize + x]
}

/// Asserts that a detector's input is the picture as a viewer shows it, to one level.
fn assert_shows(name: &str, given: &InputTensor, file: &[u8]) {
    let (levels, columns) = (given.data.to_f32(), given.dims[3] as usize);
    let wanted = GrayImage::of(&displayed(file));
    for (at, &gray) in wanted.levels.iter().enumerate() {
        let (x, y) = (at % wanted.width, at / wanted.width);
        let off = (levels[y * columns + x] - f32::from(gray)).abs();
        assert!(off <= 1.0, "{name}: {off} levels off at {x},{y}");
    }
}

const SMALL_BOX: &[(&str, &str)] = &[("redact_boxes", "bottom-left 30x20"), ("label_size", "8")];

#[test]
fn picture_without_text_is_unchanged() {
    for (name, source) in files() {
        let plain = outputs(&source, SMALL_BOX, None).0;
        let (searched, given) = outputs(&source, SMALL_BOX, Some(&|_, _, _| 0.14));
        assert!(plain.processed == searched.processed, "{name}");
        assert!(plain.anonymized == searched.anonymized, "{name}");
        // The picture was searched, and then the copy, which has black in its corner.
        let copy = planes(&source);
        assert_eq!(
            given.len(),
            copy + planes(&searched.anonymized.unwrap().bytes),
            "{name}"
        );
        assert_shows(&name, &given[0], &source);
        let corner = level(&given[copy], 8, searched.height as usize - 8);
        assert!(corner < 8.0, "{name}: {corner}");
    }
}

#[test]
fn found_text_is_redacted_where_a_viewer_sees_it() {
    // Four cells, grown by 8 pixels: from 40 to 88 across and from 40 to 64 down.
    let text = |n, x, y| {
        if n == 1 && (6..10).contains(&x) && y == 6 {
            0.9
        } else {
            0.0
        }
    };
    for (name, source) in files() {
        for method in ["fill", "blur"] {
            let settings = [
                SMALL_BOX,
                &[("redaction", method), ("redact_processed", "true")],
            ]
            .concat();
            let made = outputs(&source, &settings, Some(&text)).0;
            let copy = made.anonymized.unwrap();
            assert_eq!(
                (copy.redaction.boxes.len(), copy.unclean),
                (2, None),
                "{name}"
            );
            let before = displayed(&source);
            // Blocks at the edge of the redaction hold both black and picture, and ring; on the
            // anonymized copy blocks are filled whole.
            for (file, black) in [(&copy.bytes, 8), (&made.processed, 60)] {
                let after = displayed(file);
                assert_eq!(after.dimensions(), before.dimensions(), "{name}");
                let mut levels = after.crop_imm(44, 44, 40, 16).to_luma8().into_raw();
                levels.sort_unstable();
                let limit = if method == "fill" { black } else { 255 };
                assert!(
                    levels[levels.len() - 1] <= limit,
                    "{name} {method}: {levels:?}"
                );
                // An MCU is 16 pixels at most here, and a decoder mixes colors over its seam.
                let beyond = |x, y| !(20..108).contains(&x) || !(20..84).contains(&y);
                let beside_box = |x: u32, y: u32| x > 50 || y + 40 < before.height();
                for (x, y, _) in before.pixels() {
                    if beyond(x, y) && beside_box(x, y) && y > 32 && name != "arithmetic" {
                        let kept = is_kept(&before, &after, (x, y));
                        assert!(kept, "{name} {method}: {x},{y}");
                    }
                }
            }
        }
    }
}

#[test]
fn text_that_is_left_is_covered_and_the_copy_verified_again() {
    for (name, source) in files() {
        let seen_again = |n, x, y| f32::from(u8::from(n % 2 == 0 && x == 12 && y == 3)) * 0.3;
        let (made, given) = outputs(&source, SMALL_BOX, Some(&seen_again));
        let copy = made.anonymized.unwrap();
        assert_eq!(copy.unclean, None, "{name}");
        assert_eq!(made.found.unwrap().text.len(), 1, "{name}");
        // The cell is of 8 pixels, and so is the margin.
        let cell = [90, 20, 20, 16];
        let after = displayed(&copy.bytes).crop_imm(cell[0], cell[1], cell[2], cell[3]);
        let levels = after.to_luma8().into_raw();
        assert!(levels.iter().all(|level| *level < 8), "{name}");
        // The file that is verified last is the stored one.
        let last = given.len() - planes(&copy.bytes);
        assert_shows(&name, &given[last], &copy.bytes);
    }
}

#[test]
fn copy_on_which_more_text_is_left_is_unclean() {
    for (name, source) in files() {
        let runs = Cell::new(0);
        let copy = planes(&source);
        // In another place each time.
        let seen_again = |_, x, y| {
            runs.set(runs.get() + usize::from((x, y) == (0, 0)));
            let run = runs.get() - 1;
            if run >= copy && x == 12 && y == 3 + 2 * (run - copy) {
                0.3
            } else {
                0.0
            }
        };
        let (made, given) = outputs(&source, SMALL_BOX, Some(&seen_again));
        let copy = made.anonymized.unwrap();
        let unclean = copy.unclean;
        assert!(
            matches!(unclean, Some(Unclean::ResidualText(_))),
            "{name}: {unclean:?}"
        );
        let last = given.len() - planes(&copy.bytes);
        assert_shows(&name, &given[last], &copy.bytes);
    }
}

#[test]
fn only_a_copy_edited_in_place_is_searched_in_parts() {
    let levels: Vec<u8> = (0..640 * 480)
        .map(|at| 40 + (at % 640 / 16) as u8)
        .collect();
    let jpeg = |is_arithmetic| {
        Encoder::new(&levels, 640, 480, PixelFormat::Grayscale)
            .arithmetic(is_arithmetic)
            .encode()
            .unwrap()
    };
    let mut png = std::io::Cursor::new(Vec::new());
    displayed(&jpeg(false))
        .write_to(&mut png, image::ImageFormat::Png)
        .unwrap();
    let text = TextContract {
        field: Some(64),
        ..text_contract()
    };
    let label: &[(&str, &str)] = &[("anonymized_label", "true")];
    for (name, source, settings, in_parts) in [
        ("JPEG", jpeg(false), SMALL_BOX.to_vec(), true),
        ("arithmetic JPEG", jpeg(true), SMALL_BOX.to_vec(), false),
        ("PNG", png.into_inner(), SMALL_BOX.to_vec(), false),
        ("label", jpeg(false), [SMALL_BOX, label].concat(), false),
    ] {
        // Text beside the box appears in the copy only: it is found in part and as a whole, and
        // covered, and the new copy is searched.
        for residual in [false, true] {
            let given = RefCell::new(Vec::new());
            let search = |input: &InputTensor| {
                given.borrow_mut().push(input.dims[2..].to_vec());
                let (rows, columns) = (input.dims[2] / 8, input.dims[3] / 8);
                let mut data = vec![0.0; 3 * (rows * columns) as usize];
                // The first row of the box, seen from where each input begins.
                let is_first = given.borrow().len() == 1;
                if residual && !is_first {
                    let row = if rows == 60 { 57 } else { rows - 3 };
                    data[(rows * columns + row * columns + 6) as usize] = 0.9;
                }
                Ok(vec![output("y", vec![1, 3, rows, columns], data)])
            };
            let detector = Detector {
                contract: &text,
                keep_side_markers: true,
                withheld: Withheld::default(),
                recognizer: None,
                infer: &search,
            };
            let made = run(&source, 16, &settings, Some(&detector)).0.unwrap();
            assert_eq!(made.anonymized.unwrap().unclean, None, "{name}");
            let given = given.into_inner();
            let are_parts: Vec<bool> = given.iter().map(|size| *size != [480, 640]).collect();
            let expected = match (in_parts, residual) {
                (true, true) => vec![false, true, false, false, true],
                (true, false) => vec![false, true],
                (false, true) => vec![false; 4],
                (false, false) => vec![false; 2],
            };
            assert_eq!(are_parts, expected, "{name}: {given:?}");
        }
    }
}
