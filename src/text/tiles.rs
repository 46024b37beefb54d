//! The sizes at which a picture is searched, and its pieces at each.

use std::ops::Range;

/// The longest side of a piece, in pixels.
const LARGEST: usize = 1536;
/// The pixels that neighboring pieces share, so that no text is cut by both.
const OVERLAP: usize = 128;

/// Factors by which pictures are reduced to find letters that are too large for the model at full
/// size, with the least longer side of such pictures. The model takes more of the anatomy for text
/// there, so only print counts.
const EXTRA: [(usize, usize); 2] = [(4, 1024), (8, 2048)];

/// Returns the factors by which a picture is reduced: all powers of two up to the one at which its
/// longer side is at most `max_side`. Small text is found at full size, large text on the smaller
/// ones.
pub(super) fn factors(longer: usize, max_side: usize) -> Vec<usize> {
    let mut factors = vec![1];
    let mut factor = 1;
    while longer.div_ceil(factor) > max_side {
        factor *= 2;
        factors.push(factor);
    }
    factors
}

/// Returns further factors, at which only print counts.
pub(super) fn extra_factors(longer: usize, factors: &[usize]) -> Vec<usize> {
    let fits = |&&(factor, from): &&(usize, usize)| longer >= from && !factors.contains(&factor);
    EXTRA
        .iter()
        .filter(fits)
        .map(|(factor, _)| *factor)
        .collect()
}

/// Cuts one side of a picture into pieces of about the same length, none over [`LARGEST`]. All but
/// the last end at a multiple of `multiple`, which is a power of two up to [`OVERLAP`].
pub(super) fn pieces(side: usize, multiple: usize) -> Vec<Range<usize>> {
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
    fn factors_are_powers_of_two_up_to_max_side() {
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

    #[test]
    fn letters_of_hundreds_of_pixels_are_searched_on_reduced_pictures() {
        for (longer, max_side, expect) in [
            (1023, 2560, vec![]),
            (1024, 2560, vec![4]),
            (2047, 2560, vec![4]),
            (2048, 2560, vec![4, 8]),
            (6000, 2560, vec![8]),
        ] {
            let found = extra_factors(longer, &factors(longer, max_side));
            assert_eq!(found, expect, "{longer}");
        }
    }

    proptest! {
        #[test]
        fn pieces_hold_every_pixel(side in 1usize..70_000, power in 3u32..8) {
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
