//! Bytes to pixels and back, within limits. Damaged files are rejected, never half read.
//!
//! Pixels are returned as a viewer shows them: EXIF orientation is applied, so that boxes and text
//! are placed where they are seen. Encoded files carry no EXIF, comment, thumbnail or text; only
//! the pixel density and, on the labeled picture, the ICC profile stay.

use std::io::Cursor;

use image::{
    DynamicImage, ImageDecoder, ImageEncoder, Limits as ImageLimits,
    codecs::png::{CompressionType, FilterType, PngDecoder, PngEncoder},
};

use crate::{
    error::Error,
    picture::icc::plain_icc,
    picture::jpeg::{self, JpegStyle},
    picture::limits::Limits,
    picture::sniff::{Format, sniff},
};

/// A decoded picture and the parameters to encode one like it.
///
/// The pixels are 8 or 16 bit, gray or RGB, with or without alpha.
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
    /// Returns the pixels as a viewer shows them.
    pub fn pixels(&self) -> &DynamicImage {
        &self.pixels
    }

    /// Returns the pixels and drops the rest.
    pub fn into_pixels(self) -> DynamicImage {
        self.pixels
    }

    /// Returns the pixels, to draw on.
    pub fn pixels_mut(&mut self) -> &mut DynamicImage {
        &mut self.pixels
    }

    /// Returns the format of the source and of the encoded picture.
    pub fn format(&self) -> Format {
        match self.style {
            Style::Jpeg(_) => Format::Jpeg,
            Style::Png { .. } => Format::Png,
        }
    }

    /// Drops the ICC profile, whose texts could hold anything.
    pub fn drop_icc(&mut self) {
        match &mut self.style {
            Style::Jpeg(style) => style.icc = None,
            Style::Png { icc } => *icc = None,
        }
    }

    /// Encodes it in the source's format, colors and depth; a JPEG with the source's quantization
    /// and sampling.
    ///
    /// # Errors
    /// [`Error::Encode`] with the encoder's message.
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
/// [`Error::TooLarge`] beyond `limits`, [`Error::NotAnImage`] for other formats and for unsupported
/// kinds of JPEG, [`Error::Damaged`] for a faulty file.
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

fn decode_png(bytes: &[u8], limits: &Limits) -> Result<Picture, Error> {
    let damaged = |e: image::ImageError| Error::Damaged(format!("PNG: {e}"));
    // A picture needs at most eight bytes a pixel (16 bit RGBA); the rest is for the decoder's own
    // tables.
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
