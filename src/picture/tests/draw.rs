//! The label and the redaction.

use image::{DynamicImage, ImageBuffer, Luma};
use proptest::prelude::*;

use super::redact;
use crate::picture::{annotate::draw_label, boxes::parse_boxes, redact::Method};

#[test]
fn unusable_boxes_are_errors_with_a_remedy() {
    for (text, word) in [
        ("nowhere 3x3", "corner"),
        ("bottom-left", "CORNER"),
        ("bottom-left 3", "CORNER"),
        ("bottom-left 3x", "neither"),
        ("bottom-left 300%x1", "neither"),
        ("bottom-left 0x10", "nothing"),
        ("bottom-left 3x3+1", "CORNER"),
    ] {
        let error = parse_boxes(text).unwrap_err();
        assert!(error.contains(word), "{text}: {error}");
    }
    let boxes = parse_boxes("bottom-left 300x100; top-right 25%x10%+5+2%").unwrap();
    let on = |w, h| {
        boxes
            .iter()
            .filter_map(|b| b.on(w, h))
            .map(|r| (r.x, r.y, r.width, r.height))
            .collect::<Vec<_>>()
    };
    assert_eq!(on(1000, 800), [(0, 700, 300, 100), (745, 16, 250, 80)]);
    assert_eq!(on(200, 50)[0], (0, 0, 200, 50));
}

/// Draws one picture of each kind that a decoder returns.
fn kinds(width: u32, height: u32, seed: u8) -> Vec<DynamicImage> {
    let gray = ImageBuffer::from_fn(width, height, |x, y| Luma([(x * 31 + y * 17) as u8 ^ seed]));
    let gray = DynamicImage::from(gray);
    vec![
        gray.to_luma_alpha8().into(),
        gray.to_rgb8().into(),
        gray.to_rgba8().into(),
        gray.to_luma16().into(),
        gray.to_luma_alpha16().into(),
        gray.to_rgb16().into(),
        gray.to_rgba16().into(),
        gray,
    ]
}

fn pixel(image: &DynamicImage, x: u32, y: u32) -> Vec<u8> {
    let size = usize::from(image.color().bytes_per_pixel());
    let at = (y as usize * image.width() as usize + x as usize) * size;
    image.as_bytes()[at..at + size].to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn label_changes_no_pixel_outside_its_rectangle(w in 90u32..400, h in 1u32..90, em in 6f32..60.0, seed: u8) {
        for before in kinds(w, h, seed) {
            let mut after = before.clone();
            let Ok(touched) = draw_label(&mut after, "Unsure, risk=70.0%", em) else {
                prop_assert_eq!(before, after);
                continue;
            };
            for (x, y) in (0..h).flat_map(|y| (0..w).map(move |x| (x, y))) {
                if !touched.contains(x, y) {
                    prop_assert_eq!(pixel(&before, x, y), pixel(&after, x, y));
                }
            }
        }
    }

    #[test]
    fn redaction_stays_in_its_boxes_and_forgets_their_content(
        w in 20u32..90, h in 20u32..90, bw in 1u32..60, bh in 1u32..60, seed: u8, ink: u8,
    ) {
        let boxes = parse_boxes(&format!("bottom-left {bw}x{bh}; top-right 20%x30%+3+2")).unwrap();
        let rects: Vec<_> = boxes.iter().filter_map(|b| b.on(w, h)).collect();
        for method in [Method::Fill, Method::Blur] {
            for before in kinds(w, h, seed) {
                let mut after = before.clone();
                let done = redact(&mut after, &boxes, method);
                prop_assert_eq!(&done.boxes, &rects);
                // The same picture with other ink under the boxes.
                let mut other = before.clone();
                let size = usize::from(other.color().bytes_per_pixel());
                let mut bytes = other.as_bytes().to_vec();
                for (x, y) in (0..h).flat_map(|y| (0..w).map(move |x| (x, y))) {
                    let at = (y * w + x) as usize * size;
                    if rects.iter().any(|r| r.contains(x, y)) {
                        for b in &mut bytes[at..at + size] { *b = b.wrapping_mul(3).wrapping_add(ink); }
                    } else {
                        prop_assert_eq!(pixel(&before, x, y), pixel(&after, x, y));
                    }
                }
                other = rebuild(&other, &bytes);
                redact(&mut other, &boxes, method);
                prop_assert_eq!(&after, &other);
            }
        }
    }

    #[test]
    fn box_parser_never_panics(text in ".{0,60}") {
        let _ = parse_boxes(&text);
    }
}

/// Makes a picture of the same kind with other bytes.
fn rebuild(like: &DynamicImage, bytes: &[u8]) -> DynamicImage {
    let (w, h) = (like.width(), like.height());
    let wide = || {
        bytes
            .chunks_exact(2)
            .map(|c| u16::from_ne_bytes([c[0], c[1]]))
            .collect::<Vec<_>>()
    };
    match like {
        DynamicImage::ImageLuma8(_) => {
            ImageBuffer::from_raw(w, h, bytes.to_vec()).map(DynamicImage::ImageLuma8)
        }
        DynamicImage::ImageLumaA8(_) => {
            ImageBuffer::from_raw(w, h, bytes.to_vec()).map(DynamicImage::ImageLumaA8)
        }
        DynamicImage::ImageRgb8(_) => {
            ImageBuffer::from_raw(w, h, bytes.to_vec()).map(DynamicImage::ImageRgb8)
        }
        DynamicImage::ImageRgba8(_) => {
            ImageBuffer::from_raw(w, h, bytes.to_vec()).map(DynamicImage::ImageRgba8)
        }
        DynamicImage::ImageLuma16(_) => {
            ImageBuffer::from_raw(w, h, wide()).map(DynamicImage::ImageLuma16)
        }
        DynamicImage::ImageLumaA16(_) => {
            ImageBuffer::from_raw(w, h, wide()).map(DynamicImage::ImageLumaA16)
        }
        DynamicImage::ImageRgb16(_) => {
            ImageBuffer::from_raw(w, h, wide()).map(DynamicImage::ImageRgb16)
        }
        _ => ImageBuffer::from_raw(w, h, wide()).map(DynamicImage::ImageRgba16),
    }
    .unwrap()
}
