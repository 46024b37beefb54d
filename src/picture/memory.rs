//! The memory that a picture needs, counted from its headers before anything is decoded.
//!
//! Each step's buffers are added up as the pipeline holds them at once; `tests/memory.rs` compares
//! the count with what is allocated.

use jpeg_blocks::markers::{SOF0, SOF2, SOS, segments};

use crate::picture::{icc, png::SourceSize, sniff::Format};

/// Tensors, maps and tables of fixed size: a piece of 1536 x 1536 pixels for the text model as
/// bytes, floats and once more for the host, and all that does not grow with the picture.
const FIXED: u64 = 48 << 20;

/// The steps that hold more than the picture itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Work {
    /// Makes an anonymized copy.
    pub(crate) copy: bool,
    /// Searches text on the source and the copy.
    pub(crate) search: bool,
    /// Draws on all pixels of a JPEG, not only on the blocks under the label and the boxes.
    pub(crate) whole: bool,
}

/// Returns the most bytes held at once while the picture is processed. Files whose headers can't be
/// read need none: the decoder refuses them.
pub(crate) fn needed(bytes: &[u8], format: Format, work: Work) -> u64 {
    match format {
        Format::Jpeg => jpeg(bytes, work),
        Format::Png => png(bytes, work),
        // Counted from its attributes by `pipeline/dicom.rs`.
        Format::Dicom => None,
    }
    .unwrap_or(0)
}

/// Bytes that a search of so many views holds beside the picture: the views, and one of them
/// reduced or turned.
fn search(pixels: u64, views: u64) -> u64 {
    pixels * (views + 2)
}

/// Bytes that are kept of such a search until the copy is verified: maps and digests.
fn looks(pixels: u64, views: u64, work: Work) -> u64 {
    if work.search { pixels * views / 3 } else { 0 }
}

fn png(bytes: &[u8], work: Work) -> Option<u64> {
    let header = bytes.get(16..26)?;
    let side = |at: usize| {
        Some(u64::from(u32::from_be_bytes(
            *header.get(at..)?.first_chunk()?,
        )))
    };
    let pixels = side(0)?.checked_mul(side(4)?)?;
    let (depth, kind) = (u64::from(header[8]), header[9]);
    let (packed, mut channels) = match kind {
        0 => (1, 1),
        2 => (3, 3),
        3 => (1, 3),
        4 => (2, 2),
        6 => (4, 4),
        _ => return None,
    };
    let found = chunks(bytes);
    if found.transparency && matches!(kind, 0 | 2 | 3) {
        channels += 1;
    }
    let has_alpha = channels % 2 == 0;
    let colors = if channels > 2 { 3 } else { 1 };
    let wide = if depth == 16 { 2 } else { 1 };
    let raw = pixels * channels * wide;
    let flat = pixels * colors;
    let source = SourceSize {
        file: bytes.len() as u64,
        pixels: (pixels * packed * depth).div_ceil(8),
    };
    let file = source.file + 2 * icc::MAX_BYTES as u64;
    let (processed, copy) = (source.bound(raw), source.bound(flat));

    let is_plain = wide == 1 && !has_alpha;
    // Brightness, and the differences of colors; twice on two grounds.
    let views = if colors == 3 { 2 } else { 1 } * if has_alpha { 2 } else { 1 };
    let mut steps = vec![
        // An orientation turns a second picture.
        raw * if found.exif { 2 } else { 1 },
        // The model's input: the colors in 8 bit, at most.
        raw + flat + pixels,
        raw + processed,
    ];
    if work.search {
        let mixed = if is_plain { 0 } else { flat };
        steps.push(raw + (mixed + pixels * views).max(search(pixels, views)));
    }
    if work.copy {
        steps.extend([raw + flat + copy, raw + copy + processed]);
        if work.search {
            // The stored form of the copy is decoded again.
            let views = if colors == 3 { 2 } else { 1 };
            steps.push(processed + copy + flat + search(pixels, views));
        }
    }
    Some(FIXED + file + looks(pixels, views, work) + steps.into_iter().max()?)
}

struct Chunks {
    transparency: bool,
    exif: bool,
}

/// Finds the chunks before the pixels that change how these are held.
fn chunks(bytes: &[u8]) -> Chunks {
    let mut found = Chunks {
        transparency: false,
        exif: false,
    };
    let mut at = 8usize;
    while let Some([a, b, c, d, kind @ ..]) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        match kind {
            b"IDAT" => break,
            b"tRNS" => found.transparency = true,
            b"eXIf" => found.exif = true,
            _ => {}
        }
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        at = at.saturating_add(length).saturating_add(12);
    }
    found
}

