//! Pixel data to stored samples.

use std::borrow::Cow;

use jpeg_blocks::markers::{SOF0, SOF1, SOS};
use libjpeg_turbo_rs::{DecodeLimits, precision};

use super::{
    attributes as tag, damaged,
    element::{DataSet, Value},
    image::Shape,
    jpeg2000, refused, rle,
    syntax::{Coding, Syntax},
};
use crate::{error::Error, picture::blocks::Blocks, picture::limits::Limits};

const SOF3: u8 = 0xC3;

/// A frame: its samples, with nothing but the stored bits in them.
pub(crate) struct Frame {
    pub(crate) shape: Shape,
    pub(crate) samples: Vec<u16>,
}

/// Frame header of a JPEG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JpegHeader {
    pub(crate) marker: u8,
    pub(crate) precision: u8,
}

impl Frame {
    /// Decodes the pixel data.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it doesn't fit its description, [`Error::NotAnImage`] for a kind of
    /// compression that is not read.
    pub(crate) fn decode(
        data: &DataSet<'_>,
        syntax: &Syntax,
        limits: &Limits,
    ) -> Result<Frame, Error> {
        let shape = Shape::read(data, limits)?;
        let mut samples = match syntax.coding {
            Coding::Native => native(data, &shape, syntax)?,
            Coding::Rle => from_rle(&joined(data)?, &shape)?,
            Coding::Jpeg => jpeg(&joined(data)?, &shape, limits)?,
            Coding::LosslessJpeg => lossless(&joined(data)?, &shape)?,
            Coding::JpegLs => jpeg_ls(&joined(data)?, &shape)?,
            Coding::Jpeg2000 => jpeg2000::decode(&joined(data)?, &shape)?,
        };
        if samples.len() != shape.pixels() {
            return Err(damaged("its pixel data doesn't fit its size"));
        }
        let mask = shape.mask();
        samples.iter_mut().for_each(|sample| *sample &= mask);
        Ok(Frame { shape, samples })
    }
}

fn missing() -> Error {
    damaged("it has no pixel data")
}

/// Returns the frame's stream: an object of one frame may have it in several fragments.
pub(crate) fn joined<'a>(data: &'a DataSet<'_>) -> Result<Cow<'a, [u8]>, Error> {
    match data.get(tag::PIXEL_DATA).map(|e| &e.value) {
        Some(Value::Fragments(fragments)) => match &fragments[..] {
            [] => Err(missing()),
            [one] => Ok(Cow::Borrowed(one)),
            many => Ok(Cow::Owned(many.concat())),
        },
        Some(_) => Err(damaged("its pixel data is not in fragments")),
        None => Err(missing()),
    }
}

fn native(data: &DataSet<'_>, shape: &Shape, syntax: &Syntax) -> Result<Vec<u16>, Error> {
    let element = data.get(tag::PIXEL_DATA).ok_or_else(missing)?;
    let Value::Bytes(bytes) = &element.value else {
        return Err(damaged("its pixel data is in fragments"));
    };
    let pixels = shape.pixels();
    let needed = pixels * usize::from(shape.allocated / 8);
    let bytes = bytes
        .get(..needed)
        .ok_or_else(|| damaged("its pixel data doesn't fit its size"))?;
    if shape.allocated == 16 {
        let word: fn([u8; 2]) -> u16 = match syntax.is_big {
            true => u16::from_be_bytes,
            false => u16::from_le_bytes,
        };
        return Ok(bytes.as_chunks().0.iter().map(|pair| word(*pair)).collect());
    }
    let mut samples: Vec<u16> = bytes.iter().map(|b| u16::from(*b)).collect();
    if syntax.is_big && element.vr == *b"OW" {
        samples.chunks_exact_mut(2).for_each(<[u16]>::reverse);
    }
    Ok(samples)
}

