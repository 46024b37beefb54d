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

    /// Returns a block's position in its component, in blocks.
    #[inline]
    pub(crate) fn place(&self, unit: usize, (part, x, y): (usize, usize, usize)) -> (usize, usize) {
        let (h, v) = self.sizes[part];
        ((unit % self.across) * h + x, (unit / self.across) * v + y)
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
