//! Bytes to pixels and back, within limits. Damaged files are refused, never half read.
//!
//! Pixels come out as a viewer shows them: EXIF orientation is applied, so that boxes and text go where they are seen.
//! What goes back carries no EXIF, comment, thumbnail or text; only the pixel density and, on
//! the labelled picture, the ICC profile stay.

use std::io::Cursor;

use image::{
    DynamicImage, ImageDecoder, ImageEncoder, Limits as ImageLimits,
    codecs::png::{CompressionType, FilterType, PngDecoder, PngEncoder},
};

use crate::{
    error::Error,
    picture::jpeg::{self, JpegStyle},
    picture::sniff::{Format, sniff},
};

/// The usual display and scanner profiles have 0.5 to 600 kB.
const MAX_ICC_BYTES: usize = 1 << 20;

/// What a source may weigh. Both are checked before anything is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the encoded file.
    pub max_bytes: u64,
    /// Pixels, width times height.
    pub max_pixels: u64,
}

impl Limits {
    /// # Errors
    /// [`Error::TooLarge`] when `bytes` is over the limit.
    pub fn check_bytes(&self, bytes: u64) -> Result<(), Error> {
        if bytes > self.max_bytes {
            return Err(Error::TooLarge {
                what: "the object, in bytes,",
                limit: self.max_bytes,
            });
        }
        Ok(())
    }

    /// # Errors
    /// [`Error::TooLarge`] when `width * height` is over the limit.
    pub fn check_pixels(&self, width: u32, height: u32) -> Result<(), Error> {
        if u64::from(width) * u64::from(height) > self.max_pixels {
            return Err(Error::TooLarge {
                what: "the picture, in pixels,",
                limit: self.max_pixels,
            });
        }
        Ok(())
    }
}

/// A decoded picture and what is needed to write one like it.
///
/// The pixels are 8 or 16 bit, grey or RGB, with or without alpha.
#[derive(Debug, Clone)]
pub struct Picture {
    pixels: DynamicImage,
    style: Style,
}

#[derive(Debug, Clone)]
enum Style {
    Jpeg(JpegStyle),
    Png { icc: Option<Vec<u8>> },
}

impl Picture {
    /// The pixels as a viewer shows them.
    pub fn pixels(&self) -> &DynamicImage {
        &self.pixels
    }

    /// The pixels, and nothing else.
    pub fn into_pixels(self) -> DynamicImage {
        self.pixels
    }

    /// The pixels, to draw on.
    pub fn pixels_mut(&mut self) -> &mut DynamicImage {
        &mut self.pixels
    }

    /// The format it came in and is written in.
    pub fn format(&self) -> Format {
        match self.style {
            Style::Jpeg(_) => Format::Jpeg,
            Style::Png { .. } => Format::Png,
        }
    }

    /// Drops the ICC profile, whose texts could say anything.
    pub fn drop_icc(&mut self) {
        match &mut self.style {
            Style::Jpeg(style) => style.icc = None,
            Style::Png { icc } => *icc = None,
        }
    }

    /// Writes it in the format, colours and depth it came in; a JPEG with the source's quantization and sampling.
    ///
    /// # Errors
    /// [`Error::Encode`] with the encoder's words.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        match &self.style {
            Style::Jpeg(style) => jpeg::encode(&self.pixels, style),
            Style::Png { icc } => encode_png(&self.pixels, icc.as_deref()),
        }
    }
}

/// Decodes a JPEG or PNG.
///
/// # Errors
/// [`Error::TooLarge`] beyond `limits`, [`Error::NotAnImage`] for other formats and for kinds of JPEG that are not
/// read, [`Error::Damaged`] for a file with a fault in it.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture, Error> {
    limits.check_bytes(bytes.len() as u64)?;
    match sniff(bytes)? {
        Format::Jpeg => {
            let (pixels, style) = jpeg::decode(bytes, limits)?;
            Ok(Picture {
                pixels,
                style: Style::Jpeg(style),
            })
        }
        Format::Png => decode_png(bytes, limits),
    }
}

/// True when a profile may be carried on: of a usual size, with the header of ICC.1 (its own length first, `acsp` at 36).
/// It drops what only pretends to be one; a real one still holds texts of its maker.
pub(crate) fn plain_icc(icc: &[u8]) -> bool {
    let length = icc.first_chunk().map(|b| u32::from_be_bytes(*b) as usize);
    icc.len() <= MAX_ICC_BYTES && length == Some(icc.len()) && icc.get(36..40) == Some(b"acsp")
}

fn decode_png(bytes: &[u8], limits: &Limits) -> Result<Picture, Error> {
    let damaged = |e: image::ImageError| Error::Damaged(format!("PNG: {e}"));
    // Eight bytes a pixel (16 bit RGBA) is the most a picture needs; the rest is for the decoder's own tables.
    let mut allowed = ImageLimits::default();
    allowed.max_alloc = Some(limits.max_pixels.saturating_mul(8).saturating_add(1 << 20));
    let mut decoder = PngDecoder::with_limits(Cursor::new(bytes), allowed).map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    limits.check_pixels(width, height)?;
    let icc = decoder
        .icc_profile()
        .map_err(damaged)?
        .filter(|icc| plain_icc(icc));
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut pixels = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    pixels.apply_orientation(orientation);
    Ok(Picture {
        pixels,
        style: Style::Png { icc },
    })
}

fn encode_png(pixels: &DynamicImage, icc: Option<&[u8]>) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    let mut encoder =
        PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Adaptive);
    if let Some(icc) = icc {
        encoder
            .set_icc_profile(icc.to_vec())
            .map_err(|e| Error::Encode(format!("PNG: {e}")))?;
    }
    pixels
        .write_with_encoder(encoder)
        .map_err(|e| Error::Encode(format!("PNG: {e}")))?;
    Ok(out)
}
