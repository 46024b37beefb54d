//! JPEG 2000: codestreams to samples, and samples to codestreams without loss.

use hayro_jpeg2000::{DecodeError, DecodeSettings, DecoderContext, Image};
use jpeg2000_lossless::{Format, encode as encoded};

use super::{codestream, damaged, image::Shape, refused};
use crate::error::Error;

/// Kind of a codestream's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Bits of a sample, 1 to 16.
    pub(crate) precision: u8,
    pub(crate) is_signed: bool,
}

impl Header {
    /// Reads the header, and checks that its size is the object's.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it is not, or if there is not one component of at most 16 bits.
    pub(crate) fn read(bytes: &[u8], shape: &Shape) -> Result<Header, Error> {
        // SOC and SIZ come first: size, offset, tile size and offset, number of components, and for
        // each the precision and its sign.
        let word = |at: usize| Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        let size = [word(8), word(12), word(16), word(20)];
        let expected = [shape.width, shape.height, 0, 0].map(Some);
        match bytes.get(40..43) {
            Some(&[0, 1, depth])
                if bytes.starts_with(&[0xFF, 0x4F, 0xFF, 0x51])
                    && size == expected
                    && depth & 0x7F < 16 =>
            {
                Ok(Header {
                    precision: (depth & 0x7F) + 1,
                    is_signed: depth & 0x80 != 0,
                })
            }
            _ => Err(unfit()),
        }
    }
}

fn unfit() -> Error {
    damaged("its JPEG 2000 doesn't fit its size")
}

/// Decodes a codestream.
///
/// # Errors
/// [`Error::Damaged`] with the decoder's message; [`Error::NotAnImage`] for a stream that would
/// take much more memory than its samples do.
pub(crate) fn decode(bytes: &[u8], shape: &Shape) -> Result<Vec<u16>, Error> {
    let header = Header::read(bytes, shape)?;
    if !codestream::is_usual(bytes) {
        return Err(refused(
            "a DICOM object whose JPEG 2000 has unusually small tiles, precincts or code-blocks; convert it to JPEG Lossless",
        ));
    }
    let fault = |e: DecodeError| Error::Damaged(format!("DICOM: JPEG 2000: {e}"));
    // The decoder adds half the range to signed samples, too.
    let offset = match header.is_signed {
        false => 0,
        true => 1i32 << (header.precision - 1),
    };
    let settings = DecodeSettings {
        strict: true,
        ..DecodeSettings::default()
    };
    let image = Image::new(bytes, &settings).map_err(fault)?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(fault)?;
    let component = decoded.components().first().ok_or_else(unfit)?;
    let most = (1i32 << header.precision) - 1;
    let stored = |v: &f32| ((v.round() as i32).clamp(0, most) - offset) as u16;
    Ok(component.samples().iter().map(stored).collect())
}

/// Encodes samples without loss, as numbers of the kind that a header describes.
///
/// # Errors
/// [`Error::Encode`] if they don't fit their size.
pub(crate) fn encode(samples: Vec<u16>, shape: &Shape, header: Header) -> Result<Vec<u8>, Error> {
    let unused = 32 - u32::from(header.precision);
    let number = |sample: u16| match header.is_signed {
        true => i32::from(sample) << unused >> unused,
        false => (u32::from(sample) << unused >> unused) as i32,
    };
    let format = Format {
        width: shape.width,
        height: shape.height,
        bits: header.precision,
        is_signed: header.is_signed,
    };
    encoded(samples.into_iter().map(number).collect(), &format)
        .map_err(|e| Error::Encode(format!("JPEG 2000: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(stored: u16, is_signed: bool) -> Shape {
        Shape {
            width: 70,
            height: 3,
            allocated: 16,
            stored,
            is_signed,
            is_inverse: false,
        }
    }

    /// Streams may have more or fewer bits than the object says, and the other kind of numbers.
    #[test]
    fn streams_of_every_precision_are_decoded_to_the_stored_bits() {
        for (stored, is_signed, precision, of_stream) in [
            (8, false, 8, false),
            (12, false, 12, false),
            (12, true, 12, true),
            (12, true, 16, true),
            (12, true, 16, false),
            (12, false, 16, true),
            (16, true, 16, true),
            (16, false, 16, false),
        ] {
            let shape = shape(stored, is_signed);
            let header = Header {
                precision,
                is_signed: of_stream,
            };
            let stored: Vec<u16> = (0..210u16).map(|i| i.wrapping_mul(48_271)).collect();
            let stored: Vec<u16> = stored.iter().map(|s| s & shape.mask()).collect();
            let numbers = stored.iter().map(|s| shape.number(*s) as u16).collect();
            let stream = encode(numbers, &shape, header).unwrap();
            assert_eq!(Header::read(&stream, &shape).unwrap(), header);
            let mut decoded = decode(&stream, &shape).unwrap();
            decoded
                .iter_mut()
                .for_each(|sample| *sample &= shape.mask());
            assert!(decoded == stored, "{shape:?} {header:?}");
        }
    }

    #[test]
    fn streams_of_another_kind_are_refused() {
        let (shape, header) = (
            shape(12, false),
            Header {
                precision: 12,
                is_signed: false,
            },
        );
        let stream = encode(vec![7; 210], &shape, header).unwrap();
        // Marker, width, offset, number of components, and precision.
        for (at, byte) in [(1, 0), (11, 71), (19, 1), (41, 3), (42, 16)] {
            let mut other = stream.clone();
            other[at] = byte;
            assert!(decode(&other, &shape).is_err(), "{at}");
        }
        assert!(decode(&stream[..42], &shape).is_err());
    }
}