fn from_rle(bytes: &[u8], shape: &Shape) -> Result<Vec<u16>, Error> {
    let planes = usize::from(shape.allocated / 8);
    let pixels = shape.pixels();
    let bytes = rle::decode(bytes, pixels, planes)?;
    let low = &bytes[pixels * (planes - 1)..];
    let high = &bytes[..pixels * (planes - 1)];
    let mut samples: Vec<u16> = low.iter().map(|b| u16::from(*b)).collect();
    for (sample, high) in samples.iter_mut().zip(high) {
        *sample |= u16::from(*high) << 8;
    }
    Ok(samples)
}

/// Reads a JPEG's frame header, and checks that its size is the object's.
pub(crate) fn jpeg_header(bytes: &[u8], shape: &Shape) -> Result<JpegHeader, Error> {
    let frame = jpeg_blocks::markers::segments(bytes)
        .take_while(|s| s.marker != SOS)
        .find(|s| matches!(s.marker, 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xF7))
        .ok_or_else(|| damaged("its pixel data is not a JPEG"))?;
    let &[precision, h1, h0, w1, w0, components, ..] = frame.payload else {
        return Err(damaged("its JPEG has no frame header"));
    };
    let side = |high, low| u32::from(u16::from_be_bytes([high, low]));
    if (side(w1, w0), side(h1, h0)) != (shape.width, shape.height) || components != 1 {
        return Err(damaged("its JPEG doesn't fit its size"));
    }
    Ok(JpegHeader {
        marker: frame.marker,
        precision,
    })
}

/// Returns a JPEG without its application data and comments, which DICOM ignores: an EXIF
/// orientation must not turn the picture.
pub(crate) fn plain(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.get(..2).unwrap_or_default().to_vec();
    let mut at = 2;
    while let Some(&[0xFF, marker, high, low]) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
        if marker == SOS || marker == 0xFF || end > bytes.len() {
            break;
        }
        if !matches!(marker, 0xE0..=0xEF | 0xFE) {
            out.extend_from_slice(&bytes[at..end]);
        }
        at = end;
    }
    out.extend_from_slice(bytes.get(at..).unwrap_or_default());
    out
}

fn jpeg(bytes: &[u8], shape: &Shape, limits: &Limits) -> Result<Vec<u16>, Error> {
    match jpeg_header(bytes, shape)? {
        JpegHeader {
            marker: SOF0 | SOF1,
            precision: 8,
        } if shape.stored == 8 => {
            let bytes = plain(bytes);
            let blocks = Blocks::open(&bytes, limits)?.ok_or_else(unsupported)?;
            let gray = blocks.gray(limits)?;
            Ok(gray.levels.into_iter().map(u16::from).collect())
        }
        JpegHeader {
            marker: SOF1,
            precision: 12,
        } if shape.stored == 12 && !shape.is_signed => {
            let allowed = DecodeLimits {
                max_pixels: limits.max_pixels,
                ..DecodeLimits::default()
            };
            let image = precision::decompress_12bit_with_limits(bytes, &allowed).map_err(faulty)?;
            Ok(image
                .data
                .into_iter()
                .map(|v| v.clamp(0, 4095) as u16)
                .collect())
        }
        _ => Err(unsupported()),
    }
}

fn unsupported() -> Error {
    refused("a DICOM object with an unsupported kind of JPEG; convert it to JPEG Lossless")
}

fn faulty(error: libjpeg_turbo_rs::JpegError) -> Error {
    Error::Damaged(format!("DICOM: JPEG: {error}"))
}

fn lossless(bytes: &[u8], shape: &Shape) -> Result<Vec<u16>, Error> {
    match jpeg_header(bytes, shape)?.marker {
        SOF3 => {
            let image = precision::decompress_lossless_arbitrary(bytes).map_err(faulty)?;
            Ok(image.data)
        }
        _ => Err(unsupported()),
    }
}

fn jpeg_ls(bytes: &[u8], shape: &Shape) -> Result<Vec<u16>, Error> {
    let (width, height) = (shape.width as usize, shape.height as usize);
    let decoded = super::jpeg_ls::decode(bytes, width, height);
    decoded.map_err(|fault| Error::Damaged(format!("DICOM: JPEG-LS: {fault}")))
}
