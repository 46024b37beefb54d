//! What is to be changed: areas of whole MCUs with new coefficients.

use crate::{dct::Coefficients, segments::Frame};

/// A rectangle of whole MCUs (the least that can be replaced: 8 x 8 pixels, or more where colours are subsampled).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// From the left, in MCUs.
    pub x: usize,
    /// From the top, in MCUs.
    pub y: usize,
    /// Across, in MCUs.
    pub width: usize,
    /// Down, in MCUs.
    pub height: usize,
}

impl Area {
    fn contains(&self, (x, y): (usize, usize)) -> bool {
        (self.x..self.x + self.width).contains(&x) && (self.y..self.y + self.height).contains(&y)
    }
}

/// A change that is ready to be written; made by [`crate::Jpeg::fill`] and [`crate::Jpeg::replace`].
#[derive(Debug, Clone)]
pub struct Edit {
    pub(crate) area: Area,
    pub(crate) content: Content,
}

impl Edit {
    /// Where it is.
    pub fn area(&self) -> Area {
        self.area
    }

    /// The new coefficients of a block, by its place in its component.
    pub(crate) fn block(&self, component: usize, (x, y): (usize, usize)) -> Coefficients {
        match &self.content {
            Content::Constant(dc) => {
                let mut c = [0; 64];
                c[0] = dc[component];
                c
            }
            Content::Blocks(planes) => {
                let plane = &planes[component];
                let (x, y) = (x - plane.x, y - plane.y);
                // An edit's blocks are made for all of its area.
                plane
                    .blocks
                    .get(y * plane.across + x)
                    .copied()
                    .unwrap_or([0; 64])
            }
        }
    }
}

/// The new coefficients of an area.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// One DC coefficient for all blocks of each component, and nothing else: nothing of what was there is left.
    Constant(Vec<i16>),
    /// Blocks of each component.
    Blocks(Vec<Plane>),
}

/// Blocks of one component.
#[derive(Debug, Clone)]
pub(crate) struct Plane {
    /// The place of the first one in the component, in blocks.
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) across: usize,
    pub(crate) blocks: Vec<Coefficients>,
}

/// All changes of one writing. Of several on one MCU the last holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edits<'a> {
    edits: &'a [Edit],
}

impl<'a> Edits<'a> {
    /// Those that lie on the picture; none when one does not, or was made for another picture.
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

    /// The change of an MCU.
    pub(crate) fn at(&self, mcu: (usize, usize)) -> Option<&'a Edit> {
        self.edits.iter().rev().find(|e| e.area.contains(mcu))
    }

    /// The first changed MCU of row `y` from `x` on.
    pub(crate) fn next(&self, x: usize, y: usize) -> Option<usize> {
        self.edits
            .iter()
            .filter(|e| e.area.width > 0 && e.area.contains((e.area.x, y)))
            .filter(|e| e.area.x + e.area.width > x)
            .map(|e| e.area.x.max(x))
            .min()
    }
}
