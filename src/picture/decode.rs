//! Bytes to pixels and back, within limits. Damaged files are rejected, never half read.
//!
//! Pixels are returned as a viewer shows them: EXIF orientation is applied, so that boxes and text
//! are placed where they are seen. Encoded files carry no EXIF, comment, thumbnail or text; only
//! the labeled picture keeps the pixel density and what describes its colors.

use image::DynamicImage;

use crate::{
    error::Error,
    picture::flat,
    picture::jpeg::{self, JpegStyle},
    picture::limits::Limits,
    picture::png::{self, PngStyle},
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
    Png(Box<PngStyle>),
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
            Style::Png(_) => Format::Png,
        }
    }

    /// Returns the picture to make a copy for others of: 8 bit, on black in place of alpha, and
    /// encoded without anything but its pixels.
    pub fn copied(&self) -> Picture {
        Picture {
            pixels: flat::copied(&self.pixels),
            style: match &self.style {
                Style::Jpeg(style) => Style::Jpeg(style.bare()),
                Style::Png(style) => Style::Png(Box::new(style.bare())),
            },
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
            Style::Png(style) => png::encode(&self.pixels, style),
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
        Format::Png => {
            let (pixels, style) = png::decode(bytes, limits)?;
            Ok(Picture {
                pixels,
                style: Style::Png(Box::new(style)),
            })
        }
        // Its pixels are not a picture before its attributes are applied; `pipeline/dicom.rs` does.
        Format::Dicom => Err(Error::NotAnImage(
            "a DICOM file in place of a picture".into(),
        )),
    }
}
