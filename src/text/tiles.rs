//! At which sizes a picture is searched, and in which pieces.

use std::ops::Range;

/// The longest side of a piece, in pixels.
pub const LARGEST: usize = 1536;
/// By how much neighbouring pieces share pixels, so that no text is cut by both.
pub const OVERLAP: usize = 128;

/// The factors by which a picture is reduced: all powers of two up to the one at which its longer side is at most `longest`. Small text is
/// found at full size, large text on the smaller ones.
pub fn factors(longer: usize, longest: usize) -> Vec<usize> {
    let mut factors = vec![1];
    let mut factor = 1;
    while longer.div_ceil(factor) > longest {
        factor *= 2;
        factors.push(factor);
    }
    factors
}

/// One side of a picture in pieces of about the same length, none over [`LARGEST`]. All but the last end at a multiple of `multiple`,
/// which is a power of two up to [`OVERLAP`].
pub fn pieces(side: usize, multiple: usize) -> Vec<Range<usize>> {
    let count = side
        .saturating_sub(OVERLAP)
        .div_ceil(LARGEST - OVERLAP)
        .max(1);
    let length = (side + (count - 1) * OVERLAP)
        .div_ceil(count)
        .next_multiple_of(multiple);
    let mut pieces = Vec::with_capacity(count);
    let mut start = 0;
    loop {
        let end = (start + length).min(side);
        pieces.push(start..end);
        if end == side {
            return pieces;
        }
        start += length - OVERLAP;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_that_are_searched() {
        for (longer, expect) in [
            (1, vec![1]),
            (2560, vec![1]),
            (2561, vec![1, 2]),
            (5120, vec![1, 2]),
            (5121, vec![1, 2, 4]),
        ] {
            assert_eq!(factors(longer, 2560), expect, "{longer}");
        }
    }

    proptest! {
        #[test]
        fn every_pixel_lies_in_a_piece(side in 1usize..70_000, power in 3u32..8) {
            let multiple = 1 << power;
            let pieces = pieces(side, multiple);
            let mut end = 0usize;
            for (i, piece) in pieces.iter().enumerate() {
                prop_assert!(piece.len() <= LARGEST && !piece.is_empty());
                prop_assert!(piece.start % multiple == 0);
                let shared = end.saturating_sub(piece.start);
                prop_assert!(shared >= OVERLAP || (i == 0 && piece.start == 0));
                end = piece.end;
            }
            prop_assert!(end == side);
            prop_assert!(side > LARGEST || pieces.len() == 1);
        }
    }
}
