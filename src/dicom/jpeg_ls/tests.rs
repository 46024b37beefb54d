//! Both directions; `dicom/tests/reference.rs` decodes other programs' streams.

use super::*;
use crate::mutate::{Rng, mutate, rounds};

/// Draws samples of so many bits: flat areas, slopes, noise and edges.
fn drawn(rng: &mut Rng, bits: u8) -> (Vec<u16>, usize, usize) {
    let (width, height) = (1 + rng.below(70), 1 + rng.below(40));
    let most = (1usize << bits) - 1;
    let (kind, level) = (rng.below(5), rng.below(most + 1));
    let mut sample = |i: usize| match kind {
        0 => level,
        1 => (i % width * 7 + i / width) % (most + 1),
        2 => rng.below(most + 1),
        3 => level.saturating_add(rng.below(3)).min(most),
        _ => {
            if (i / 9).is_multiple_of(2) {
                0
            } else {
                most
            }
        }
    };
    let samples = (0..width * height).map(|i| sample(i) as u16).collect();
    (samples, width, height)
}

#[test]
fn encoded_samples_are_decoded_to_themselves() {
    rounds(600, |rng| {
        let bits = 2 + rng.below(15) as u8;
        let (samples, width, height) = drawn(rng, bits);
        let stream = encode(&samples, width, height, bits).unwrap();
        assert!(
            decode(&stream, width, height) == Ok(samples),
            "{width}x{height}, {bits} bit"
        );
    });
}

#[test]
fn mutated_streams_never_panic() {
    rounds(2000, |rng| {
        let (samples, width, height) = drawn(rng, 12);
        let stream = encode(&samples, width, height, 12).unwrap();
        let mutated = mutate(rng, stream, &["\u{0}\u{1}", "\u{7f}"]);
        let _ = decode(&mutated, width, height);
    });
}

#[test]
fn streams_of_other_kinds_are_refused_with_the_reason() {
    let stream = encode(&[5; 12], 4, 3, 8).unwrap();
    let with = |at: usize, byte: u8| {
        let mut changed = stream.clone();
        changed[at] = byte;
        decode(&changed, 4, 3).unwrap_err()
    };
    for (at, byte, reason) in [
        (1, 0xD9, "not a JPEG-LS"),
        (6, 17, "its size"),
        (8, 4, "its size"),
        (11, 3, "several components"),
        (19, 2, "unknown kind"),
        (22, 200, "out of range"),
    ] {
        assert!(with(at, byte).contains(reason), "{at}: {}", with(at, byte));
    }
    assert_eq!(
        decode(&stream[..stream.len() - 4], 4, 3),
        Err("it ends early")
    );
}

#[test]
fn thresholds_have_the_standards_defaults() {
    for (most, near, expect) in [
        (255, 0, [3, 7, 21]),
        (4095, 0, [18, 67, 276]),
        (65535, 0, [18, 67, 276]),
        (255, 2, [9, 17, 35]),
        (15, 0, [2, 3, 4]),
    ] {
        assert_eq!(default_thresholds(most, near), expect, "{most}, {near}");
    }
}
