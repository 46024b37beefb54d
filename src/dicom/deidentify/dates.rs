//! Dates and times that are kept, or made earlier by a number of days.

use jiff::{ToSpan as _, civil::Date};

use crate::dicom::element::Vr;

/// Dates and times of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    Removed,
    Kept,
    /// So many days earlier. Times of day stay, so that intervals do.
    Earlier(i64),
}

/// Reports whether a representation is one of dates and times.
pub(super) fn is_temporal(vr: &Vr) -> bool {
    matches!(vr, b"DA" | b"DT" | b"TM")
}

impl Times {
    /// Returns a value as it may stay; `None` if it must not, or lacks the form of its
    /// representation.
    pub(super) fn apply(self, vr: &Vr, bytes: &[u8]) -> Option<Vec<u8>> {
        let days = match self {
            Times::Removed => return None,
            Times::Kept => 0,
            Times::Earlier(days) => days,
        };
        let text = std::str::from_utf8(bytes).ok()?;
        let values = text
            .split('\\')
            .map(|value| one(vr, value.trim_matches([' ', '\0']), days));
        let values: Vec<String> = values.collect::<Option<_>>()?;
        Some(values.join("\\").into_bytes())
    }
}

fn one(vr: &Vr, value: &str, days: i64) -> Option<String> {
    let fits = |text: &str, more: &[u8]| {
        text.bytes()
            .all(|b| b.is_ascii_digit() || more.contains(&b))
    };
    match vr {
        _ if value.is_empty() => Some(String::new()),
        b"DA" if value.len() == 8 => earlier(value, days),
        b"TM" => fits(value, b".:").then(|| value.to_owned()),
        b"DT" => {
            let (date, time) = value.split_at_checked(8)?;
            fits(time, b".+-").then_some(())?;
            Some(earlier(date, days)? + time)
        }
        _ => None,
    }
}

fn earlier(date: &str, days: i64) -> Option<String> {
    date.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
    let date = Date::strptime("%Y%m%d", date).ok()?;
    let date = date.checked_sub(days.days()).ok()?;
    Some(date.strftime("%Y%m%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_or_shifted_only_in_their_form() {
        let times = Times::Earlier(3);
        for (vr, value, kept, earlier) in [
            (b"DA", "20200302", Some("20200302"), Some("20200228")),
            (
                b"DA",
                "20200302\\20200101",
                Some("20200302\\20200101"),
                Some("20200228\\20191229"),
            ),
            (b"DA", "", Some(""), Some("")),
            (b"DA", "20200230", None, None),
            (b"DA", "2020.03.02", None, None),
            (b"DA", "20200101-20200302", None, None),
            (b"DA", "Jane Doe", None, None),
            (b"TM", "101112.5 ", Some("101112.5"), Some("101112.5")),
            (b"TM", "at noon", None, None),
            (
                b"DT",
                "20200302101112.123+0100",
                Some("20200302101112.123+0100"),
                Some("20200228101112.123+0100"),
            ),
            (b"DT", "202003", None, None),
            (b"DT", "20200302 by Jane", None, None),
            (b"DA", "00010101", Some("00010101"), Some("00001229")),
        ] {
            let of = |times: Times| {
                times
                    .apply(vr, value.as_bytes())
                    .map(|b| String::from_utf8(b).unwrap())
            };
            assert_eq!(of(Times::Kept).as_deref(), kept, "{value}");
            assert_eq!(of(times).as_deref(), earlier, "{value}");
            assert_eq!(of(Times::Removed), None);
        }
    }
}
