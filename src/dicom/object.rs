//! A file of PS3.10: meta information, transfer syntax and data set, and the kinds that are read.

use std::{borrow::Cow, io::Read as _};

use super::{
    attributes as tag, damaged,
    element::DataSet,
    image::Shape,
    read::{Encoding, Reader},
    refused,
    syntax::{self, Syntax},
};
use crate::{error::Error, picture::limits::Limits};

/// An opened file.
pub(crate) struct Container<'a> {
    pub(crate) syntax: &'static Syntax,
    /// The bytes that hold the data set, inflated if the syntax is deflated.
    body: Cow<'a, [u8]>,
    at: usize,
}

impl<'a> Container<'a> {
    /// Reads the meta information, and inflates the rest if it is deflated.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] for a syntax that is not read, [`Error::TooLarge`] if the inflated
    /// data set is over the limit, [`Error::Damaged`] for a faulty file.
    pub(crate) fn open(bytes: &'a [u8], max_bytes: u64) -> Result<Container<'a>, Error> {
        let mut reader = Reader::new(bytes, 132);
        let meta = reader.meta()?;
        let uid = meta
            .text(tag::META_SYNTAX)
            .ok_or_else(|| damaged("it names no transfer syntax"))?;
        let syntax = syntax::find(&uid)?;
        let at = reader.position();
        if !syntax.is_deflated {
            return Ok(Container {
                syntax,
                body: Cow::Borrowed(bytes),
                at,
            });
        }
        let mut body = Vec::new();
        let limit = max_bytes.saturating_add(1);
        flate2::read::DeflateDecoder::new(&bytes[at..])
            .take(limit)
            .read_to_end(&mut body)
            .map_err(|_| damaged("it can't be inflated"))?;
        if body.len() as u64 > max_bytes {
            return Err(Error::TooLarge {
                what: "the inflated object, in bytes,",
                limit: max_bytes,
            });
        }
        Ok(Container {
            syntax,
            body: Cow::Owned(body),
            at: 0,
        })
    }

    /// Returns the bytes that it holds besides the file's.
    pub(crate) fn inflated(&self) -> usize {
        match &self.body {
            Cow::Borrowed(_) => 0,
            Cow::Owned(body) => body.len(),
        }
    }

    /// Reads the data set.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a faulty one, [`Error::NotAnImage`] for one that is too complex.
    pub(crate) fn data_set(&self) -> Result<DataSet<'_>, Error> {
        let encoding = Encoding {
            is_explicit: self.syntax.is_explicit,
            is_big: self.syntax.is_big,
        };
        Reader::new(&self.body, self.at).data_set(encoding)
    }
}

/// A kind of object that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Computed Radiography.
    Cr,
    /// Digital X-Ray, for presentation.
    Dx,
    /// Secondary Capture.
    Sc,
}

pub(crate) const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";

/// Kinds that are refused by name: the rest of the UID after [`STORAGE`].
const REFUSED: [(&str, &str); 20] = [
    (
        "1.1.1",
        "a Digital X-Ray For Processing; send the one For Presentation",
    ),
    ("1.2", "a mammogram; only chest X-rays are read"),
    ("1.2.1", "a mammogram; only chest X-rays are read"),
    ("1.3", "an intra-oral X-ray; only chest X-rays are read"),
    ("1.3.1", "an intra-oral X-ray; only chest X-rays are read"),
    ("2", "a CT; only chest X-rays are read"),
    ("2.1", "an enhanced CT; only chest X-rays are read"),
    ("4", "an MR; only chest X-rays are read"),
    ("6.1", "an ultrasound; only chest X-rays are read"),
    (
        "7.1",
        "a multi-frame Secondary Capture; send its frames one by one",
    ),
    (
        "7.2",
        "a multi-frame Secondary Capture; send its frames one by one",
    ),
    (
        "7.3",
        "a multi-frame Secondary Capture; send its frames one by one",
    ),
    (
        "7.4",
        "a multi-frame Secondary Capture; send its frames one by one",
    ),
    ("11.1", "a presentation state; send the image"),
    ("12.1", "an X-ray angiogram; only chest X-rays are read"),
    ("12.2", "an X-ray fluoroscopy; only chest X-rays are read"),
    ("20", "a nuclear medicine image; only chest X-rays are read"),
    ("88.33", "a structured report; send the image"),
    ("104.1", "an encapsulated PDF; send the image"),
    ("128", "a PET image; only chest X-rays are read"),
];
const STORAGE: &str = "1.2.840.10008.5.1.4.1.1.";

/// Returns the kind of an object.
///
/// # Errors
/// [`Error::NotAnImage`] that names one that is not read.
pub(crate) fn kind(data: &DataSet<'_>) -> Result<Kind, Error> {
    let class = data
        .text(tag::SOP_CLASS)
        .ok_or_else(|| damaged("it names no SOP class"))?;
    let kind = match class.strip_prefix(STORAGE) {
        Some("1") => Kind::Cr,
        Some("1.1") => Kind::Dx,
        Some("7") => Kind::Sc,
        rest => {
            let known = REFUSED.iter().find(|(uid, _)| rest == Some(*uid));
            return Err(refused(match known {
                Some((_, name)) => format!("a DICOM object, {name}"),
                None if syntax::is_uid(&class) => format!(
                    "a DICOM object of SOP class {class}; only CR, DX and Secondary Capture are read"
                ),
                None => "a DICOM object of an unknown SOP class".to_owned(),
            }));
        }
    };
    if data.text(tag::PRESENTATION_INTENT).as_deref() == Some("FOR PROCESSING") {
        return Err(refused(
            "a DICOM object, an X-ray For Processing; send the one For Presentation",
        ));
    }
    let frames = data.text(tag::FRAMES).unwrap_or_default();
    if !matches!(frames.as_str(), "" | "1") {
        return Err(refused(
            "a DICOM object with several frames; send them one by one",
        ));
    }
    Ok(kind)
}

/// Returns the number of pixels of an object.
///
/// # Errors
/// As [`Shape::read`].
pub(crate) fn pixels(data: &DataSet<'_>, limits: &Limits) -> Result<u64, Error> {
    Shape::read(data, limits).map(|shape| shape.pixels() as u64)
}
