//! Variables to a [`Config`] that can't be invalid.

mod defaults;
mod values;

pub use defaults::DEFAULTS;
use values::{choice, folder, number, suffix};

use crate::{
    error::Error,
    model::predict::Thresholds,
    picture::decode::Limits,
    picture::redact::{Method, parse_boxes},
    pipeline::{AnonymizeWhen, Overlay, Settings},
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

/// What of the exam date stays in the anonymized name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExamDate {
    /// All of it, as in the original.
    Keep,
    /// The year.
    Year,
    /// A date up to a year earlier, by the same days for all exams of a patient.
    Shift,
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
    /// What of the exam date stays in the anonymized name.
    pub exam_date: ExamDate,
    /// The model's name.
    pub model: String,
    /// The name of the model that finds burned-in text; none where only the configured boxes are covered.
    pub text_detector: Option<String>,
    /// The suffix of the bucket for labelled pictures.
    pub processed_suffix: String,
    /// The suffix of the bucket for anonymized pictures.
    pub anonymized_suffix: String,
    /// The suffix of the bucket for copies that are not clean for sure; none where such a copy is stored nowhere.
    pub quarantine_suffix: Option<String>,
    /// Whether what was made of a source goes when the source is removed.
    pub remove_outputs: bool,
    /// What the outputs' pixels depend on.
    pub pixels: Settings,
    /// The settings as text, in the order they are digested.
    digested: String,
}

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
        let optional = |name: &'static str| Some(get(name)).filter(|v| !v.is_empty());
        let secret = |name: &'static str| optional(name).map(Secret::new);

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
        let text_detector = optional("text_detector");
        let text_detector = text_detector
            .map(|name| folder("text_detector", name))
            .transpose()?;
        let boxes = required("redact_boxes")?;
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
            // Without boxes everything is left to what finds text.
            boxes: if boxes == "none" && text_detector.is_some() {
                Vec::new()
            } else {
                parse_boxes(&boxes).map_err(|problem| Error::Config {
                    name: "redact_boxes",
                    problem,
                })?
            },
            max_redacted: number("max_redacted", &get("max_redacted"), 0.0..=1.0)?,
            redact_processed: choice(
                "redact_processed",
                &get("redact_processed"),
                &[("true", true), ("false", false)],
            )?,
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
        let model = folder("model", required("model")?)?;
        let processed_suffix = suffix("processed_suffix", get("processed_suffix"))?;
        let anonymized_suffix = suffix("anonymized_suffix", get("anonymized_suffix"))?;
        if processed_suffix == anonymized_suffix {
            return Err(Error::Config {
                name: "anonymized_suffix",
                problem: "must differ from processed_suffix".into(),
            });
        }
        let quarantine_suffix = optional("quarantine_suffix")
            .map(|text| suffix("quarantine_suffix", text))
            .transpose()?;
        if [Some(&processed_suffix), Some(&anonymized_suffix)].contains(&quarantine_suffix.as_ref())
        {
            return Err(Error::Config {
                name: "quarantine_suffix",
                problem: "must differ from processed_suffix and anonymized_suffix".into(),
            });
        }
        let pseudonym_key = secret("pseudonym_key");
        // What changes the outputs, and nothing else: neither the store's address nor its credentials.
        let digested = format!(
            "{pixels:?}|{:?}|{:?}|{:?}",
            get("study_id"),
            get("exam_date"),
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
            exam_date: choice(
                "exam_date",
                &get("exam_date"),
                &[
                    ("keep", ExamDate::Keep),
                    ("year", ExamDate::Year),
                    ("shift", ExamDate::Shift),
                ],
            )?,
            model,
            text_detector,
            processed_suffix,
            anonymized_suffix,
            quarantine_suffix,
            remove_outputs: choice(
                "remove_outputs",
                &get("remove_outputs"),
                &[("true", true), ("false", false)],
            )?,
            pixels,
            digested,
        })
    }

    /// The first 16 hex digits of SHA-256 over the settings that change the outputs, and over the SHA-256 of the model that finds
    /// text, where there is one: another one finds other text.
    pub fn settings_digest(&self, detector: Option<&str>) -> String {
        let text = format!("{}|{detector:?}", self.digested);
        sha256_hex(text.as_bytes())[..16].to_owned()
    }
}
