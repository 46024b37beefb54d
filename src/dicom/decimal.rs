//! Decimal strings (VR DS): numbers in text.

/// Parses a decimal string; `None` for an empty one, for other texts, and for a number that is not
/// finite.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(plain) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Writes a number in at most the 16 bytes that a decimal string may have.
pub(crate) fn write(number: f64) -> String {
    let shortest = number.to_string();
    match shortest.len() {
        0..=16 => shortest,
        _ => format!("{number:.8e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_decimals_fit_and_are_read_again() {
        for (number, expect) in [
            (127.5, "127.5"),
            (-1024.0, "-1024"),
            (0.000_012_207_031_25, "0.00001220703125"),
            (1.0 / 3.0, "3.33333333e-1"),
            (-2.0e-200 / 3.0, "-6.66666667e-201"),
        ] {
            assert_eq!(write(number), expect);
            let read = parse(expect).unwrap();
            assert!((read - number).abs() <= 1e-8 * number.abs(), "{expect}");
        }
    }

    #[test]
    fn decimals_are_plain_finite_numbers() {
        for (text, expect) in [
            ("-1.5e3", Some(-1500.0)),
            (" 40 ", Some(40.0)),
            ("+2", Some(2.0)),
            ("", None),
            ("inf", None),
            ("NaN", None),
            ("1e999", None),
            ("12,5", None),
        ] {
            assert_eq!(parse(text), expect, "{text}");
        }
    }
}
