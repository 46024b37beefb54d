//! Reads and edits files of several encoders, and compares the results with another decoder's.

mod samples;

use jpeg_blocks::{Area, ColorSpace, Edit, Error, GrayImage, Jpeg, Keep, Limits, Pixels};
use libjpeg_turbo_rs::{Decoder, PixelFormat};

use samples::{NAME, PROGRESSIVE, file, names, parse};

/// Encodes a file with one scan per component and optimal tables, which Pillow can't write.
fn not_interleaved() -> Vec<u8> {
    let (width, height) = (149u16, 115u16);
    let pixels: Vec<u8> = (0..usize::from(width) * usize::from(height))
        .flat_map(|i| {
            let (x, y) = (i % 149, i / 149);
            [
                (x * 255 / 148) as u8,
                (y * 255 / 114) as u8,
                ((x / 9 + y / 7) % 2 * 200) as u8,
            ]
        })
        .collect();
    let mut out = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut out, 85);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    encoder.set_optimized_huffman_tables(true);
    encoder
        .encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    let scans = out.windows(2).filter(|w| *w == [0xFF, 0xDA]).count();
    assert_eq!(scans, 3, "the encoder interleaved the components");
    out
}

/// Encodes a file with a restart marker after every block, more than a byte can count.
fn many_restarts() -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut out, 85);
    encoder.set_restart_interval(1);
    let pixels: Vec<u8> = (0..149 * 115u32)
        .map(|i| (i % 149 + i / 149) as u8)
        .collect();
    encoder
        .encode(&pixels, 149, 115, jpeg_encoder::ColorType::Luma)
        .unwrap();
    out
}

fn all() -> Vec<(String, Vec<u8>)> {
    names()
        .map(|name| (name.to_owned(), file(name)))
        .chain([
            ("non-interleaved".into(), not_interleaved()),
            ("many restarts".into(), many_restarts()),
        ])
        .collect()
}

/// Decodes with libjpeg-turbo's algorithms. Returns the pixels and the bytes per pixel.
fn decoded(bytes: &[u8]) -> (Vec<u8>, usize) {
    let mut decoder = Decoder::new(bytes).unwrap();
    let format = match decoder.header().components.len() {
        1 => PixelFormat::Grayscale,
        4 => PixelFormat::Cmyk,
        _ => PixelFormat::Rgb,
    };
    decoder.set_output_format(format);
    let image = decoder.decode_image().unwrap();
    assert_eq!((image.width, image.height), (149, 115));
    let channels = image.data.len() / (149 * 115);
    (image.data, channels)
}

#[test]
fn write_without_edits_returns_the_same_file() {
    for (name, bytes) in all() {
        let jpeg = parse(&bytes);
        let again = jpeg.write(&[], Keep::Everything).unwrap();
        if PROGRESSIVE.contains(&name.as_str()) {
            assert_eq!(decoded(&bytes), decoded(&again), "{name}");
            assert_eq!(
                jpeg.read(jpeg.full_area()).unwrap(),
                parse(&again).read(jpeg.full_area()).unwrap(),
                "{name}"
            );
            // The file is sequential now, and stays the same from here on.
            assert_eq!(
                parse(&again).write(&[], Keep::Everything).unwrap(),
                again,
                "{name}"
            );
        } else {
            assert_eq!(again, bytes, "{name}");
        }
    }
}

#[test]
fn gray_pixels_match_libjpeg_exactly() {
    for name in ["gray", "optimized", "restarts", "coarse", "progressive"] {
        let bytes = file(name);
        let jpeg = parse(&bytes);
        assert!(jpeg.is_gray());
        let pixels = jpeg.read(jpeg.full_area()).unwrap();
        let (theirs, _) = decoded(&bytes);
        for (y, row) in theirs.chunks_exact(149).enumerate() {
            assert_eq!(
                &pixels.data[y * pixels.width..][..149],
                row,
                "{name}, row {y}"
            );
        }
    }
}

