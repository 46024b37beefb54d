//! Variables to a [`Config`] that can't be invalid.

use std::{fmt::Display, str::FromStr};

use crate::{
    decode::Limits,
    error::Error,
    pipeline::{AnonymizeWhen, Overlay, Settings},
    predict::Thresholds,
    redact::{Method, parse_boxes},
    s3::{Addressing, Endpoint},
    sigv4::{Secret, sha256_hex},
};

/// How a patient id becomes a study id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StudyId {
    /// HMAC-SHA-256 under the pseudonym key.
    Keyed,
    /// As the original: unkeyed BLAKE2b of four bytes. It can be undone by trying every id; for parity tests only.
    Seed,
}

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where the store is.
    pub endpoint: Endpoint,
    /// The region to sign for.
    pub region: String,
    /// The access key id.
    pub access_key: String,
    /// The secret key.
    pub secret_key: Secret,
    /// The session token of temporary credentials.
    pub session_token: Option<Secret>,
    /// The key of the pseudonyms; without it nothing is anonymized.
    pub pseudonym_key: Option<Secret>,
    /// How a patient id becomes a study id.
    pub study_id: StudyId,
    /// The model's name.
    pub model: String,
    /// The suffix of the bucket for labelled pictures.
    pub processed_suffix: String,
    /// The suffix of the bucket for anonymized pictures.
    pub anonymized_suffix: String,
    /// Whether what was made of a source goes when the source is removed.
    pub remove_outputs: bool,
    /// What the outputs' pixels depend on.
    pub pixels: Settings,
    /// The settings as text, in the order they are digested.
    digested: String,
}

/// The defaults, the same as in `spin.toml`; a test holds the two together.
pub const DEFAULTS: [(&str, &str); 22] = [
    ("s3_endpoint", "http://127.0.0.1:7480"),
    ("s3_region", "us-east-1"),
    ("s3_style", "path"),
    ("s3_access_key", ""),
    ("s3_secret_key", ""),
    ("s3_session_token", ""),
    ("pseudonym_key", ""),
    ("study_id", "keyed"),
    ("model", "pneumonia"),
    ("threshold_pneumonia", "0.80"),
    ("threshold_normal", "0.60"),
    ("label_size", "50"),
    ("overlay", "none"),
    ("anonymize", "pneumonia"),
    ("redaction", "fill"),
    ("redact_boxes", "bottom-left 300x100"),
    ("anonymized_label", "false"),
    ("processed_suffix", "-processed"),
    ("anonymized_suffix", "-anonymized"),
    ("remove_outputs", "false"),
    ("max_bytes", "33554432"),
    ("max_pixels", "40000000"),
];

