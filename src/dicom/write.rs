//! Data sets to bytes. Lengths of sequences are written out, so that one data set has one form.

use super::{
    attributes as tag,
    element::{DataSet, Element, Value},
    read::{Encoding, is_long},
    syntax::{EXPLICIT, Syntax},
};
use crate::error::Error;

const IMPLEMENTATION: &str = "2.25.183702591437201962441702894561183201177";
const IMPLEMENTATION_NAME: &str = "XRAY";

/// Writes a file of PS3.10 with an empty preamble and meta information of our own.
///
/// # Errors
/// [`Error::Encode`] for a value that the syntax can't hold.
pub(crate) fn file(data: &DataSet<'_>, syntax: &Syntax) -> Result<Vec<u8>, Error> {
    let text = |tag| data.text(tag).unwrap_or_default();
    let mut meta = DataSet::new();
    meta.put(Element {
        tag: tag::META_VERSION,
        vr: *b"OB",
        value: Value::Bytes(vec![0, 1].into()),
    });
    meta.put_text(tag::META_CLASS, b"UI", &text(tag::SOP_CLASS));
    meta.put_text(tag::META_INSTANCE, b"UI", &text(tag::SOP_INSTANCE));
    meta.put_text(tag::META_SYNTAX, b"UI", syntax.uid);
    meta.put_text(tag::META_IMPLEMENTATION, b"UI", IMPLEMENTATION);
    meta.put_text(tag::META_IMPLEMENTATION_NAME, b"SH", IMPLEMENTATION_NAME);
    let mut group = Vec::new();
    elements(&mut group, &meta, explicit(&EXPLICIT))?;

    let mut out = vec![0; 128];
    out.extend(b"DICM\x02\0\0\0UL\x04\0");
    out.extend((group.len() as u32).to_le_bytes());
    out.extend(group);
    if syntax.is_deflated {
        let mut body = Vec::new();
        elements(&mut body, data, explicit(syntax))?;
        out.extend(deflated(&body)?);
    } else {
        elements(&mut out, data, explicit(syntax))?;
    }
    if out.len() % 2 == 1 {
        out.push(0);
    }
    Ok(out)
}

fn explicit(syntax: &Syntax) -> Encoding {
    Encoding {
        is_explicit: syntax.is_explicit,
        is_big: syntax.is_big,
    }
}

fn deflated(body: &[u8]) -> Result<Vec<u8>, Error> {
    use std::io::Write as _;
    let failed = |e: std::io::Error| Error::Encode(format!("DICOM: {e}"));
    let mut encoder =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).map_err(failed)?;
    encoder.finish().map_err(failed)
}

fn elements(out: &mut Vec<u8>, data: &DataSet<'_>, encoding: Encoding) -> Result<(), Error> {
    data.elements()
        .iter()
        .try_for_each(|e| element(out, e, encoding))
}

fn element(out: &mut Vec<u8>, element: &Element<'_>, encoding: Encoding) -> Result<(), Error> {
    put_tag(out, element.tag, encoding.is_big);
    match &element.value {
        Value::Bytes(bytes) => {
            header(out, element, bytes.len() + bytes.len() % 2, encoding)?;
            out.extend_from_slice(bytes);
            if bytes.len() % 2 == 1 {
                out.push(padding(element));
            }
        }
        Value::Items(items) => {
            let mut body = Vec::new();
            for item in items {
                put_tag(&mut body, 0xFFFE_E000, encoding.is_big);
                let at = body.len();
                put_u32(&mut body, 0, encoding.is_big);
                elements(&mut body, item, encoding)?;
                let length = body.len() - at - 4;
                let mut bytes = Vec::new();
                put_u32(&mut bytes, length as u32, encoding.is_big);
                body[at..at + 4].copy_from_slice(&bytes);
            }
            header(out, element, body.len(), encoding)?;
            out.extend(body);
        }
        Value::Fragments(fragments) => {
            out.extend(element.vr);
            out.extend([0, 0]);
            put_u32(out, u32::MAX, encoding.is_big);
            // An empty offset table is allowed, and always right.
            put_tag(out, 0xFFFE_E000, false);
            put_u32(out, 0, false);
            for fragment in fragments {
                put_tag(out, 0xFFFE_E000, false);
                put_u32(out, (fragment.len() + fragment.len() % 2) as u32, false);
                out.extend_from_slice(fragment);
                if fragment.len() % 2 == 1 {
                    out.push(0);
                }
            }
            put_tag(out, 0xFFFE_E0DD, false);
            put_u32(out, 0, false);
        }
    }
    Ok(())
}

fn header(
    out: &mut Vec<u8>,
    element: &Element<'_>,
    length: usize,
    encoding: Encoding,
) -> Result<(), Error> {
    let too_long = || Error::Encode("DICOM: a value is too long for its kind".into());
    let length = u32::try_from(length).map_err(|_| too_long())?;
    if !encoding.is_explicit {
        put_u32(out, length, encoding.is_big);
        return Ok(());
    }
    out.extend(element.vr);
    if is_long(&element.vr) {
        out.extend([0, 0]);
        put_u32(out, length, encoding.is_big);
        return Ok(());
    }
    let length = u16::try_from(length).map_err(|_| too_long())?;
    out.extend(match encoding.is_big {
        true => length.to_be_bytes(),
        false => length.to_le_bytes(),
    });
    Ok(())
}

fn padding(element: &Element<'_>) -> u8 {
    match &element.vr {
        b"UI" | b"OB" | b"OW" | b"UN" => 0,
        _ => b' ',
    }
}

fn put_tag(out: &mut Vec<u8>, tag: u32, is_big: bool) {
    let (group, element) = ((tag >> 16) as u16, tag as u16);
    for word in [group, element] {
        out.extend(match is_big {
            true => word.to_be_bytes(),
            false => word.to_le_bytes(),
        });
    }
}

fn put_u32(out: &mut Vec<u8>, value: u32, is_big: bool) {
    out.extend(match is_big {
        true => value.to_be_bytes(),
        false => value.to_le_bytes(),
    });
}
