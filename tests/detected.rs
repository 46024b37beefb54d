//! Found text on a picture's whole way, through files of every kind: it is covered where a viewer sees it, what is looked at
//! afterwards is what is stored, and where nothing is found nothing changes.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use image::{DynamicImage, GenericImageView};
use libjpeg_turbo_rs::{Encoder, PixelFormat};
use xray::{
    config::{Config, DEFAULTS},
    model::contract::Contract,
    model::predict::{NamedTensor, Tensor},
    picture::decode::{Limits, decode},
    picture::resize::Grey,
    pipeline::verify::Unclean,
    pipeline::{Outputs, process},
    text::{Detector, contract::TextContract},
};

const LIMITS: Limits = Limits {
    max_bytes: 1 << 26,
    max_pixels: 1 << 26,
};

/// JPEGs that are edited in place, one that is not, and a PNG.
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
    shown(&files[0].1)
        .write_to(&mut png, image::ImageFormat::Png)
        .unwrap();
    files.push(("png".to_owned(), png.into_inner()));
    files
}

/// As a viewer shows it.
fn shown(bytes: &[u8]) -> DynamicImage {
    decode(bytes, &LIMITS).unwrap().into_pixels()
}

fn text_contract() -> TextContract {
    TextContract::parse(&format!(
        r#"{{"version":1,"name":"text","model_sha256":"{}","input":{{"name":"x","multiple":8,"scale":1,"offset":0}},
        "output":{{"name":"y","stride":8,"text":1,"mark":2}},
        "thresholds":{{"sure":0.5,"faint":0.2,"left":0.3,"mark":0.6}},"longest":2560}}"#,
        "0".repeat(64)
    ))
    .unwrap()
}

/// The outputs at high risk, without a detector or with one that says `finds` of the cell of a column and a row, the `n`th time it is
/// asked; and what it was given each time.
fn outputs(
    bytes: &[u8],
    settings: &[(&str, &str)],
    finds: Option<&dyn Fn(usize, usize, usize) -> f32>,
) -> (Outputs, Vec<Tensor>) {
    let lookup = |name: &str| {
        let own = settings.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        let needed = ["s3_access_key", "s3_secret_key"].contains(&name);
        let default = DEFAULTS.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        let value = own.or(needed.then_some("k")).or(default);
        value.map(str::to_owned)
    };
    let config = Config::from_lookup(lookup).unwrap();
    let contract = Contract::parse(&format!(
        r#"{{"version":1,"name":"m","model_sha256":"{}","input":{{"name":"x","layout":"NHWC","width":16,"height":16,
        "channels":"grey","resize":"box-then-bilinear","scale":1,"offset":0}},"output":{{"name":"y","kind":"probability"}}}}"#,
        "0".repeat(64)
    ))
    .unwrap();
    let output = |dims: Vec<u32>, data| NamedTensor {
        name: "y".into(),
        tensor: Tensor { dims, data },
    };
    let given = RefCell::new(Vec::new());
    let asked = Cell::new(0);
    let search = |grey: &Tensor| {
        given.borrow_mut().push(grey.clone());
        asked.set(asked.get() + 1);
        let (rows, columns) = (grey.dims[2] as usize / 8, grey.dims[3] as usize / 8);
        let mut data = vec![0.0; 3 * rows * columns];
        for cell in 0..rows * columns {
            let found = finds.map(|f| f(asked.get(), cell % columns, cell / columns));
            data[rows * columns + cell] = found.unwrap_or_default();
        }
        Ok(vec![output(vec![1, 3, rows as u32, columns as u32], data)])
    };
    let text = text_contract();
    let detector = Detector {
        contract: &text,
        marks_stay: true,
        infer: &search,
    };
    let outputs = process(
        bytes,
        &config.pixels,
        &contract,
        finds.map(|_| &detector),
        || Duration::ZERO,
        |_| Ok(vec![output(vec![1], vec![0.97])]),
    )
    .unwrap();
    (outputs, given.into_inner())
}

fn level(given: &Tensor, x: usize, y: usize) -> f32 {
    given.data[y * given.dims[3] as usize + x]
}

/// That a detector was given what a viewer shows of a file, to one level.
fn assert_shows(name: &str, given: &Tensor, file: &[u8]) {
    let wanted = Grey::of(&shown(file));
    for (at, &grey) in wanted.levels.iter().enumerate() {
        let (x, y) = (at % wanted.width, at / wanted.width);
        let off = (level(given, x, y) - f32::from(grey)).abs();
        assert!(off <= 1.0, "{name}: {off} levels off at {x},{y}");
    }
}

const SMALL_BOX: &[(&str, &str)] = &[("redact_boxes", "bottom-left 30x20"), ("label_size", "8")];

#[test]
fn where_nothing_is_found_nothing_changes() {
    for (name, source) in files() {
        let plain = outputs(&source, SMALL_BOX, None).0;
        let (searched, given) = outputs(&source, SMALL_BOX, Some(&|_, _, _| 0.19));
        assert!(plain.processed == searched.processed, "{name}");
        assert!(plain.anonymized == searched.anonymized, "{name}");
        // The picture was looked at, and then the copy, which has black in its corner.
        assert_eq!(given.len(), 2, "{name}");
        assert_shows(&name, &given[0], &source);
        let corner = level(&given[1], 8, searched.height as usize - 8);
        assert!(corner < 8.0, "{name}: {corner}");
    }
}

#[test]
fn found_text_is_covered_where_a_viewer_sees_it() {
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
            let before = shown(&source);
            // Beside the cover a block holds both the cover and the picture, and rings; on the anonymized copy blocks are covered whole.
            for (file, black) in [(&copy.bytes, 8), (&made.processed, 60)] {
                let after = shown(file);
                assert_eq!(after.dimensions(), before.dimensions(), "{name}");
                let mut levels = after.crop_imm(44, 44, 40, 16).to_luma8().into_raw();
                levels.sort_unstable();
                let limit = if method == "fill" { black } else { 255 };
                assert!(
                    levels[levels.len() - 1] <= limit,
                    "{name} {method}: {levels:?}"
                );
                // An MCU is 16 pixels at most here, and a decoder mixes colours over its seam.
                let beyond = |x, y| !(20..108).contains(&x) || !(20..84).contains(&y);
                let beside_box = |x: u32, y: u32| x > 50 || y + 40 < before.height();
                for (x, y, pixel) in before.pixels() {
                    if beyond(x, y) && beside_box(x, y) && y > 32 && name != "arithmetic" {
                        assert_eq!(after.get_pixel(x, y), pixel, "{name} {method}: {x},{y}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_looked_at_again_is_what_is_stored() {
    for (name, source) in files() {
        let seen_again = |n, x, y| {
            if n == 2 && x == 12 && y == 3 {
                0.3
            } else {
                0.0
            }
        };
        let (made, given) = outputs(&source, SMALL_BOX, Some(&seen_again));
        let copy = made.anonymized.unwrap();
        assert_eq!(copy.unclean, Some(Unclean::TextLeft(1)), "{name}");
        assert_shows(&name, &given[1], &copy.bytes);
    }
}
