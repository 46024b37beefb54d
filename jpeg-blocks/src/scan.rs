//! How the blocks of a scan follow each other.

use crate::{
    error::Error,
    segments::{Frame, Part, ScanHeader},
};

/// A scan's units (MCUs of an interleaved scan, blocks of another) and the blocks in each.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// Units across and down.
    pub(crate) across: usize,
    pub(crate) down: usize,
    /// Units of a restart interval.
    pub(crate) interval: usize,
    /// The blocks of a unit in order: the part's index, and the block's place in the unit.
    pub(crate) blocks: Vec<(usize, usize, usize)>,
    /// For each part: how many blocks of its component a unit has across and down.
    sizes: Vec<(usize, usize)>,
    /// How many units make an MCU of the frame, across and down.
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

    /// How many units there are.
    pub(crate) fn units(&self) -> usize {
        self.across * self.down
    }

    /// How many restart intervals they make.
    pub(crate) fn intervals(&self) -> usize {
        self.units().div_ceil(self.interval)
    }

    /// The place of a block in its component, in blocks.
    #[inline]
    pub(crate) fn place(&self, unit: usize, (part, x, y): (usize, usize, usize)) -> (usize, usize) {
        let (h, v) = self.sizes[part];
        ((unit % self.across) * h + x, (unit / self.across) * v + y)
    }

    /// True when the scan's data has as many intervals as it must.
    pub(crate) fn check(&self, intervals: usize) -> Result<(), Error> {
        if intervals < self.intervals() {
            return Err(Error::Damaged("a scan ends too early"));
        }
        if intervals > self.intervals() {
            return Err(Error::Damaged("a scan has more data than blocks"));
        }
        Ok(())
    }
}
