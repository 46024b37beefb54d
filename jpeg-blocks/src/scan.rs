//! Order of the blocks in a scan.

use crate::{
    error::Error,
    headers::{Frame, Part, ScanHeader},
};

/// The units of a scan (MCUs of an interleaved scan, blocks of any other) and the blocks of each.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// Width of the scan in units.
    pub(crate) across: usize,
    /// Height of the scan in units.
    pub(crate) down: usize,
    /// Restart interval in units.
    pub(crate) interval: usize,
    /// Blocks of a unit in order: index of the scan component, and position of the block in the
    /// unit.
    pub(crate) blocks: Vec<(usize, usize, usize)>,
    /// For each scan component: width and height of a unit in blocks.
    sizes: Vec<(usize, usize)>,
    /// Width and height of one of the frame's MCUs in units.
    pub(crate) per_mcu: (usize, usize),
}

impl Layout {
    pub(crate) fn new(frame: &Frame, header: &ScanHeader, restart: usize) -> Layout {
        let (across, down, sizes, per_mcu) = match header.parts.as_slice() {
            [only] => {
                let component = &frame.components[only.component];
                let (across, down) = frame.blocks(component);
                (across, down, vec![(1, 1)], (component.h, component.v))
            }
            parts => {
                let (across, down) = frame.mcus();
                let size = |p: &Part| {
                    let c = &frame.components[p.component];
                    (c.h, c.v)
                };
                (across, down, parts.iter().map(size).collect(), (1, 1))
            }
        };
        let mut blocks = Vec::new();
        for (part, &(h, v)) in sizes.iter().enumerate() {
            for y in 0..v {
                blocks.extend((0..h).map(|x| (part, x, y)));
            }
        }
        let units = across * down;
        Layout {
            across,
            down,
            interval: if restart == 0 { units } else { restart },
            blocks,
            sizes,
            per_mcu,
        }
    }

    /// Number of units.
    pub(crate) fn units(&self) -> usize {
        self.across * self.down
    }

    /// Number of restart intervals.
    pub(crate) fn intervals(&self) -> usize {
        self.units().div_ceil(self.interval)
    }

    /// Returns a unit's position, in units.
    #[inline]
    pub(crate) fn position(&self, unit: usize) -> (usize, usize) {
        (unit % self.across, unit / self.across)
    }

    /// Returns the position after this one. Dividing for each unit would cost more than reading it.
    #[inline]
    pub(crate) fn after(&self, (x, y): (usize, usize)) -> (usize, usize) {
        if x + 1 < self.across {
            (x + 1, y)
        } else {
            (0, y + 1)
        }
    }

    /// Returns a block's position in its component, in blocks, given its unit's.
    #[inline]
    pub(crate) fn place(
        &self,
        unit: (usize, usize),
        (part, x, y): (usize, usize, usize),
    ) -> (usize, usize) {
        let (h, v) = self.sizes[part];
        (unit.0 * h + x, unit.1 * v + y)
    }

    /// Checks that the scan's data has the expected number of restart intervals.
    pub(crate) fn check(&self, intervals: usize) -> Result<(), Error> {
        if intervals < self.intervals() {
            return Err(Error::Damaged("scan data too short"));
        }
        if intervals > self.intervals() {
            return Err(Error::Damaged("scan data too long"));
        }
        Ok(())
    }
}
