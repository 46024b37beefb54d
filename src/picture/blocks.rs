//! A JPEG that is edited in place, block by block: pixels that no edit touches keep their bits.
//!
//! Text and boxes are placed on the picture as a viewer shows it; the blocks lie as they are
//! stored. The two differ where the EXIF orientation turns the picture.

use image::{DynamicImage, RgbImage, metadata::Orientation};
use jpeg_blocks::{Area, Edit, Error as JpegError, Jpeg, Keep, Limits as JpegLimits, Pixels};

use crate::{
    error::Error,
    model::contract::{Channels, Contract, Resize},
    model::input::lay_out,
    model::tensor::InputTensor,
    picture::boxes::Rect,
    picture::decode::decode,
    picture::gray::GrayImage,
    picture::icc::plain_icc,
    picture::input,
    picture::limits::Limits,
    picture::orientation::{Range, inverse, turned},
    picture::resize,
};

/// Scans of a progressive file; usual ones have about ten.
const MAX_SCANS: usize = 100;

/// A JPEG with its blocks.
#[derive(Debug)]
pub(crate) struct Blocks<'a> {
    bytes: &'a [u8],
    jpeg: Jpeg<'a>,
}

impl<'a> Blocks<'a> {
    /// Parses a JPEG. Returns `None` for a kind that can't be edited in place.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a faulty file, [`Error::TooLarge`] beyond the limits.
    pub(crate) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Option<Self>, Error> {
        Self::parse(bytes, limits, Jpeg::parse)
    }

    /// Parses a JPEG of which all pixels are wanted, and decodes them at once if they are gray.
    ///
    /// # Errors
    /// As [`Blocks::open`].
    pub(crate) fn open_pixels(bytes: &'a [u8], limits: &Limits) -> Result<Option<Self>, Error> {
        Self::parse(bytes, limits, Jpeg::parse_pixels)
    }

