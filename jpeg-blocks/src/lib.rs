//! Edits a JPEG block by block.
//!
//! Decoding a picture and encoding it again to change one corner costs quality everywhere. This
//! crate decodes a file only to its quantized coefficients. Chosen blocks get new pixels or a
//! uniform color; all others keep their coefficients, and in a sequential file even their bits. The
//! method is Clunie and Gebow's: "Block selective redaction for minimizing loss during
//! de-identification of burned in text in irreversibly compressed JPEG medical images", J. Med.
//! Imaging 2(1):016501, 2015.
//!
//! ```
//! # fn main() -> Result<(), jpeg_blocks::Error> {
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/gray.jpg");
//! # let bytes = std::fs::read(path).unwrap();
//! use jpeg_blocks::{Jpeg, Keep, Limits};
//!
//! let jpeg = Jpeg::parse(&bytes, &Limits::default())?;
//! let area = jpeg.area(0, 0, 40, 20).expect("the rectangle lies on the picture");
//! let redacted = jpeg.write(&[jpeg.fill(area, [0, 0, 0])], Keep::Picture { icc: false })?;
//! # assert!(Jpeg::parse(&redacted, &Limits::default()).is_ok());
//! # Ok(())
//! # }
//! ```
//!
//! Supported are baseline, extended sequential and progressive files with Huffman coding and 8 bits
//! per sample: gray, YCbCr, RGB, CMYK and YCCK, with any sampling factors, interleaved or not, with
//! or without restart markers. Progressive files are written as sequential files with the same
//! coefficients. Damaged files are rejected, never read in part.
//!
//! A parsed file takes as much memory as the file, plus six to twelve bytes per MCU and a sixteenth
//! of a byte per pixel; for a progressive file, two bytes per sample instead of the index. No more
//! than that is allocated before the data has been read, and the time depends only on the sizes of
//! file and picture.
#![forbid(unsafe_code)]

mod error;
mod headers;
pub mod markers;

// From bits to coefficients.
mod bits;
mod block;
mod huffman;
mod mcu;
mod progressive;
mod scan;
mod sequential;

// From coefficients to pixels, and back.
mod color;
mod copied;
mod dct;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod dct_simd;
mod pixels;
mod quarter;
mod whole;

// The whole file.
mod edit;
mod edited;
mod file;
mod metadata;
mod recode;
mod visible;
mod write;

pub use color::ColorSpace;
pub use edit::{Area, Edit};
pub use error::Error;
pub use headers::ZIGZAG;
pub use metadata::{Keep, Orientation, exif_orientation};
pub use pixels::Pixels;
pub use quarter::GrayImage;

/// Limits on the resources that a file may demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum of width times height, checked before anything is allocated.
    pub max_pixels: u64,
    /// Maximum number of scans. A hostile progressive file has thousands, each over the whole
    /// picture.
    pub max_scans: usize,
}

impl Default for Limits {
    /// Allows 100 million pixels and 100 scans.
    fn default() -> Self {
        Limits {
            max_pixels: 100_000_000,
            max_scans: 100,
        }
    }
}

/// A parsed JPEG file that can be read and written with edits.
#[derive(Debug, Clone)]
pub struct Jpeg<'a> {
    bytes: &'a [u8],
    file: file::File,
}

