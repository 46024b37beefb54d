//! Checks that a JPEG's scans are complete.
//!
//! A progressive file that breaks off between two scans is a valid stream of a coarser picture, and
//! a decoder returns that picture without a warning. A radiologist's picture must not lose detail
//! this way, and redaction must not be verified on less than was sent, so it counts as damage.

use jpeg_blocks::markers::{SOS, Segment, segments};

use crate::error::Error;

/// The lowest bit of each coefficient that was sent so far; `None` before its first scan.
type Sent = [Option<u8>; 64];

/// Checks that the scans send every coefficient of every component down to its last bit.
///
/// # Errors
/// [`Error::Damaged`] when a scan is missing or refines bits that were never sent.
pub fn check_complete(bytes: &[u8]) -> Result<(), Error> {
    let mut components: Vec<(u8, Sent)> = Vec::new();
    let mut progressive = false;
    for Segment {
        marker, payload, ..
    } in segments(bytes)
    {
        match marker {
            // SOF0 to SOF2 and their arithmetic twins (T.81, table B.1); lossless frames never come
            // here.
            0xC0..=0xC2 | 0xC9 | 0xCA => {
                progressive = matches!(marker, 0xC2 | 0xCA);
                let specs = payload.get(6..).unwrap_or_default().chunks_exact(3);
                components = specs.map(|c| (c[0], [None; 64])).collect();
            }
            SOS => scan(payload, progressive, &mut components)?,
            _ => {}
        }
    }
    let complete = |sent: &Sent| sent.iter().all(|bit| *bit == Some(0));
    if components.is_empty() || !components.iter().all(|(_, sent)| complete(sent)) {
        return Err(Error::Damaged(
            "JPEG: its last scans are missing; send the complete file".into(),
        ));
    }
    Ok(())
}

/// Records one scan header (T.81, B.2.3).
fn scan(header: &[u8], progressive: bool, components: &mut [(u8, Sent)]) -> Result<(), Error> {
    let wrong = || Error::Damaged("JPEG: a scan header is wrong".into());
    let count = usize::from(*header.first().ok_or_else(wrong)?);
    let ids = header.get(1..1 + 2 * count).ok_or_else(wrong)?;
    let &[from, to, bits] = header.get(1 + 2 * count..4 + 2 * count).ok_or_else(wrong)? else {
        return Err(wrong());
    };
    // A sequential scan is complete whatever these three are; decoders ignore them.
    let (from, to, bits) = if progressive {
        (from, to, bits)
    } else {
        (0, 63, 0)
    };
    if to > 63 || from > to {
        return Err(wrong());
    }
    let before = (bits >> 4 != 0).then_some(bits >> 4);
    for id in ids.chunks_exact(2) {
        let (_, sent) = components
            .iter_mut()
            .find(|(c, _)| *c == id[0])
            .ok_or_else(wrong)?;
        for bit in &mut sent[usize::from(from)..=usize::from(to)] {
            if *bit != before {
                return Err(wrong());
            }
            *bit = Some(bits & 15);
        }
    }
    Ok(())
}
