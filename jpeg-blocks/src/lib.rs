//! Edits a JPEG block by block.
//!
//! Decoding and encoding again costs quality everywhere to change a corner. Here a file is taken apart down to its quantized
//! coefficients; chosen blocks get new pixels or one colour, and all others keep their coefficients, in a sequential file even their bits.
//! The idea is Clunie and Gebow's: "Block selective redaction for minimizing loss during de-identification of burned in text in
//! irreversibly compressed JPEG medical images", J. Med. Imaging 2(1):016501, 2015.
//!
//! ```
//! # fn main() -> Result<(), jpeg_blocks::Error> {
//! # let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/grey.jpg")).unwrap();
//! use jpeg_blocks::{Jpeg, Keep, Limits};
//!
//! let jpeg = Jpeg::parse(&bytes, &Limits::default())?;
//! let area = jpeg.area(0, 0, 40, 20).expect("it is on the picture");
//! let redacted = jpeg.write(&[jpeg.fill(area, [0, 0, 0])], Keep::Picture { icc: false })?;
//! # assert!(Jpeg::parse(&redacted, &Limits::default()).is_ok());
//! # Ok(())
//! # }
//! ```
//!
//! It reads baseline, extended sequential and progressive files with Huffman coding and 8 bits: grey, YCbCr, RGB, CMYK and YCCK, any
//! sampling factors, interleaved or not, with restart markers. Progressive files are written back sequential with the same
//! coefficients. Files with a fault are refused, never half read. The modules stand in the order of the data's way.
//!
//! Memory is the file once more, six to twelve bytes for each MCU and a sixteenth of a byte for each pixel; for a progressive file two bytes for each
//! sample instead of the index. Nothing is allocated beyond that before the data is there, and time grows with file and picture only.
#![forbid(unsafe_code)]

mod error;
mod segments;

// From bits to coefficients.
mod bits;
mod block;
mod huffman;
mod progressive;
mod scan;
mod sequential;

// From coefficients to pixels, and back.
mod colour;
mod dct;
mod pixels;
mod quarter;

// The file.
mod edit;
mod file;
mod metadata;
mod recode;
mod write;

pub use colour::Colour;
pub use edit::{Area, Edit};
pub use error::Error;
pub use metadata::{Keep, Orientation};
pub use pixels::Pixels;
pub use quarter::Grey;

/// What a file may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Width times height; checked before anything is allocated.
    pub max_pixels: u64,
    /// Scans of a progressive file; a hostile one has thousands, each of which goes over the whole picture.
    pub max_scans: usize,
}

impl Default for Limits {
    /// 100 million pixels, 100 scans.
    fn default() -> Self {
        Limits {
            max_pixels: 100_000_000,
            max_scans: 100,
        }
    }
}

/// A JPEG file, ready to be looked at and written with edits.
#[derive(Debug, Clone)]
pub struct Jpeg<'a> {
    bytes: &'a [u8],
    file: file::File,
}

