//! Covers on pixel data, in the transfer syntax in which it came where that loses nothing: every
//! sample outside the covers keeps its bits.

use jpeg_blocks::Edit;
use libjpeg_turbo_rs::precision;

use crate::{
    dicom::{
        attributes as tag,
        element::{DataSet, Element, Value},
        frame::{Frame, joined, jpeg_header, plain},
        image::Shape,
        jpeg2000, rle,
        syntax::{Coding, EXPLICIT, JPEG_2000_LOSSLESS, Syntax},
    },
    error::Error,
    picture::{blocks::Blocks, boxes::Rect, limits::Limits, redact, source::Written},
};

/// Pixel data with covers.
pub(crate) struct Covered<'a> {
    pub(crate) element: Element<'a>,
    /// The syntax that it is in.
    pub(crate) syntax: &'static Syntax,
    pub(crate) written: Written,
    /// The covers, grown to the borders of blocks where these are edited.
    pub(crate) boxes: Vec<Rect>,
}

/// Covers rectangles of a frame.
///
/// # Errors
/// [`Error::Encode`] with the encoder's message.
pub(crate) fn cover(
    source: &DataSet<'_>,
    syntax: &'static Syntax,
    frame: &Frame,
    boxes: &[Rect],
    limits: &Limits,
) -> Result<Covered<'static>, Error> {
    let shape = &frame.shape;
    if syntax.coding == Coding::Jpeg && jpeg_header(&joined(source)?, shape)?.precision == 8 {
        return by_blocks(source, syntax, boxes, limits);
    }
    let mut samples = frame.samples.clone();
    for rect in boxes {
        for y in rect.y..rect.y + rect.height {
            let row = y as usize * shape.width as usize;
            let (from, to) = (row + rect.x as usize, row + (rect.x + rect.width) as usize);
            samples[from..to].fill(shape.darkest());
        }
    }
    // Samples of fewer bits than they have room for are extended by their sign, as most readers
    // expect; nothing else may be in the bits above.
    samples
        .iter_mut()
        .for_each(|sample| *sample = shape.number(*sample) as u16);
    let (value, syntax, written) = match syntax.coding {
        Coding::Native => (
            Value::Bytes(native(&samples, shape, syntax).into()),
            syntax,
            Written::Reencoded,
        ),
        Coding::Rle => (
            fragment(run_lengths(&samples, shape)),
            syntax,
            Written::Reencoded,
        ),
        Coding::LosslessJpeg => {
            let precision = jpeg_header(&joined(source)?, shape)?.precision;
            (
                fragment(lossless(samples, shape, precision)?),
                syntax,
                Written::Reencoded,
            )
        }
        Coding::JpegLs => {
            let precision = jpeg_header(&joined(source)?, shape)?.precision;
            (
                fragment(jpeg_ls(samples, shape, precision)?),
                syntax,
                Written::Reencoded,
            )
        }
        // A stream with loss becomes one without, since another loss would change every sample.
        Coding::Jpeg2000 => {
            let header = jpeg2000::Header::read(&joined(source)?, shape)?;
            let written = match syntax.is_lossy {
                true => Written::Lossless,
                false => Written::Reencoded,
            };
            (
                fragment(jpeg2000::encode(samples, shape, header)?),
                &JPEG_2000_LOSSLESS,
                written,
            )
        }
        // There is no encoder of 12 bit here, so the samples are written as they are.
        Coding::Jpeg => (
            Value::Bytes(native(&samples, shape, &EXPLICIT).into()),
            &EXPLICIT,
            Written::Uncompressed,
        ),
    };
    let vr = match &value {
        Value::Bytes(_) if shape.allocated == 16 || !syntax.is_explicit => *b"OW",
        _ => *b"OB",
    };
    Ok(Covered {
        element: Element {
            tag: tag::PIXEL_DATA,
            vr,
            value,
        },
        syntax,
        written,
        boxes: boxes.to_vec(),
    })
}

