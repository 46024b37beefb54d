//! The labeled picture as a Secondary Capture, in the source's study and a series of its own.

use super::{Finding, Series, SourceIds, of_source, put_identity};
use crate::{
    dicom::{
        attributes as tag,
        element::{DataSet, Element, Value},
        object::SECONDARY_CAPTURE,
        syntax::{EXPLICIT, Syntax},
        write,
    },
    error::Error,
    picture::gray::GrayImage,
};

const SERIES: Series = Series {
    class: SECONDARY_CAPTURE,
    modality: "OT",
    number: "9901",
    kind: "capture",
};

/// Writes the capture of a labeled picture.
///
/// # Errors
/// [`Error::Damaged`] if the source lacks an identifier, [`Error::Encode`].
pub(crate) fn write(
    source: &DataSet<'_>,
    syntax: &Syntax,
    picture: &GrayImage,
    finding: &Finding<'_>,
) -> Result<Vec<u8>, Error> {
    let ids = SourceIds::read(source)?;
    let mut result = of_source(source);
    put_identity(&mut result, &SERIES, finding, &ids);
    result.put_text(tag::IMAGE_TYPE, b"CS", "DERIVED\\SECONDARY");
    result.put_text(tag::CONVERSION_TYPE, b"CS", "WSD");
    result.put_text(
        tag::DERIVATION_DESCRIPTION,
        b"ST",
        "Reduced to 8 bit as displayed, with the pneumonia risk burned in; not for diagnosis",
    );
    // Both must be there, if only empty.
    let orientation = source.texts(tag::PATIENT_ORIENTATION).join("\\");
    result.put_text(tag::PATIENT_ORIENTATION, b"CS", &orientation);
    result.put_text(tag::LATERALITY, b"CS", "");
    result.put_text(tag::IMAGE_COMMENTS, b"LT", "Not for diagnosis");
    result.put_items(tag::SOURCE_IMAGE, vec![ids.reference()]);
    result.put_text(tag::BURNED_IN, b"CS", "YES");
    put_loss(&mut result, source, syntax);

    result.put_u16(tag::SAMPLES_PER_PIXEL, &[1]);
    result.put_text(tag::PHOTOMETRIC, b"CS", "MONOCHROME2");
    result.put_u16(tag::ROWS, &[picture.height as u16]);
    result.put_u16(tag::COLUMNS, &[picture.width as u16]);
    result.put_u16(tag::BITS_ALLOCATED, &[8]);
    result.put_u16(tag::BITS_STORED, &[8]);
    result.put_u16(tag::HIGH_BIT, &[7]);
    result.put_u16(tag::PIXEL_REPRESENTATION, &[0]);
    result.put(Element {
        tag: tag::PIXEL_DATA,
        vr: *b"OB",
        value: Value::Bytes(picture.levels.as_slice().into()),
    });
    write::file(&result, &EXPLICIT)
}

/// Puts the source's history of lossy compression, which a later form does not end.
fn put_loss(result: &mut DataSet<'_>, source: &DataSet<'_>, syntax: &Syntax) {
    let was_lossy = source.text(tag::LOSSY).as_deref() == Some("01");
    let value = if was_lossy || syntax.is_lossy {
        "01"
    } else {
        "00"
    };
    result.put_text(tag::LOSSY, b"CS", value);
    if value == "00" {
        return;
    }
    for (tag, vr) in [(tag::LOSSY_RATIO, b"DS"), (tag::LOSSY_METHOD, b"CS")] {
        let texts = source.texts(tag);
        if !texts.is_empty() {
            result.put_text(tag, vr, &texts.join("\\"));
        }
    }
}