#[test]
fn color_pixels_match_libjpeg_without_subsampling() {
    for name in ["444", "rgb"] {
        let bytes = file(name);
        let jpeg = parse(&bytes);
        let pixels = jpeg.read(jpeg.full_area()).unwrap();
        let (theirs, _) = decoded(&bytes);
        for (y, row) in theirs.chunks_exact(3 * 149).enumerate() {
            let ours = &pixels.data[3 * y * pixels.width..][..3 * 149];
            assert!(
                ours.iter().zip(row).all(|(a, b)| a.abs_diff(*b) <= 1),
                "{name}, row {y}"
            );
        }
    }
}

#[test]
fn color_spaces_are_detected() {
    for (name, color_space) in [
        ("gray", ColorSpace::Gray),
        ("420", ColorSpace::YCbCr),
        ("rgb", ColorSpace::Rgb),
        ("cmyk", ColorSpace::Cmyk { inverted: true }),
    ] {
        assert_eq!(parse(&file(name)).color_space(), color_space, "{name}");
    }
}

/// Makes the two edits that labeling and redaction need: drawing at the top, and a filled box at
/// the bottom.
fn edits(jpeg: &Jpeg<'_>) -> Vec<Edit> {
    let top = jpeg.area(0, 0, 60, 20).unwrap();
    let mut pixels = jpeg.read(top).unwrap();
    for (i, byte) in pixels.data.iter_mut().enumerate() {
        if (i / pixels.channels).is_multiple_of(7) {
            *byte = 255;
        }
    }
    let bottom = jpeg.area(20, 85, 70, 30).unwrap();
    vec![
        jpeg.replace(top, &pixels).unwrap(),
        jpeg.fill(bottom, [0, 0, 0]),
    ]
}

/// Reports whether a pixel lies in an area or within `margin` of it.
fn near(jpeg: &Jpeg<'_>, area: Area, x: usize, y: usize, margin: usize) -> bool {
    let (wide, tall) = jpeg.mcu_size();
    let within = |at: usize, start: usize, length: usize, of: usize| {
        at + margin >= start * of && at < (start + length) * of + margin
    };
    within(x, area.x, area.width, wide) && within(y, area.y, area.height, tall)
}

#[test]
fn pixels_outside_of_edits_are_unchanged() {
    for (name, bytes) in all() {
        let jpeg = parse(&bytes);
        let edits = edits(&jpeg);
        let edited = jpeg.write(&edits, Keep::Picture { icc: false }).unwrap();
        let (before, channels) = decoded(&bytes);
        let (after, _) = decoded(&edited);
        // With chroma subsampling, a decoder interpolates across the seam.
        let margin = if jpeg.mcu_size() == (8, 8) { 0 } else { 2 };
        let mut changed = 0;
        for (i, (a, b)) in before
            .chunks_exact(channels)
            .zip(after.chunks_exact(channels))
            .enumerate()
        {
            let (x, y) = (i % 149, i / 149);
            if !edits.iter().any(|e| near(&jpeg, e.area(), x, y, margin)) {
                assert_eq!(a, b, "{name} at {x},{y}");
            }
            changed += usize::from(a != b);
            let inside = (40..70).contains(&x) && y >= 100;
            if inside && channels < 4 {
                assert!(
                    b.iter().all(|&v| v < 4),
                    "{name}: not black at {x},{y}: {b:?}"
                );
            }
        }
        assert!(changed > 1500, "{name}: {changed}");
    }
}

#[test]
fn fill_leaves_nothing_of_the_original_content() {
    for (name, bytes) in all() {
        let jpeg = parse(&bytes);
        let secret = jpeg.area(30, 40, 50, 40).unwrap();
        let mut pixels = jpeg.read(secret).unwrap();
        pixels
            .data
            .iter_mut()
            .enumerate()
            .for_each(|(i, v)| *v = (i * i) as u8);
        let other = jpeg
            .write(&[jpeg.replace(secret, &pixels).unwrap()], Keep::Everything)
            .unwrap();
        assert_ne!(other, bytes, "{name}");
        let redact = |bytes: &[u8]| {
            let jpeg = parse(bytes);
            jpeg.write(&[jpeg.fill(secret, [0; 3])], Keep::Picture { icc: false })
                .unwrap()
        };
        let (one, two) = (redact(&bytes), redact(&other));
        if redact(&one) == one && redact(&two) == two && one.len() != two.len() {
            // The edit needed new tables, which remain: the scans differ, the coefficients don't.
            let (one, two) = (parse(&one), parse(&two));
            assert_eq!(
                one.read(one.full_area()).unwrap(),
                two.read(two.full_area()).unwrap(),
                "{name}"
            );
        } else {
            assert_eq!(one, two, "{name}");
        }
    }
}

