//! Contradictions between an object's description and the pictures that the model knows.

use jiff::civil::Date;

use super::{attributes as tag, element::DataSet};
use crate::model::contract::AgeRange;

/// View positions that are not frontal, upright ones.
const OTHER_VIEWS: [&str; 8] = ["LL", "RL", "LLO", "RLO", "LLD", "RLD", "LAT", "LATERAL"];
/// Body parts that a chest X-ray may name; also as a part of a text.
const CHEST: [&str; 3] = ["CHEST", "THORAX", "LUNG"];

/// Returns the first thing in which an object contradicts the model's contract: its view, its body
/// part or the patient's age. Where the object says nothing, the network decides.
pub(crate) fn contradiction(data: &DataSet<'_>, ages: Option<&AgeRange>) -> Option<&'static str> {
    let upper = |tag| data.text(tag).map(|text| text.to_ascii_uppercase());
    let codes = data.items(tag::VIEW_CODE).iter();
    let is_lateral = codes
        .filter_map(|code| code.text(tag::CODE_MEANING))
        .any(|meaning| meaning.to_ascii_lowercase().contains("lateral"));
    if is_lateral || upper(tag::VIEW_POSITION).is_some_and(|v| OTHER_VIEWS.contains(&v.as_str())) {
        return Some("view");
    }
    let regions = data.items(tag::ANATOMIC_REGION).iter();
    let regions = regions.filter_map(|code| code.text(tag::CODE_MEANING));
    let parts = upper(tag::BODY_PART)
        .into_iter()
        .chain(regions.map(|meaning| meaning.to_ascii_uppercase()));
    for part in parts {
        if !CHEST.iter().any(|chest| part.contains(chest)) {
            return Some("body-part");
        }
    }
    let (ages, age) = ages.zip(age(data))?;
    (!ages.contains(age)).then_some("age")
}

/// Returns the patient's age in years: the one that is given, or that at the study.
fn age(data: &DataSet<'_>) -> Option<f64> {
    if let Some(text) = data.text(tag::AGE) {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let number: f64 = number.parse::<u16>().ok()?.into();
        return Some(match unit {
            "Y" => number,
            "M" => number / 12.0,
            "W" => number * 7.0 / 365.25,
            "D" => number / 365.25,
            _ => return None,
        });
    }
    let date = |tag| {
        let text = data.text(tag)?;
        let text = text
            .get(..8)
            .filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?;
        Date::strptime("%Y%m%d", text).ok()
    };
    let days = date(tag::BIRTH_DATE)?
        .until(date(tag::STUDY_DATE)?)
        .ok()?
        .get_days();
    (days >= 0).then_some(f64::from(days) / 365.25)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions_are_named() {
        let ages = AgeRange {
            min_years: 1,
            max_years: 5,
        };
        for (attributes, expect) in [
            (&[][..], None),
            (
                &[(tag::VIEW_POSITION, "AP"), (tag::BODY_PART, "CHEST")],
                None,
            ),
            (&[(tag::VIEW_POSITION, "LL")], Some("view")),
            (&[(tag::VIEW_POSITION, "lateral")], Some("view")),
            (&[(tag::BODY_PART, "HAND")], Some("body-part")),
            (&[(tag::BODY_PART, "PORT CHEST")], None),
            (&[(tag::AGE, "003Y")], None),
            (&[(tag::AGE, "018M")], None),
            (&[(tag::AGE, "011M")], Some("age")),
            (&[(tag::AGE, "045Y")], Some("age")),
            (&[(tag::AGE, "old")], None),
            (
                &[(tag::BIRTH_DATE, "20150101"), (tag::STUDY_DATE, "20200102")],
                None,
            ),
            (
                &[(tag::BIRTH_DATE, "20150101"), (tag::STUDY_DATE, "20210102")],
                Some("age"),
            ),
            (
                &[(tag::BIRTH_DATE, "20150101"), (tag::STUDY_DATE, "2020")],
                None,
            ),
        ] {
            let mut data = DataSet::new();
            for (tag, text) in attributes {
                data.put_text(*tag, b"CS", text);
            }
            assert_eq!(contradiction(&data, Some(&ages)), expect, "{attributes:?}");
            if expect == Some("age") {
                assert_eq!(contradiction(&data, None), None);
            }
        }
    }
}
