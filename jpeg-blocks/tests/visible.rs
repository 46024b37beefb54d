//! `write_visible` writes what a viewer shows and nothing else.

mod samples;

use jpeg_blocks::{
    Jpeg, Keep, Limits, ZIGZAG,
    markers::{self, segments},
};

use samples::{NAME, file, names, parse};

fn visible(bytes: &[u8]) -> Vec<u8> {
    parse(bytes).write_visible(&[]).unwrap()
}

/// Inserts a segment before the first one with this marker.
fn insert(bytes: &[u8], before: u8, marker: u8, payload: &[u8]) -> Vec<u8> {
    let at = segments(bytes)
        .find(|s| s.marker == before)
        .unwrap()
        .range
        .start;
    let mut out = bytes[..at].to_vec();
    out.extend([0xFF, marker]);
    out.extend((payload.len() as u16 + 2).to_be_bytes());
    out.extend(payload);
    out.extend(&bytes[at..]);
    out
}

/// The levels of the visible pixels, row by row.
fn levels(bytes: &[u8]) -> Vec<u8> {
    let jpeg = parse(bytes);
    let pixels = jpeg.read(jpeg.full_area()).unwrap();
    let row = pixels.width * pixels.channels;
    let rows = pixels.data.chunks_exact(row).take(jpeg.height());
    rows.flat_map(|row| row[..jpeg.width() * pixels.channels].to_vec())
        .collect()
}

/// Sets the height in the frame header to all rows that the blocks hold.
fn raise_height(bytes: &[u8]) -> Vec<u8> {
    let jpeg = parse(bytes);
    let rows = jpeg.full_area().height * jpeg.mcu_size().1;
    let frame = segments(bytes)
        .find(|s| (0xC0..=0xC2).contains(&s.marker))
        .unwrap();
    let at = frame.range.end - frame.payload.len() + 1;
    let mut out = bytes.to_vec();
    out[at..at + 2].copy_from_slice(&(rows as u16).to_be_bytes());
    out
}

/// Steps of the first quantization table, in row-major order.
fn steps(bytes: &[u8]) -> [u8; 64] {
    let table = segments(bytes)
        .find(|s| s.marker == markers::DQT)
        .unwrap()
        .payload;
    let mut steps = [0; 64];
    ZIGZAG
        .iter()
        .zip(&table[1..])
        .for_each(|(&place, &step)| steps[usize::from(place)] = step);
    steps
}

#[test]
fn residue_does_not_reach_the_written_file() {
    for name in names() {
        let source = file(name);
        let expected = visible(&source);
        let table: Vec<u8> = [&[3u8][..], &[b'J'; 64]].concat();
        let codes: Vec<u8> = [&[0x13u8, 0, 8][..], &[0; 14], NAME].concat();
        let mut variants = vec![
            ("comment", insert(&source, markers::DQT, markers::COM, NAME)),
            (
                "unused table",
                insert(&source, markers::SOS, markers::DQT, &table),
            ),
            (
                "unused codes",
                insert(&source, markers::SOS, markers::DHT, &codes),
            ),
            ("tail", [&source[..], NAME].concat()),
        ];
        // A table of number 0 that the file's own one replaces.
        let replaced: Vec<u8> = [&[0u8][..], &[b'J'; 64]].concat();
        variants.push((
            "replaced table",
            insert(&source, markers::DQT, markers::DQT, &replaced),
        ));
        if let Some(jfif) = segments(&source).find(|s| s.marker == markers::APP0) {
            let mut other = source.clone();
            // Version, unit and density.
            other[jfif.range.end - 9..jfif.range.end - 2].copy_from_slice(b"\x01\x02\x01JaRo");
            variants.push(("JFIF header", other));
        }
        for (kind, variant) in variants {
            assert_ne!(variant, source, "{name}: {kind}");
            assert!(visible(&variant) == expected, "{name}: {kind}");
        }
        assert!(!expected.windows(NAME.len()).any(|w| w == NAME), "{name}");
    }
}

