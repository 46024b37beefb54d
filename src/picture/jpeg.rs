//! JPEG through libjpeg-turbo-rs: strict decoding, and encoding with the source's own tables.
//!
//! The crate has `unsafe` code, which the component's sandbox contains; it is used in the function
//! only.

use image::{DynamicImage, GrayImage, RgbImage, metadata::Orientation};
use jpeg_blocks::{
    Jpeg, ZIGZAG, exif_orientation,
    markers::{DQT, SOS, segments},
};
use libjpeg_turbo_rs::{
    DecodeLimits, Decoder, DensityInfo, DensityUnit, Encoder, FrameHeader, JpegError, PixelFormat,
};

use crate::{error::Error, picture::icc::plain_icc, picture::limits::Limits, picture::scans};

/// The encoding parameters of a JPEG, to encode another like it.
#[derive(Debug, Clone)]
pub struct JpegStyle {
    /// Quantization tables in row-major order: luma, then chroma if there is color.
    tables: Vec<[u16; 64]>,
    /// Horizontal and vertical sampling factors of each component.
    sampling: Vec<(u8, u8)>,
    density: Option<(u8, u16, u16)>,
    /// The ICC profile, if its header is sound.
    icc: Option<Vec<u8>>,
    /// Writes only what a viewer shows.
    bare: bool,
}

impl JpegStyle {
    /// Returns the style of a copy for others.
    pub(crate) fn bare(&self) -> JpegStyle {
        JpegStyle {
            density: None,
            icc: None,
            bare: true,
            ..self.clone()
        }
    }
}

/// Decodes to gray or RGB, 8 bit.
///
/// # Errors
/// As [`crate::picture::decode::decode`].
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<(DynamicImage, JpegStyle), Error> {
    let allowed = DecodeLimits {
        max_pixels: limits.max_pixels,
        max_scans: 100,
        ..Default::default()
    };
    let mut decoder = Decoder::new_with_limits(bytes, allowed)
        .map_err(|e| failed(e, limits))?
        .with_stop_on_warning(true);
    let header = decoder.header().clone();
    limits.check_pixels(u32::from(header.width), u32::from(header.height))?;
    check_kind(&header)?;
    scans::check_complete(bytes)?;
    let gray = header.components.len() == 1;
    decoder.set_output_format(if gray {
        PixelFormat::Grayscale
    } else {
        PixelFormat::Rgb
    });
    // The decoder's own reading of EXIF differs from that of the blocks.
    let orientation = Orientation::from_exif(exif_orientation(bytes));
    let style = JpegStyle {
        tables: quantization_tables(bytes, &header)?,
        sampling: sampling(&header, orientation),
        density: density(decoder.density()),
        icc: decoder
            .icc_profile()
            .ok()
            .flatten()
            .filter(|icc| plain_icc(icc)),
        bare: false,
    };
    let image = decoder.decode_image().map_err(|e| failed(e, limits))?;
    let (width, height) = (image.width as u32, image.height as u32);
    let pixels = if gray {
        GrayImage::from_raw(width, height, image.data).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(width, height, image.data).map(DynamicImage::from)
    };
    let mut pixels =
        pixels.ok_or_else(|| Error::Damaged("JPEG: fewer pixels than its header says".into()))?;
    if let Some(orientation) = orientation {
        pixels.apply_orientation(orientation);
    }
    Ok((pixels, style))
}

/// Encodes gray or RGB pixels as a baseline JPEG.
///
/// # Errors
/// [`Error::Encode`] with the encoder's message.
pub fn encode(pixels: &DynamicImage, style: &JpegStyle) -> Result<Vec<u8>, Error> {
    let (format, data) = match pixels {
        DynamicImage::ImageLuma8(p) => (PixelFormat::Grayscale, p.as_raw()),
        DynamicImage::ImageRgb8(p) => (PixelFormat::Rgb, p.as_raw()),
        _ => {
            return Err(Error::Encode(
                "JPEG: only 8 bit gray and RGB pixels can be encoded".into(),
            ));
        }
    };
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let mut encoder = Encoder::new(data, width, height, format);
    for (slot, table) in style.tables.iter().enumerate() {
        encoder = encoder.quant_table(slot, *table);
    }
    if format == PixelFormat::Rgb {
        encoder = encoder.sampling_factors(style.sampling.clone());
    }
    if let Some((unit, x, y)) = style.density {
        encoder = encoder.density(unit, x, y);
    }
    if let Some(icc) = &style.icc {
        encoder = encoder.icc_profile(icc);
    }
    let encoded = encoder
        .encode()
        .map_err(|e| Error::Encode(format!("JPEG: {e}")))?;
    if !style.bare {
        return Ok(encoded);
    }
    let any = jpeg_blocks::Limits {
        max_pixels: u64::MAX,
        ..Default::default()
    };
    Jpeg::parse(&encoded, &any)
        .and_then(|jpeg| jpeg.write_visible(&[]))
        .map_err(|e| Error::Encode(format!("JPEG: {e}")))
}

