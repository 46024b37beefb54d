//! The marker segments of a JPEG (T.81, B.1.1), past entropy-coded data, up to its end.

/// SOS, the marker of a scan header.
pub const SOS: u8 = 0xDA;

/// A marker with its parameters.
pub struct Segment<'a> {
    /// The marker's second byte.
    pub marker: u8,
    /// What follows its length.
    pub payload: &'a [u8],
}

/// The segments in order; ends at EOI, or where a segment is cut off.
pub fn segments(bytes: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut rest = bytes.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (segment, after) = next(rest)?;
        rest = after;
        Some(segment)
    })
}

fn next(mut rest: &[u8]) -> Option<(Segment<'_>, &[u8])> {
    loop {
        rest = &rest[rest.iter().position(|&b| b == 0xFF)?..];
        rest = &rest[rest.iter().position(|&b| b != 0xFF)?..];
        match rest[0] {
            // Stuffed zeros, TEM and restart markers stand alone.
            0 | 1 | 0xD0..=0xD8 => rest = &rest[1..],
            0xD9 => return None,
            marker => {
                let length = usize::from(u16::from_be_bytes([*rest.get(1)?, *rest.get(2)?]));
                let payload = rest.get(3..1 + length)?;
                return Some((Segment { marker, payload }, rest.get(1 + length..)?));
            }
        }
    }
}