    fn parse(
        bytes: &'a [u8],
        limits: &Limits,
        parse: impl FnOnce(&'a [u8], &JpegLimits) -> Result<Jpeg<'a>, JpegError>,
    ) -> Result<Option<Self>, Error> {
        let allowed = JpegLimits {
            max_pixels: limits.max_pixels,
            max_scans: MAX_SCANS,
        };
        match parse(bytes, &allowed) {
            Ok(jpeg) => Ok(Some(Blocks { bytes, jpeg })),
            Err(JpegError::Unsupported(_)) => Ok(None),
            Err(JpegError::TooLarge) => Err(Error::TooLarge {
                what: "the picture, in pixels,",
                limit: limits.max_pixels,
            }),
            Err(e) => Err(Error::Damaged(format!("JPEG: {e}"))),
        }
    }

    /// Returns the width and height of the picture as a viewer shows it.
    pub(crate) fn size(&self) -> (u32, u32) {
        let (width, height) = (self.jpeg.width() as u32, self.jpeg.height() as u32);
        if self.jpeg.orientation() > 4 {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// Returns the model's input, straight from the coefficients if the model reads brightness only
    /// and the picture is stored upright.
    ///
    /// # Errors
    /// As [`Blocks::pixels`].
    pub(crate) fn tensor(
        &self,
        contract: &Contract,
        limits: &Limits,
    ) -> Result<InputTensor, Error> {
        let input = &contract.input;
        let direct = input.channels == Channels::Gray
            && input.resize == Resize::BoxThenBilinear
            && self.jpeg.orientation() == 1;
        if direct {
            let to = (input.width as usize, input.height as usize);
            let factor = resize::factor((self.jpeg.width(), self.jpeg.height()), to);
            if let Some(gray) = self.jpeg.reduced(factor) {
                let levels = resize::triangle(&gray.levels, (gray.width, gray.height), 1, to);
                return Ok(lay_out(&levels, contract));
            }
        }
        Ok(input::tensor(&self.pixels(limits)?, contract))
    }

    /// Reports whether the picture has no color.
    pub(crate) fn is_gray(&self) -> bool {
        self.jpeg.is_gray()
    }

    /// Returns the brightness, straight from the coefficients if the picture is gray and stored
    /// upright.
    ///
    /// # Errors
    /// As [`Blocks::pixels`].
    pub(crate) fn gray(&self, limits: &Limits) -> Result<GrayImage, Error> {
        if self.jpeg.orientation() == 1
            && let Some(gray) = self.jpeg.reduced(1)
        {
            return Ok(GrayImage {
                width: gray.width,
                height: gray.height,
                levels: gray.levels,
            });
        }
        Ok(GrayImage::of(&self.pixels(limits)?))
    }

    /// Returns all pixels as a viewer shows them.
    ///
    /// # Errors
    /// [`Error::Damaged`] when blocks that were parsed can't be read, which does not happen.
    pub(crate) fn pixels(&self, limits: &Limits) -> Result<DynamicImage, Error> {
        if self.jpeg.color_space().channels() == 3
            && !matches!(
                self.jpeg.color_space(),
                jpeg_blocks::ColorSpace::Cmyk { .. } | jpeg_blocks::ColorSpace::Ycck { .. }
            )
        {
            // A decoder smooths subsampled colors, as viewers do. It refuses some files that were
            // parsed here to the end, as those with unusual sampling or a scan header of zeros.
            if let Ok(picture) = decode(self.bytes, limits) {
                return Ok(picture.into_pixels());
            }
        }
        let area = self.jpeg.full_area();
        let (width, height) = (self.jpeg.width() as u32, self.jpeg.height() as u32);
        let mut pixels = self.read(area)?.crop_imm(0, 0, width, height);
        pixels.apply_orientation(self.orientation());
        Ok(pixels)
    }

    /// Edits the MCUs that a rectangle touches. `draw` gets their pixels, upright, and the place of
    /// the first one in the picture.
    ///
    /// # Errors
    /// [`Error::Damaged`] as [`Blocks::pixels`].
    pub(crate) fn draw(
        &self,
        rect: Rect,
        draw: impl FnOnce(&mut DynamicImage, (i64, i64)),
    ) -> Result<Option<Edit>, Error> {
        let Some(area) = self.area(rect) else {
            return Ok(None);
        };
        let mut pixels = self.read(area)?;
        pixels.apply_orientation(self.orientation());
        let [left, top, ..] = self.display_rect(area);
        draw(&mut pixels, (left, top));
        self.replaced(area, pixels).map(Some)
    }

    /// Replaces the MCUs that a rectangle touches by those of a whole picture as a viewer shows it.
    ///
    /// # Errors
    /// [`Error::Damaged`] as [`Blocks::pixels`].
    pub(crate) fn replace_from(
        &self,
        rect: Rect,
        from: &DynamicImage,
    ) -> Result<Option<Edit>, Error> {
        self.draw(rect, |pixels, origin| {
            image::imageops::replace(pixels, from, -origin.0, -origin.1);
        })
    }

    /// Makes the MCUs that a rectangle touches black.
    pub(crate) fn blacken(&self, rect: Rect) -> Option<Edit> {
        self.area(rect).map(|area| self.jpeg.fill(area, [0; 3]))
    }

    /// Returns the rectangle of an edit as a viewer shows it, clipped to the picture.
    pub(crate) fn rect(&self, edit: &Edit) -> Rect {
        let (width, height) = self.size();
        let [left, top, right, bottom] = self.display_rect(edit.area());
        let clip = |v: i64, end: u32| v.clamp(0, i64::from(end)) as u32;
        let (x, y) = (clip(left, width), clip(top, height));
        Rect {
            x,
            y,
            width: clip(right, width) - x,
            height: clip(bottom, height) - y,
        }
    }

    /// Writes the file with these edits. The color profile is kept if `icc` is set and its header
    /// is sound.
    ///
    /// # Errors
    /// [`Error::Encode`] when an edit does not fit, which is a bug of this program.
    pub(crate) fn write(&self, edits: &[Edit], icc: bool) -> Result<Vec<u8>, Error> {
        let icc = icc && self.jpeg.icc().is_some_and(|icc| plain_icc(&icc));
        self.jpeg
            .write(edits, Keep::Picture { icc })
            .map_err(|e| Error::Encode(format!("JPEG: {e}")))
    }

    /// Writes a copy for others with these edits: nothing but what a viewer shows.
    ///
    /// # Errors
    /// As [`Blocks::write`].
    pub(crate) fn write_visible(&self, edits: &[Edit]) -> Result<Vec<u8>, Error> {
        self.jpeg
            .write_visible(edits)
            .map_err(|e| Error::Encode(format!("JPEG: {e}")))
    }

    fn orientation(&self) -> Orientation {
        Orientation::from_exif(self.jpeg.orientation()).unwrap_or(Orientation::NoTransforms)
    }

    /// Returns the MCUs that a rectangle on the displayed picture touches.
    fn area(&self, rect: Rect) -> Option<Area> {
        let (width, height) = self.size();
        let right = rect.x.saturating_add(rect.width).min(width);
        let bottom = rect.y.saturating_add(rect.height).min(height);
        if rect.x >= right || rect.y >= bottom {
            return None;
        }
        let displayed = [rect.x, rect.y, right, bottom].map(i64::from);
        let size = (i64::from(width), i64::from(height));
        let [x, y, right, bottom] =
            turned(displayed, size, inverse(self.jpeg.orientation())).map(|v| v as usize);
        self.jpeg.area(x, y, right - x, bottom - y)
    }

    /// Returns the rectangle in which a viewer shows the pixels of an area.
    fn display_rect(&self, area: Area) -> Range {
        let (wide, tall) = self.jpeg.mcu_size();
        let stored = [
            area.x * wide,
            area.y * tall,
            (area.x + area.width) * wide,
            (area.y + area.height) * tall,
        ];
        let size = (self.jpeg.width() as i64, self.jpeg.height() as i64);
        turned(stored.map(|v| v as i64), size, self.jpeg.orientation())
    }

    fn read(&self, area: Area) -> Result<DynamicImage, Error> {
        let pixels = self
            .jpeg
            .read(area)
            .map_err(|e| Error::Damaged(format!("JPEG: {e}")))?;
        let (width, height) = (pixels.width as u32, pixels.height as u32);
        let image = if pixels.channels == 1 {
            image::GrayImage::from_raw(width, height, pixels.data).map(DynamicImage::from)
        } else {
            RgbImage::from_raw(width, height, pixels.data).map(DynamicImage::from)
        };
        image.ok_or_else(|| Error::Damaged("JPEG: fewer pixels than its header says".into()))
    }

    fn replaced(&self, area: Area, mut displayed: DynamicImage) -> Result<Edit, Error> {
        let back = Orientation::from_exif(inverse(self.jpeg.orientation()));
        displayed.apply_orientation(back.unwrap_or(Orientation::NoTransforms));
        let (width, height) = (displayed.width() as usize, displayed.height() as usize);
        let pixels = Pixels {
            width,
            height,
            channels: self.jpeg.color_space().channels(),
            data: displayed.into_bytes(),
        };
        self.jpeg
            .replace(area, &pixels)
            .map_err(|e| Error::Encode(format!("JPEG: {e}")))
    }
}
