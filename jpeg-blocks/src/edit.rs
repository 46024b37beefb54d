//! Edits: areas of whole MCUs with new coefficients.

use crate::{block::Block, headers::Frame};

/// A rectangle of whole MCUs, the smallest unit that can be replaced: 8 x 8 pixels, or more with
/// chroma subsampling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Left edge, in MCUs.
    pub x: usize,
    /// Top edge, in MCUs.
    pub y: usize,
    /// Width in MCUs.
    pub width: usize,
    /// Height in MCUs.
    pub height: usize,
}

impl Area {
    fn contains(&self, (x, y): (usize, usize)) -> bool {
        (self.x..self.x + self.width).contains(&x) && (self.y..self.y + self.height).contains(&y)
    }
}

/// An edit for [`Jpeg::write`](crate::Jpeg::write), made by [`Jpeg::fill`](crate::Jpeg::fill) or
/// [`Jpeg::replace`](crate::Jpeg::replace).
#[derive(Debug, Clone)]
pub struct Edit {
    pub(crate) area: Area,
    pub(crate) content: Content,
}

impl Edit {
    /// Returns the edited area.
    pub fn area(&self) -> Area {
        self.area
    }

    pub(crate) fn contains(&self, mcu: (usize, usize)) -> bool {
        self.area.contains(mcu)
    }

    /// Returns a new block, given its position in its component.
    pub(crate) fn block(&self, component: usize, (x, y): (usize, usize)) -> Block {
        match &self.content {
            Content::Constant(dc) => Block::flat(dc[component]),
            Content::Blocks(planes) => {
                let plane = &planes[component];
                let (x, y) = (x - plane.x, y - plane.y);
                // Never missing: an edit has blocks for all of its area.
                plane
                    .blocks
                    .get(y * plane.across + x)
                    .cloned()
                    .unwrap_or(Block::GRAY)
            }
        }
    }
}

/// New coefficients of an area.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// One DC coefficient per component for all its blocks and no AC coefficients, so that nothing
    /// of the original content remains.
    Constant(Vec<i16>),
    /// Individual blocks, one plane per component.
    Blocks(Vec<Plane>),
}

/// New blocks of one component.
#[derive(Debug, Clone)]
pub(crate) struct Plane {
    /// Position of the first block in its component, in blocks.
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) across: usize,
    pub(crate) blocks: Vec<Block>,
}

/// All edits of one write. The last of several on one MCU wins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edits<'a> {
    edits: &'a [Edit],
}

impl<'a> Edits<'a> {
    /// Returns `None` when an edit lies outside of the picture or was made for another one.
    pub(crate) fn new(edits: &'a [Edit], frame: &Frame) -> Option<Edits<'a>> {
        let (across, down) = frame.mcus();
        let fits = |e: &Edit| {
            let within = |start: usize, length: usize, end: usize| {
                start.checked_add(length).is_some_and(|e| e <= end)
            };
            let planes = match &e.content {
                Content::Constant(dc) => dc.len(),
                Content::Blocks(planes) => planes.len(),
            };
            within(e.area.x, e.area.width, across)
                && within(e.area.y, e.area.height, down)
                && planes == frame.components.len()
        };
        edits.iter().all(fits).then_some(Edits { edits })
    }

    /// Returns the edit that applies to an MCU.
    pub(crate) fn at(&self, mcu: (usize, usize)) -> Option<&'a Edit> {
        self.edits.iter().rev().find(|e| e.contains(mcu))
    }

    /// Returns the edits on a row of MCUs; of several on one MCU, the first one applies.
    pub(crate) fn on_row(&self, y: usize) -> impl Iterator<Item = &'a Edit> {
        let edits = self.edits.iter().rev();
        edits.filter(move |e| e.area.width > 0 && e.contains((e.area.x, y)))
    }

    /// Returns the first edited MCU of row `y` at or after `x`.
    pub(crate) fn next(&self, x: usize, y: usize) -> Option<usize> {
        self.edits
            .iter()
            .filter(|e| e.area.width > 0 && e.area.contains((e.area.x, y)))
            .filter(|e| e.area.x + e.area.width > x)
            .map(|e| e.area.x.max(x))
            .min()
    }
}
