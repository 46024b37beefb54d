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

#[cfg(test)]
mod tests {
    use super::*;

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
