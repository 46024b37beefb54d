//! Settings: named variables parsed into a [`Config`] that cannot be invalid.

mod buckets;
mod models;
mod naming;
mod settings;
#[cfg(test)]
mod tests;
mod values;

pub use buckets::{AUDIT_SUFFIX, Buckets};
pub use models::ModelKind;
pub use naming::{ExamDate, Folders, Globs, Naming, StudyId};
pub use settings::{DEFAULTS, OUTPUTS};

use s3::Endpoint;

use buckets::Suffixes;
use settings::Values;

use crate::{
    dicom::{DicomSettings, Options},
    dicomweb::Archive,
    error::Error,
    model::predict::Thresholds,
    picture::limits::Limits,
    pipeline::{AnonymizeWhen, Settings},
    secret::{Secret, sha256_hex},
};

/// Fewest bytes of a pseudonym key that is not remarked on.
const SHORTEST_KEY: usize = 16;

/// All settings, parsed and checked against each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Address of the store.
    pub endpoint: Endpoint,
    /// Region to sign for.
    pub region: String,
    /// Access key id.
    pub access_key: String,
    /// Secret key.
    pub secret_key: Secret,
    /// Session token of temporary credentials.
    pub session_token: Option<Secret>,
    /// Key of the pseudonyms; without one nothing is anonymized.
    pub pseudonym_key: Option<Secret>,
    /// The rules for the name of an anonymized copy.
    pub naming: Naming,
    /// Name of the model.
    pub model: String,
    /// Name of the model that finds burned-in text; `None` covers the configured boxes only.
    pub text_detector: Option<String>,
    /// Name of the model that recognizes markers; without it, or without a text detector, none is
    /// looked for.
    pub marker_recognizer: Option<String>,
    /// Removal of the outputs of a source together with it.
    pub remove_outputs: bool,
    /// Settings of the pictures themselves.
    pub pixels: Settings,
    /// Settings of DICOM objects.
    pub dicom: DicomSettings,
    /// Archive for the results of DICOM objects.
    pub results: Option<Archive>,
    /// Archive for their anonymized copies.
    pub research: Option<Archive>,
    suffixes: Suffixes,
    digest_text: String,
}

