//! A copy's statement about what was done to it.

use super::{Choice, Choices, Times};
use crate::{
    dicom::{attributes as tag, element::DataSet, object::Container, write},
    error::Error,
};

/// A method: its code in context group 7050 of PS3.16, the code's meaning, and a short name.
struct Method(&'static str, &'static str, &'static str);

static PROFILE: Method = Method(
    "113100",
    "Basic Application Confidentiality Profile",
    "PS3.15 Basic Profile",
);
static CLEAN_PIXELS: Method = Method("113101", "Clean Pixel Data Option", "Clean Pixel Data");
static OPTIONS: [Method; 7] = [
    Method("113105", "Clean Descriptors Option", "Clean Descriptors"),
    Method(
        "113106",
        "Retain Longitudinal Temporal Information Full Dates Option",
        "Retain Full Dates",
    ),
    Method(
        "113107",
        "Retain Longitudinal Temporal Information Modified Dates Option",
        "Retain Modified Dates",
    ),
    Method(
        "113108",
        "Retain Patient Characteristics Option",
        "Retain Patient Characteristics",
    ),
    Method(
        "113109",
        "Retain Device Identity Option",
        "Retain Device Identity",
    ),
    Method("113110", "Retain UIDs Option", "Retain UIDs"),
    Method(
        "113111",
        "Retain Safe Private Option",
        "Retain Safe Private",
    ),
];

/// Knowledge of text in the pixels of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pixels {
    /// Searched, and none is left.
    Clean,
    /// Not searched: nothing is claimed.
    Unsearched,
    /// Some may be left.
    Doubtful,
}

/// Returns a copy's file in which text may be left, and that says so.
///
/// # Errors
/// [`Error::Encode`].
pub(crate) fn doubtful(file: &[u8]) -> Result<Vec<u8>, Error> {
    let container = Container::open(file, u64::MAX)?;
    let mut copy = container.data_set()?;
    redeclare(&mut copy, Pixels::Doubtful);
    write::file(&copy, container.syntax)
}

/// Puts other knowledge of the pixels into a copy, and leaves the options that it names.
pub(crate) fn redeclare(copy: &mut DataSet<'_>, pixels: Pixels) {
    let codes = copy.items(tag::DEIDENTIFICATION_CODES).iter();
    let codes: Vec<String> = codes
        .filter_map(|code| code.text(tag::CODE_VALUE))
        .collect();
    let options = OPTIONS
        .iter()
        .filter(|method| codes.iter().any(|code| code == method.0));
    put(copy, pixels, options);
}

/// Puts the methods that were applied.
pub(super) fn declare(copy: &mut DataSet<'_>, pixels: Pixels, times: Times, choices: &Choices) {
    let (longitudinal, dates) = match times {
        Times::Removed => ("REMOVED", None),
        Times::Kept => ("UNMODIFIED", Some("113106")),
        Times::Earlier(_) => ("MODIFIED", Some("113107")),
    };
    copy.put_text(tag::LONGITUDINAL, b"CS", longitudinal);
    let codes = choices.iter().map(|choice| match choice {
        Choice::CleanDescriptors => "113105",
        Choice::PatientCharacteristics => "113108",
        Choice::DeviceIdentity => "113109",
        Choice::Uids => "113110",
        Choice::SafePrivate => "113111",
    });
    let codes: Vec<&str> = codes.chain(dates).collect();
    let options = OPTIONS.iter().filter(|method| codes.contains(&method.0));
    put(copy, pixels, options);
}

fn put(copy: &mut DataSet<'_>, pixels: Pixels, options: impl Iterator<Item = &'static Method>) {
    let (searched, burned_in) = match pixels {
        Pixels::Clean => (Some(&CLEAN_PIXELS), Some("NO")),
        Pixels::Unsearched => (None, None),
        Pixels::Doubtful => (None, Some("YES")),
    };
    let methods: Vec<&Method> = std::iter::once(&PROFILE)
        .chain(searched)
        .chain(options)
        .collect();
    let names: Vec<&str> = methods.iter().map(|method| method.2).collect();
    copy.put_text(tag::DEIDENTIFICATION_METHOD, b"LO", &names.join("\\"));
    let is_big = copy.is_big;
    let codes = methods.iter().map(|Method(value, meaning, _)| {
        let mut code = DataSet::new();
        code.is_big = is_big;
        code.put_text(tag::CODE_VALUE, b"SH", value);
        code.put_text(tag::CODING_SCHEME, b"SH", "DCM");
        code.put_text(tag::CODE_MEANING, b"LO", meaning);
        code
    });
    copy.put_items(tag::DEIDENTIFICATION_CODES, codes.collect());
    if let Some(value) = burned_in {
        copy.put_text(tag::BURNED_IN, b"CS", value);
    }
}