fn check_kind(header: &FrameHeader) -> Result<(), Error> {
    if header.width == 0 || header.height == 0 {
        // With height 0 it follows in a DNL segment (T.81, B.2.5), which the decoders here don't
        // read.
        return Err(Error::Damaged("JPEG: its header gives no height".into()));
    }
    let refuse = |kind: &str| {
        Err(Error::NotAnImage(format!(
            "{kind}; convert it to an 8 bit JPEG"
        )))
    };
    if header.is_lossless {
        return refuse("a lossless JPEG");
    }
    if header.precision != 8 {
        return refuse("a 12 bit JPEG");
    }
    match header.components.len() {
        1 | 3 => Ok(()),
        4 => Err(Error::NotAnImage(
            "a CMYK JPEG; convert it to gray or RGB".into(),
        )),
        _ => refuse("a JPEG with an unknown color space"),
    }
}

fn failed(error: JpegError, limits: &Limits) -> Error {
    match error {
        JpegError::LimitExceeded { .. } => Error::TooLarge {
            what: "the picture, in pixels,",
            limit: limits.max_pixels,
        },
        JpegError::Unsupported(kind) => Error::NotAnImage(format!(
            "an unsupported kind of JPEG ({kind}); convert it to a baseline JPEG"
        )),
        other => Error::Damaged(format!("JPEG: {other}")),
    }
}

/// Returns the sampling factors for the encoder: the source's, turned with the picture, or no
/// subsampling if the encoder does not support the source's.
fn sampling(header: &FrameHeader, orientation: Option<Orientation>) -> Vec<(u8, u8)> {
    let turned = matches!(
        orientation,
        Some(
            Orientation::Rotate90
                | Orientation::Rotate270
                | Orientation::Rotate90FlipH
                | Orientation::Rotate270FlipH
        )
    );
    let factors: Vec<(u8, u8)> = header
        .components
        .iter()
        .map(|c| (c.horizontal_sampling, c.vertical_sampling))
        .map(|(h, v)| if turned { (v, h) } else { (h, v) })
        .collect();
    let usual = factors.first().is_some_and(|&(h, v)| {
        matches!((h, v), (1 | 2, 1 | 2)) && factors[1..].iter().all(|&f| f == (1, 1))
    });
    if usual {
        factors
    } else {
        vec![(1, 1); factors.len()]
    }
}

fn density(density: &DensityInfo) -> Option<(u8, u16, u16)> {
    let unit = match density.unit {
        DensityUnit::Dpi => 1,
        DensityUnit::Dpcm => 2,
        _ => 0,
    };
    (density.x > 0 && density.y > 0).then_some((unit, density.x, density.y))
}

/// Reads the DQT segments (T.81, B.2.4.1) and returns the tables of the first and the second
/// component.
fn quantization_tables(bytes: &[u8], header: &FrameHeader) -> Result<Vec<[u16; 64]>, Error> {
    let mut slots: [Option<[u16; 64]>; 4] = [None; 4];
    let before_scans = segments(bytes).take_while(|s| s.marker != SOS);
    for segment in before_scans.filter(|s| s.marker == DQT) {
        let mut rest = segment.payload;
        while let Some((&head, tail)) = rest.split_first() {
            let wide = head >> 4 != 0;
            let length = if wide { 128 } else { 64 };
            let Some(values) = tail.get(..length) else {
                break;
            };
            let mut table = [0u16; 64];
            for (i, &natural) in ZIGZAG.iter().enumerate() {
                table[usize::from(natural)] = if wide {
                    u16::from_be_bytes([values[2 * i], values[2 * i + 1]])
                } else {
                    u16::from(values[i])
                };
            }
            if let Some(slot) = slots.get_mut(usize::from(head & 15)) {
                *slot = Some(table);
            }
            rest = &tail[length..];
        }
    }
    header
        .components
        .iter()
        .take(2)
        .map(|c| {
            slots
                .get(usize::from(c.quant_table_index))
                .copied()
                .flatten()
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| Error::Damaged("JPEG: a quantization table is missing".into()))
}