impl Config {
    /// Reads every setting through `lookup`, which returns the value of a variable; one that is not
    /// set has its default.
    ///
    /// # Errors
    /// [`Error::Config`] that names the first variable that is missing or has an unusable value.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Config, Error> {
        let values = Values::read(lookup)?;
        let invalid = |name, problem: &str| {
            Err(Error::Config {
                name,
                problem: problem.to_owned(),
            })
        };
        if values.threshold_normal > values.threshold_pneumonia {
            return invalid("threshold_normal", "must not be over threshold_pneumonia");
        }
        if values.redact_boxes.is_empty() && values.text_detector.is_none() {
            return invalid(
                "redact_boxes",
                "`none` needs a text_detector, or nothing would be covered",
            );
        }
        if values.processed_suffix == values.anonymized_suffix {
            return invalid("anonymized_suffix", "must differ from processed_suffix");
        }
        if values.quarantine_suffix.as_ref().is_some_and(|suffix| {
            [&values.processed_suffix, &values.anonymized_suffix].contains(&suffix)
        }) {
            return invalid(
                "quarantine_suffix",
                "must differ from processed_suffix and anonymized_suffix",
            );
        }
        if values.folders == Folders::Checked && !values.keep_folders.is_empty() {
            return invalid(
                "keep_folders",
                "has no effect under folders = checked; leave it empty, or set folders to digest",
            );
        }
        if values.dicomweb_url.is_some() && values.dicomweb_url == values.dicomweb_research_url {
            return invalid(
                "dicomweb_research_url",
                "must differ from dicomweb_url: results name the patient, copies must not",
            );
        }
        let digest_text = values.digest_text();
        let endpoint =
            Endpoint::parse(&values.s3_endpoint, values.s3_style).map_err(|problem| {
                Error::Config {
                    name: "s3_endpoint",
                    problem: problem.to_string(),
                }
            })?;
        let dicom = DicomSettings {
            max_bytes: values.max_bytes_dicom,
            result: values.dicom_result,
            result_key: values
                .pseudonym_key
                .clone()
                .unwrap_or_else(|| values.s3_secret_key.clone()),
            pseudonym_key: values.pseudonym_key.clone(),
            options: Options {
                dates: values.dicom_dates,
                choices: values.dicom_options,
            },
            settings: sha256_hex(digest_text.as_bytes())[..16].to_owned(),
        };
        Ok(Config {
            endpoint,
            region: values.s3_region,
            access_key: values.s3_access_key,
            secret_key: values.s3_secret_key,
            session_token: values.s3_session_token,
            pseudonym_key: values.pseudonym_key,
            naming: Naming {
                study_id: values.study_id,
                exam_date: values.exam_date,
                folders: values.folders,
                keep_folders: values.keep_folders,
            },
            model: values.model,
            text_detector: values.text_detector,
            marker_recognizer: values.marker_recognizer,
            remove_outputs: values.remove_outputs,
            pixels: Settings {
                limits: Limits {
                    max_bytes: values.max_bytes,
                    max_pixels: values.max_pixels,
                    max_memory: values.max_memory_picture,
                },
                thresholds: Thresholds {
                    normal: values.threshold_normal,
                    pneumonia: values.threshold_pneumonia,
                },
                label_size: values.label_size,
                overlay: values.overlay,
                boxes: values.redact_boxes,
                max_redacted: values.max_redacted,
                redact_processed: values.redact_processed,
                method: values.redaction,
                anonymize: values.anonymize,
                anonymized_label: values.anonymized_label,
            },
            dicom,
            results: values.dicomweb_url.map(|url| Archive {
                setting: "dicomweb_url",
                url,
                authorization: values.dicomweb_credentials,
            }),
            research: values.dicomweb_research_url.map(|url| Archive {
                setting: "dicomweb_research_url",
                url,
                authorization: values.dicomweb_research_credentials,
            }),
            suffixes: Suffixes {
                processed: values.processed_suffix,
                anonymized: values.anonymized_suffix,
                quarantine: values.quarantine_suffix,
            },
            digest_text,
        })
    }

    /// Returns a remark on a pseudonym key that is missing or short, if copies are to be made.
    ///
    /// A short one is not refused: copies that were made under it are found only with it.
    pub fn key_remark(&self) -> Option<String> {
        if self.pixels.anonymize == AnonymizeWhen::None {
            return None;
        }
        match &self.pseudonym_key {
            None => Some("without pseudonym_key nothing is anonymized".to_owned()),
            Some(key) if key.expose().len() < SHORTEST_KEY => Some(format!(
                "pseudonym_key has fewer than {SHORTEST_KEY} characters, so that study ids can be traced back by guessing it"
            )),
            Some(_) => None,
        }
    }

    /// Names the buckets that belong to an input bucket.
    pub fn buckets(&self, input: &str) -> Buckets {
        self.suffixes.buckets(input)
    }

    /// Reports whether the bucket is for outputs. An event from such a bucket must do nothing, or
    /// the function would process its own outputs.
    pub fn is_output_bucket(&self, bucket: &str) -> bool {
        self.suffixes.name_output(bucket)
    }

    /// Returns the digest that stored outputs carry: the first 16 hex digits of SHA-256 over
    /// [`OUTPUTS`], the settings that change the outputs, the SHA-256 of the text detector, because
    /// another detector finds other text, and [`MarkerContract::digest_text`] of the marker
    /// recognizer.
    ///
    /// [`MarkerContract::digest_text`]: crate::text::marker_contract::MarkerContract::digest_text
    pub fn settings_digest(&self, detector: Option<&str>, markers: Option<&str>) -> String {
        let text = format!(
            "{}detector={}\nmarkers={}\n",
            self.digest_text,
            detector.unwrap_or_default(),
            markers.unwrap_or_default()
        );
        sha256_hex(text.as_bytes())[..16].to_owned()
    }
}
