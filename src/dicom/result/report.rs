//! The result as a Comprehensive 3D SR document by template 1500 (PS3.16).

use super::{
    Finding, NAME, Series, SourceIds,
    content::{Code, Item},
    of_source, put_identity, written_at,
};
use crate::{
    dicom::{attributes as tag, element::DataSet, syntax::EXPLICIT, write},
    error::Error,
    model::predict::percent,
};

const SERIES: Series = Series {
    class: "1.2.840.10008.5.1.4.1.1.88.34",
    modality: "SR",
    number: "9902",
    kind: "report",
};
const COMPLETION: u32 = 0x0040_A491;
const VERIFICATION: u32 = 0x0040_A493;
const PERFORMED_PROCEDURE: u32 = 0x0040_A372;
const EVIDENCE: u32 = 0x0040_A375;
/// Coding scheme of the classes, which no published one has.
const OWN_SCHEME: &str = "99XRAY";

const HAS_MODIFIER: &str = "HAS CONCEPT MOD";
const CONTAINS: &str = "CONTAINS";
const OBSERVER: &str = "HAS OBS CONTEXT";

const fn dcm(value: &'static str, meaning: &'static str) -> Code<'static> {
    Code(value, "DCM", meaning)
}

/// Writes the report.
///
/// # Errors
/// [`Error::Damaged`] if the source lacks an identifier, [`Error::Encode`].
pub(crate) fn write(source: &DataSet<'_>, finding: &Finding<'_>) -> Result<Vec<u8>, Error> {
    let ids = SourceIds::read(source)?;
    let mut document = of_source(source);
    put_identity(&mut document, &SERIES, finding, &ids);
    let (date, time) = written_at(source);
    document.put_text(tag::CONTENT_DATE, b"DA", &date);
    document.put_text(tag::CONTENT_TIME, b"TM", &time);
    document.put_text(COMPLETION, b"CS", "COMPLETE");
    document.put_text(VERIFICATION, b"CS", "UNVERIFIED");
    document.put_items(tag::REFERENCED_PROCEDURE_STEP, Vec::new());
    document.put_items(PERFORMED_PROCEDURE, Vec::new());
    document.put_items(EVIDENCE, vec![evidence(&ids)]);
    root(finding, &ids).into_root(&mut document);
    write::file(&document, &EXPLICIT)
}

fn evidence(ids: &SourceIds) -> DataSet<'static> {
    let mut series = DataSet::new();
    series.put_text(tag::SERIES_INSTANCE, b"UI", &ids.series);
    series.put_items(tag::REFERENCED_SOP, vec![ids.reference()]);
    let mut study = DataSet::new();
    study.put_text(tag::STUDY_INSTANCE, b"UI", &ids.study);
    study.put_items(tag::REFERENCED_SERIES, vec![series]);
    study
}

fn root(finding: &Finding<'_>, ids: &SourceIds) -> Item {
    let language = Item::code(
        HAS_MODIFIER,
        dcm("121049", "Language of Content Item and Descendants"),
        Code("en-US", "RFC5646", "English (United States)"),
    );
    let procedure = Item::code(
        HAS_MODIFIER,
        dcm("121058", "Procedure reported"),
        Code("399208008", "SCT", "Plain X-ray of chest"),
    );
    let mut content = vec![language];
    content.extend(observer(finding));
    content.push(procedure);
    content.push(Item::container(
        CONTAINS,
        dcm("126010", "Imaging Measurements"),
        None,
        vec![measurements(finding, ids)],
    ));
    let title = dcm("126000", "Imaging Measurement Report");
    Item::container("", title, Some("1500"), content)
}

/// The observer, by template 1004.
fn observer(finding: &Finding<'_>) -> [Item; 5] {
    let device = finding.key.derive("device");
    [
        Item::code(
            OBSERVER,
            dcm("121005", "Observer Type"),
            dcm("121007", "Device"),
        ),
        Item::uid(OBSERVER, dcm("121012", "Device Observer UID"), &device),
        Item::text(OBSERVER, dcm("121013", "Device Observer Name"), NAME),
        Item::text(
            OBSERVER,
            dcm("121014", "Device Observer Manufacturer"),
            NAME,
        ),
        Item::text(OBSERVER, dcm("121015", "Device Observer Model Name"), NAME),
    ]
}

/// The measurements, by template 1501. Where an input check failed, nothing is claimed: there is
/// neither a finding nor a number.
fn measurements(finding: &Finding<'_>, ids: &SourceIds) -> Item {
    let prediction = finding.prediction;
    let tracking = finding.uid("tracking", ids);
    let mut content = vec![
        Item::text(
            "HAS OBS CONTEXT",
            dcm("112039", "Tracking Identifier"),
            "Pneumonia",
        ),
        Item::uid(
            "HAS OBS CONTEXT",
            dcm("112040", "Tracking Unique Identifier"),
            &tracking,
        ),
    ];
    if prediction.failed_check.is_none() {
        content.push(Item::code(
            CONTAINS,
            dcm("121071", "Finding"),
            Code("233604007", "SCT", "Pneumonia"),
        ));
    }
    content.push(Item::image(
        CONTAINS,
        dcm("121112", "Source of Measurement"),
        ids.reference(),
    ));
    content.extend(algorithm(finding));
    if prediction.failed_check.is_none() {
        let certainty = Item::number(
            CONTAINS,
            dcm("111012", "Certainty of Finding"),
            &percent(prediction.risk),
            Code("%", "UCUM", "Percent"),
        );
        content.push(certainty.with(algorithm(finding)));
    }
    let class = prediction.class.name();
    content.push(Item::code(
        CONTAINS,
        Code("class", OWN_SCHEME, "Class of the risk"),
        Code(&class.to_lowercase(), OWN_SCHEME, &class_meaning(finding)),
    ));
    Item::container(
        CONTAINS,
        dcm("125007", "Measurement Group"),
        Some("1501"),
        content,
    )
}

fn class_meaning(finding: &Finding<'_>) -> String {
    match finding.prediction.failed_check {
        Some(_) => finding.prediction.label(),
        None => finding.prediction.class.name().to_owned(),
    }
}

/// The algorithm, by template 4019.
fn algorithm(finding: &Finding<'_>) -> Vec<Item> {
    let parameter =
        |text: &str| Item::text(HAS_MODIFIER, dcm("111002", "Algorithm Parameters"), text);
    let thresholds = finding.thresholds;
    vec![
        Item::text(
            HAS_MODIFIER,
            dcm("111001", "Algorithm Name"),
            &finding.contract.name,
        ),
        Item::text(
            HAS_MODIFIER,
            dcm("111003", "Algorithm Version"),
            env!("CARGO_PKG_VERSION"),
        ),
        parameter(&format!("model_sha256={}", finding.contract.model_sha256)),
        parameter(&format!("settings={}", finding.settings)),
        parameter(&format!("threshold_normal={}", thresholds.normal)),
        parameter(&format!("threshold_pneumonia={}", thresholds.pneumonia)),
    ]
}