#[test]
fn kind_of_scans_does_not_reach_the_written_file() {
    for name in ["progressive", "420-progressive", "mozjpeg"] {
        let source = file(name);
        let sequential = parse(&source).write(&[], Keep::Everything).unwrap();
        assert!(visible(&source) == visible(&sequential), "{name}");
    }
    for (name, restarts) in [("gray", "restarts"), ("420", "420-restarts")] {
        let (one, two) = (file(name), file(restarts));
        if levels(&one) == levels(&two) && steps(&one) == steps(&two) {
            assert!(visible(&one) == visible(&two), "{name}");
        }
    }
}

#[test]
fn written_file_has_only_used_tables_and_a_constant_header() {
    for (name, first, tables) in [
        ("gray", markers::APP0, 1),
        ("420", markers::APP0, 2),
        ("rgb", markers::APP14, 1),
        ("cmyk", markers::APP14, 1),
    ] {
        let written = visible(&file(name));
        let found: Vec<u8> = segments(&written).map(|s| s.marker).collect();
        assert_eq!(found[0], first, "{name}");
        let count = |marker| found.iter().filter(|&&m| m == marker).count();
        assert!(
            count(markers::DQT) <= tables.max(2) && count(markers::DQT) > 0,
            "{name}"
        );
        assert_eq!(count(markers::DRI) + count(markers::COM), 0, "{name}");
        assert_eq!(
            parse(&written).color_space(),
            parse(&file(name)).color_space(),
            "{name}"
        );
    }
    assert_eq!(parse(&visible(&file("rotated"))).orientation(), 6);
}

#[test]
fn blocks_inside_keep_their_coefficients() {
    for name in names() {
        let source = file(name);
        let (before, after) = (levels(&source), levels(&visible(&source)));
        let channels = before.len() / (149 * 115);
        let (wide, tall) = parse(&source).mcu_size();
        let (right, bottom) = (149 / wide * wide, 115 / tall * tall);
        for (i, (a, b)) in before.iter().zip(&after).enumerate() {
            let (x, y) = (i / channels % 149, i / channels / 149);
            assert!(x >= right || y >= bottom || a == b, "{name}: {x},{y}");
        }
    }
}

#[test]
fn visible_part_of_edge_blocks_changes_by_at_most_one_step() {
    for name in names() {
        let source = file(name);
        let written = visible(&source);
        let most = levels(&source)
            .iter()
            .zip(levels(&written))
            .map(|(a, b)| a.abs_diff(b))
            .max();
        let step = steps(&source).into_iter().max().unwrap();
        assert!(most.unwrap() <= step, "{name}: {most:?} over {step}");
        // Equal visible samples give equal bytes, so a file that is fitted already stays.
        if levels(&source) == levels(&written) {
            assert!(visible(&written) == written, "{name}");
        }
    }
}

/// Encodes a picture whose lower rows hold writing, and cuts these off in the frame header.
fn with_hidden_rows(quality: u8, sampling: jpeg_encoder::SamplingFactor, color: bool) -> Vec<u8> {
    let (width, height) = (160usize, 112usize);
    let pixels: Vec<u8> = (0..width * height)
        .flat_map(|i| {
            let (x, y) = (i % width, i / width);
            let slope = (x / 2 + y / 2) as u8;
            let level = if y >= 105 && (x / 3).is_multiple_of(2) {
                255
            } else {
                slope
            };
            [level; 3].into_iter().take(if color { 3 } else { 1 })
        })
        .collect();
    let mut out = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut out, quality);
    encoder.set_sampling_factor(sampling);
    let kind = if color {
        jpeg_encoder::ColorType::Rgb
    } else {
        jpeg_encoder::ColorType::Luma
    };
    encoder
        .encode(&pixels, width as u16, height as u16, kind)
        .unwrap();
    let frame = segments(&out).find(|s| s.marker == markers::SOF0).unwrap();
    let at = frame.range.end - frame.payload.len() + 1;
    out[at..at + 2].copy_from_slice(&105u16.to_be_bytes());
    out
}

