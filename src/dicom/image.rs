//! The image pixel module: size, depth and kind of the samples.

use super::{attributes as tag, damaged, element::DataSet, refused};
use crate::{error::Error, picture::limits::Limits};

/// Shape of the stored samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Bits of a sample in memory, 8 or 16.
    pub(crate) allocated: u16,
    /// Bits of a sample, 8 to 16, the lowest ones.
    pub(crate) stored: u16,
    /// Samples are in two's complement.
    pub(crate) is_signed: bool,
    /// The lowest sample is shown white (MONOCHROME1).
    pub(crate) is_inverse: bool,
}

impl Shape {
    /// Reads the shape of an object's samples.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] that names a kind that is not read, [`Error::Damaged`] if an attribute
    /// is missing, [`Error::TooLarge`] beyond the limits.
    pub(crate) fn read(data: &DataSet<'_>, limits: &Limits) -> Result<Shape, Error> {
        let needed = |tag, name: &str| {
            data.u16(tag)
                .ok_or_else(|| damaged(&format!("{name} is missing")))
        };
        let photometric = data.text(tag::PHOTOMETRIC).unwrap_or_default();
        let is_inverse = match photometric.as_str() {
            "MONOCHROME1" => true,
            "MONOCHROME2" => false,
            "" => return Err(damaged("Photometric Interpretation is missing")),
            "RGB" | "PALETTE COLOR" | "YBR_FULL" | "YBR_FULL_422" | "YBR_ICT" | "YBR_RCT" => {
                return Err(refused("a DICOM object in color; export it as MONOCHROME2"));
            }
            _ => {
                return Err(refused(
                    "a DICOM object of an unknown photometric interpretation; export it as MONOCHROME2",
                ));
            }
        };
        let samples = data.u16(tag::SAMPLES_PER_PIXEL).unwrap_or(1);
        let shape = Shape {
            width: u32::from(needed(tag::COLUMNS, "Columns")?),
            height: u32::from(needed(tag::ROWS, "Rows")?),
            allocated: needed(tag::BITS_ALLOCATED, "Bits Allocated")?,
            stored: needed(tag::BITS_STORED, "Bits Stored")?,
            is_signed: data.u16(tag::PIXEL_REPRESENTATION).unwrap_or(0) == 1,
            is_inverse,
        };
        let high_bit = data
            .u16(tag::HIGH_BIT)
            .unwrap_or(shape.stored.wrapping_sub(1));
        if samples != 1 || shape.width == 0 || shape.height == 0 {
            return Err(damaged("Rows, Columns or Samples per Pixel is unusable"));
        }
        if !matches!(shape.allocated, 8 | 16)
            || !(8..=shape.allocated).contains(&shape.stored)
            || high_bit != shape.stored - 1
        {
            return Err(refused(
                "a DICOM object with samples other than the lowest 8 to 16 bits of one or two bytes; export it in 16 bit",
            ));
        }
        limits.check_pixels(shape.width, shape.height)?;
        Ok(shape)
    }

    /// Returns the number of pixels.
    pub(crate) fn pixels(&self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Returns the mask of the stored bits.
    pub(crate) fn mask(&self) -> u16 {
        u16::MAX >> (16 - self.stored)
    }

    /// Returns the number that is stored as these bits.
    pub(crate) fn number(&self, sample: u16) -> i32 {
        let sign = 1 << (self.stored - 1);
        match self.is_signed && i32::from(sample) & sign != 0 {
            true => i32::from(sample) - 2 * sign,
            false => i32::from(sample),
        }
    }

    /// Returns the stored bits of the lowest number; the others are those of the highest.
    pub(crate) fn lowest(&self) -> u16 {
        match self.is_signed {
            true => 1 << (self.stored - 1),
            false => 0,
        }
    }

    /// Returns the stored bits of the sample that is shown darkest at full range.
    pub(crate) fn darkest(&self) -> u16 {
        match self.is_inverse {
            true => self.mask() & !self.lowest(),
            false => self.lowest(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_numbers_in_twos_complement() {
        let shape = |stored, is_signed, is_inverse| Shape {
            width: 1,
            height: 1,
            allocated: 16,
            stored,
            is_signed,
            is_inverse,
        };
        for (shape, sample, number) in [
            (shape(12, true, false), 0x800, -2048),
            (shape(12, true, false), 0x7FF, 2047),
            (shape(12, false, false), 0xFFF, 4095),
            (shape(16, true, false), 0xFFFF, -1),
            (shape(8, false, true), 255, 255),
        ] {
            assert_eq!(shape.number(sample), number);
        }
        let darkest = |shape: Shape| shape.number(shape.darkest());
        assert_eq!(darkest(shape(12, true, false)), -2048);
        assert_eq!(darkest(shape(12, true, true)), 2047);
        assert_eq!(darkest(shape(12, false, true)), 4095);
        assert_eq!(darkest(shape(12, false, false)), 0);
    }
}
