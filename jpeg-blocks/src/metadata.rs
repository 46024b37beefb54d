//! Metadata segments: reading them, and filtering them for the written file.

use crate::{
    color::ColorSpace,
    markers::{self, Segment},
};

/// Choice of the metadata that a written file keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All metadata segments, and any data after the end of the picture.
    Everything,
    /// Only the metadata needed to display the picture correctly: the pixel density (without a
    /// thumbnail), Adobe's color transform, the orientation (in an EXIF segment with nothing else)
    /// and optionally the color profile.
    Picture {
        /// Keeps the ICC color profile. Profiles contain texts of their makers.
        icc: bool,
    },
}

/// EXIF orientation (tag 0x0112): 1 displays the stored picture unchanged, 2 to 8 mirrored or
/// rotated.
pub type Orientation = u8;

const EXIF: &[u8] = b"Exif\0\0";
const JFIF: &[u8] = b"JFIF\0";
const ICC: &[u8] = b"ICC_PROFILE\0";

/// Returns the color transform of an Adobe segment, or `None` for any other segment.
pub(crate) fn adobe_transform(segment: &Segment<'_>) -> Option<u8> {
    let named = segment.marker == markers::APP14 && segment.payload.starts_with(b"Adobe");
    named.then(|| segment.payload.get(11).copied()).flatten()
}

pub(crate) fn is_jfif(segment: &Segment<'_>) -> bool {
    segment.marker == markers::APP0 && segment.payload.starts_with(JFIF)
}

/// Reports whether a decoder can do without a segment: those of applications and people, and those
/// that the standard reserves.
pub(crate) fn is_metadata(marker: u8) -> bool {
    !matches!(
        marker,
        markers::SOF0..=markers::SOF2 | markers::DHT | markers::SOS | markers::DQT | markers::DRI
    )
}

/// Returns the segment to write in place of this metadata segment, if any.
pub(crate) fn filtered(segment: &Segment<'_>, keep: Keep) -> Option<Vec<u8>> {
    let payload = segment.payload;
    let payload = match keep {
        Keep::Everything => payload.to_vec(),
        Keep::Picture { icc } => {
            if is_jfif(segment) && payload.len() >= 12 {
                // Keeps version, unit and density, but no thumbnail.
                [&payload[..12], &[0, 0]].concat()
            } else if adobe_transform(segment).is_some() {
                payload[..12].to_vec()
            } else if icc && segment.marker == markers::APP2 && payload.starts_with(ICC) {
                payload.to_vec()
            } else {
                return None;
            }
        }
    };
    Some(segment_bytes(segment.marker, &payload))
}

/// Serializes a segment. The payload must fit its 16-bit length, as one read from a file does.
pub(crate) fn segment_bytes(marker: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0xFF, marker];
    out.extend((payload.len() as u16 + 2).to_be_bytes());
    out.extend(payload);
    out
}

