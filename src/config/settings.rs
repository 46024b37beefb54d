//! The table of all settings: each has its name, type, default, parser and effect on the outputs in
//! one row.

use http::HeaderValue;
use s3::Addressing;

use super::{
    naming::{ExamDate, Folders, Globs, StudyId},
    values::{
        DigestValue, Parsed, boxes, folder, number, optional, required, secret, suffix, word,
    },
};
use crate::{
    dicom::{Choices, Dates, DicomResult},
    dicomweb,
    error::Error,
    picture::boxes::BoxSpec,
    picture::redact::Method,
    pipeline::{AnonymizeWhen, Overlay},
    secret::Secret,
};

/// Revision of the outputs, part of every settings digest.
///
/// Raise it by hand in the commit after which an equal source, model and settings give other output
/// bytes, other output keys or another decision about the anonymized copy. `xray reprocess` then
/// finds all stored outputs out of date and makes them again. Leave it alone when only speed,
/// wording, reports or metadata change.
pub const OUTPUTS: u32 = 8;

/// Declares the settings, one row each: `name: Type = "default", parser;`, or `parser, digested;`
/// when the value changes the outputs.
///
/// A new `digested` row changes the settings digest of every installation, as raising [`OUTPUTS`]
/// does.
macro_rules! settings {
    ($($name:ident: $type:ty = $default:literal, $parser:expr $(, $digested:ident)?;)*) => {
        /// Names and defaults of all settings, the same as in `spin.toml`; a test compares the two.
        pub const DEFAULTS: [(&str, &str); [$($default),*].len()] =
            [$((stringify!($name), $default)),*];

        /// The settings, each valid by itself.
        pub(super) struct Values {
            $(pub $name: $type,)*
        }

        impl Values {
            /// Parses every setting; `lookup` returns `None` for a variable that is not set.
            ///
            /// # Errors
            /// [`Error::Config`] that names the first variable with an unusable value.
            pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Values, Error> {
                Ok(Values {
                    $($name: parse(stringify!($name), $default, &lookup, $parser)?,)*
                })
            }

            /// The settings that change the outputs, as `name=value` lines sorted by name.
            fn digested(&self) -> Vec<String> {
                let mut lines = vec![
                    $($(settings!(@$digested $name, self.$name),)?)*
                ];
                lines.sort_unstable();
                lines
            }
        }
    };
    (@digested $name:ident, $value:expr) => {
        format!("{}={}", stringify!($name), $value.digest_value())
    };
}

settings! {
    s3_endpoint: String = "http://127.0.0.1:7480", required;
    s3_region: String = "us-east-1", required;
    s3_style: Addressing = "path", word;
    s3_access_key: String = "", required;
    s3_secret_key: Secret = "", |text| required(text).map(Secret::new);
    s3_session_token: Option<Secret> = "", secret;
    pseudonym_key: Option<Secret> = "", secret, digested;
    study_id: StudyId = "keyed", word, digested;
    exam_date: ExamDate = "keep", word, digested;
    folders: Folders = "digest", word, digested;
    keep_folders: Globs = "", Globs::parse, digested;
    model: String = "pneumonia", |text| required(text).and_then(|text| folder(&text));
    threshold_pneumonia: f64 = "0.80", number(0.0..=1.0), digested;
    threshold_normal: f64 = "0.60", number(0.0..=1.0), digested;
    label_size: f32 = "50", number(6.0..=500.0), digested;
    overlay: Overlay = "none", word, digested;
    dicom_result: DicomResult = "sc", word, digested;
    anonymize: AnonymizeWhen = "pneumonia", word, digested;
    dicom_dates: Dates = "remove", Dates::parse, digested;
    dicom_options: Choices = "", Choices::parse, digested;
    redaction: Method = "fill", word, digested;
    redact_boxes: Vec<BoxSpec> = "bottom-left 300x100", boxes, digested;
    text_detector: Option<String> = "text", optional(folder);
    marker_recognizer: Option<String> = "markers", optional(folder);
    max_redacted: f64 = "0.30", number(0.0..=1.0), digested;
    redact_processed: bool = "false", word, digested;
    anonymized_label: bool = "false", word, digested;
    processed_suffix: String = "-processed", suffix;
    anonymized_suffix: String = "-anonymized", suffix;
    quarantine_suffix: Option<String> = "-quarantine", optional(suffix);
    remove_outputs: bool = "false", word;
    dicomweb_url: Option<String> = "", optional(dicomweb::url);
    dicomweb_credentials: Option<HeaderValue> = "", optional(dicomweb::credentials);
    dicomweb_research_url: Option<String> = "", optional(dicomweb::url);
    dicomweb_research_credentials: Option<HeaderValue> = "", optional(dicomweb::credentials);
    max_bytes: u64 = "33554432", number(1..=1 << 32);
    max_bytes_dicom: u64 = "67108864", number(1..=1 << 32);
    max_pixels: u64 = "40000000", number(1..=1 << 32);
    max_memory_picture: u64 = "469762048", number(1..=1 << 32);
}

impl Values {
    /// The text whose digest identifies the settings: the revision of the outputs, then one line
    /// for each setting that changes them.
    ///
    /// The limits on a source are left out: they decide whether outputs are made, not their
    /// contents.
    pub fn digest_text(&self) -> String {
        format!("outputs={OUTPUTS}\n{}\n", self.digested().join("\n"))
    }
}

fn parse<T>(
    name: &'static str,
    default: &str,
    lookup: impl Fn(&str) -> Option<String>,
    parser: impl Fn(&str) -> Parsed<T>,
) -> Result<T, Error> {
    let text = lookup(name);
    parser(text.as_deref().unwrap_or(default).trim())
        .map_err(|problem| Error::Config { name, problem })
}
