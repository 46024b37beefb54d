//! The result of an object: a Secondary Capture with the label burned in, a presentation state with
//! the label over the source, or both, and always a structured report.

pub(crate) mod capture;
mod content;
pub(crate) mod presentation;
pub(crate) mod report;

use super::{
    attributes as tag, damaged,
    element::{DataSet, Element, Value, Vr},
    uid::UidKey,
};
use crate::{
    error::Error,
    model::{
        contract::Contract,
        predict::{Prediction, Thresholds},
    },
};

/// Name of the maker and of the algorithm's equipment.
const NAME: &str = "xray";

/// The form of the labeled picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DicomResult {
    /// A Secondary Capture.
    Capture,
    /// A presentation state, in place of the capture.
    Presentation,
    /// A capture, and a presentation state beside it.
    Both,
}

/// A result that is stored beside the processed object, and before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Companion {
    /// The structured report.
    Report,
    /// The presentation state.
    Presentation,
}

impl Companion {
    /// All of them.
    pub const ALL: [Companion; 2] = [Companion::Report, Companion::Presentation];

    /// Returns its word in keys and metadata.
    pub fn word(self) -> &'static str {
        match self {
            Companion::Report => "sr",
            Companion::Presentation => "gsps",
        }
    }
}

/// All that a result says.
pub(crate) struct Finding<'a> {
    pub(crate) prediction: &'a Prediction,
    pub(crate) contract: &'a Contract,
    pub(crate) thresholds: &'a Thresholds,
    /// Digest of the settings.
    pub(crate) settings: &'a str,
    pub(crate) key: &'a UidKey,
}

/// References of a source that its results carry.
struct SourceIds {
    class: String,
    instance: String,
    series: String,
    study: String,
}

impl SourceIds {
    fn read(source: &DataSet<'_>) -> Result<SourceIds, Error> {
        let uid = |tag, name: &str| {
            source
                .text(tag)
                .ok_or_else(|| damaged(&format!("{name} is missing")))
        };
        Ok(SourceIds {
            class: uid(tag::SOP_CLASS, "SOP Class UID")?,
            instance: uid(tag::SOP_INSTANCE, "SOP Instance UID")?,
            series: uid(tag::SERIES_INSTANCE, "Series Instance UID")?,
            study: uid(tag::STUDY_INSTANCE, "Study Instance UID")?,
        })
    }

    /// Returns the reference to the source's instance.
    fn reference(&self) -> DataSet<'static> {
        let mut item = DataSet::new();
        item.put_text(tag::REFERENCED_CLASS, b"UI", &self.class);
        item.put_text(tag::REFERENCED_INSTANCE, b"UI", &self.instance);
        item
    }
}

impl Finding<'_> {
    /// Returns a UID of the result: the same for the same source, model and settings.
    fn uid(&self, kind: &str, source: &SourceIds) -> String {
        let (instance, model) = (&source.instance, &self.contract.model_sha256);
        let text = format!("{kind}\0{instance}\0{model}\0{}", self.settings);
        self.key.derive(&text)
    }
}

/// Attributes of patient and study that results take over, and whether they must be there, empty or
/// not.
const TAKEN: [(u32, &Vr, bool); 14] = [
    (tag::CHARACTER_SET, b"CS", false),
    (tag::STUDY_DATE, b"DA", true),
    (tag::STUDY_TIME, b"TM", true),
    (tag::ACCESSION_NUMBER, b"SH", true),
    (tag::REFERRING_PHYSICIAN, b"PN", true),
    (tag::STUDY_DESCRIPTION, b"LO", false),
    (tag::PATIENT_NAME, b"PN", true),
    (tag::PATIENT_ID, b"LO", true),
    (tag::ISSUER_OF_PATIENT_ID, b"LO", false),
    (tag::BIRTH_DATE, b"DA", true),
    (tag::SEX, b"CS", true),
    (tag::AGE, b"AS", false),
    (tag::STUDY_INSTANCE, b"UI", true),
    (tag::STUDY_ID, b"SH", true),
];

/// Returns a data set with the source's patient and study. Texts are taken as they are, with their
/// character sets.
fn of_source<'a>(source: &'a DataSet<'_>) -> DataSet<'a> {
    let mut result = DataSet::new();
    for (tag, vr, is_needed) in TAKEN {
        let bytes = source.bytes(tag);
        if is_needed || bytes.is_some() {
            result.put(Element {
                tag,
                vr: *vr,
                value: Value::Bytes(bytes.unwrap_or_default().into()),
            });
        }
    }
    result
}

/// Returns the date and time of a result: the source's, so that the same event gives the same
/// result. A clock would give another one under the same UID.
fn written_at(source: &DataSet<'_>) -> (String, String) {
    let dates = [
        tag::CONTENT_DATE,
        tag::ACQUISITION_DATE,
        tag::SERIES_DATE,
        tag::STUDY_DATE,
    ];
    let date = dates.into_iter().find_map(|tag| source.text(tag));
    let time = [tag::CONTENT_TIME, tag::STUDY_TIME];
    let time = time.into_iter().find_map(|tag| source.text(tag));
    (
        date.unwrap_or_else(|| "19000101".to_owned()),
        time.unwrap_or_else(|| "000000".to_owned()),
    )
}

/// Identity of a kind of result and of its series.
struct Series {
    class: &'static str,
    modality: &'static str,
    number: &'static str,
    /// Kind of the result in the derivation of its UIDs.
    kind: &'static str,
}

/// Puts the identity of a result, the first of a series of its own, and its maker.
fn put_identity(
    result: &mut DataSet<'_>,
    series: &Series,
    finding: &Finding<'_>,
    source: &SourceIds,
) {
    let kind = series.kind;
    result.put_text(tag::SOP_CLASS, b"UI", series.class);
    result.put_text(tag::SOP_INSTANCE, b"UI", &finding.uid(kind, source));
    let uid = finding.uid(&format!("{kind} series"), source);
    result.put_text(tag::SERIES_INSTANCE, b"UI", &uid);
    result.put_text(tag::SERIES_NUMBER, b"IS", series.number);
    let description = "Pneumonia risk, not for diagnosis";
    result.put_text(tag::SERIES_DESCRIPTION, b"LO", description);
    result.put_text(tag::INSTANCE_NUMBER, b"IS", "1");
    result.put_text(tag::MODALITY, b"CS", series.modality);
    result.put_text(tag::MANUFACTURER, b"LO", NAME);
    result.put_text(tag::MODEL_NAME, b"LO", NAME);
    result.put_text(tag::SOFTWARE_VERSIONS, b"LO", env!("CARGO_PKG_VERSION"));
}
