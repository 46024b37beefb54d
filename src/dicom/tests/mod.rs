//! Objects made in code, and objects of other programs.

mod actions;
mod kinds;
mod reference;
mod results;

use std::time::Duration;

use super::{
    Choices, Dates, Options, attributes as tag,
    deidentify::Keys,
    element::{DataSet, Element, Value},
    object::Container,
    syntax::{self, Syntax},
    write,
};
use crate::{
    config::{Config, DEFAULTS},
    error::Error,
    model::{
        contract::Contract,
        tensor::{NamedTensor, Tensor},
    },
    picture::limits::Limits,
    pipeline::{Outputs, dicom},
    secret::Secret,
    text::{Detector, Withheld},
};

pub(crate) const LIMITS: Limits = Limits {
    max_bytes: 1 << 26,
    max_pixels: 1 << 26,
    max_memory: u64::MAX,
};
pub(crate) const DX: &str = "1.2.840.10008.5.1.4.1.1.1.1";
/// A name, a number and an address that no copy may hold.
pub(crate) const NAME: &str = "Quizzenburg^Xaverine";
pub(crate) const ID: &str = "PID-4711-X";

pub(crate) fn keys() -> Keys {
    Keys::new(&Secret::new("pseudonyms"))
}

/// Returns the profile without options.
pub(crate) fn options() -> Options {
    Options {
        dates: Dates::Remove,
        choices: Choices::default(),
    }
}

/// Returns the syntax with this end of its UID.
pub(crate) fn ending(end: &str) -> &'static Syntax {
    syntax::find(&format!("1.2.840.10008.1.2{end}")).unwrap()
}

/// Returns a DX object of an invented patient, 16 bit with `stored` of them, little endian.
pub(crate) fn object(stored: u16, samples: &[u16], width: u16) -> DataSet<'static> {
    let mut data = DataSet::new();
    for (tag, vr, text) in [
        (tag::IMAGE_TYPE, b"CS", "ORIGINAL\\PRIMARY"),
        (tag::SOP_CLASS, b"UI", DX),
        (tag::SOP_INSTANCE, b"UI", "1.2.3.4.5"),
        (tag::STUDY_DATE, b"DA", "20200304"),
        (tag::CONTENT_DATE, b"DA", "20200304"),
        (tag::STUDY_TIME, b"TM", "101112"),
        (tag::ACCESSION_NUMBER, b"SH", "ACC4711"),
        (tag::MODALITY, b"CS", "DX"),
        (tag::PRESENTATION_INTENT, b"CS", "FOR PRESENTATION"),
        (tag::STUDY_DESCRIPTION, b"LO", "Chest of Quizzenburg"),
        (tag::PATIENT_NAME, b"PN", NAME),
        (tag::PATIENT_ID, b"LO", ID),
        (tag::BIRTH_DATE, b"DA", "20170102"),
        (tag::SEX, b"CS", "F"),
        (tag::AGE, b"AS", "003Y"),
        (tag::BODY_PART, b"CS", "CHEST"),
        (tag::VIEW_POSITION, b"CS", "AP"),
        (tag::STUDY_INSTANCE, b"UI", "1.2.3"),
        (tag::SERIES_INSTANCE, b"UI", "1.2.3.4"),
        (tag::PHOTOMETRIC, b"CS", "MONOCHROME2"),
        (tag::PRESENTATION_SHAPE, b"CS", "IDENTITY"),
    ] {
        data.put_text(tag, vr, text);
    }
    for (tag, value) in [
        (tag::SAMPLES_PER_PIXEL, 1),
        (tag::ROWS, (samples.len() / usize::from(width)) as u16),
        (tag::COLUMNS, width),
        (tag::BITS_ALLOCATED, 16),
        (tag::BITS_STORED, stored),
        (tag::HIGH_BIT, stored - 1),
        (tag::PIXEL_REPRESENTATION, 0),
    ] {
        data.put_u16(tag, &[value]);
    }
    data.put(Element {
        tag: tag::PIXEL_DATA,
        vr: *b"OW",
        value: Value::Bytes(samples.iter().flat_map(|s| s.to_le_bytes()).collect()),
    });
    data
}

/// Returns a slope of 12 bit samples.
pub(crate) fn slope(width: u16, height: u16) -> Vec<u16> {
    let (width, height) = (usize::from(width), usize::from(height));
    (0..width * height)
        .map(|i| ((i % width * 4000 / width + i / width) % 4096) as u16)
        .collect()
}

/// Writes an object in Explicit VR Little Endian.
pub(crate) fn file(data: &DataSet<'_>) -> Vec<u8> {
    write::file(data, ending(".1")).unwrap()
}

fn contract() -> Contract {
    Contract::parse(&format!(
        r#"{{"version":2,"name":"m","model_sha256":"{}","input":{{"name":"x","layout":"NHWC","width":8,"height":8,
        "channels":"gray","resize":"box-then-bilinear","scale":1,"offset":0}},"output":{{"name":"y","kind":"probability"}},
        "age":{{"min_years":1,"max_years":5}}}}"#,
        "0".repeat(64)
    ))
    .unwrap()
}

/// Processes an object at this risk, with these settings on top of the defaults and a pseudonym
/// key.
pub(crate) fn process(
    bytes: &[u8],
    risk: f32,
    settings: &[(&str, &str)],
    detector: Option<&Detector<'_>>,
) -> Result<Outputs, Error> {
    let lookup = |name: &str| {
        let own = settings.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        let needed = ["s3_access_key", "s3_secret_key", "pseudonym_key"]
            .contains(&name)
            .then_some("pseudonyms");
        let default = DEFAULTS.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        own.or(needed).or(default).map(str::to_owned)
    };
    let config = Config::from_lookup(lookup).unwrap();
    dicom::process(
        bytes,
        &config.pixels,
        &config.dicom,
        &contract(),
        detector,
        || Duration::ZERO,
        |_| {
            let tensor = Tensor {
                dims: vec![1],
                data: vec![risk],
            };
            Ok(vec![NamedTensor {
                name: "y".into(),
                tensor,
            }])
        },
    )
}

/// Opens a file for a test that reads its data set.
pub(crate) fn open(bytes: &[u8]) -> Container<'_> {
    Container::open(bytes, 1 << 26).unwrap()
}
