//! How single values are read, and what is said of those that can't be used.

use std::{fmt::Display, str::FromStr};

use crate::error::Error;

/// The value that stands for a word.
///
/// # Errors
/// Names the words that there are.
pub fn choice<T: Copy>(name: &'static str, value: &str, choices: &[(&str, T)]) -> Result<T, Error> {
    choices
        .iter()
        .find(|(word, _)| *word == value)
        .map(|(_, v)| *v)
        .ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            Error::Config {
                name,
                problem: format!("`{value}` is not one of {}", words.join(", ")),
            }
        })
}

/// A number in a range.
///
/// # Errors
/// Says the range.
pub fn number<T>(
    name: &'static str,
    value: &str,
    range: std::ops::RangeInclusive<T>,
) -> Result<T, Error>
where
    T: FromStr + PartialOrd + Display,
{
    value
        .parse()
        .ok()
        .filter(|v| range.contains(v))
        .ok_or_else(|| Error::Config {
            name,
            problem: format!(
                "`{value}` is not a number from {} to {}",
                range.start(),
                range.end()
            ),
        })
}

/// A suffix that makes another bucket's name.
///
/// # Errors
/// Says what it may be made of.
pub fn suffix(name: &'static str, value: String) -> Result<String, Error> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if value.is_empty() || !value.chars().all(plain) {
        return Err(Error::Config {
            name,
            problem: "must be lower-case letters, digits, `-` and `.`, and not empty: outputs must not land in the input bucket".into(),
        });
    }
    Ok(value)
}

/// The name of a folder under `models`.
///
/// # Errors
/// Says what it may be made of.
pub fn folder(name: &'static str, value: String) -> Result<String, Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !value.chars().all(plain) {
        return Err(Error::Config {
            name,
            problem: "must be letters, digits, `-` and `_`: the name of a folder under models"
                .into(),
        });
    }
    Ok(value)
}
