//! A JPEG that is edited in place, block by block: every pixel that no edit touches stays as it is, to the bit.
//!
//! Where text and boxes go is said in the picture as a viewer shows it; the blocks lie as they are stored. The two differ where EXIF says
//! that the picture is to be turned.

use image::{DynamicImage, GrayImage, RgbImage, metadata::Orientation};
use jpeg_blocks::{Area, Edit, Error as JpegError, Jpeg, Keep, Limits as JpegLimits, Pixels};

use crate::{
    error::Error,
    model::contract::{Channels, Contract, Resize},
    model::predict::{self, Tensor},
    picture::decode::{Limits, Picture, decode, plain_icc},
    picture::redact::Rect,
    picture::resize::{self, Grey},
};

/// Scans of a progressive file; usual ones have about ten.
const MAX_SCANS: usize = 100;

/// A JPEG with its blocks.
#[derive(Debug)]
pub(crate) struct Blocks<'a> {
    bytes: &'a [u8],
    jpeg: Jpeg<'a>,
}

/// From, to: left, top, right, bottom. May reach beyond the picture.
type Span = [i64; 4];

impl<'a> Blocks<'a> {
    /// Takes a JPEG apart; none where it is of a kind that can't be edited in place.
    ///
    /// # Errors
    /// [`Error::Damaged`] for one with a fault, [`Error::TooLarge`] beyond the limits.
    pub(crate) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Option<Self>, Error> {
        let allowed = JpegLimits {
            max_pixels: limits.max_pixels,
            max_scans: MAX_SCANS,
        };
        match Jpeg::parse(bytes, &allowed) {
            Ok(jpeg) => Ok(Some(Blocks { bytes, jpeg })),
            Err(JpegError::Unsupported(_)) => Ok(None),
            Err(JpegError::TooLarge) => Err(Error::TooLarge {
                what: "the picture, in pixels,",
                limit: limits.max_pixels,
            }),
            Err(e) => Err(Error::Damaged(format!("JPEG: {e}"))),
        }
    }

