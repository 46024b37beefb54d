//! PNG: decoding with every checksum verified and little unpacked besides the pixels, and encoding
//! within a bound.

use std::{
    borrow::Cow,
    io::{self, Cursor, Write},
};

use image::{
    ColorType, DynamicImage, ImageDecoder, ImageError, ImageResult, metadata::Orientation,
};
use png::{
    BitDepth, Compression, DecodeOptions, Decoder, Encoder, Filter, Info, Limits as PngLimits,
    PixelDimensions, Reader, ScaledFloat, SourceChromaticities, SrgbRenderingIntent,
    Transformations,
};

use crate::{
    error::Error,
    picture::icc::{self, plain_icc},
    picture::limits::Limits,
};

/// Bytes of the pixel data in one chunk.
const CHUNK: usize = 1 << 16;

/// The part of a PNG besides its pixels that the labeled picture keeps: its colors and its scale.
#[derive(Debug, Clone, Default)]
pub(crate) struct PngStyle {
    icc: Option<Vec<u8>>,
    gamma: Option<ScaledFloat>,
    chromaticities: Option<SourceChromaticities>,
    srgb: Option<SrgbRenderingIntent>,
    density: Option<PixelDimensions>,
    source: SourceSize,
}

/// The sizes of the source that bound an output's.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SourceSize {
    /// Bytes of the file.
    pub(crate) file: u64,
    /// Bytes of its pixels when they are unpacked but not expanded.
    pub(crate) pixels: u64,
}

impl SourceSize {
    /// Returns the most bytes that an output with so many bytes of pixels may have.
    ///
    /// The fast compression here makes files about as large as the source, and noise up to half as
    /// large again as its pixels.
    pub(crate) fn bound(self, pixels: u64) -> u64 {
        const LEAST: u64 = 32 << 20;
        let grown = pixels.div_ceil(self.pixels.max(1)).max(1);
        let like_source = self.file.saturating_mul(2).saturating_mul(grown);
        let worst = pixels + pixels / 2 + pixels / 16 + (1 << 17);
        worst.min(like_source.max(LEAST)) + icc::MAX_BYTES as u64
    }
}

impl PngStyle {
    /// Returns the style of a copy for others, which holds pixels only.
    pub(crate) fn bare(&self) -> PngStyle {
        PngStyle {
            source: self.source,
            ..PngStyle::default()
        }
    }
}

/// Decodes a PNG.
///
/// # Errors
/// As [`crate::picture::decode::decode`].
pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<(DynamicImage, PngStyle), Error> {
    let damaged = |e: png::DecodingError| Error::Damaged(format!("PNG: {e}"));
    let mut options = DecodeOptions::default();
    options.set_ignore_checksums(false);
    options.set_ignore_text_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    let info = decoder.read_header_info().map_err(damaged)?;
    limits.check_pixels(info.width, info.height)?;
    let row = info.raw_row_length() as u64;
    let file = bytes.len() as u64;
    let source = SourceSize {
        file,
        pixels: row * u64::from(info.height),
    };
    // Besides rows this bounds the profile: one that unpacks to more is dropped.
    let tables = 2 * icc::MAX_BYTES as u64 + 4 * row;
    decoder.set_limits(PngLimits {
        bytes: usize::try_from(tables).unwrap_or(usize::MAX),
    });
    decoder.set_transformations(Transformations::EXPAND);
    let reader = decoder.read_info().map_err(damaged)?;
    let pixels = Pixels::new(reader)?;
    let info = pixels.reader.info();
    let orientation = info
        .exif_metadata
        .as_deref()
        .and_then(Orientation::from_exif_chunk)
        .unwrap_or(Orientation::NoTransforms);
    let style = PngStyle {
        icc: info
            .icc_profile
            .as_deref()
            .filter(|icc| plain_icc(icc))
            .map(<[u8]>::to_vec),
        gamma: info.gama_chunk,
        chromaticities: info.chrm_chunk,
        srgb: info.srgb,
        density: info.pixel_dims.map(|d| turned(d, orientation)),
        source,
    };
    let mut pixels = DynamicImage::from_decoder(pixels)
        .map_err(|e| Error::Damaged(format!("PNG: {}", inner(e))))?;
    pixels.apply_orientation(orientation);
    Ok((pixels, style))
}

/// Returns the decoder's own message.
fn inner(error: ImageError) -> String {
    match error {
        ImageError::IoError(e) => e.to_string(),
        other => other.to_string(),
    }
}

fn turned(density: PixelDimensions, orientation: Orientation) -> PixelDimensions {
    let is_turned = matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    );
    if is_turned {
        PixelDimensions {
            xppu: density.yppu,
            yppu: density.xppu,
            ..density
        }
    } else {
        density
    }
}

/// The pixels of a PNG, for `image` to collect.
struct Pixels<'a> {
    reader: Reader<Cursor<&'a [u8]>>,
    color: ColorType,
}

