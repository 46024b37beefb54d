//! Streams, read by a decoder that shares no code with the encoder.

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};
use jpeg2000_lossless::{Error, Format, encode};
use proptest::prelude::*;

/// Decodes a stream with `hayro-jpeg2000`.
fn decode(stream: &[u8], format: &Format) -> Vec<i32> {
    let settings = DecodeSettings {
        strict: true,
        ..DecodeSettings::default()
    };
    let image = Image::new(stream, &settings).unwrap();
    assert_eq!(
        (image.width(), image.height()),
        (format.width, format.height)
    );
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).unwrap();
    let half = match format.is_signed {
        true => 1 << (format.bits - 1),
        false => 0,
    };
    let samples = decoded.components()[0].samples();
    samples.iter().map(|v| v.round() as i32 - half).collect()
}

fn check(samples: Vec<i32>, format: &Format) {
    let stream = encode(samples.clone(), format).unwrap();
    assert!(decode(&stream, format) == samples, "{format:?}");
}

/// Draws a picture: flat areas, slopes, noise, stripes of the lowest and the highest value.
fn picture() -> impl Strategy<Value = (Format, Vec<i32>)> {
    let side = prop_oneof![4 => 1u32..20, 3 => 60u32..70, 1 => 125u32..140];
    (
        side.clone(),
        side,
        1u8..=16,
        any::<bool>(),
        0u8..6,
        any::<u64>(),
    )
        .prop_map(|(width, height, bits, is_signed, kind, seed)| {
            let mut state = seed | 1;
            let mut random = move || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 33) as i32
            };
            let low = if is_signed { -(1 << (bits - 1)) } else { 0 };
            let most = (1 << bits) - 1;
            let level = random() & most;
            let mut sample = |at: i32| match kind {
                0 => level,
                1 => (at % width as i32 * 7 + at / width as i32) & most,
                2 => random() & most,
                3 => (level + random() % 3).min(most),
                4 => {
                    if at / 9 % 2 == 0 {
                        0
                    } else {
                        most
                    }
                }
                _ => {
                    if random() % 97 == 0 {
                        most - level
                    } else {
                        level
                    }
                }
            };
            let samples = (0..(width * height) as i32)
                .map(|at| low + sample(at))
                .collect();
            (
                Format {
                    width,
                    height,
                    bits,
                    is_signed,
                },
                samples,
            )
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn decoded_samples_are_the_encoded_ones((format, samples) in picture()) {
        check(samples, &format);
    }
}

/// Pictures whose coefficients are the largest there are.
#[test]
fn checkerboards_of_extremes_are_kept() {
    for (bits, is_signed, cell) in [1, 2, 8, 16].iter().flat_map(|bits| {
        [1, 2, 4, 8, 16]
            .into_iter()
            .flat_map(move |cell| [(*bits, false, cell), (*bits, true, cell)])
    }) {
        let format = Format {
            width: 130,
            height: 97,
            bits,
            is_signed,
        };
        let low = if is_signed { -(1 << (bits - 1)) } else { 0 };
        let most = (1 << bits) - 1;
        let at = |x: u32, y: u32| low + most * (((x / cell) ^ (y / cell)) & 1) as i32;
        let samples = (0..format.height)
            .flat_map(|y| (0..format.width).map(move |x| at(x, y)))
            .collect();
        check(samples, &format);
    }
}

/// More than one precinct.
#[test]
fn pictures_wider_or_higher_than_a_precinct_are_kept() {
    for (width, height) in [(40_000, 3), (5, 33_000), (65_535, 2)] {
        let format = Format {
            width,
            height,
            bits: 12,
            is_signed: false,
        };
        let samples = (0..width * height)
            .map(|at| (at.wrapping_mul(2_654_435) >> 7 & 4095) as i32)
            .collect();
        check(samples, &format);
    }
}

#[test]
fn samples_that_do_not_fit_their_format_are_refused() {
    let format = |width, bits, is_signed| Format {
        width,
        height: 2,
        bits,
        is_signed,
    };
    for (samples, format, error) in [
        (vec![0; 5], format(3, 8, false), Error::Size),
        (vec![], format(0, 8, false), Error::Size),
        (vec![0; 6], format(3, 0, false), Error::Bits),
        (vec![0; 6], format(3, 17, false), Error::Bits),
        (vec![-1; 6], format(3, 8, false), Error::Range),
        (vec![256; 6], format(3, 8, false), Error::Range),
        (vec![128; 6], format(3, 8, true), Error::Range),
        (vec![-129; 6], format(3, 8, true), Error::Range),
    ] {
        assert_eq!(encode(samples, &format), Err(error));
    }
}
