//! The pixel modules against Pillow's results and against their promises.

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
use proptest::prelude::*;
use xray::{
    error::Error,
    model::contract::Contract,
    model::predict::tensor,
    picture::annotate::draw_label,
    picture::decode::{Limits, decode},
    picture::redact::{Method, parse_boxes, redact},
};

const LIMITS: Limits = Limits {
    max_bytes: 1 << 22,
    max_pixels: 4_000_000,
};
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/training/pneumonia/fixtures");

fn contract(resize: &str, layout: &str, channels: &str) -> Contract {
    Contract::parse(&format!(
        r#"{{"version":1,"name":"m","model_sha256":"{}","input":{{"name":"x","layout":"{layout}","width":150,"height":150,
        "channels":"{channels}","resize":"{resize}","scale":1,"offset":0}},"output":{{"name":"y","kind":"probability"}}}}"#,
        "0".repeat(64)
    ))
    .unwrap()
}

fn png(image: &DynamicImage) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    image.write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}

fn jpeg(image: &DynamicImage, quality: u8) -> Vec<u8> {
    let mut out = Vec::new();
    image
        .write_with_encoder(image::codecs::jpeg::JpegEncoder::new_with_quality(
            &mut out, quality,
        ))
        .unwrap();
    out
}

/// A slope with an edge in it: smooth enough for JPEG, structured enough to see a shift.
fn scene(width: u32, height: u32) -> GrayImage {
    ImageBuffer::from_fn(width, height, |x, y| {
        Luma([if x > width / 2 {
            (y * 200 / height) as u8
        } else {
            (x * 250 / width) as u8
        }])
    })
}

#[test]
fn resize_agrees_with_pillow_to_one_grey_level() {
    for name in ["grey-640x480", "rgb-1203x877", "grey-160x151"] {
        for (rule, suffix, allowed) in [
            ("box-then-bilinear", "150", 1.0),
            ("nearest", "150.nearest", 0.0),
        ] {
            let source = std::fs::read(format!("{FIXTURES}/{name}.png")).unwrap();
            let want = image::open(format!("{FIXTURES}/{name}.{suffix}.png"))
                .unwrap()
                .to_luma8();
            let got = tensor(
                decode(&source, &LIMITS).unwrap().pixels(),
                &contract(rule, "NHWC", "grey"),
            );
            let worst = got
                .data
                .iter()
                .zip(want.as_raw())
                .map(|(g, &w)| (g - f32::from(w)).abs())
                .fold(0f32, f32::max);
            assert!(worst <= allowed, "{name} {rule}: {worst} levels off");
        }
    }
}

#[test]
fn layouts_and_channel_orders_hold_the_same_values() {
    let picture = ImageBuffer::from_fn(150, 150, |x, y| Rgb([x as u8, y as u8, 7u8]));
    let picture = decode(&png(&picture.into()), &LIMITS).unwrap();
    let nhwc = tensor(picture.pixels(), &contract("nearest", "NHWC", "rgb"));
    let nchw = tensor(picture.pixels(), &contract("nearest", "NCHW", "bgr"));
    assert_eq!(nhwc.dims, [1, 150, 150, 3]);
    assert_eq!(nchw.dims, [1, 3, 150, 150]);
    for (x, y) in [(0usize, 0usize), (149, 3), (40, 149)] {
        let at = y * 150 + x;
        assert_eq!(nhwc.data[at * 3..at * 3 + 3], [x as f32, y as f32, 7.0]);
        assert_eq!(
            [nchw.data[at], nchw.data[22500 + at], nchw.data[45000 + at]],
            [7.0, y as f32, x as f32]
        );
    }
}

#[test]
fn jpeg_is_written_with_the_sources_tables_and_stays_grey() {
    for quality in [50, 75, 92, 100] {
        let source = jpeg(&scene(203, 157).into(), quality);
        let picture = decode(&source, &LIMITS).unwrap();
        let again = decode(&picture.encode().unwrap(), &LIMITS).unwrap();
        assert_eq!(again.pixels().color(), image::ColorType::L8);
        let worst = picture
            .pixels()
            .as_bytes()
            .iter()
            .zip(again.pixels().as_bytes())
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        // With the same tables a second generation moves only what rounding to pixels moved.
        assert!(worst.unwrap() <= 6, "quality {quality}: {worst:?}");
        assert_eq!(
            dqt(&source),
            dqt(&picture.encode().unwrap()),
            "quality {quality}"
        );
    }
}

fn dqt(jpeg: &[u8]) -> Vec<u8> {
    let at = jpeg.windows(2).position(|w| w == [0xFF, 0xDB]).unwrap();
    jpeg[at + 5..at + 69].to_vec()
}

#[test]
fn png_keeps_depth_and_colours() {
    let grey16 = ImageBuffer::from_fn(40, 30, |x, y| Luma([(x * 1600 + y) as u16]));
    let rgba = image::RgbaImage::from_fn(40, 30, |x, y| image::Rgba([x as u8, y as u8, 3, 200]));
    for image in [
        DynamicImage::from(grey16),
        rgba.into(),
        RgbImage::new(9, 9).into(),
    ] {
        let picture = decode(&png(&image), &LIMITS).unwrap();
        assert_eq!(picture.pixels(), &image);
        assert_eq!(
            decode(&picture.encode().unwrap(), &LIMITS)
                .unwrap()
                .pixels(),
            &image
        );
    }
}