fn jpeg(bytes: &[u8], work: Work) -> Option<u64> {
    let frame = segments(bytes)
        .take_while(|s| s.marker != SOS)
        .find(|s| matches!(s.marker, 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF))?;
    let &[_, h1, h0, w1, w0, count, ref specs @ ..] = frame.payload else {
        return None;
    };
    let side = |high, low| u64::from(u16::from_be_bytes([high, low]));
    let (width, height) = (side(w1, w0), side(h1, h0));
    let pixels = width * height;
    let factors = |spec: &[u8]| {
        (
            u64::from(spec[1] >> 4).max(1),
            u64::from(spec[1] & 15).max(1),
        )
    };
    let all: Vec<(u64, u64)> = specs.chunks_exact(3).map(factors).collect();
    let h_max = all.iter().map(|f| f.0).max()?;
    let v_max = all.iter().map(|f| f.1).max()?;
    let (across, down) = (width.div_ceil(8 * h_max), height.div_ceil(8 * v_max));
    let (mcus, samples) = if count == 1 {
        let blocks = width.div_ceil(8) * height.div_ceil(8);
        (blocks, 64 * blocks)
    } else {
        let blocks: u64 = all.iter().map(|(h, v)| h * v).sum();
        (across * down, 64 * blocks * across * down)
    };
    let is_color = count > 1;
    let is_progressive = frame.marker == SOF2;
    let file = bytes.len() as u64;
    if !matches!(frame.marker, SOF0..=SOF2) {
        // A kind that is decoded and encoded again: the picture, its copy, and the encoder's
        // samples and coefficients at several stages.
        let levels = pixels * if is_color { 3 } else { 1 };
        let again = 2 * levels + 8 * pixels + 2 * samples.saturating_sub(pixels);
        return Some(FIXED + 2 * file + again);
    }

    // The coefficients, or the data without stuffing and its index, per scan and component.
    let held = if is_progressive {
        2 * samples
    } else {
        file + 12 * (mcus + samples / 64)
    } + pixels / 16;
    let levels = pixels * if is_color { 3 } else { 1 };
    // All pixels at once: the decoder's samples and coefficients, and a second picture for an
    // orientation.
    let decoded = if is_color {
        levels + (2 * levels).max(samples + if is_progressive { 2 * samples } else { 0 })
    } else {
        2 * levels
    };
    // Written files are at most a little larger than their source, and a buffer grows by doubling.
    let output = 2 * file + (1 << 16);
    // Symbols that are held while a copy is encoded, as `jpeg-blocks` limits them, with the growth
    // of their buffer.
    let symbols = if work.copy {
        (48 * file).min(12 << 20)
    } else {
        0
    };
    let mut steps = vec![decoded, 3 * output + symbols];
    if work.whole {
        // The picture, a part of it with its new coefficients, and both turned.
        steps.push(decoded.max(3 * levels + 2 * samples));
    }
    if work.search {
        let views = if is_color { 2 } else { 1 };
        steps.push(
            (decoded + pixels)
                .max(levels + views * pixels)
                .max(search(pixels, views)),
        );
    }
    let first = held + steps.into_iter().max()?;
    let mut most = first;
    if work.copy && work.search {
        // The copy is a sequential file, opened while both outputs are held.
        let views = if is_color { 2 } else { 1 };
        let seen = search(pixels, views).max(levels + views * pixels);
        let again = decoded + pixels;
        most = most.max(2 * output + output + 12 * mcus + seen.max(again));
    }
    let views = if is_color { 2 } else { 1 };
    Some(FIXED + file + looks(pixels, views, work) + most)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Work = Work {
        copy: true,
        search: true,
        whole: false,
    };

    fn png_header(width: u32, height: u32, depth: u8, kind: u8) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([depth, kind, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn deeper_and_richer_pictures_need_more() {
        let of = |depth, kind| needed(&png_header(4000, 3000, depth, kind), Format::Png, ALL);
        let ascending = [of(8, 0), of(8, 2), of(16, 2), of(16, 6)];
        assert!(ascending.is_sorted(), "{ascending:?}");
        assert!(ascending[0] < ascending[1] && ascending[1] < ascending[3]);
        // Twelve million pixels of three times two bytes.
        assert!(of(16, 2) > 72_000_000);
        let with_alpha = [
            png_header(4000, 3000, 8, 3),
            b"\0\0\0\0tRNS\0\0\0\0".to_vec(),
        ]
        .concat();
        assert!(needed(&with_alpha, Format::Png, ALL) > of(8, 3));
    }

    #[test]
    fn headers_that_cannot_be_read_need_nothing() {
        for (bytes, format) in [
            (&b"\x89PNG\r\n\x1a\n"[..], Format::Png),
            (&b"\xff\xd8\xff\xe0"[..], Format::Jpeg),
            (&b"\xff\xd8\xff\xc0\0\x04\x08\0"[..], Format::Jpeg),
        ] {
            assert_eq!(needed(bytes, format, ALL), 0, "{format:?}");
        }
    }
}
