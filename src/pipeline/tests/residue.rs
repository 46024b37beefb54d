//! Nothing that a viewer does not show reaches the anonymized copy, and the labeled picture keeps
//! what belongs to it.

use image::{DynamicImage, ImageBuffer, Luma, LumaA, Rgb, Rgba};
use jpeg_blocks::markers::{self, segments};
use png::{BitDepth, ColorType, PixelDimensions, ScaledFloat, Unit};

use super::{displayed, run};
use crate::{error::Error, picture::source::Written, pipeline::Outputs};

const BOX: (&str, &str) = ("redact_boxes", "bottom-left 8x8");

fn outputs(bytes: &[u8]) -> Outputs {
    run(bytes, 16, &[BOX], None).0.unwrap()
}

fn copy(bytes: &[u8]) -> Vec<u8> {
    outputs(bytes).anonymized.unwrap().bytes
}

fn png(image: &DynamicImage) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    image.write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}

fn file(name: &str) -> Vec<u8> {
    let root = env!("CARGO_MANIFEST_DIR");
    std::fs::read(format!("{root}/jpeg-blocks/tests/files/{name}.jpg")).unwrap()
}

/// Encodes 160 x 120 pixels of a gray slope, with these parts of a PNG besides.
fn png_with(change: impl FnOnce(&mut png::Info<'_>)) -> Vec<u8> {
    let mut info = png::Info::with_size(160, 120);
    info.color_type = ColorType::Grayscale;
    info.bit_depth = BitDepth::Eight;
    change(&mut info);
    let mut out = Vec::new();
    let encoder = png::Encoder::with_info(&mut out, info).unwrap();
    let mut writer = encoder.write_header().unwrap();
    let levels: Vec<u8> = (0..160 * 120).map(|i| (i % 160) as u8).collect();
    writer.write_image_data(&levels).unwrap();
    writer.finish().unwrap();
    out
}

/// Returns the kinds of the chunks of a PNG.
fn chunks(bytes: &[u8]) -> Vec<String> {
    let mut at = 8;
    let mut kinds = Vec::new();
    while let Some(head) = bytes.get(at..at + 8) {
        kinds.push(String::from_utf8_lossy(&head[4..]).into_owned());
        at += 12 + u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
    }
    kinds
}

/// Reports whether the pixel belongs to a letter of the hidden text.
fn is_ink(x: u32, y: u32) -> bool {
    (60..100).contains(&x) && (40..60).contains(&y) && (x / 4).is_multiple_of(2)
}

#[test]
fn copy_has_no_alpha_and_nothing_of_the_colors_under_it() {
    // The text is in the colors of pixels that are fully transparent, or in the alpha alone.
    let pictures: [(&str, DynamicImage); 5] = [
        (
            "colors of LA",
            ImageBuffer::from_fn(160, 120, |x, y| {
                let level = if is_ink(x, y) { 255u8 } else { 90 };
                LumaA([level, if (50..110).contains(&x) { 0 } else { 255 }])
            })
            .into(),
        ),
        (
            "alpha of LA",
            ImageBuffer::from_fn(160, 120, |x, y| {
                LumaA([200u8, if is_ink(x, y) { 255 } else { 0 }])
            })
            .into(),
        ),
        (
            "half transparent",
            ImageBuffer::from_fn(160, 120, |x, y| {
                Rgba([200u8, 200, 200, if is_ink(x, y) { 128 } else { 40 }])
            })
            .into(),
        ),
        (
            "alpha of RGBA",
            ImageBuffer::from_fn(160, 120, |x, y| {
                Rgba([9u8, 90, 200, if is_ink(x, y) { 255 } else { 0 }])
            })
            .into(),
        ),
        (
            "16 bit RGBA",
            ImageBuffer::from_fn(160, 120, |x, y| {
                Rgba([
                    9u16 << 8,
                    90 << 8,
                    200 << 8,
                    if is_ink(x, y) { 0xFFFF } else { 0 },
                ])
            })
            .into(),
        ),
    ];
    for (name, picture) in pictures {
        let made = outputs(&png(&picture));
        let copied = displayed(&made.anonymized.unwrap().bytes);
        assert!(!copied.color().has_alpha(), "{name}");
        assert_eq!(
            copied.color().bits_per_pixel() / u16::from(copied.color().channel_count()),
            8
        );
        let level = |x, y| copied.to_luma8().get_pixel(x, y).0[0];
        let (ink, ground) = (level(65, 50), level(70, 50));
        if name == "colors of LA" {
            assert_eq!(
                (ink, ground),
                (0, 0),
                "{name}: colors under the alpha are visible"
            );
        } else {
            // What a viewer may show is mixed with black, where the detector sees it too.
            assert!(ink >= ground + 30, "{name}: {ink} {ground}");
        }
        // The labeled picture keeps its kind, and its pixels below the label.
        let labeled = displayed(&made.processed);
        assert_eq!(labeled.color(), picture.color(), "{name}");
        let below = |p: &DynamicImage| p.crop_imm(0, 60, 160, 60);
        assert!(below(&labeled) == below(&picture), "{name}");
    }
}

#[test]
fn transparency_of_a_palette_is_mixed_with_black() {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, 160, 120);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(vec![200; 6]);
    encoder.set_trns(vec![0, 255]);
    let mut writer = encoder.write_header().unwrap();
    let indices: Vec<u8> = (0..160 * 120)
        .map(|i| u8::from(is_ink(i % 160, i / 160)))
        .collect();
    writer.write_image_data(&indices).unwrap();
    writer.finish().unwrap();
    let copied = displayed(&copy(&out)).to_rgb8();
    assert_eq!(
        (copied.get_pixel(65, 50).0, copied.get_pixel(70, 50).0),
        ([200; 3], [0; 3])
    );
}

