//! What a file says besides its picture, and what of it is kept.

use crate::segments::Segment;

/// What is kept of the segments that are not the picture itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All of them, and what stands after the picture's end.
    Everything,
    /// Only what is needed to show the picture right: the pixel density (without a thumbnail), how colours are coded, the
    /// orientation (in an EXIF segment that holds nothing else) and, where wanted, the colour profile.
    Picture {
        /// Whether the colour profile stays. Profiles hold texts of their makers.
        icc: bool,
    },
}

/// How the stored picture is turned to be shown (EXIF, tag 0x0112): 1 as it is, 2 to 8 mirrored or turned.
pub type Orientation = u8;

const EXIF: &[u8] = b"Exif\0\0";
const JFIF: &[u8] = b"JFIF\0";
const ICC: &[u8] = b"ICC_PROFILE\0";

/// The transform that an Adobe segment names, if this is one.
pub(crate) fn adobe_transform(segment: &Segment<'_>) -> Option<u8> {
    let named = segment.marker == 0xEE && segment.payload.starts_with(b"Adobe");
    named.then(|| segment.payload.get(11).copied()).flatten()
}

pub(crate) fn is_jfif(segment: &Segment<'_>) -> bool {
    segment.marker == 0xE0 && segment.payload.starts_with(JFIF)
}

/// True for what the picture can be shown without: what an application or a person put in, and what the standard keeps for later.
pub(crate) fn is_extra(marker: u8) -> bool {
    !matches!(marker, 0xC0..=0xC2 | 0xC4 | 0xDA | 0xDB | 0xDD)
}

/// What is written in the place of a segment that is an extra.
pub(crate) fn kept(segment: &Segment<'_>, keep: Keep) -> Option<Vec<u8>> {
    let payload = segment.payload;
    let payload = match keep {
        Keep::Everything => payload.to_vec(),
        Keep::Picture { icc } => {
            if is_jfif(segment) && payload.len() >= 12 {
                // Version, unit and density as they are; no thumbnail.
                [&payload[..12], &[0, 0]].concat()
            } else if adobe_transform(segment).is_some() {
                payload[..12].to_vec()
            } else if icc && segment.marker == 0xE2 && payload.starts_with(ICC) {
                payload.to_vec()
            } else {
                return None;
            }
        }
    };
    Some(marked(segment.marker, &payload))
}

/// A segment as it stands in a file; the payload came from one, so its length fits.
pub(crate) fn marked(marker: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0xFF, marker];
    out.extend((payload.len() as u16 + 2).to_be_bytes());
    out.extend(payload);
    out
}

/// An EXIF segment that says the orientation and nothing else.
pub(crate) fn orientation_only(orientation: Orientation) -> Vec<u8> {
    let mut exif = EXIF.to_vec();
    exif.extend(b"MM\0\x2A\0\0\0\x08");
    // One entry: tag, SHORT, one of it, the value at the left; no further directory.
    exif.extend([0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    exif.extend([0; 4]);
    marked(0xE1, &exif)
}

/// The orientation that an EXIF segment gives, if this is one and it gives one.
pub(crate) fn orientation(segment: &Segment<'_>) -> Option<Orientation> {
    let tiff = segment
        .payload
        .strip_prefix(EXIF)
        .filter(|_| segment.marker == 0xE1)?;
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

/// The colour profile in these segments, joined in the order of their numbers; none where a part is missing.
pub(crate) fn icc<'a>(segments: impl Iterator<Item = Segment<'a>>) -> Option<Vec<u8>> {
    let mut parts: Vec<(u8, u8, &[u8])> = segments
        .filter(|s| s.marker == 0xE2)
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
    use crate::segments::segment;

    #[test]
    fn the_orientation_that_is_written_is_read() {
        for wanted in 1..=8 {
            let bytes = orientation_only(wanted);
            let (read, end) = segment(&bytes, 0).unwrap();
            assert_eq!((orientation(&read), end), (Some(wanted), bytes.len()));
        }
    }

    #[test]
    fn broken_exif_gives_none() {
        let whole = orientation_only(6);
        for length in 4..whole.len() {
            let payload = &whole[4..length];
            let read = orientation(&Segment {
                marker: 0xE1,
                payload,
            });
            assert!(read.is_none() || read == Some(6));
        }
        let payload = b"Exif\0\0II\x2A\0\xFF\xFF\xFF\xFF";
        assert_eq!(
            orientation(&Segment {
                marker: 0xE1,
                payload
            }),
            None
        );
    }
}