impl Config {
    /// Reads every setting through `lookup`, which gives a variable's value; a missing one has its default.
    ///
    /// # Errors
    /// [`Error::Config`] that names the first variable that is missing or has a value that can't be used.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Config, Error> {
        let get = |name: &'static str| -> String {
            let default = DEFAULTS
                .iter()
                .find(|(n, _)| *n == name)
                .map_or("", |(_, d)| d);
            lookup(name)
                .unwrap_or_else(|| default.to_owned())
                .trim()
                .to_owned()
        };
        let required = |name: &'static str| {
            Some(get(name))
                .filter(|v| !v.is_empty())
                .ok_or(Error::Config {
                    name,
                    problem: "is not set".into(),
                })
        };
        let secret = |name: &'static str| Some(Secret::new(get(name))).filter(|s| !s.is_empty());

        let addressing = choice(
            "s3_style",
            &get("s3_style"),
            &[
                ("path", Addressing::Path),
                ("virtual", Addressing::VirtualHost),
            ],
        )?;
        let endpoint =
            Endpoint::parse(&required("s3_endpoint")?, addressing).map_err(|problem| {
                Error::Config {
                    name: "s3_endpoint",
                    problem,
                }
            })?;
        let thresholds = Thresholds {
            normal: number("threshold_normal", &get("threshold_normal"), 0.0..=1.0)?,
            pneumonia: number(
                "threshold_pneumonia",
                &get("threshold_pneumonia"),
                0.0..=1.0,
            )?,
        };
        if thresholds.normal > thresholds.pneumonia {
            return Err(Error::Config {
                name: "threshold_normal",
                problem: "must not be over threshold_pneumonia".into(),
            });
        }
        let pixels = Settings {
            limits: Limits {
                max_bytes: number("max_bytes", &get("max_bytes"), 1..=1 << 32)?,
                max_pixels: number("max_pixels", &get("max_pixels"), 1..=1 << 32)?,
            },
            thresholds,
            label_size: number("label_size", &get("label_size"), 6.0..=500.0)?,
            overlay: choice(
                "overlay",
                &get("overlay"),
                &[("none", Overlay::None), ("heatmap", Overlay::Heatmap)],
            )?,
            boxes: parse_boxes(&required("redact_boxes")?).map_err(|problem| Error::Config {
                name: "redact_boxes",
                problem,
            })?,
            method: choice(
                "redaction",
                &get("redaction"),
                &[("fill", Method::Fill), ("blur", Method::Blur)],
            )?,
            anonymize: choice(
                "anonymize",
                &get("anonymize"),
                &[
                    ("pneumonia", AnonymizeWhen::Pneumonia),
                    ("all", AnonymizeWhen::All),
                    ("none", AnonymizeWhen::None),
                ],
            )?,
            anonymized_label: choice(
                "anonymized_label",
                &get("anonymized_label"),
                &[("true", true), ("false", false)],
            )?,
        };
        let model = required("model")?;
        if !model
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        {
            return Err(Error::Config {
                name: "model",
                problem: "must be letters, digits, `-` and `_`: the name of a folder under models"
                    .into(),
            });
        }
        let processed_suffix = suffix("processed_suffix", get("processed_suffix"))?;
        let anonymized_suffix = suffix("anonymized_suffix", get("anonymized_suffix"))?;
        if processed_suffix == anonymized_suffix {
            return Err(Error::Config {
                name: "anonymized_suffix",
                problem: "must differ from processed_suffix".into(),
            });
        }
        let pseudonym_key = secret("pseudonym_key");
        // What changes the outputs, and nothing else: neither the store's address nor its credentials.
        let digested = format!(
            "{pixels:?}|{:?}|{:?}",
            get("study_id"),
            pseudonym_key
                .as_ref()
                .map(|k| sha256_hex(k.expose().as_bytes())),
        );
        Ok(Config {
            endpoint,
            region: required("s3_region")?,
            access_key: required("s3_access_key")?,
            secret_key: Secret::new(required("s3_secret_key")?),
            session_token: secret("s3_session_token"),
            pseudonym_key,
            study_id: choice(
                "study_id",
                &get("study_id"),
                &[("keyed", StudyId::Keyed), ("seed", StudyId::Seed)],
            )?,
            model,
            processed_suffix,
            anonymized_suffix,
            remove_outputs: choice(
                "remove_outputs",
                &get("remove_outputs"),
                &[("true", true), ("false", false)],
            )?,
            pixels,
            digested,
        })
    }

    /// The first 16 hex digits of SHA-256 over the settings that change the outputs.
    pub fn settings_digest(&self) -> String {
        sha256_hex(self.digested.as_bytes())[..16].to_owned()
    }
}

fn choice<T: Copy>(name: &'static str, value: &str, choices: &[(&str, T)]) -> Result<T, Error> {
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

fn number<T>(
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

fn suffix(name: &'static str, value: String) -> Result<String, Error> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if value.is_empty() || !value.chars().all(plain) {
        return Err(Error::Config {
            name,
            problem: "must be lower-case letters, digits, `-` and `.`, and not empty: outputs must not land in the input bucket".into(),
        });
    }
    Ok(value)
}