#[test]
fn text_in_alpha_is_searched_on_black_and_on_white() {
    let picture: DynamicImage = ImageBuffer::from_fn(160, 120, |_, _| LumaA([0u8, 128])).into();
    let settings = [BOX, ("label_size", "8")];
    let (_, given) = super::detected::outputs(&png(&picture), &settings, Some(&|_, _, _| 0.0));
    let seen: Vec<f32> = given
        .iter()
        .map(|input| input.data.to_f32()[3000])
        .collect();
    // Black letters on a transparent ground: invisible on black, half bright on white. The copy is
    // searched as it is stored.
    assert!(seen.len() >= 3 && seen[seen.len() - 1] < 1.0, "{seen:?}");
    assert!(seen.iter().any(|&level| level > 100.0), "{seen:?}");
}

#[test]
fn copies_of_deep_pictures_have_8_bit_and_ignore_low_bytes() {
    let deep = |low: u16| -> DynamicImage {
        ImageBuffer::from_fn(160, 120, |x, y| {
            let ink = if is_ink(x, y) { low } else { 0 };
            Luma([(x as u16) << 8 | ink])
        })
        .into()
    };
    let (plain, written) = (png(&deep(0)), png(&deep(0xFF)));
    assert_ne!(plain, written);
    assert!(copy(&plain) == copy(&written));
    let kinds = chunks(&copy(&plain));
    assert!(
        kinds
            .iter()
            .all(|k| ["IHDR", "IDAT", "IEND"].contains(&&**k)),
        "{kinds:?}"
    );
    assert_eq!(displayed(&copy(&plain)).color(), image::ColorType::L8);
    assert_eq!(
        displayed(&outputs(&plain).processed).color(),
        image::ColorType::L16
    );
}