impl<'a> Jpeg<'a> {
    /// Takes a file apart, all of it: what is given back has no fault in it.
    ///
    /// # Errors
    /// [`Error::NotJpeg`], [`Error::Unsupported`] for a kind that is not read, [`Error::TooLarge`] beyond the limits and
    /// [`Error::Damaged`] for a file with a fault.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Jpeg<'a>, Error> {
        let file = file::File::read(bytes, limits)?;
        Ok(Jpeg { bytes, file })
    }

    /// Pixels across, as they are stored.
    pub fn width(&self) -> usize {
        self.file.frame.width
    }

    /// Pixels down, as they are stored.
    pub fn height(&self) -> usize {
        self.file.frame.height
    }

    /// Pixels of an MCU across and down: 8 x 8, or more where colours are subsampled.
    pub fn mcu(&self) -> (usize, usize) {
        (8 * self.file.frame.h_max, 8 * self.file.frame.v_max)
    }

    /// How its components make a colour.
    pub fn colour(&self) -> Colour {
        self.file.colour
    }

    /// True when it is grey, or colour without any: then brightness is all there is.
    pub fn is_grey(&self) -> bool {
        self.file.grey
    }

    /// How the stored picture is to be turned to be shown: EXIF's 1 to 8.
    pub fn orientation(&self) -> Orientation {
        self.file.orientation
    }

    /// Its colour profile, joined; none where a part is missing.
    pub fn icc(&self) -> Option<Vec<u8>> {
        self.file.icc(self.bytes)
    }

    /// The MCUs that a rectangle of stored pixels touches; none when it is empty or beside the picture.
    pub fn area(&self, x: usize, y: usize, width: usize, height: usize) -> Option<Area> {
        let right = x.saturating_add(width).min(self.width());
        let bottom = y.saturating_add(height).min(self.height());
        if x >= right || y >= bottom {
            return None;
        }
        let (wide, tall) = self.mcu();
        let (left, top) = (x / wide, y / tall);
        Some(Area {
            x: left,
            y: top,
            width: right.div_ceil(wide) - left,
            height: bottom.div_ceil(tall) - top,
        })
    }

    /// The whole picture as an area.
    pub fn whole(&self) -> Area {
        let (width, height) = self.file.frame.mcus();
        Area {
            x: 0,
            y: 0,
            width,
            height,
        }
    }

    /// The pixels of an area, to its last MCU's end even beside the picture. Grey ones are libjpeg's to the bit; colours that are subsampled
    /// are not smoothed.
    ///
    /// # Errors
    /// [`Error::Edit`] when the area is not on the picture.
    pub fn read(&self, area: Area) -> Result<Pixels, Error> {
        self.on_picture(area)?;
        self.file.pixels(area)
    }

    /// An edit that gives an area other pixels, as many as [`Jpeg::read`] gives.
    ///
    /// # Errors
    /// [`Error::Edit`] when they are of another size or kind, or the area is not on the picture.
    pub fn replace(&self, area: Area, pixels: &Pixels) -> Result<Edit, Error> {
        self.on_picture(area)?;
        let content = self.file.coefficients(area, pixels)?;
        Ok(Edit { area, content })
    }

    /// An edit that makes an area one colour: red, green, blue. Nothing of what was there is left in it, and the file that comes of it
    /// is the same whatever was there.
    pub fn fill(&self, area: Area, colour: [u8; 3]) -> Edit {
        Edit {
            area,
            content: self.file.constant(colour),
        }
    }

    /// The picture's brightness reduced: means of boxes of `factor` x `factor` pixels, those at the right and bottom edge of the pixels that
    /// are there. For factors 4 and 8 it costs nothing more, for 1 and 2 every block is transformed. It differs from the means of decoded pixels by one level at
    /// most. None for other factors, and where brightness is not all that a pixel's grey depends on (see [`Jpeg::is_grey`]).
    pub fn reduced(&self, factor: usize) -> Option<Grey> {
        let quarter = self.file.quarter.as_ref().filter(|_| self.is_grey())?;
        match factor {
            8 => Some(quarter::halve(quarter, self.width(), self.height())),
            4 => Some(quarter.clone()),
            1 | 2 => self.means(factor),
            _ => None,
        }
    }

    fn means(&self, factor: usize) -> Option<Grey> {
        let (across, down) = (
            self.width().div_ceil(factor),
            self.height().div_ceil(factor),
        );
        let mut levels = Vec::with_capacity(across * down);
        let whole = self.whole();
        let (_, tall) = self.mcu();
        for y in 0..whole.height {
            let stripe = Area {
                y,
                height: 1,
                ..whole
            };
            let pixels = self.file.pixels(stripe).ok()?;
            let rows = tall.min(self.height() - y * tall);
            if factor == 1 {
                for row in pixels
                    .data
                    .chunks_exact(pixels.width * pixels.channels)
                    .take(rows)
                {
                    let row = &row[..across * pixels.channels];
                    levels.extend(row.iter().step_by(pixels.channels));
                }
                continue;
            }
            for top in (0..rows).step_by(factor) {
                for left in (0..self.width()).step_by(factor) {
                    let (mut sum, mut count) = (0usize, 0usize);
                    for sy in top..(top + factor).min(rows) {
                        for sx in left..(left + factor).min(self.width()) {
                            // Of a grey pixel in colour any channel is its brightness, to a level.
                            sum += usize::from(
                                pixels.data[(sy * pixels.width + sx) * pixels.channels],
                            );
                            count += 1;
                        }
                    }
                    levels.push(((sum + count / 2) / count) as u8);
                }
            }
        }
        Some(Grey {
            width: across,
            height: down,
            levels,
        })
    }

    /// Writes the file with these edits; of several on one place the last holds. What they do not touch keeps its coefficients. The
    /// same file can be written several times with others.
    ///
    /// # Errors
    /// [`Error::Edit`] when an edit was made for another picture.
    pub fn write(&self, edits: &[Edit], keep: Keep) -> Result<Vec<u8>, Error> {
        let edits = edit::Edits::new(edits, &self.file.frame).ok_or(Error::Edit)?;
        write::write(&self.file, self.bytes, &edits, keep)
    }

    fn on_picture(&self, area: Area) -> Result<(), Error> {
        let whole = self.whole();
        let within = |start: usize, length: usize, end: usize| {
            start.checked_add(length).is_some_and(|e| e <= end)
        };
        let fits =
            within(area.x, area.width, whole.width) && within(area.y, area.height, whole.height);
        fits.then_some(()).ok_or(Error::Edit)
    }
}
