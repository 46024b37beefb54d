//! Reading the blocks of a parsed file, MCU by MCU.

use std::ops::Range;

use crate::{
    block::Block,
    error::Error,
    file::{Body, File},
    headers::{Component, Frame},
    sequential::{Cursor, Scan},
};

/// Blocks of one MCU.
#[derive(Debug)]
pub(crate) struct Mcu {
    /// Those of each component in turn, row by row.
    blocks: Vec<Block>,
    /// The place of each component in them.
    places: Vec<Range<usize>>,
}

impl Mcu {
    /// Creates an MCU of mid-gray.
    pub(crate) fn new(frame: &Frame) -> Mcu {
        let mut end = 0;
        let place = |c: &Component| {
            let start = end;
            end += c.h * c.v;
            start..end
        };
        let places = frame.components.iter().map(place).collect();
        Mcu {
            blocks: vec![Block::GRAY; end],
            places,
        }
    }

    /// Returns the blocks of a component, row by row.
    pub(crate) fn component(&self, i: usize) -> &[Block] {
        &self.blocks[self.places[i].clone()]
    }

    /// Returns the blocks of a component, row by row.
    pub(crate) fn component_mut(&mut self, i: usize) -> &mut [Block] {
        &mut self.blocks[self.places[i].clone()]
    }
}

/// Reads MCUs of a file; row by row costs least.
#[derive(Debug)]
pub(crate) struct McuReader<'a> {
    file: &'a File,
    /// For each sequential scan: its cursor, and the place in an MCU of each of a unit's blocks.
    scans: Vec<(&'a Scan, Cursor<'a>, Vec<usize>)>,
    /// The MCU that was read last.
    pub(crate) mcu: Mcu,
}

impl<'a> McuReader<'a> {
    pub(crate) fn new(file: &'a File) -> McuReader<'a> {
        let mcu = Mcu::new(&file.frame);
        let scans = match &file.body {
            Body::Progressive(_) => &[][..],
            Body::Sequential(scans) => scans,
        };
        let reader = |scan: &'a Scan| {
            let parts = scan.header.parts.iter();
            let places = parts.flat_map(|part| mcu.places[part.component].clone());
            (scan, scan.cursor(), places.collect())
        };
        McuReader {
            file,
            scans: scans.iter().map(reader).collect(),
            mcu,
        }
    }

    /// Reads the blocks of an MCU. Padding blocks, which a non-interleaved scan omits, are
    /// mid-gray.
    #[inline]
    pub(crate) fn read(&mut self, (x, y): (usize, usize)) -> Result<(), Error> {
        let components = &self.file.frame.components;
        if let Body::Progressive(store) = &self.file.body {
            for (i, c) in components.iter().enumerate() {
                for (n, block) in self.mcu.component_mut(i).iter_mut().enumerate() {
                    *block = Block::new(store.block(i, (x * c.h + n % c.h, y * c.v + n / c.h)));
                }
            }
            return Ok(());
        }
        for (scan, cursor, places) in &mut self.scans {
            let layout = &scan.layout;
            let blocks = &mut self.mcu.blocks;
            let [only] = scan.header.parts.as_slice() else {
                cursor.read(y * layout.across + x, blocks, |n| places[n])?;
                continue;
            };
            let c = components[only.component];
            for (n, &place) in places.iter().enumerate() {
                let (bx, by) = (x * c.h + n % c.h, y * c.v + n / c.h);
                if bx < layout.across && by < layout.down {
                    cursor.read(by * layout.across + bx, blocks, |_| place)?;
                } else {
                    blocks[place] = Block::GRAY;
                }
            }
        }
        Ok(())
    }
}