#[test]
fn gamma_and_density_stay_on_the_labeled_picture_only() {
    let source = png_with(|info| {
        info.source_gamma = Some(ScaledFloat::new(1.0));
        info.pixel_dims = Some(PixelDimensions {
            xppu: 5906,
            yppu: 2953,
            unit: Unit::Meter,
        });
    });
    let made = outputs(&source);
    let read = |bytes: &[u8]| {
        let reader = png::Decoder::new(std::io::Cursor::new(bytes.to_vec()))
            .read_info()
            .unwrap();
        let info = reader.info();
        let density = info.pixel_dims.map(|d| (d.xppu, d.yppu));
        (info.gama_chunk.map(ScaledFloat::into_scaled), density)
    };
    assert_eq!(read(&source), (Some(100_000), Some((5906, 2953))));
    assert_eq!(read(&made.processed), read(&source));
    assert_eq!(read(&made.anonymized.unwrap().bytes), (None, None));
}

#[test]
fn wrong_checksum_of_the_pixels_is_damage() {
    // A stored block, so that only the checksum is wrong.
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, 160, 120);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_compression(png::Compression::NoCompression);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[90; 160 * 120]).unwrap();
    writer.finish().unwrap();
    let at = out.windows(4).position(|w| w == b"IDAT").unwrap();
    let length = u32::from_be_bytes(out[at - 4..at].try_into().unwrap()) as usize;
    let mut broken = out.clone();
    broken[at + 4 + length - 1] ^= 1;
    let checksum = crc32(&broken[at..at + 4 + length]);
    broken[at + 4 + length..at + 8 + length].copy_from_slice(&checksum.to_be_bytes());
    assert!(run(&out, 16, &[BOX], None).0.is_ok());
    let error = run(&broken, 16, &[BOX], None).0.unwrap_err();
    assert!(matches!(error, Error::Damaged(_)), "{error}");
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 }
        })
    })
}

#[test]
fn profile_that_unpacks_to_much_is_dropped() {
    let mut profile = vec![0u8; 200 << 20];
    let length = profile.len() as u32;
    profile[..4].copy_from_slice(&length.to_be_bytes());
    profile[36..40].copy_from_slice(b"acsp");
    let source = png_with(|info| info.icc_profile = Some(profile.into()));
    assert!(source.len() < 4 << 20, "{}", source.len());
    let made = outputs(&source);
    assert!(!chunks(&made.processed).contains(&"iCCP".to_owned()));
    let mut sound = vec![7u8; 1 << 16];
    sound[..4].copy_from_slice(&(1u32 << 16).to_be_bytes());
    sound[36..40].copy_from_slice(b"acsp");
    let source = png_with(|info| info.icc_profile = Some(sound.into()));
    assert!(chunks(&outputs(&source).processed).contains(&"iCCP".to_owned()));
}

/// Adds EXIF segments with these orientations in front of a file's tables.
fn with_exif(bytes: &[u8], orientations: &[u8]) -> Vec<u8> {
    let at = segments(bytes)
        .find(|s| s.marker == markers::DQT)
        .unwrap()
        .range
        .start;
    let mut out = bytes[..at].to_vec();
    for &orientation in orientations {
        let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
        out.extend([0xFF, markers::APP1]);
        out.extend((exif.len() as u16 + 2).to_be_bytes());
        out.extend(exif);
    }
    out.extend(&bytes[at..]);
    out
}

#[test]
fn first_of_two_exif_segments_decides_everywhere() {
    for name in ["gray", "420", "progressive"] {
        for (first, second) in [(1u8, 6u8), (6, 1), (8, 3)] {
            let one = with_exif(&file(name), &[first]);
            let two = with_exif(&file(name), &[first, second]);
            let (one, two) = (outputs(&one), outputs(&two));
            assert_eq!((one.width, one.height), (two.width, two.height), "{name}");
            assert_eq!(one.width < one.height, first >= 5, "{name} {first}");
            assert!(one.processed == two.processed, "{name} {first} {second}");
            let (one, two) = (one.anonymized.unwrap(), two.anonymized.unwrap());
            assert!(one.bytes == two.bytes, "{name} {first} {second}");
            let covered = two.redaction.boxes[0];
            let shown = displayed(&two.bytes).to_luma8();
            let level = shown
                .get_pixel(covered.x + 3, covered.y + covered.height - 4)
                .0[0];
            assert!(level < 3, "{name} {first} {second}: the box is elsewhere");
        }
    }
}

