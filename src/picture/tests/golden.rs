//! Golden pictures: the label and both redactions on a picture drawn here.
//! `BLESS=1 cargo test -p xray --lib golden` writes them; look at them before you commit them.

use image::{DynamicImage, GrayImage, Luma};

use super::redact;
use crate::picture::{annotate::draw_label, boxes::parse_boxes, redact::Method};

fn check(name: &str, got: &DynamicImage) {
    let path = format!("{}/tests/golden/{name}.png", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("BLESS").is_some() {
        got.save(&path).unwrap();
    }
    let want = image::open(&path).unwrap();
    let size = |i: &DynamicImage| (i.width(), i.height(), i.color());
    assert_eq!(size(got), size(&want), "{name}");
    let pairs = got.as_bytes().iter().zip(want.as_bytes());
    let worst = pairs.map(|(a, b)| a.abs_diff(*b)).max();
    // Floating point may differ by one level on another processor.
    assert!(worst <= Some(1), "{name}: {worst:?} levels off");
}

/// Draws a slope with bright stripes at the bottom left, where a patient's name would be.
fn scene() -> DynamicImage {
    GrayImage::from_fn(360, 160, |x, y| {
        let stripe = x < 110 && y > 110 && y % 12 < 6;
        Luma([if stripe { 255 } else { (x / 3 + y / 4) as u8 }])
    })
    .into()
}

#[test]
fn label() {
    let mut picture = scene();
    draw_label(&mut picture, "Unsure, risk=70.0%", 30.0).unwrap();
    check("label", &picture);
}

#[test]
fn redactions() {
    let boxes = parse_boxes("bottom-left 120x56").unwrap();
    for (name, method) in [("fill", Method::Fill), ("blur", Method::Blur)] {
        let mut picture = scene();
        redact(&mut picture, &boxes, method);
        check(name, &picture);
    }
}
