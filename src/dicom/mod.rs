//! DICOM: reading, display, results and de-identification of CR, DX and Secondary Capture.
//!
//! The reader and the writer are our own. A general library decodes values into strings and numbers
//! and writes them again, but a de-identified copy must hold every value that stays to the bit, and
//! hostile lengths and depths must be refused before memory is allocated for them; it also brings a
//! dictionary of names that a function of this size does not need. `frame.rs` uses the same JPEG
//! crates as pictures do, and `jpeg2000.rs` one more to decode and one to encode.

pub(crate) mod attributes;
mod codestream;
mod cursor;
mod decimal;
pub(crate) mod deidentify;
mod dictionary;
pub(crate) mod element;
pub(crate) mod frame;
mod identity;
mod image;
mod jpeg2000;
mod jpeg_ls;
pub(crate) mod judge;
#[cfg(test)]
mod mutations;
pub(crate) mod object;
mod read;
pub(crate) mod render;
pub(crate) mod result;
mod rle;
pub(crate) mod syntax;
#[cfg(test)]
pub(crate) mod tests;
mod uid;
mod voi;
pub(crate) mod write;

pub use deidentify::{Choices, Dates, Options};
pub use identity::{Identity, identity};
pub use result::{Companion, DicomResult};
pub(crate) use uid::UidKey;

use crate::{error::Error, secret::Secret};

/// Settings of DICOM objects, besides those of all pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct DicomSettings {
    /// Bytes of the largest object that is read; also the limit on a deflated one when inflated.
    pub max_bytes: u64,
    /// Form of the labeled picture.
    pub result: DicomResult,
    /// Key of the results' UIDs.
    pub result_key: Secret,
    /// Pseudonyms of the de-identified copy; without them none is made.
    pub pseudonym_key: Option<Secret>,
    /// Options of the profile by which the copy is de-identified.
    pub options: Options,
    /// Digest of the settings that change outputs.
    pub settings: String,
}

/// Returns the error for an object of a kind that is not read; `kind` names it and says what to do.
pub(crate) fn refused(kind: impl Into<String>) -> Error {
    Error::NotAnImage(kind.into())
}

/// Returns the error for a faulty object.
pub(crate) fn damaged(fault: &str) -> Error {
    Error::Damaged(format!("DICOM: {fault}"))
}
