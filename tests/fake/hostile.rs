//! DICOM objects that are made to exhaust a reader, and sound ones to mutate.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::Write as _;

use jpeg2000_lossless::{Format, encode};
use libjpeg_turbo_rs::{Encoder, PixelFormat, Subsampling, precision};

#[path = "dicom.rs"]
pub mod object;

/// A name and a file.
pub type Named = (&'static str, Vec<u8>);

const DEFLATED: &[u8] = b"1.2.840.10008.1.2.1.99";
const RLE: &[u8] = b"1.2.840.10008.1.2.5";
const BASELINE: &[u8] = b"1.2.840.10008.1.2.4.50";
const EXTENDED: &[u8] = b"1.2.840.10008.1.2.4.51";
const LOSSLESS: &[u8] = b"1.2.840.10008.1.2.4.57";
const FIRST_ORDER: &[u8] = b"1.2.840.10008.1.2.4.70";
const JPEG_2000: &[u8] = b"1.2.840.10008.1.2.4.90";

/// Sides of the sound objects.
pub const SIZE: (u16, u16) = (96, 64);

fn sample(x: u32, y: u32) -> u16 {
    ((x * 37 + y * 11) ^ (x * y)) as u16 & 0xFFF
}

fn samples((width, height): (u16, u16)) -> Vec<u16> {
    let (width, height) = (u32::from(width), u32::from(height));
    (0..width * height)
        .map(|i| sample(i % width, i / width))
        .collect()
}

/// Literal runs of at most 128 bytes, a segment for each byte of a sample.
fn rle(samples: &[u16]) -> Vec<u8> {
    let mut stream = vec![0; 64];
    stream[0] = 2;
    for (at, shift) in [(4, 8), (8, 0)] {
        let start = stream.len() as u32;
        stream[at..at + 4].copy_from_slice(&start.to_le_bytes());
        let plane: Vec<u8> = samples.iter().map(|s| (s >> shift) as u8).collect();
        for run in plane.chunks(128) {
            stream.push(run.len() as u8 - 1);
            stream.extend(run);
        }
        stream.resize(stream.len().next_multiple_of(2), 0);
    }
    stream
}

fn baseline((width, height): (u16, u16)) -> Vec<u8> {
    let levels: Vec<u8> = samples((width, height))
        .iter()
        .map(|s| (s >> 4) as u8)
        .collect();
    let (width, height) = (usize::from(width), usize::from(height));
    let encoder = Encoder::new(&levels, width, height, PixelFormat::Grayscale);
    encoder.quality(90).encode().unwrap()
}

fn extended((width, height): (u16, u16)) -> Vec<u8> {
    let levels: Vec<i16> = samples((width, height)).iter().map(|s| *s as i16).collect();
    let (width, height) = (usize::from(width), usize::from(height));
    precision::compress_12bit(&levels, width, height, 1, 90, Subsampling::S444).unwrap()
}

fn lossless(size: (u16, u16)) -> Vec<u8> {
    let (width, height) = (usize::from(size.0), usize::from(size.1));
    precision::compress_lossless_arbitrary(&samples(size), width, height, 1, 12, 1, 0).unwrap()
}

fn jpeg_2000(size: (u16, u16)) -> Vec<u8> {
    let format = Format {
        width: size.0.into(),
        height: size.1.into(),
        bits: 12,
        is_signed: false,
    };
    encode(samples(size).into_iter().map(i32::from).collect(), &format).unwrap()
}

/// Returns an object whose data set is deflated, of these bytes over and over.
fn deflated(head: &[u8], again: &[u8], times: usize) -> Vec<u8> {
    let whole = object::header(SIZE.0, SIZE.1, 12, "003Y", DEFLATED);
    // The meta information ends before the SOP class.
    let at = whole
        .windows(6)
        .position(|w| w == b"\x08\0\x16\0UI")
        .unwrap();
    let (meta, data) = whole.split_at(at);
    let level = flate2::Compression::fast();
    let mut encoder = flate2::write::DeflateEncoder::new(meta.to_vec(), level);
    encoder.write_all(data).unwrap();
    encoder.write_all(head).unwrap();
    for _ in 0..times {
        encoder.write_all(again).unwrap();
    }
    encoder.finish().unwrap()
}

/// Returns sound objects in compressed syntaxes.
pub fn sound() -> Vec<Named> {
    let (width, height) = SIZE;
    let of = |syntax, stream: Vec<u8>| object::compressed(width, height, syntax, &stream);
    let pixels: Vec<u8> = samples(SIZE).iter().flat_map(|s| s.to_le_bytes()).collect();
    let mut element = b"\xE0\x7F\x10\0OW\0\0".to_vec();
    element.extend((pixels.len() as u32).to_le_bytes());
    vec![
        ("deflated", deflated(&element, &pixels, 1)),
        ("RLE", of(RLE, rle(&samples(SIZE)))),
        (
            "JPEG Baseline",
            object::compressed_bits(width, height, 8, BASELINE, &baseline(SIZE)),
        ),
        ("JPEG Extended", of(EXTENDED, extended(SIZE))),
        ("JPEG Lossless", of(LOSSLESS, lossless(SIZE))),
        (
            "JPEG Lossless, first order",
            of(FIRST_ORDER, lossless(SIZE)),
        ),
        ("JPEG 2000", of(JPEG_2000, jpeg_2000(SIZE))),
    ]
}

/// Returns the place behind a marker of a stream.
fn behind(stream: &[u8], marker: [u8; 2]) -> usize {
    stream
        .windows(2)
        .position(|w| w == marker)
        .expect("a marker")
        + 2
}

/// Returns a JPEG with another frame header, of this size, before or behind its own.
fn two_frames(stream: &[u8], frame: u8, side: u16, is_first: bool) -> Vec<u8> {
    let from = behind(stream, [0xFF, frame]) - 2;
    let length = usize::from(u16::from_be_bytes([stream[from + 2], stream[from + 3]]));
    let to = from + 2 + length;
    let mut other = stream[from..to].to_vec();
    other[5..7].copy_from_slice(&side.to_be_bytes());
    other[7..9].copy_from_slice(&side.to_be_bytes());
    let at = if is_first { from } else { to };
    [&stream[..at], &other, &stream[at..]].concat()
}

/// Returns a JPEG whose frame header says another size.
fn other_frame(stream: &[u8], frame: u8, side: u16) -> Vec<u8> {
    let mut stream = stream.to_vec();
    let at = behind(&stream, [0xFF, frame]) + 3;
    stream[at..at + 2].copy_from_slice(&side.to_be_bytes());
    stream[at + 2..at + 4].copy_from_slice(&side.to_be_bytes());
    stream
}

/// Returns a codestream with other numbers in its segment SIZ: 32 bit each, from the width on.
fn other_size(stream: &[u8], changes: &[(usize, u32)]) -> Vec<u8> {
    let mut stream = stream.to_vec();
    for (number, value) in changes {
        let at = 8 + 4 * number;
        stream[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
    stream
}

/// Returns a codestream whose coding style has other levels, or precincts of the least size.
fn other_style(stream: &[u8], levels: u8, has_precincts: bool) -> Vec<u8> {
    let mut stream = stream.to_vec();
    let at = behind(&stream, [0xFF, 0x52]);
    let length = u16::from_be_bytes([stream[at], stream[at + 1]]);
    stream[at + 7] = levels;
    if has_precincts {
        stream[at + 2] |= 1;
        let sizes = vec![0x11; usize::from(levels) + 1];
        stream[at..at + 2].copy_from_slice(&(length + sizes.len() as u16).to_be_bytes());
        let end = at + usize::from(length);
        stream.splice(end..end, sizes);
    }
    stream
}

/// Returns a codestream with least precincts in the header of its tile only.
fn style_in_tile(stream: &[u8]) -> Vec<u8> {
    let other = other_style(stream, 5, true);
    let at = behind(&other, [0xFF, 0x52]) - 2;
    let length = usize::from(u16::from_be_bytes([other[at + 2], other[at + 3]])) + 2;
    let style = other[at..at + length].to_vec();
    let mut stream = stream.to_vec();
    let tile = behind(&stream, [0xFF, 0x90]);
    let part = &stream[tile + 4..tile + 8];
    let part = u32::from_be_bytes(part.try_into().unwrap()) + length as u32;
    stream[tile + 4..tile + 8].copy_from_slice(&part.to_be_bytes());
    stream.splice(tile + 10..tile + 10, style);
    stream
}

/// Returns a codestream with code-blocks of four by four samples.
fn tiny_blocks(stream: &[u8]) -> Vec<u8> {
    let mut stream = stream.to_vec();
    let at = behind(&stream, [0xFF, 0x52]);
    stream[at + 8..at + 10].copy_from_slice(&[0, 0]);
    stream
}

/// Returns objects that have to be refused.
pub fn bombs() -> Vec<Named> {
    static EMPTY: [u8; 1 << 16] = [0; 1 << 16];
    let large = (1000, 1000);
    let of = |syntax, stream: Vec<u8>| object::compressed(large.0, large.1, syntax, &stream);
    let native = object::header(large.0, large.1, 12, "003Y", b"1.2.840.10008.1.2.1");
    let with = |rest: &[u8]| [&native[..], rest].concat();
    let private = b"\xE1\x7F\x10\0OB\0\0\xF0\xFF\xFF\xFF";
    let nested = b"\x08\0\x15\x11SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\xFF\xFF\xFF\xFF";
    let (jpeg, jpeg_12, lossless, jpeg_2000) = (
        baseline(large),
        extended(large),
        lossless(large),
        jpeg_2000(large),
    );
    let of_8 = |stream: Vec<u8>| object::compressed_bits(large.0, large.1, 8, BASELINE, &stream);
    let mut short_rle = vec![0; 64];
    short_rle[0] = 2;
    short_rle[4..8].copy_from_slice(&64u32.to_le_bytes());
    short_rle[8..12].copy_from_slice(&66u32.to_le_bytes());
    short_rle.extend([0x81, 7, 0x81, 7]);
    vec![
        // 512 MiB of nothing, behind a data set and within an element.
        ("deflate bomb", deflated(&[], &EMPTY, 1 << 13)),
        (
            "deflate bomb in a value",
            deflated(private, &EMPTY, 1 << 13),
        ),
        ("value without an end", with(private)),
        (
            "pixels that are not there",
            with(b"\xE0\x7F\x10\0OW\0\0\xFE\xFF\xFF\xFF"),
        ),
        ("sequences 100,000 deep", with(&nested.repeat(100_000))),
        (
            "million empty fragments",
            with(
                &[
                    &b"\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF"[..],
                    &b"\xFE\xFF\0\xE0\0\0\0\0".repeat(1_000_000),
                ]
                .concat(),
            ),
        ),
        (
            "four gigapixels",
            object::compressed(65_535, 65_535, RLE, &rle(&samples(SIZE))),
        ),
        ("RLE of two bytes", of(RLE, short_rle)),
        (
            "JPEG of another size",
            of_8(other_frame(&jpeg, 0xC0, 65_500)),
        ),
        (
            "JPEG with a larger frame before",
            of_8(two_frames(&jpeg, 0xC0, 40_000, true)),
        ),
        (
            "JPEG with a larger frame behind",
            of_8(two_frames(&jpeg, 0xC0, 40_000, false)),
        ),
        (
            "JPEG with 12 bit and a larger frame before",
            of(EXTENDED, two_frames(&jpeg_12, 0xC1, 40_000, true)),
        ),
        (
            "JPEG with 12 bit and a larger frame behind",
            of(EXTENDED, two_frames(&jpeg_12, 0xC1, 40_000, false)),
        ),
        (
            "lossless JPEG of another size",
            of(LOSSLESS, other_frame(&lossless, 0xC3, 40_000)),
        ),
        (
            "lossless JPEG with a larger frame before",
            of(FIRST_ORDER, two_frames(&lossless, 0xC3, 40_000, true)),
        ),
        (
            "lossless JPEG with a larger frame behind",
            of(FIRST_ORDER, two_frames(&lossless, 0xC3, 40_000, false)),
        ),
        (
            "JPEG 2000 of another size",
            of(
                JPEG_2000,
                other_size(&jpeg_2000, &[(0, 1 << 30), (1, 1 << 30)]),
            ),
        ),
        (
            "JPEG 2000 of a million tiles",
            of(JPEG_2000, other_size(&jpeg_2000, &[(4, 1), (5, 1)])),
        ),
        (
            "JPEG 2000 with precincts of four samples",
            of(JPEG_2000, other_style(&jpeg_2000, 5, true)),
        ),
        (
            "JPEG 2000 with such precincts in its tile",
            of(JPEG_2000, style_in_tile(&jpeg_2000)),
        ),
        (
            "JPEG 2000 with code-blocks of 16 samples",
            of(JPEG_2000, tiny_blocks(&jpeg_2000)),
        ),
        (
            "JPEG 2000 with 32 levels of the least precincts",
            of(JPEG_2000, other_style(&jpeg_2000, 32, true)),
        ),
    ]
}
