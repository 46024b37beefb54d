//! The marker segments of a JPEG file (T.81, annex B): a walker, and the markers by name.
//!
//! [`segments`] visits the segments of any JPEG file, also of the kinds that this crate can't edit:
//!
//! ```
//! use jpeg_blocks::markers::{self, segments};
//!
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/rotated.jpg");
//! # let bytes = std::fs::read(path).unwrap();
//! let comment = segments(&bytes).find(|segment| segment.marker == markers::COM);
//! assert_eq!(comment.map(|segment| segment.payload), Some(&b"Jane Roe"[..]));
//! ```

use std::{iter::FusedIterator, ops::Range};

use crate::error::Error;

/// Temporary private use in arithmetic coding; stands alone.
pub const TEM: u8 = 0x01;
/// Frame header of a baseline file.
pub const SOF0: u8 = 0xC0;
/// Frame header of an extended sequential file.
pub const SOF1: u8 = 0xC1;
/// Frame header of a progressive file.
pub const SOF2: u8 = 0xC2;
/// Huffman tables.
pub const DHT: u8 = 0xC4;
/// First restart marker; stands alone within entropy-coded data.
pub const RST0: u8 = 0xD0;
/// Last restart marker; stands alone within entropy-coded data.
pub const RST7: u8 = 0xD7;
/// Start of the image; stands alone.
pub const SOI: u8 = 0xD8;
/// End of the image; stands alone.
pub const EOI: u8 = 0xD9;
/// Scan header; entropy-coded data follows its segment.
pub const SOS: u8 = 0xDA;
/// Quantization tables.
pub const DQT: u8 = 0xDB;
/// Number of lines, for files whose frame header does not give the height.
pub const DNL: u8 = 0xDC;
/// Restart interval.
pub const DRI: u8 = 0xDD;
/// Application segment that JFIF uses.
pub const APP0: u8 = 0xE0;
/// Application segment that EXIF uses.
pub const APP1: u8 = 0xE1;
/// Application segment that ICC profiles use.
pub const APP2: u8 = 0xE2;
/// Application segment that Adobe uses.
pub const APP14: u8 = 0xEE;
/// Comment.
pub const COM: u8 = 0xFE;

/// A marker segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Second byte of the marker; the first is always 0xFF.
    pub marker: u8,
    /// Parameters that follow the segment's length.
    pub payload: &'a [u8],
    /// Bytes of the whole segment in the file, including fill bytes before the marker.
    pub range: Range<usize>,
}

impl<'a> Segment<'a> {
    /// Reads the segment that starts at `at`. EOI is a segment without payload.
    pub(crate) fn read(bytes: &'a [u8], at: usize) -> Result<Self, Error> {
        let truncated = Error::Damaged("unexpected end of file");
        let expected = Error::Damaged("expected a marker");
        if *bytes.get(at).ok_or(truncated)? != 0xFF {
            return Err(expected);
        }
        let start = after_fill(bytes, at);
        let marker = *bytes.get(start).ok_or(truncated)?;
        let (payload, end) = match marker {
            0 | TEM | RST0..=RST7 | SOI => return Err(expected),
            EOI => (&[][..], start + 1),
            _ => {
                let length = bytes.get(start + 1..start + 3).ok_or(truncated)?;
                let end = start + 1 + usize::from(u16::from_be_bytes([length[0], length[1]]));
                (bytes.get(start + 3..end).ok_or(truncated)?, end)
            }
        };
        Ok(Segment {
            marker,
            payload,
            range: at..end,
        })
    }
}

/// Skips the 0xFF bytes from `at` on; any number of them may precede a marker.
fn after_fill(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|&&b| b == 0xFF).count()
}

/// Iterates over the marker segments of a file in order.
///
/// Like a decoder, it skips entropy-coded data and anything else that is not a segment. It ends at
/// EOI or at a truncated segment.
pub fn segments(bytes: &[u8]) -> Segments<'_> {
    Segments { bytes, position: 0 }
}

/// Iterator over marker segments, returned by [`segments`].
#[derive(Debug, Clone)]
pub struct Segments<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        loop {
            let at = self.position + memchr::memchr(0xFF, self.bytes.get(self.position..)?)?;
            let start = after_fill(self.bytes, at);
            match *self.bytes.get(start)? {
                0 | TEM | RST0..=RST7 | SOI => self.position = start + 1,
                EOI => {
                    self.position = self.bytes.len();
                    return None;
                }
                _ => {
                    let segment = Segment::read(self.bytes, at).ok()?;
                    self.position = segment.range.end;
                    return Some(segment);
                }
            }
        }
    }
}

impl FusedIterator for Segments<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(bytes: &[u8]) -> Vec<(u8, &[u8], Range<usize>)> {
        segments(bytes)
            .map(|s| (s.marker, s.payload, s.range))
            .collect()
    }

    #[test]
    fn segments_skips_entropy_coded_data_and_fill_bytes() {
        let bytes = [
            &[0xFF, SOI][..],
            // A fill byte, and a payload that looks like a marker.
            &[0xFF, 0xFF, COM, 0, 4, 0xFF, EOI],
            &[0xFF, SOS, 0, 3, 7],
            // Data with a stuffed zero and a restart marker.
            &[1, 0xFF, 0, 2, 0xFF, RST0, 3],
            &[0xFF, DHT, 0, 2],
            &[0xFF, EOI, 0xFF, COM, 0, 2],
        ]
        .concat();
        let expected = [
            (COM, &[0xFF, EOI][..], 2..9),
            (SOS, &[7][..], 9..14),
            (DHT, &[][..], 21..25),
        ];
        assert_eq!(walk(&bytes), expected);
    }

    #[test]
    fn segments_ends_at_a_truncated_segment() {
        let whole = [0xFF, SOI, 0xFF, COM, 0, 3, 1, 0xFF, COM, 0, 3, 2];
        for length in 0..whole.len() {
            let count = usize::from(length >= 7);
            assert_eq!(walk(&whole[..length]).len(), count, "{length} bytes");
        }
        assert_eq!(walk(&whole).len(), 2);
        // A length counts its own two bytes.
        assert_eq!(walk(&[0xFF, SOI, 0xFF, COM, 0, 1, 0, 0]), []);
    }

    #[test]
    fn segment_read_rejects_anything_but_a_segment() {
        for bytes in [&[0, 0xFF, COM][..], &[0xFF, 0], &[0xFF, RST0], &[0xFF, SOI]] {
            assert_eq!(
                Segment::read(bytes, 0),
                Err(Error::Damaged("expected a marker"))
            );
        }
        for bytes in [&[][..], &[0xFF], &[0xFF, COM, 0], &[0xFF, COM, 0, 3]] {
            assert_eq!(
                Segment::read(bytes, 0),
                Err(Error::Damaged("unexpected end of file"))
            );
        }
        assert_eq!(Segment::read(&[0xFF, EOI], 0).unwrap().range, 0..2);
    }
}
