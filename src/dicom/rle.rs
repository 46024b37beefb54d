//! The standard's run lengths (PS3.5, annex G): one segment for each byte of a sample, the most
//! significant one first.

use super::damaged;
use crate::error::Error;

const HEADER: usize = 64;

/// Decodes a frame of so many pixels with `planes` bytes each, into planes in a row.
///
/// # Errors
/// [`Error::Damaged`] for segments that don't fit.
pub(crate) fn decode(bytes: &[u8], pixels: usize, planes: usize) -> Result<Vec<u8>, Error> {
    let fault = || damaged("its run lengths don't fit its size");
    let word = |at: usize| -> Option<usize> {
        let bytes = bytes.get(at * 4..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes) as usize)
    };
    if word(0) != Some(planes) || bytes.len() < HEADER {
        return Err(fault());
    }
    let mut out = Vec::with_capacity(pixels * planes);
    for plane in 0..planes {
        let from = word(1 + plane).ok_or_else(fault)?;
        let to = match plane + 1 < planes {
            true => word(2 + plane).ok_or_else(fault)?,
            false => bytes.len(),
        };
        let segment = bytes.get(from..to).ok_or_else(fault)?;
        let end = pixels * (plane + 1);
        unpack(segment, &mut out, end).ok_or_else(fault)?;
    }
    Ok(out)
}

fn unpack(mut segment: &[u8], out: &mut Vec<u8>, end: usize) -> Option<()> {
    while out.len() < end {
        let (&control, rest) = segment.split_first()?;
        let room = end - out.len();
        segment = match control {
            0..=127 => {
                let (literal, rest) = rest.split_at_checked(usize::from(control) + 1)?;
                out.extend_from_slice(literal.get(..literal.len().min(room))?);
                rest
            }
            128 => rest,
            129..=255 => {
                let (&byte, rest) = rest.split_first()?;
                let count = 257 - usize::from(control);
                out.resize(out.len() + count.min(room), byte);
                rest
            }
        };
    }
    Some(())
}

/// Encodes planes in a row, each of `rows` rows: no run crosses a row, as the standard demands.
pub(crate) fn encode(planes: &[Vec<u8>], width: usize) -> Vec<u8> {
    let mut out = vec![0; HEADER];
    out[..4].copy_from_slice(&(planes.len() as u32).to_le_bytes());
    for (i, plane) in planes.iter().enumerate() {
        let at = out.len() as u32;
        out[4 * (i + 1)..4 * (i + 2)].copy_from_slice(&at.to_le_bytes());
        for row in plane.chunks(width.max(1)) {
            pack(row, &mut out);
        }
        if out.len() % 2 == 1 {
            out.push(0);
        }
    }
    out
}

fn pack(row: &[u8], out: &mut Vec<u8>) {
    let run = |at: usize| {
        let same = row[at..].iter().take_while(|b| **b == row[at]).count();
        same.min(128)
    };
    let mut at = 0;
    while at < row.len() {
        let length = run(at);
        if length > 1 {
            out.extend([(257 - length) as u8, row[at]]);
            at += length;
            continue;
        }
        let start = at;
        while at < row.len() && at - start < 128 && run(at) < 3 {
            at += 1;
        }
        out.push((at - start - 1) as u8);
        out.extend_from_slice(&row[start..at]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutate::{Rng, rounds};

    #[test]
    fn packed_planes_unpack_to_themselves() {
        rounds(300, |rng: &mut Rng| {
            let (width, height) = (1 + rng.below(300), 1 + rng.below(4));
            let levels = 1 + rng.below(3);
            let mut plane = || -> Vec<u8> {
                (0..width * height)
                    .map(|_| rng.below(levels) as u8)
                    .collect()
            };
            let planes = [plane(), plane()];
            let packed = encode(&planes, width);
            let unpacked = decode(&packed, width * height, 2).unwrap();
            assert!(unpacked == planes.concat());
        });
    }

    #[test]
    fn segments_that_end_early_are_damaged() {
        let packed = encode(&[vec![7; 100]], 10);
        assert!(decode(&packed, 101, 1).is_err());
        assert!(decode(&packed, 100, 2).is_err());
        assert!(decode(&packed[..60], 100, 1).is_err());
        let mut outside = packed;
        outside[4] = 255;
        assert!(decode(&outside, 100, 1).is_err());
    }
}
