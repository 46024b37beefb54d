//! Parsers of single values, and the canonical text of each value in the settings digest.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr};

use s3::Addressing;

use super::buckets::AUDIT_SUFFIX;
use super::naming::{ExamDate, Folders, Globs, StudyId};
use crate::{
    dicom::{Choices, Dates, DicomResult},
    picture::boxes::{BoxSpec, Length, parse_boxes},
    picture::redact::Method,
    pipeline::{AnonymizeWhen, Overlay},
    secret::{Secret, sha256_hex},
};

/// A parsed value, or the reason why the text cannot be used.
pub type Parsed<T> = Result<T, String>;

/// A value that is chosen by a word.
pub trait Word: Copy + PartialEq + 'static {
    /// The accepted words with their values. Of several words for one value the first is the
    /// canonical one.
    const WORDS: &[(&str, Self)];
}

impl Word for bool {
    const WORDS: &[(&str, bool)] = &[("true", true), ("false", false)];
}

impl Word for Addressing {
    const WORDS: &[(&str, Addressing)] = &[
        ("path", Addressing::Path),
        ("virtual", Addressing::VirtualHost),
    ];
}

impl Word for StudyId {
    // `seed` is the name of `legacy` in earlier releases.
    const WORDS: &[(&str, StudyId)] = &[
        ("keyed", StudyId::Keyed),
        ("legacy", StudyId::Legacy),
        ("seed", StudyId::Legacy),
    ];
}

impl Word for ExamDate {
    const WORDS: &[(&str, ExamDate)] = &[
        ("keep", ExamDate::Keep),
        ("year", ExamDate::Year),
        ("shift", ExamDate::Shift),
    ];
}

impl Word for Folders {
    const WORDS: &[(&str, Folders)] = &[("digest", Folders::Digest), ("checked", Folders::Checked)];
}

impl Word for Overlay {
    const WORDS: &[(&str, Overlay)] = &[("none", Overlay::None), ("heatmap", Overlay::Heatmap)];
}

impl Word for DicomResult {
    const WORDS: &[(&str, DicomResult)] = &[
        ("sc", DicomResult::Capture),
        ("gsps", DicomResult::Presentation),
        ("both", DicomResult::Both),
    ];
}

impl Word for AnonymizeWhen {
    const WORDS: &[(&str, AnonymizeWhen)] = &[
        ("pneumonia", AnonymizeWhen::Pneumonia),
        ("all", AnonymizeWhen::All),
        ("none", AnonymizeWhen::None),
    ];
}

impl Word for Method {
    const WORDS: &[(&str, Method)] = &[("fill", Method::Fill), ("blur", Method::Blur)];
}

/// Parses one of the words of `T`.
///
/// # Errors
/// Lists the accepted words.
pub fn word<T: Word>(text: &str) -> Parsed<T> {
    let found = T::WORDS.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
        format!("`{text}` is not one of {}", words.join(", "))
    })
}

/// Returns a parser of numbers in `range`.
///
/// # Errors
/// Names the range.
pub fn number<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Parsed<T>
where
    T: FromStr + PartialOrd + Display,
{
    move |text| {
        text.parse()
            .ok()
            .filter(|value| range.contains(value))
            .ok_or_else(|| {
                let (low, high) = (range.start(), range.end());
                format!("`{text}` is not a number from {low} to {high}")
            })
    }
}

/// Parses a text that must not be empty.
///
/// # Errors
/// When it is empty.
pub fn required(text: &str) -> Parsed<String> {
    match text {
        "" => Err("is not set".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// Returns a parser that maps an empty text to `None`.
pub fn optional<T>(parser: impl Fn(&str) -> Parsed<T>) -> impl Fn(&str) -> Parsed<Option<T>> {
    move |text| match text {
        "" => Ok(None),
        text => parser(text).map(Some),
    }
}

/// Parses a secret; an empty text gives `None`.
pub fn secret(text: &str) -> Parsed<Option<Secret>> {
    optional(|text| Ok(Secret::new(text.to_owned())))(text)
}

/// Parses the suffix that turns the name of an input bucket into that of an output bucket.
///
/// # Errors
/// Lists the accepted characters.
pub fn suffix(text: &str) -> Parsed<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if text.is_empty() || !text.chars().all(plain) {
        return Err("must be lower-case letters, digits, `-` and `.`, and not empty: outputs must not land in the input bucket".to_owned());
    }
    if text.ends_with(AUDIT_SUFFIX) {
        return Err(format!(
            "must not end in `{AUDIT_SUFFIX}`: that bucket holds the audit log of the page"
        ));
    }
    Ok(text.to_owned())
}

/// Parses the name of a folder under `models`.
///
/// # Errors
/// Lists the accepted characters.
pub fn folder(text: &str) -> Parsed<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.chars().all(plain) {
        return Err(
            "must be letters, digits, `-` and `_`: the name of a folder under models".to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// Parses boxes; `none` gives an empty list.
///
/// # Errors
/// Those of [`parse_boxes`].
pub fn boxes(text: &str) -> Parsed<Vec<BoxSpec>> {
    match text {
        "none" => Ok(Vec::new()),
        text => parse_boxes(text),
    }
}

/// The canonical text of a value in the settings digest. Stored objects hold digests of it, so it
/// must never change for a value that keeps its meaning.
pub trait DigestValue {
    /// Returns the canonical text.
    fn digest_value(&self) -> String;
}

impl<T: Word> DigestValue for T {
    fn digest_value(&self) -> String {
        let canonical = T::WORDS.iter().find(|(_, value)| value == self);
        canonical.map_or("", |(word, _)| word).to_owned()
    }
}

impl DigestValue for f32 {
    fn digest_value(&self) -> String {
        self.to_string()
    }
}

impl DigestValue for f64 {
    fn digest_value(&self) -> String {
        self.to_string()
    }
}

impl DigestValue for Option<Secret> {
    fn digest_value(&self) -> String {
        self.as_ref()
            .map(|secret| sha256_hex(secret.expose().as_bytes()))
            .unwrap_or_default()
    }
}

impl DigestValue for Globs {
    fn digest_value(&self) -> String {
        self.text()
    }
}

impl DigestValue for Dates {
    fn digest_value(&self) -> String {
        self.word().to_owned()
    }
}

impl DigestValue for Choices {
    fn digest_value(&self) -> String {
        self.text()
    }
}

impl DigestValue for Vec<BoxSpec> {
    fn digest_value(&self) -> String {
        let boxes: Vec<String> = self.iter().map(box_text).collect();
        boxes.join("; ")
    }
}

fn box_text(spec: &BoxSpec) -> String {
    let corner = spec.corner.name();
    let length = |length| match length {
        Length::Pixels(pixels) => pixels.to_string(),
        Length::Percent(percent) => format!("{percent}%"),
    };
    let [width, height, dx, dy] = [spec.width, spec.height, spec.dx, spec.dy].map(length);
    format!("{corner} {width}x{height}+{dx}+{dy}")
}
