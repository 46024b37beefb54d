//! Limits on a source, checked before anything is decoded.

use crate::error::Error;

/// The largest source that is read. All limits are checked before anything is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the encoded file.
    pub max_bytes: u64,
    /// Pixels, width times height.
    pub max_pixels: u64,
    /// Bytes of memory that processing it takes, the file and the outputs included.
    pub max_memory: u64,
}

impl Limits {
    /// Returns these limits for a file of our own, which may be larger than a source.
    #[must_use]
    pub fn of_own_file(&self) -> Self {
        Self {
            max_bytes: u64::MAX,
            ..*self
        }
    }

    /// Checks the size of a file.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `bytes` is over the limit.
    pub fn check_bytes(&self, bytes: u64) -> Result<(), Error> {
        if bytes > self.max_bytes {
            return Err(Error::TooLarge {
                what: "the object, in bytes,",
                limit: self.max_bytes,
            });
        }
        Ok(())
    }

    /// Checks the memory that a picture needs.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `bytes` is over the limit.
    pub fn check_memory(&self, bytes: u64) -> Result<(), Error> {
        if bytes > self.max_memory {
            return Err(Error::TooLarge {
                what: "the memory to process the picture, in bytes,",
                limit: self.max_memory,
            });
        }
        Ok(())
    }

    /// Checks the size of a picture.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when `width * height` is over the limit.
    pub fn check_pixels(&self, width: u32, height: u32) -> Result<(), Error> {
        if u64::from(width) * u64::from(height) > self.max_pixels {
            return Err(Error::TooLarge {
                what: "the picture, in pixels,",
                limit: self.max_pixels,
            });
        }
        Ok(())
    }
}
