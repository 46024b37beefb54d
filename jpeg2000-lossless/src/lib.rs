//! A lossless encoder of JPEG 2000 (ITU-T T.800) for grayscale pictures.
//!
//! It writes raw codestreams of one component with 1 to 16 bits per sample: the reversible 5/3
//! wavelet, code blocks of 64 by 64, one tile, one quality layer, and no comments. Every decoder
//! that follows the standard reads them. The time depends on the picture's size and bits only, and
//! the memory is that of the coefficients, four bytes per sample, and of the stream.
//!
//! ```
//! use jpeg2000_lossless::{Format, encode};
//!
//! let format = Format { width: 3, height: 2, bits: 12, is_signed: false };
//! let stream = encode(vec![0, 100, 200, 4095, 7, 0], &format)?;
//! assert!(stream.starts_with(&[0xFF, 0x4F, 0xFF, 0x51]));
//! # Ok::<(), jpeg2000_lossless::Error>(())
//! ```
#![forbid(unsafe_code)]

// From samples to coefficients and subbands (annexes E and F).
mod bands;
mod wavelet;

// From coefficients to bits, a code block at a time (annexes C and D).
mod block;
mod context;
mod mq;

// From code blocks to the codestream (annexes A and B).
mod bits;
mod codestream;
mod packet;
mod tag_tree;

use thiserror::Error;

/// Size and kind of a picture's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Samples in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bits of a sample, 1 to 16; the sign is one of them.
    pub bits: u8,
    /// Samples go below zero.
    pub is_signed: bool,
}

/// The reason why samples can't be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// There are more or fewer samples than the size says, or none.
    #[error("the number of samples isn't width times height")]
    Size,
    /// The number of bits is not supported.
    #[error("samples have 1 to 16 bits")]
    Bits,
    /// A sample needs more bits than the format has.
    #[error("a sample is out of the range of its bits")]
    Range,
}

impl Format {
    /// Returns the value that is subtracted from unsigned samples (G.1).
    fn middle(&self) -> i32 {
        match self.is_signed {
            true => 0,
            false => 1 << (self.bits - 1),
        }
    }

    fn check(&self, samples: &[i32]) -> Result<(), Error> {
        if samples.is_empty()
            || samples.len() as u64 != u64::from(self.width) * u64::from(self.height)
        {
            return Err(Error::Size);
        }
        if !(1..=16).contains(&self.bits) {
            return Err(Error::Bits);
        }
        let half = 1 << (self.bits - 1);
        let range = -half + self.middle()..half + self.middle();
        match samples.iter().all(|sample| range.contains(sample)) {
            true => Ok(()),
            false => Err(Error::Range),
        }
    }
}

/// Encodes samples, row by row from the top, to a codestream.
///
/// # Errors
/// [`enum@Error`] if the samples don't fit their format. Nothing else fails.
pub fn encode(mut samples: Vec<i32>, format: &Format) -> Result<Vec<u8>, Error> {
    format.check(&samples)?;
    let middle = format.middle();
    samples.iter_mut().for_each(|sample| *sample -= middle);
    let (width, height) = (format.width as usize, format.height as usize);
    let levels = bands::levels(width, height);
    wavelet::forward(&mut samples, width, height, levels);
    let mut coder = block::Coder::default();
    let mut packets = Vec::new();
    for resolution in bands::resolutions(width, height, levels) {
        packet::write(
            &samples,
            width,
            &resolution,
            format.bits,
            &mut coder,
            &mut packets,
        );
    }
    Ok(codestream::write(format, levels, &packets))
}
