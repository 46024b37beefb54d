//! Maps places on an enlarged picture to the original.

use crate::picture::{boxes::Rect, gray::GrayImage};

/// The sizes of a picture and of the enlarged one that is searched in its stead. They are the same
/// for most pictures.
#[derive(Debug)]
pub(super) struct Scale {
    original: (u64, u64),
    searched: (u64, u64),
}

impl Scale {
    pub(super) fn new(original: &GrayImage, searched: &GrayImage) -> Scale {
        let size = |gray: &GrayImage| (gray.width as u64, gray.height as u64);
        Scale {
            original: size(original),
            searched: size(searched),
        }
    }

    /// Returns the rectangle of the original that a rectangle of the searched picture touches.
    pub(super) fn rect(&self, rect: &Rect) -> Rect {
        let side = |start: u32, length: u32, original: u64, searched: u64| {
            let from = u64::from(start) * original / searched;
            let to = (u64::from(start + length) * original).div_ceil(searched);
            (from as u32, (to - from) as u32)
        };
        let (x, width) = side(rect.x, rect.width, self.original.0, self.searched.0);
        let (y, height) = side(rect.y, rect.height, self.original.1, self.searched.1);
        Rect {
            x,
            y,
            width,
            height,
        }
    }

    /// Returns the rectangle of the searched picture that a rectangle of the original touches.
    pub(super) fn searched(&self, rect: &Rect) -> Rect {
        let back = Scale {
            original: self.searched,
            searched: self.original,
        };
        back.rect(rect)
    }

    /// Returns the original's pixel at a place on the searched picture. The center of a cell that
    /// reaches over the picture's edge may lie beyond it; such a place is moved to the edge.
    pub(super) fn pixel(&self, x: u32, y: u32) -> (u32, u32) {
        let place = |at: u32, original: u64, searched: u64| {
            (u64::from(at).min(searched - 1) * original / searched) as u32
        };
        (
            place(x, self.original.0, self.searched.0),
            place(y, self.original.1, self.searched.1),
        )
    }

    /// Returns a length on the searched picture in pixels of the original, rounded up.
    pub(super) fn length(&self, length: u32) -> u32 {
        let side =
            |original: u64, searched: u64| (u64::from(length) * original).div_ceil(searched) as u32;
        side(self.original.0, self.searched.0).max(side(self.original.1, self.searched.1))
    }
}