impl<'a> Jpeg<'a> {
    /// Parses a whole file, including the data of all scans.
    ///
    /// # Errors
    /// [`Error::NotJpeg`] for anything but a JPEG file, [`Error::Unsupported`] for an unsupported
    /// kind of JPEG, [`Error::TooLarge`] for more pixels than the limit, and [`Error::Damaged`] for
    /// a damaged file.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Jpeg<'a>, Error> {
        let file = file::File::read(bytes, limits, false)?;
        Ok(Jpeg { bytes, file })
    }

    /// Parses a whole file for its pixels: those of a gray one are decoded at once, so that
    /// [`Jpeg::reduced`] by 1 returns them without reading the data again. They take a byte each.
    /// The other reductions cost more than with [`Jpeg::parse`].
    ///
    /// # Errors
    /// As [`Jpeg::parse`].
    pub fn parse_pixels(bytes: &'a [u8], limits: &Limits) -> Result<Jpeg<'a>, Error> {
        let file = file::File::read(bytes, limits, true)?;
        Ok(Jpeg { bytes, file })
    }

    /// Returns the width of the stored picture in pixels.
    pub fn width(&self) -> usize {
        self.file.frame.width
    }

    /// Returns the height of the stored picture in pixels.
    pub fn height(&self) -> usize {
        self.file.frame.height
    }

    /// Returns the width and height of an MCU in pixels: 8 x 8, or more with chroma subsampling.
    pub fn mcu_size(&self) -> (usize, usize) {
        (8 * self.file.frame.h_max, 8 * self.file.frame.v_max)
    }

    /// Returns the color space of the components.
    pub fn color_space(&self) -> ColorSpace {
        self.file.color_space
    }

    /// Reports whether the picture is gray: it has a single component, or color differences of at
    /// most one level.
    pub fn is_gray(&self) -> bool {
        self.file.gray
    }

    /// Returns the EXIF orientation, 1 to 8, in which a viewer displays the stored picture.
    pub fn orientation(&self) -> Orientation {
        self.file.orientation
    }

    /// Returns the color profile, or `None` when the file has no complete one.
    pub fn icc(&self) -> Option<Vec<u8>> {
        self.file.icc(self.bytes)
    }

    /// Returns the MCUs that a rectangle of stored pixels touches, or `None` when no part of it
    /// lies on the picture.
    pub fn area(&self, x: usize, y: usize, width: usize, height: usize) -> Option<Area> {
        let right = x.saturating_add(width).min(self.width());
        let bottom = y.saturating_add(height).min(self.height());
        if x >= right || y >= bottom {
            return None;
        }
        let (wide, tall) = self.mcu_size();
        let (left, top) = (x / wide, y / tall);
        Some(Area {
            x: left,
            y: top,
            width: right.div_ceil(wide) - left,
            height: bottom.div_ceil(tall) - top,
        })
    }

    /// Returns the area of the whole picture.
    pub fn full_area(&self) -> Area {
        let (width, height) = self.file.frame.mcus();
        Area {
            x: 0,
            y: 0,
            width,
            height,
        }
    }

    /// Decodes the pixels of an area, including the padding of MCUs at the right and bottom edges.
    /// Gray pixels match libjpeg's bit for bit; subsampled chroma is not interpolated.
    ///
    /// # Errors
    /// [`Error::Edit`] when the area lies outside of the picture.
    pub fn read(&self, area: Area) -> Result<Pixels, Error> {
        self.on_picture(area)?;
        self.file.pixels(area)
    }

    /// Creates an edit that replaces the pixels of an area, in the size and kind that
    /// [`Jpeg::read`] returns them.
    ///
    /// # Errors
    /// [`Error::Edit`] when the pixels have another size or kind, or the area lies outside of the
    /// picture.
    pub fn replace(&self, area: Area, pixels: &Pixels) -> Result<Edit, Error> {
        self.on_picture(area)?;
        let content = self.file.coefficients(area, pixels)?;
        Ok(Edit { area, content })
    }

    /// Creates an edit that fills an area with a color: red, green, blue. Nothing of the original
    /// content remains: two files that differ only under a fill become the same file, with
    /// [`Jpeg::write`] as long as both have the same Huffman tables.
    pub fn fill(&self, area: Area, color: [u8; 3]) -> Edit {
        Edit {
            area,
            content: self.file.constant(color),
        }
    }

    /// Returns the brightness of a gray picture, reduced to the means of boxes of `factor` x
    /// `factor` pixels; boxes at the right and bottom edges average the pixels inside of the
    /// picture.
    ///
    /// Factors 4 and 8 cost nothing more than [`Jpeg::parse`] did; 1 and 2 transform every block.
    /// The result differs from the means of decoded pixels by at most one level. Returns `None` for
    /// any other factor, and for a picture with color (see [`Jpeg::is_gray`]).
    pub fn reduced(&self, factor: usize) -> Option<GrayImage> {
        if !self.is_gray() || !self.file.has_full_brightness {
            return None;
        }
        match (factor, &self.file.quarter, &self.file.whole) {
            (8, Some(quarter), _) => Some(quarter::halve(quarter, self.width(), self.height())),
            (4, Some(quarter), _) => Some(quarter.clone()),
            (1, _, Some(whole)) => Some(whole.clone()),
            (1 | 2 | 4 | 8, ..) => self.means(factor),
            _ => None,
        }
    }

    fn means(&self, factor: usize) -> Option<GrayImage> {
        let (across, down) = (
            self.width().div_ceil(factor),
            self.height().div_ceil(factor),
        );
        let mut levels = Vec::with_capacity(across * down);
        let whole = self.full_area();
        let (wide, tall) = self.mcu_size();
        let channels = self.file.color_space.channels();
        let row = whole.width * wide * channels;
        let mut left = self.height();
        let stripe = |data: &[u8]| {
            let rows = tall.min(left);
            left -= rows;
            // Any channel of a gray pixel in color is its brightness, to one level.
            let pixel = |x: usize, y: usize| data[y * row + x * channels];
            if factor == 1 {
                for row in data.chunks_exact(row).take(rows) {
                    let row = &row[..across * channels];
                    if channels == 1 {
                        levels.extend_from_slice(row);
                    } else {
                        levels.extend(row.iter().step_by(channels));
                    }
                }
                return;
            }
            for top in (0..rows).step_by(factor) {
                for left in (0..self.width()).step_by(factor) {
                    let (mut sum, mut count) = (0usize, 0usize);
                    for y in top..(top + factor).min(rows) {
                        for x in left..(left + factor).min(self.width()) {
                            sum += usize::from(pixel(x, y));
                            count += 1;
                        }
                    }
                    levels.push(((sum + count / 2) / count) as u8);
                }
            }
        };
        self.file.stripes(whole, stripe).ok()?;
        Some(GrayImage {
            width: across,
            height: down,
            levels,
        })
    }

    /// Writes the file with edits. The last of several edits of one MCU wins; unedited MCUs keep
    /// their coefficients. A parsed file can be written several times with different edits.
    ///
    /// # Errors
    /// [`Error::Edit`] when an edit was made for another picture.
    pub fn write(&self, edits: &[Edit], keep: Keep) -> Result<Vec<u8>, Error> {
        let edits = edit::Edits::new(edits, &self.file.frame).ok_or(Error::Edit)?;
        write::write(&self.file, self.bytes, &edits, keep)
    }

    /// Writes only the visible content of the file, with edits, as a sequential file: for copies
    /// that go to other people.
    ///
    /// Files of equal size, sampling, orientation and quantization whose visible coefficients are
    /// equal become the same bytes, whatever else they hold: metadata, unused tables, restart
    /// intervals, the kind of their scans. Blocks that reach beyond the right or bottom edge are
    /// encoded again with copies of the edge in place of the hidden samples; all other unedited
    /// blocks keep their coefficients. While it runs it holds the symbols of the file, at most 8
    /// MiB beside the output.
    ///
    /// # Errors
    /// [`Error::Edit`] when an edit was made for another picture.
    pub fn write_visible(&self, edits: &[Edit]) -> Result<Vec<u8>, Error> {
        let edits = edit::Edits::new(edits, &self.file.frame).ok_or(Error::Edit)?;
        visible::write(&self.file, &edits)
    }

    fn on_picture(&self, area: Area) -> Result<(), Error> {
        let whole = self.full_area();
        let within = |start: usize, length: usize, end: usize| {
            start.checked_add(length).is_some_and(|e| e <= end)
        };
        let fits =
            within(area.x, area.width, whole.width) && within(area.y, area.height, whole.height);
        fits.then_some(()).ok_or(Error::Edit)
    }
}

/// Compiles the README's examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