#[test]
fn reduced_levels_are_means_of_pixels() {
    for (name, bytes) in all() {
        let jpeg = parse(&bytes);
        if !jpeg.is_gray() {
            assert_eq!(jpeg.reduced(4), None, "{name}");
            continue;
        }
        let (pixels, _) = decoded(&bytes);
        for factor in [1usize, 2, 4, 8] {
            let ours = jpeg.reduced(factor).unwrap();
            assert_eq!(
                (ours.width, ours.height),
                (149usize.div_ceil(factor), 115usize.div_ceil(factor))
            );
            for (i, &level) in ours.levels.iter().enumerate() {
                let (x, y) = (i % ours.width * factor, i / ours.width * factor);
                let (right, bottom) = ((x + factor).min(149), (y + factor).min(115));
                let mut sum = 0;
                (y..bottom)
                    .for_each(|y| (x..right).for_each(|x| sum += usize::from(pixels[149 * y + x])));
                let mean = sum as f64 / ((right - x) * (bottom - y)) as f64;
                assert!(
                    (f64::from(level) - mean).abs() <= 1.01,
                    "{name} 1/{factor} at {i}: {level} {mean}"
                );
            }
        }
        assert_eq!(jpeg.reduced(3), None);
    }
}

#[test]
fn pixels_parsed_at_once_are_those_of_a_second_reading() {
    for (name, bytes) in all() {
        let (parsed, whole) = (
            parse(&bytes),
            Jpeg::parse_pixels(&bytes, &Limits::default()).unwrap(),
        );
        assert_eq!(parsed.is_gray(), whole.is_gray(), "{name}");
        assert_eq!(parsed.reduced(1), whole.reduced(1), "{name}");
        let area = parsed.full_area();
        assert_eq!(parsed.read(area), whole.read(area), "{name}");
        for factor in [2, 4, 8] {
            let (a, b) = (parsed.reduced(factor), whole.reduced(factor));
            let levels = |image: Option<GrayImage>| image.map_or(Vec::new(), |i| i.levels);
            let (a, b) = (levels(a), levels(b));
            assert_eq!(a.len(), b.len(), "{name} 1/{factor}");
            let close = a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= 1);
            assert!(close, "{name} 1/{factor}");
        }
    }
}

#[test]
fn keep_picture_drops_all_other_metadata() {
    let bytes = file("rotated");
    let jpeg = parse(&bytes);
    assert_eq!(jpeg.orientation(), 6);
    let contains = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|w| w == text);
    assert!(contains(&bytes, NAME));
    let mut with_tail = bytes.clone();
    with_tail.extend(NAME);
    let kept = parse(&with_tail)
        .write(&[], Keep::Picture { icc: true })
        .unwrap();
    assert!(!contains(&kept, NAME));
    assert_eq!(parse(&kept).orientation(), 6);
    // JFIF's density, at offset 13: dots per inch, 300 x 300.
    assert_eq!(kept[13..18], [1, 1, 44, 1, 44]);
    assert_eq!(kept[18..20], [0, 0], "no thumbnail");
    assert_eq!(decoded(&kept), decoded(&bytes));
    assert_eq!(
        parse(&with_tail).write(&[], Keep::Everything).unwrap(),
        with_tail
    );
}

#[test]
fn edit_with_a_symbol_missing_from_the_tables_gets_new_tables() {
    for restarts in [0, 1, 7] {
        check_new_tables(restarts);
    }
}