impl<'a> Pixels<'a> {
    fn new(reader: Reader<Cursor<&'a [u8]>>) -> Result<Self, Error> {
        use png::ColorType::{Grayscale, GrayscaleAlpha, Rgb, Rgba};
        let color = match reader.output_color_type() {
            (Grayscale, BitDepth::Eight) => ColorType::L8,
            (Grayscale, BitDepth::Sixteen) => ColorType::L16,
            (GrayscaleAlpha, BitDepth::Eight) => ColorType::La8,
            (GrayscaleAlpha, BitDepth::Sixteen) => ColorType::La16,
            (Rgb, BitDepth::Eight) => ColorType::Rgb8,
            (Rgb, BitDepth::Sixteen) => ColorType::Rgb16,
            (Rgba, BitDepth::Eight) => ColorType::Rgba8,
            (Rgba, BitDepth::Sixteen) => ColorType::Rgba16,
            _ => return Err(Error::Damaged("PNG: its palette is missing".into())),
        };
        Ok(Pixels { reader, color })
    }
}

impl ImageDecoder for Pixels<'_> {
    fn dimensions(&self) -> (u32, u32) {
        self.reader.info().size()
    }

    fn color_type(&self) -> ColorType {
        self.color
    }

    fn read_image(mut self, levels: &mut [u8]) -> ImageResult<()> {
        let failed = |e: png::DecodingError| ImageError::IoError(e.into());
        self.reader.next_frame(levels).map_err(failed)?;
        // The checksum follows the last row.
        self.reader.finish().map_err(failed)?;
        if self.color.bytes_per_pixel() / self.color.channel_count() == 2 {
            for sample in levels.as_chunks_mut().0 {
                *sample = u16::from_be_bytes(*sample).to_ne_bytes();
            }
        }
        Ok(())
    }

    fn read_image_boxed(self: Box<Self>, levels: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(levels)
    }
}

/// Encodes a PNG, row by row.
///
/// # Errors
/// [`Error::Encode`] with the encoder's message, [`Error::TooLarge`] for a file over its bound.
pub(crate) fn encode(pixels: &DynamicImage, style: &PngStyle) -> Result<Vec<u8>, Error> {
    let (color, depth) = match pixels.color() {
        ColorType::L8 => (png::ColorType::Grayscale, BitDepth::Eight),
        ColorType::L16 => (png::ColorType::Grayscale, BitDepth::Sixteen),
        ColorType::La8 => (png::ColorType::GrayscaleAlpha, BitDepth::Eight),
        ColorType::La16 => (png::ColorType::GrayscaleAlpha, BitDepth::Sixteen),
        ColorType::Rgb8 => (png::ColorType::Rgb, BitDepth::Eight),
        ColorType::Rgb16 => (png::ColorType::Rgb, BitDepth::Sixteen),
        ColorType::Rgba8 => (png::ColorType::Rgba, BitDepth::Eight),
        ColorType::Rgba16 => (png::ColorType::Rgba, BitDepth::Sixteen),
        _ => return Err(Error::Encode("PNG: unknown kind of pixels".into())),
    };
    let levels = pixels.as_bytes();
    let limit = style.source.bound(levels.len() as u64);
    let mut out = Bounded::new(limit as usize);
    let mut info = Info::with_size(pixels.width(), pixels.height());
    info.color_type = color;
    info.bit_depth = depth;
    info.icc_profile = style.icc.as_deref().map(Cow::Borrowed);
    info.source_gamma = style.gamma;
    info.source_chromaticities = style.chromaticities;
    info.srgb = style.srgb;
    info.pixel_dims = style.density;
    let row = levels.len() / pixels.height().max(1) as usize;
    let written = write(&mut out, info, levels, row, depth == BitDepth::Sixteen);
    if out.is_full {
        return Err(Error::TooLarge {
            what: "an output, in bytes,",
            limit,
        });
    }
    written.map_err(|e| Error::Encode(format!("PNG: {e}")))?;
    out.bytes.shrink_to_fit();
    Ok(out.bytes)
}

fn write(
    out: &mut Bounded,
    info: Info<'_>,
    levels: &[u8],
    row: usize,
    is_deep: bool,
) -> Result<(), png::EncodingError> {
    let mut encoder = Encoder::with_info(out, info)?;
    encoder.set_compression(Compression::Fast);
    encoder.set_filter(Filter::Adaptive);
    let mut writer = encoder.write_header()?;
    let mut stream = writer.stream_writer_with_size(CHUNK)?;
    let mut swapped = Vec::new();
    for row in levels.chunks_exact(row.max(1)) {
        if is_deep {
            swapped.clear();
            let samples = row.as_chunks().0.iter();
            swapped.extend(samples.flat_map(|&s| u16::from_ne_bytes(s).to_be_bytes()));
            stream.write_all(&swapped)?;
        } else {
            stream.write_all(row)?;
        }
    }
    stream.finish()?;
    writer.finish()
}

/// Bytes up to a limit, in one allocation.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
    is_full: bool,
}

impl Bounded {
    fn new(limit: usize) -> Bounded {
        Bounded {
            bytes: Vec::with_capacity(limit),
            limit,
            is_full: false,
        }
    }
}

impl Write for Bounded {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + data.len() > self.limit {
            self.is_full = true;
            return Err(io::Error::other("over the limit"));
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