#[test]
fn metadata_does_not_survive() {
    let plain = jpeg(&scene(64, 64).into(), 90);
    let mut tagged = plain[..2].to_vec();
    for (marker, text) in [
        (0xE1u8, "Exif\0\0MM\0*\0\0\0\x08\0\0Jane Roe"),
        (0xED, "Photoshop 3.0\0Jane Roe"),
        (0xFE, "Jane Roe"),
    ] {
        tagged.extend([0xFF, marker]);
        tagged.extend((text.len() as u16 + 2).to_be_bytes());
        tagged.extend(text.as_bytes());
    }
    tagged.extend(&plain[2..]);
    tagged.extend(b"Jane Roe after the end");
    let out = decode(&tagged, &LIMITS).unwrap().encode().unwrap();
    assert!(!out.windows(8).any(|w| w == b"Jane Roe"));
}

#[test]
fn orientation_is_applied() {
    let plain = jpeg(&scene(64, 32).into(), 95);
    let upright = decode(&plain, &LIMITS).unwrap();
    let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut turned = plain[..2].to_vec();
    turned.extend([0xFF, 0xE1]);
    turned.extend((exif.len() as u16 + 2).to_be_bytes());
    turned.extend(exif);
    turned.extend(&plain[2..]);
    let turned = decode(&turned, &LIMITS).unwrap();
    assert_eq!(turned.pixels(), &upright.pixels().rotate90());
    let written = decode(&turned.encode().unwrap(), &LIMITS).unwrap();
    assert_eq!(
        (written.pixels().width(), written.pixels().height()),
        (32, 64)
    );
}

#[test]
fn truncated_files_are_refused_and_a_missing_end_marker_is_not() {
    let jpeg = jpeg(&scene(400, 300).into(), 90);
    let png = png(&scene(400, 300).into());
    for share in [3, 10, 30, 50, 70, 90, 97] {
        for (kind, file) in [("JPEG", &jpeg), ("PNG", &png)] {
            let cut = &file[..file.len() * share / 100];
            assert!(decode(cut, &LIMITS).is_err(), "{kind} cut at {share} %");
        }
    }
    assert!(
        decode(&jpeg[..jpeg.len() - 2], &LIMITS).is_ok(),
        "complete scan without EOI"
    );
}

#[test]
fn giants_are_refused_by_their_header() {
    // A header that claims 65000 x 32000 pixels, with next to nothing behind it.
    let mut giant = jpeg(&scene(64, 64).into(), 90);
    let at = giant.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    giant[at + 5..at + 9].copy_from_slice(&[0x7D, 0x00, 0xFD, 0xE8]);
    assert!(matches!(
        decode(&giant, &LIMITS),
        Err(Error::TooLarge { .. })
    ));
    let wide = png(&GrayImage::new(3000, 2000).into());
    assert!(matches!(
        decode(&wide, &LIMITS),
        Err(Error::TooLarge { .. })
    ));
    let heavy = vec![0xFF; LIMITS.max_bytes as usize + 1];
    assert!(matches!(
        decode(&heavy, &LIMITS),
        Err(Error::TooLarge { .. })
    ));
}

#[test]
fn boxes_say_what_is_wrong_with_them() {
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

/// One picture of each kind that a decoder gives.
fn kinds(width: u32, height: u32, seed: u8) -> Vec<DynamicImage> {
    let grey = ImageBuffer::from_fn(width, height, |x, y| Luma([(x * 31 + y * 17) as u8 ^ seed]));
    let grey = DynamicImage::from(grey);
    vec![
        grey.to_luma_alpha8().into(),
        grey.to_rgb8().into(),
        grey.to_rgba8().into(),
        grey.to_luma16().into(),
        grey.to_luma_alpha16().into(),
        grey.to_rgb16().into(),
        grey.to_rgba16().into(),
        grey,
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
    fn no_pixel_outside_the_label_changes(w in 90u32..400, h in 1u32..90, em in 6f32..60.0, seed: u8) {
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
    fn redaction_stays_in_its_boxes_and_forgets_what_was_there(
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
    fn mutated_files_never_panic(at in prop::collection::vec((0usize..4000, any::<u8>()), 1..20), cut in 0usize..4000) {
        for file in [jpeg(&scene(64, 48).into(), 80), png(&scene(64, 48).into())] {
            let mut broken = file.clone();
            for &(i, v) in &at { let i = i % broken.len(); broken[i] = v; }
            broken.truncate(broken.len() - cut % broken.len() / 8);
            if let Ok(picture) = decode(&broken, &LIMITS) {
                let _ = picture.encode();
            }
        }
    }

    #[test]
    fn texts_never_panic(text in ".{0,60}") {
        let _ = parse_boxes(&text);
        let _ = Contract::parse(&text);
    }
}

/// The same kind of picture with other bytes.
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
