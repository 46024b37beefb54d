//! A position in a file, from which numbers and bytes are read.

use super::damaged;
use crate::error::Error;

/// A position in a file.
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn end_of(&self, length: u32) -> Result<usize, Error> {
        let end = self.at.checked_add(length as usize);
        end.filter(|end| *end <= self.bytes.len()).ok_or_else(ends)
    }

    pub(super) fn peek_tag(&mut self, is_big: bool) -> Result<u32, Error> {
        let at = self.at;
        let tag = self.tag(is_big);
        self.at = at;
        tag
    }

    pub(super) fn tag(&mut self, is_big: bool) -> Result<u32, Error> {
        let group = self.u16(is_big)?;
        let element = self.u16(is_big)?;
        Ok(u32::from(group) << 16 | u32::from(element))
    }

    pub(super) fn u16(&mut self, is_big: bool) -> Result<u16, Error> {
        let bytes = *self.take(2)?.first_chunk().ok_or_else(ends)?;
        Ok(match is_big {
            true => u16::from_be_bytes(bytes),
            false => u16::from_le_bytes(bytes),
        })
    }

    pub(super) fn u32(&mut self, is_big: bool) -> Result<u32, Error> {
        let bytes = *self.take(4)?.first_chunk().ok_or_else(ends)?;
        Ok(match is_big {
            true => u32::from_be_bytes(bytes),
            false => u32::from_le_bytes(bytes),
        })
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let end = self.at.checked_add(length).ok_or_else(ends)?;
        let taken = self.bytes.get(self.at..end).ok_or_else(ends)?;
        self.at = end;
        Ok(taken)
    }
}

/// Returns the error for a file that is cut off.
pub(super) fn ends() -> Error {
    damaged("it ends early")
}