    /// Width and height as a viewer shows it.
    pub(crate) fn size(&self) -> (u32, u32) {
        let (width, height) = (self.jpeg.width() as u32, self.jpeg.height() as u32);
        if self.jpeg.orientation() > 4 {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// The model's input. Where brightness is all that it wants, and the picture stands upright, it comes straight from the
    /// coefficients.
    ///
    /// # Errors
    /// As [`Blocks::pixels`].
    pub(crate) fn tensor(&self, contract: &Contract, limits: &Limits) -> Result<Tensor, Error> {
        let input = &contract.input;
        let direct = input.channels == Channels::Grey
            && input.resize == Resize::BoxThenBilinear
            && self.jpeg.orientation() == 1;
        if direct {
            let to = (input.width as usize, input.height as usize);
            let factor = resize::factor((self.jpeg.width(), self.jpeg.height()), to);
            if let Some(grey) = self.jpeg.reduced(factor) {
                let levels = resize::triangle(grey.levels, grey.width, grey.height, 1, to.0, to.1);
                return Ok(predict::lay_out(&levels, contract));
            }
        }
        Ok(predict::tensor(&self.pixels(limits)?, contract))
    }

    /// All of the brightness: where the picture is grey and stands upright, straight from the coefficients.
    ///
    /// # Errors
    /// As [`Blocks::pixels`].
    pub(crate) fn grey(&self, limits: &Limits) -> Result<Grey, Error> {
        if self.jpeg.orientation() == 1
            && let Some(grey) = self.jpeg.reduced(1)
        {
            return Ok(Grey {
                width: grey.width,
                height: grey.height,
                levels: grey.levels,
            });
        }
        Ok(Grey::of(&self.pixels(limits)?))
    }

    /// All pixels as a viewer shows them.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the decoder refuses what was taken apart, which a sound file does not see.
    pub(crate) fn pixels(&self, limits: &Limits) -> Result<DynamicImage, Error> {
        if self.jpeg.color_space().channels() == 3
            && !matches!(
                self.jpeg.color_space(),
                jpeg_blocks::ColorSpace::Cmyk { .. } | jpeg_blocks::ColorSpace::Ycck { .. }
            )
        {
            // A decoder smooths subsampled colours, as viewers do.
            return decode(self.bytes, limits).map(Picture::into_pixels);
        }
        let area = self.jpeg.full_area();
        let (width, height) = (self.jpeg.width() as u32, self.jpeg.height() as u32);
        let mut pixels = self.read(area)?.crop_imm(0, 0, width, height);
        pixels.apply_orientation(self.orientation());
        Ok(pixels)
    }

    /// An edit of the MCUs that a rectangle touches. `draw` gets their pixels, upright, and the place of the first one in the picture.
    ///
    /// # Errors
    /// [`Error::Damaged`] as [`Blocks::pixels`].
    pub(crate) fn drawn(
        &self,
        rect: Rect,
        draw: impl FnOnce(&mut DynamicImage, (i64, i64)),
    ) -> Result<Option<Edit>, Error> {
        let Some(area) = self.area(rect) else {
            return Ok(None);
        };
        let mut pixels = self.read(area)?;
        pixels.apply_orientation(self.orientation());
        let [left, top, ..] = self.shown(area);
        draw(&mut pixels, (left, top));
        self.replaced(area, pixels).map(Some)
    }

    /// An edit that takes the MCUs that a rectangle touches from a whole picture as a viewer shows it.
    ///
    /// # Errors
    /// [`Error::Damaged`] as [`Blocks::pixels`].
    pub(crate) fn taken(&self, rect: Rect, from: &DynamicImage) -> Result<Option<Edit>, Error> {
        self.drawn(rect, |pixels, origin| {
            image::imageops::replace(pixels, from, -origin.0, -origin.1);
        })
    }

    /// An edit that makes the MCUs that a rectangle touches black.
    pub(crate) fn blackened(&self, rect: Rect) -> Option<Edit> {
        self.area(rect).map(|area| self.jpeg.fill(area, [0; 3]))
    }

    /// The rectangle of an edit as a viewer shows it, as far as it is on the picture.
    pub(crate) fn rect(&self, edit: &Edit) -> Rect {
        let (width, height) = self.size();
        let [left, top, right, bottom] = self.shown(edit.area());
        let clip = |v: i64, end: u32| v.clamp(0, i64::from(end)) as u32;
        let (x, y) = (clip(left, width), clip(top, height));
        Rect {
            x,
            y,
            width: clip(right, width) - x,
            height: clip(bottom, height) - y,
        }
    }

    /// Writes it with these edits. The colour profile stays where wanted and where it plainly is one.
    ///
    /// # Errors
    /// [`Error::Encode`] when an edit does not fit, which is a fault of this program.
    pub(crate) fn write(&self, edits: &[Edit], icc: bool) -> Result<Vec<u8>, Error> {
        let icc = icc && self.jpeg.icc().is_some_and(|icc| plain_icc(&icc));
        self.jpeg
            .write(edits, Keep::Picture { icc })
            .map_err(|e| Error::Encode(format!("JPEG: {e}")))
    }

    fn orientation(&self) -> Orientation {
        Orientation::from_exif(self.jpeg.orientation()).unwrap_or(Orientation::NoTransforms)
    }

    /// The MCUs that a shown rectangle touches.
    fn area(&self, rect: Rect) -> Option<Area> {
        let (width, height) = self.size();
        let right = rect.x.saturating_add(rect.width).min(width);
        let bottom = rect.y.saturating_add(rect.height).min(height);
        if rect.x >= right || rect.y >= bottom {
            return None;
        }
        let shown = [rect.x, rect.y, right, bottom].map(i64::from);
        let size = (i64::from(width), i64::from(height));
        let [x, y, right, bottom] =
            turned(shown, size, inverse(self.jpeg.orientation())).map(|v| v as usize);
        self.jpeg.area(x, y, right - x, bottom - y)
    }

    /// Where the pixels of an area are shown.
    fn shown(&self, area: Area) -> Span {
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
            GrayImage::from_raw(width, height, pixels.data).map(DynamicImage::from)
        } else {
            RgbImage::from_raw(width, height, pixels.data).map(DynamicImage::from)
        };
        image.ok_or_else(|| Error::Damaged("JPEG: fewer pixels than its header says".into()))
    }

    fn replaced(&self, area: Area, mut shown: DynamicImage) -> Result<Edit, Error> {
        let back = Orientation::from_exif(inverse(self.jpeg.orientation()));
        shown.apply_orientation(back.unwrap_or(Orientation::NoTransforms));
        let (width, height) = (shown.width() as usize, shown.height() as usize);
        let pixels = Pixels {
            width,
            height,
            channels: self.jpeg.color_space().channels(),
            data: shown.into_bytes(),
        };
        self.jpeg
            .replace(area, &pixels)
            .map_err(|e| Error::Encode(format!("JPEG: {e}")))
    }
}

/// The orientation that undoes one: the quarter turns undo each other, all others themselves.
fn inverse(orientation: u8) -> u8 {
    match orientation {
        6 => 8,
        8 => 6,
        other => other,
    }
}

/// Where a rectangle of a picture of this size comes to lie when the picture is turned.
fn turned([left, top, right, bottom]: Span, (width, height): (i64, i64), orientation: u8) -> Span {
    match orientation {
        2 => [width - right, top, width - left, bottom],
        3 => [width - right, height - bottom, width - left, height - top],
        4 => [left, height - bottom, right, height - top],
        5 => [top, left, bottom, right],
        6 => [height - bottom, left, height - top, right],
        7 => [height - bottom, width - right, height - top, width - left],
        8 => [top, width - right, bottom, width - left],
        _ => [left, top, right, bottom],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rectangles_turn_as_pictures_do() {
        for exif in 1..=8 {
            let orientation = Orientation::from_exif(exif).unwrap();
            let mut picture = DynamicImage::from(GrayImage::new(7, 5));
            for (x, y) in [(1, 3), (2, 3), (1, 4), (2, 4)] {
                picture
                    .as_mut_luma8()
                    .unwrap()
                    .put_pixel(x, y, image::Luma([9]));
            }
            picture.apply_orientation(orientation);
            let [left, top, right, bottom] = turned([1, 3, 3, 5], (7, 5), exif);
            for (x, y, pixel) in picture.to_luma8().enumerate_pixels() {
                let inside =
                    (left..right).contains(&i64::from(x)) && (top..bottom).contains(&i64::from(y));
                assert_eq!(pixel.0 == [9], inside, "{exif}: {x},{y}");
            }
            let size = (i64::from(picture.width()), i64::from(picture.height()));
            assert_eq!(
                turned([left, top, right, bottom], size, inverse(exif)),
                [1, 3, 3, 5]
            );
        }
    }
}
