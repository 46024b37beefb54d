//! A copy's statement about what was done to it.

use crate::{
    dicom::{attributes as tag, element::DataSet, object::Container, write},
    error::Error,
};

/// Codes of PS3.16, context group 7050.
const METHODS: [(&str, &str); 2] = [
    ("113100", "Basic Application Confidentiality Profile"),
    ("113101", "Clean Pixel Data Option"),
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
    declare(&mut copy, Pixels::Doubtful);
    write::file(&copy, container.syntax)
}

/// Puts the methods that were applied.
pub(crate) fn declare(copy: &mut DataSet<'_>, pixels: Pixels) {
    let (method, methods, burned_in) = match pixels {
        Pixels::Clean => (
            "PS3.15 Basic Profile, Clean Pixel Data",
            &METHODS[..],
            Some("NO"),
        ),
        Pixels::Unsearched => ("PS3.15 Basic Profile", &METHODS[..1], None),
        Pixels::Doubtful => ("PS3.15 Basic Profile", &METHODS[..1], Some("YES")),
    };
    copy.put_text(tag::DEIDENTIFICATION_METHOD, b"LO", method);
    let is_big = copy.is_big;
    let codes = methods.iter().map(|(value, meaning)| {
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