/// Returns the one constant segment that tells a decoder the color space of components numbered
/// from 1, if it needs any.
pub(crate) fn color_header(space: ColorSpace) -> Vec<u8> {
    let adobe = |transform| {
        let payload = [&b"Adobe\0\x64\0\0\0\0"[..], &[transform]].concat();
        segment_bytes(markers::APP14, &payload)
    };
    match space {
        // Version 1.01, no unit, density 1:1, no thumbnail.
        ColorSpace::Gray | ColorSpace::YCbCr => {
            segment_bytes(markers::APP0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")
        }
        ColorSpace::Rgb | ColorSpace::Cmyk { inverted: true } => adobe(0),
        ColorSpace::Ycck { .. } => adobe(2),
        ColorSpace::Cmyk { inverted: false } => Vec::new(),
    }
}

/// Builds an EXIF segment that contains the orientation and nothing else.
pub(crate) fn orientation_only(orientation: Orientation) -> Vec<u8> {
    let mut exif = EXIF.to_vec();
    exif.extend(b"MM\0\x2A\0\0\0\x08");
    // One entry: tag, type SHORT, count 1, left-aligned value. No further directory.
    exif.extend([0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    exif.extend([0; 4]);
    segment_bytes(markers::APP1, &exif)
}

/// Returns the orientation in an EXIF segment, 1 if it gives none, or `None` for any other segment.
pub(crate) fn orientation(segment: &Segment<'_>) -> Option<Orientation> {
    let tiff = segment
        .payload
        .strip_prefix(EXIF)
        .filter(|_| segment.marker == markers::APP1)?;
    Some(tiff_orientation(tiff).unwrap_or(1))
}

/// Returns the EXIF orientation of any JPEG file, also of the kinds that this crate can't edit. The
/// first EXIF segment decides, even if it gives none.
pub fn exif_orientation(bytes: &[u8]) -> Orientation {
    markers::segments(bytes)
        .find_map(|segment| orientation(&segment))
        .unwrap_or(1)
}

fn tiff_orientation(tiff: &[u8]) -> Option<Orientation> {
    let big = match tiff.get(..4)? {
        b"MM\0\x2A" => true,
        b"II\x2A\0" => false,
        _ => return None,
    };
    let short = |at: usize| -> Option<u16> {
        let b = tiff.get(at..at.checked_add(2)?)?;
        let b = [b[0], b[1]];
        Some(if big {
            u16::from_be_bytes(b)
        } else {
            u16::from_le_bytes(b)
        })
    };
    let long = |at: usize| -> Option<usize> {
        let (a, b) = (u32::from(short(at)?), u32::from(short(at + 2)?));
        usize::try_from(if big { a << 16 | b } else { b << 16 | a }).ok()
    };
    let directory = long(4)?;
    let entries = usize::from(short(directory)?);
    (0..entries)
        .map_while(|i| directory.checked_add(2 + 12 * i))
        .find(|&at| short(at) == Some(0x0112) && short(at + 2) == Some(3))
        .and_then(|at| short(at + 8))
        .and_then(|v| u8::try_from(v).ok())
        .filter(|v| (1..=8).contains(v))
}

/// Joins the parts of the color profile in the order of their numbers. Returns `None` when there is
/// no profile or a part of it is missing.
pub(crate) fn icc<'a>(segments: impl Iterator<Item = Segment<'a>>) -> Option<Vec<u8>> {
    let mut parts: Vec<(u8, u8, &[u8])> = segments
        .filter(|s| s.marker == markers::APP2)
        .filter_map(|s| s.payload.strip_prefix(ICC))
        .filter_map(|p| Some((*p.first()?, *p.get(1)?, p.get(2..)?)))
        .collect();
    parts.sort_by_key(|part| part.0);
    let whole = parts
        .iter()
        .enumerate()
        .all(|(i, part)| usize::from(part.0) == i + 1 && usize::from(part.1) == parts.len());
    (whole && !parts.is_empty()).then(|| parts.iter().flat_map(|part| part.2).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app1(payload: &[u8]) -> Segment<'_> {
        Segment {
            marker: markers::APP1,
            payload,
            range: 0..4 + payload.len(),
        }
    }

    #[test]
    fn orientation_round_trips() {
        for expected in 1..=8 {
            let bytes = orientation_only(expected);
            let read = Segment::read(&bytes, 0).unwrap();
            assert_eq!(orientation(&read), Some(expected));
            assert_eq!(read.range, 0..bytes.len());
        }
    }

    #[test]
    fn first_exif_segment_decides() {
        for (first, second) in [(1, 6), (6, 1), (3, 8)] {
            let file = [
                vec![0xFF, markers::SOI],
                orientation_only(first),
                orientation_only(second),
            ];
            assert_eq!(exif_orientation(&file.concat()), first);
        }
        let without_tag = segment_bytes(markers::APP1, b"Exif\0\0MM\0\x2A\0\0\0\x08\0\0");
        let file = [vec![0xFF, markers::SOI], without_tag, orientation_only(6)];
        assert_eq!(exif_orientation(&file.concat()), 1);
        assert_eq!(exif_orientation(&[0xFF, markers::SOI]), 1);
    }

    #[test]
    fn truncated_exif_has_no_other_orientation() {
        let whole = orientation_only(6);
        for length in 4..whole.len() {
            let read = orientation(&app1(&whole[4..length]));
            // A segment without the whole EXIF header is of another kind.
            assert!(matches!(read, None | Some(1 | 6)), "{read:?}");
        }
        let offset_beyond_end = b"Exif\0\0II\x2A\0\xFF\xFF\xFF\xFF";
        assert_eq!(orientation(&app1(offset_beyond_end)), Some(1));
    }
}