fn check_new_tables(restarts: u16) {
    // The optimal tables of a uniform picture have codes for few symbols.
    let mut smooth = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut smooth, 90);
    encoder.set_optimized_huffman_tables(true);
    encoder.set_restart_interval(restarts);
    encoder
        .encode(&[90; 149 * 115], 149, 115, jpeg_encoder::ColorType::Luma)
        .unwrap();
    let jpeg = parse(&smooth);
    let area = jpeg.area(16, 16, 40, 40).unwrap();
    let mut pixels = jpeg.read(area).unwrap();
    pixels
        .data
        .iter_mut()
        .enumerate()
        .for_each(|(i, v)| *v = (i * 37) as u8);
    let edited = jpeg
        .write(&[jpeg.replace(area, &pixels).unwrap()], Keep::Everything)
        .unwrap();
    let (after, _) = decoded(&edited);
    let (before, _) = decoded(&smooth);
    for (i, (a, b)) in before.iter().zip(&after).enumerate() {
        assert!(near(&jpeg, area, i % 149, i / 149, 0) || a == b);
    }
    assert!(before.iter().zip(&after).filter(|(a, b)| a != b).count() > 1000);
}

#[test]
fn missing_end_marker_is_tolerated_and_truncated_scan_is_not() {
    for (name, bytes) in all() {
        let whole = &bytes[..bytes.len() - 2];
        let parsed = Jpeg::parse(whole, &Limits::default());
        assert_eq!(
            parsed.unwrap().write(&[], Keep::Everything),
            parse(&bytes).write(&[], Keep::Everything),
            "{name}"
        );
        for cut in [3, 40, bytes.len() / 2] {
            let short = &bytes[..bytes.len() - 2 - cut];
            assert!(
                Jpeg::parse(short, &Limits::default()).is_err(),
                "{name} without its last {cut} bytes"
            );
        }
    }
}

#[test]
fn unsupported_and_oversized_files_are_rejected_by_name() {
    let check = |bytes: &[u8], limits: Limits| Jpeg::parse(bytes, &limits).map(|_| ()).unwrap_err();
    let gray = file("gray");
    assert_eq!(check(b"\x89PNG", Limits::default()), Error::NotJpeg);
    let few = Limits {
        max_pixels: 149 * 115 - 1,
        ..Limits::default()
    };
    assert_eq!(check(&gray, few), Error::TooLarge);
    let one_scan = Limits {
        max_scans: 1,
        ..Limits::default()
    };
    assert!(matches!(
        check(&file("progressive"), one_scan),
        Error::Damaged(_)
    ));
    let sof = gray.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    for (marker, word) in [
        (0xC9, "arithmetic"),
        (0xC3, "lossless"),
        (0xC5, "hierarchical"),
    ] {
        let mut other = gray.clone();
        other[sof + 1] = marker;
        assert!(check(&other, Limits::default()).to_string().contains(word));
    }
    let mut deep = gray.clone();
    deep[sof + 4] = 12;
    assert!(
        check(&deep, Limits::default())
            .to_string()
            .contains("more than 8 bits")
    );
}

#[test]
fn edits_that_do_not_fit_are_rejected() {
    let (gray_bytes, color_bytes) = (file("gray"), file("420"));
    let (gray, color) = (parse(&gray_bytes), parse(&color_bytes));
    let area = gray.area(0, 0, 10, 10).unwrap();
    assert_eq!(gray.area(149, 0, 5, 5), None);
    assert_eq!(gray.area(3, 3, 0, 5), None);
    assert_eq!(
        gray.area(140, 110, usize::MAX, usize::MAX),
        Some(Area {
            x: 17,
            y: 13,
            width: 2,
            height: 2
        })
    );
    let outside = Area {
        x: 18,
        y: 0,
        width: 2,
        height: 1,
    };
    assert_eq!(gray.read(outside), Err(Error::Edit));
    assert_eq!(
        gray.write(&[gray.fill(outside, [0; 3])], Keep::Everything),
        Err(Error::Edit)
    );
    assert_eq!(
        color.write(&[gray.fill(area, [0; 3])], Keep::Everything),
        Err(Error::Edit)
    );
    let small = Pixels {
        width: 8,
        height: 8,
        channels: 1,
        data: vec![0; 64],
    };
    assert!(gray.replace(area, &small).is_err());
}
