//! `--since`: a day, a time, or a duration before now.

use jiff::{Span, SpanRelativeTo, Timestamp, civil::Date, tz::TimeZone};

/// Parses `2026-11-01`, `2026-11-01T08:00:00Z` or a duration before `now`, such as `36h` or `7d`.
///
/// # Errors
/// Returns the expected forms.
pub fn parse(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(date) = text.parse::<Date>()
        && text.len() == "2026-11-01".len()
        && let Ok(start) = date.to_zoned(TimeZone::UTC)
    {
        return Ok(start.timestamp());
    }
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let span = text.parse::<Span>().ok();
    let ago = span.and_then(|span| {
        span.to_duration(SpanRelativeTo::days_are_24_hours())
            .ok()
            .filter(|ago| !ago.is_negative())
    });
    ago.and_then(|ago| now.checked_sub(ago).ok()).ok_or_else(|| {
        "expected a day as in 2026-11-01, a time as in 2026-11-01T08:00:00Z, or how long ago as in 36h or 7d".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_times_and_durations() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        for (text, want) in [
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z"),
            ("2026-11-01T08:00:00+02:00", "2026-11-01T06:00:00Z"),
            ("36h", "2026-11-23T00:00:00Z"),
            ("7d", "2026-11-17T12:00:00Z"),
            ("90 minutes", "2026-11-24T10:30:00Z"),
        ] {
            assert_eq!(parse(text, now).unwrap().to_string(), want, "{text}");
        }
        for text in ["", "yesterday", "-7d", "7", "2026-13-01"] {
            assert!(parse(text, now).is_err(), "{text}");
        }
    }
}