fn fragment(bytes: Vec<u8>) -> Value<'static> {
    Value::Fragments(vec![bytes.into()])
}

fn native(samples: &[u16], shape: &Shape, syntax: &Syntax) -> Vec<u8> {
    if shape.allocated == 8 {
        return samples.iter().map(|sample| *sample as u8).collect();
    }
    match syntax.is_big {
        true => samples.iter().flat_map(|s| s.to_be_bytes()).collect(),
        false => samples.iter().flat_map(|s| s.to_le_bytes()).collect(),
    }
}

fn run_lengths(samples: &[u16], shape: &Shape) -> Vec<u8> {
    let low = samples.iter().map(|s| *s as u8).collect();
    let planes = match shape.allocated {
        8 => vec![low],
        _ => vec![samples.iter().map(|s| (*s >> 8) as u8).collect(), low],
    };
    rle::encode(&planes, shape.width as usize)
}

/// Encodes with the first predictor, which both syntaxes of lossless JPEG allow, in the source's
/// precision.
fn lossless(mut samples: Vec<u16>, shape: &Shape, bits: u8) -> Result<Vec<u8>, Error> {
    let mask = u16::MAX >> 16u8.saturating_sub(bits);
    samples.iter_mut().for_each(|sample| *sample &= mask);
    let (width, height) = (shape.width as usize, shape.height as usize);
    precision::compress_lossless_arbitrary(&samples, width, height, 1, bits, 1, 0)
        .map_err(|e| Error::Encode(format!("JPEG: {e}")))
}

/// Encodes without loss, which both syntaxes of JPEG-LS allow, in the source's precision.
fn jpeg_ls(mut samples: Vec<u16>, shape: &Shape, bits: u8) -> Result<Vec<u8>, Error> {
    let mask = u16::MAX >> 16u8.saturating_sub(bits);
    samples.iter_mut().for_each(|sample| *sample &= mask);
    let (width, height) = (shape.width as usize, shape.height as usize);
    crate::dicom::jpeg_ls::encode(&samples, width, height, bits)
        .ok_or_else(|| Error::Encode("JPEG-LS: the samples don't fit".into()))
}

fn by_blocks(
    source: &DataSet<'_>,
    syntax: &'static Syntax,
    boxes: &[Rect],
    limits: &Limits,
) -> Result<Covered<'static>, Error> {
    let bytes = joined(source)?;
    let bytes = plain(&bytes);
    let blocks = Blocks::open(&bytes, limits)?
        .ok_or_else(|| Error::Encode("JPEG: it can't be edited in place".into()))?;
    let edits: Vec<Edit> = boxes.iter().filter_map(|b| blocks.blacken(*b)).collect();
    let element = Element {
        tag: tag::PIXEL_DATA,
        vr: *b"OB",
        value: fragment(blocks.write_visible(&edits)?),
    };
    Ok(Covered {
        element,
        syntax,
        written: Written::Blocks,
        boxes: edits.iter().map(|edit| blocks.rect(edit)).collect(),
    })
}

/// Reports whether two frames agree outside the covers. Blocks that reach beyond the picture's edge
/// are compared only if `whole`: when they are edited in place, their hidden samples are replaced,
/// which may change the visible ones by a quantization step.
pub(crate) fn agree(before: &Frame, after: &Frame, boxes: &[Rect], whole: bool) -> bool {
    let shape = &before.shape;
    if after.shape.width != shape.width || after.shape.height != shape.height {
        return false;
    }
    let end = |side: u32| if whole { side } else { side - side % 8 };
    let width = shape.width as usize;
    (0..end(shape.height)).all(|y| {
        let row = y as usize * width;
        let mut spans = redact::spans(boxes, y);
        spans.push((end(shape.width), end(shape.width)));
        let mut from = 0;
        spans.into_iter().all(|(left, right)| {
            let to = left.min(end(shape.width)).max(from);
            let range = row + from as usize..row + to as usize;
            from = from.max(right);
            before.samples[range.clone()] == after.samples[range]
        })
    })
}
