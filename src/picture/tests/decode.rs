//! Decoding and encoding.

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, RgbImage};
use proptest::prelude::*;

use super::{LIMITS, jpeg, png, scene};
use crate::{error::Error, picture::decode::decode};

#[test]
fn jpeg_keeps_the_tables_and_stays_gray() {
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
        // With the same tables a second generation changes only values that rounding to pixels had
        // changed.
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
fn png_keeps_depth_and_colors() {
    let gray16 = ImageBuffer::from_fn(40, 30, |x, y| Luma([(x * 1600 + y) as u16]));
    let rgba = image::RgbaImage::from_fn(40, 30, |x, y| image::Rgba([x as u8, y as u8, 3, 200]));
    for image in [
        DynamicImage::from(gray16),
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
fn metadata_is_dropped() {
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
fn truncated_files_are_rejected_but_not_a_missing_end_marker() {
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
fn giants_are_rejected_by_their_header() {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

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
}