#[test]
fn odd_but_sound_files_are_read() {
    for name in ["gray", "420", "444"] {
        let source = file(name);
        let scan = segments(&source)
            .find(|s| s.marker == markers::SOS)
            .unwrap();
        let mut zeros = source.clone();
        zeros[scan.range.end - 3..scan.range.end].fill(0);
        let mut padded = source[..source.len() - 2].to_vec();
        padded.extend([0, 0, 0xFF, 0xD9]);
        for (kind, odd) in [("header of zeros", zeros), ("zeros before EOI", padded)] {
            assert!(copy(&odd) == copy(&source), "{name}: {kind}");
            assert_eq!(
                outputs(&odd).processed,
                outputs(&source).processed,
                "{name}: {kind}"
            );
        }
    }
}

#[test]
fn brightness_at_half_the_resolution_of_color_is_read() {
    let source = gray_luma_subsampled(150, 115);
    let made = outputs(&source);
    assert_eq!(made.written, Written::Blocks);
    let copy = made.anonymized.unwrap().bytes;
    for bytes in [&made.processed, &copy] {
        let jpeg = jpeg_blocks::Jpeg::parse(bytes, &Default::default()).unwrap();
        assert_eq!((jpeg.width(), jpeg.height()), (150, 115));
    }
}

/// Writes a file of one color with sampling 1x1, 2x2, 2x2, whose blocks are all empty.
fn gray_luma_subsampled(width: usize, height: usize) -> Vec<u8> {
    let mut out = vec![0xFF, markers::SOI];
    let mut segment = |marker: u8, payload: &[u8]| {
        out.extend([0xFF, marker]);
        out.extend((payload.len() as u16 + 2).to_be_bytes());
        out.extend(payload);
    };
    segment(markers::APP0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    segment(markers::DQT, &[&[0u8][..], &[8; 64]].concat());
    let mut frame = vec![8];
    frame.extend((height as u16).to_be_bytes());
    frame.extend((width as u16).to_be_bytes());
    frame.extend([3, 1, 0x11, 0, 2, 0x22, 0, 3, 0x22, 0]);
    segment(markers::SOF0, &frame);
    // One code of one bit each: no difference, end of block.
    for class in [0u8, 0x10] {
        segment(markers::DHT, &[&[class, 1][..], &[0; 15], &[0]].concat());
    }
    segment(markers::SOS, &[3, 1, 0, 2, 0, 3, 0, 0, 63, 0]);
    let mcus = width.div_ceil(16) * height.div_ceil(16);
    let bits = mcus * 9 * 2;
    out.extend(vec![0u8; bits / 8]);
    if !bits.is_multiple_of(8) {
        out.push(0xFF >> (bits % 8));
    }
    out.extend([0xFF, markers::EOI]);
    out
}

#[test]
fn pictures_beyond_the_memory_are_too_large() {
    let picture: DynamicImage =
        ImageBuffer::from_fn(400, 300, |x, y| Rgb([x as u8, y as u8, 0])).into();
    let limited =
        |bytes: &[u8], limit: &str| run(bytes, 16, &[BOX, ("max_memory_picture", limit)], None).0;
    for bytes in [png(&picture), file("420"), file("progressive")] {
        assert!(limited(&bytes, "60000000").is_ok());
        let error = limited(&bytes, "50000000").unwrap_err();
        assert!(
            matches!(
                error,
                Error::TooLarge {
                    limit: 50_000_000,
                    ..
                }
            ),
            "{error}"
        );
        assert!(error.to_string().contains("memory"), "{error}");
    }
}