#[test]
fn hidden_rows_replicate_the_edge() {
    use jpeg_encoder::SamplingFactor::{F_1_1, F_2_2};
    for (quality, sampling, color) in [
        (95, F_1_1, false),
        (75, F_1_1, false),
        (95, F_1_1, true),
        (95, F_2_2, true),
        (60, F_2_2, true),
    ] {
        let source = with_hidden_rows(quality, sampling, color);
        let name = format!("{quality} {sampling:?} {color}");
        let contrast = |bytes: &[u8]| {
            let raised = raise_height(bytes);
            let all = levels(&raised);
            let row = all.len() / parse(&raised).height();
            let edge = &all[104 * row..105 * row];
            let hidden = all[105 * row..].chunks_exact(row);
            let differences = hidden.flat_map(|h| h.iter().zip(edge).map(|(a, b)| a.abs_diff(*b)));
            differences.max().unwrap()
        };
        assert!(contrast(&source) > 90, "{name}: {}", contrast(&source));
        let written = visible(&source);
        let step = steps(&source).into_iter().max().unwrap();
        assert!(
            contrast(&written) <= step.max(4),
            "{name}: {}",
            contrast(&written)
        );
        let changes = levels(&source);
        let changes = changes
            .iter()
            .zip(levels(&written))
            .map(|(a, b)| a.abs_diff(b));
        assert!(changes.max().unwrap() <= step, "{name}");
    }
}

#[test]
fn hidden_blocks_do_not_matter() {
    // With 4:2:0 the last MCU has luma blocks of which nothing is visible.
    let source = file("420");
    let jpeg = parse(&source);
    let whole = jpeg.full_area();
    let last = jpeg_blocks::Area {
        x: whole.width - 1,
        width: 1,
        ..whole
    };
    let mut pixels = jpeg.read(last).unwrap();
    let other = jpeg
        .write(&[jpeg.replace(last, &pixels).unwrap()], Keep::Everything)
        .unwrap();
    for (i, level) in pixels.data.iter_mut().enumerate() {
        let x = i / pixels.channels % pixels.width;
        // Columns 149 to 159 are hidden; 152 to 159 are a block of their own.
        if x >= 8 {
            *level = level.saturating_add(if (i / 7).is_multiple_of(2) { 90 } else { 0 });
        }
    }
    let one = jpeg
        .write(&[jpeg.replace(last, &pixels).unwrap()], Keep::Everything)
        .unwrap();
    assert_ne!(one, other);
    if levels(&one) == levels(&other) {
        assert!(visible(&one) == visible(&other));
    }
}

#[test]
fn sequential_scan_headers_of_zeros_are_read_and_mended() {
    for name in ["gray", "420", "444"] {
        let source = file(name);
        let scan = segments(&source)
            .find(|s| s.marker == markers::SOS)
            .unwrap();
        let mut zeros = source.clone();
        zeros[scan.range.end - 3..scan.range.end].fill(0);
        assert!(visible(&zeros) == visible(&source), "{name}");
        let keep = Keep::Picture { icc: true };
        let mended = parse(&zeros).write(&[], keep).unwrap();
        assert!(mended == parse(&source).write(&[], keep).unwrap(), "{name}");
    }
}

#[test]
fn zero_bytes_before_the_end_are_dropped() {
    for name in ["gray", "420", "progressive", "restarts"] {
        let source = file(name);
        let mut padded = source[..source.len() - 2].to_vec();
        padded.extend([0, 0, 0xFF, 0xD9]);
        assert!(visible(&padded) == visible(&source), "{name}");
        let keep = Keep::Picture { icc: true };
        let written = parse(&padded).write(&[], keep).unwrap();
        assert!(
            written == parse(&source).write(&[], keep).unwrap(),
            "{name}"
        );
        // Other bytes are a sign of damage.
        let mut longer = source[..source.len() - 2].to_vec();
        longer.extend([0, 7, 0xFF, 0xD9]);
        assert!(Jpeg::parse(&longer, &Limits::default()).is_err(), "{name}");
    }
}
