//! A sequential scan, stored as its bits with an index: the start of each unit, and the DC
//! coefficients before it.
//!
//! A picture thus takes the memory of its file and six bytes per unit, and unedited units are
//! copied as bits.

use crate::{
    bits::{Reader, ScanBits, Writer},
    block::{self, Block, MissingCode},
    edit::Edits,
    edited::EditedMcus,
    error::Error,
    headers::{Frame, ScanHeader, Tables},
    huffman::{Decoder, Encoder, Spec},
    markers, recode,
    scan::Layout,
};

/// A visitor of the blocks of a scan as they are decoded.
pub(crate) trait Visitor {
    /// Sums over the coefficients of a block.
    type Sums: Default;

    /// Adds an AC coefficient that is not zero, given its zigzag index.
    fn add(&self, sums: &mut Self::Sums, k: usize, value: i32);

    /// Visits a block after its coefficients, with its component and its position in blocks.
    fn block(&mut self, component: usize, place: (usize, usize), block: &Block, sums: Self::Sums);
}

/// Huffman tables of one scan component.
#[derive(Debug, Clone)]
pub(crate) struct PartTables {
    pub(crate) dc: (Spec, Decoder),
    pub(crate) ac: (Spec, Decoder),
}

/// A sequential scan with its index.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    pub(crate) header: ScanHeader,
    pub(crate) layout: Layout,
    data: ScanBits,
    pub(crate) tables: Vec<PartTables>,
    /// Start of each unit in bits, and the end of the last.
    starts: Vec<u32>,
    /// DC predictions at the start of each unit, one per scan component.
    previous: Vec<i16>,
}

impl Scan {
    /// Decodes the whole scan once. Calls `visit` for each block with its component and its
    /// position in blocks.
    pub(crate) fn read<V: Visitor>(
        frame: &Frame,
        header: ScanHeader,
        tables: &Tables,
        data: ScanBits,
        visitor: &mut V,
    ) -> Result<Scan, Error> {
        let layout = Layout::new(frame, &header, tables.restart);
        layout.check(data.intervals())?;
        let missing = Error::Damaged("Huffman table missing");
        let mut parts = Vec::new();
        for part in &header.parts {
            let dc = tables.dc[part.dc].clone().ok_or(missing)?;
            let ac = tables.ac[part.ac].clone().ok_or(missing)?;
            parts.push(PartTables {
                dc: (dc.clone(), Decoder::new(&dc)?),
                ac: (ac.clone(), Decoder::new(&ac)?),
            });
        }
        let units = layout.units();
        let mut starts = Vec::with_capacity(units + 1);
        let mut before = Vec::with_capacity(units * header.parts.len());
        let mut block = Block::GRAY;
        let mut position = (0, 0);
        for interval in 0..layout.intervals() {
            let (from, to) = data.bit_range(interval);
            let mut reader = data.reader(from);
            let mut previous = [0i32; 4];
            let first = interval * layout.interval;
            for _ in first..(first + layout.interval).min(units) {
                starts.push(reader.position() as u32);
                before.extend(previous[..parts.len()].iter().map(|&p| p as i16));
                for &place in &layout.blocks {
                    let part = &parts[place.0];
                    let mut sums = V::Sums::default();
                    block::decode(
                        &mut reader,
                        &part.dc.1,
                        &part.ac.1,
                        &mut previous[place.0],
                        &mut block,
                        |k, value| visitor.add(&mut sums, k, value),
                    )?;
                    visitor.block(
                        header.parts[place.0].component,
                        layout.place(position, place),
                        &block,
                        sums,
                    );
                    block.clear();
                }
                position = layout.after(position);
                if reader.position() > u64::from(to) {
                    return Err(Error::Damaged("scan data too short"));
                }
            }
            if !data.ends_at(reader.position(), interval) {
                return Err(Error::Damaged("scan data too long"));
            }
            if interval + 1 == layout.intervals() {
                starts.push(reader.position() as u32);
            }
        }
        Ok(Scan {
            header,
            layout,
            data,
            tables: parts,
            starts,
            previous: before,
        })
    }

    /// Returns a cursor over the scan's units.
    pub(crate) fn cursor(&self) -> Cursor<'_> {
        Cursor {
            scan: self,
            reader: self.data.reader(0),
            previous: [0; 4],
            next: usize::MAX,
            restart: 0,
        }
    }

    fn before(&self, unit: usize) -> [i32; 4] {
        let parts = self.header.parts.len();
        let mut previous = [0; 4];
        for (to, &from) in previous
            .iter_mut()
            .zip(&self.previous[unit * parts..][..parts])
        {
            *to = i32::from(from);
        }
        previous
    }

    /// Reads the blocks of one unit with edits applied.
    fn edited(
        &self,
        unit: usize,
        edits: &Edits<'_>,
        cursor: &mut Cursor<'_>,
        out: &mut Vec<Block>,
    ) -> Result<(), Error> {
        out.resize(self.layout.blocks.len(), Block::GRAY);
        let Some(edit) = edits.at(self.mcu(unit)) else {
            return cursor.read(unit, out, |n| n);
        };
        let position = self.layout.position(unit);
        for (&place, out) in self.layout.blocks.iter().zip(out) {
            let component = self.header.parts[place.0].component;
            *out = edit.block(component, self.layout.place(position, place));
        }
        Ok(())
    }

    fn mcu(&self, unit: usize) -> (usize, usize) {
        let (h, v) = self.layout.per_mcu;
        (unit % self.layout.across / h, unit / self.layout.across / v)
    }

    /// Writes the scan's data with its original tables.
    ///
    /// Restart markers keep their places. Unedited units are copied bit by bit, except for the
    /// first one after an edit, whose DC differences are encoded again.
    pub(crate) fn write(
        &self,
        edits: &Edits<'_>,
        out: Vec<u8>,
    ) -> Result<Result<Vec<u8>, MissingCode>, Error> {
        let encoders = self
            .tables
            .iter()
            .map(|t| Ok((Encoder::new(&t.dc.0)?, Encoder::new(&t.ac.0)?)))
            .collect::<Result<Vec<_>, Error>>()?;
        let mut out = Writer::after(out);
        let mut blocks = Vec::new();
        let mut cursor = self.cursor();
        for interval in 0..self.layout.intervals() {
            if interval > 0 {
                out.pad();
                out.bytes
                    .extend([0xFF, markers::RST0 | (interval as u8).wrapping_sub(1) & 7]);
            }
            let first = interval * self.layout.interval;
            let end = (first + self.layout.interval).min(self.layout.units());
            // Copies up to the end of the interval's last unit; the padding is written anew.
            let stop = |unit: usize| {
                if unit < end {
                    self.starts[unit]
                } else {
                    self.last_bit(interval, end)
                }
            };
            let mut previous = [0i32; 4];
            let mut unit = first;
            while unit < end {
                let run = self.unedited_until(unit, end, edits);
                if run > unit && self.before(unit) == previous {
                    self.data.copy(self.starts[unit], stop(run), &mut out);
                    unit = run;
                    if unit < end {
                        previous = self.before(unit);
                    }
                    continue;
                }
                self.edited(unit, edits, &mut cursor, &mut blocks)?;
                for (&(part, ..), c) in self.layout.blocks.iter().zip(&blocks) {
                    let (dc, ac) = &encoders[part];
                    let written = block::symbols(c, &mut previous[part], |symbol| {
                        symbol.write(if symbol.is_ac { ac } else { dc }, &mut out)
                    });
                    if let Err(MissingCode) = written {
                        return Ok(Err(MissingCode));
                    }
                }
                unit += 1;
            }
        }
        out.pad();
        Ok(Ok(out.bytes))
    }

    /// Returns the end of an interval's last unit, in bits.
    fn last_bit(&self, interval: usize, end: usize) -> u32 {
        if interval + 1 == self.layout.intervals() {
            return self.starts[end];
        }
        // The index doesn't hold it, so decode the last unit again; the padding starts after it.
        let mut cursor = self.cursor();
        // It was decoded before, so this does not fail.
        let _ = cursor.read(end - 1, &mut [Block::GRAY], |_| 0);
        cursor.reader.position() as u32
    }

    /// Returns the end of the run of unedited units that starts at `unit`.
    fn unedited_until(&self, unit: usize, end: usize, edits: &Edits<'_>) -> usize {
        let mut at = unit;
        while at < end {
            let (x, y) = self.mcu(at);
            let row_end = (at / self.layout.across + 1) * self.layout.across;
            match edits.next(x, y) {
                None => at = row_end,
                Some(next) if next == x => break,
                Some(next) => {
                    let row = row_end - self.layout.across;
                    at = (row + next * self.layout.per_mcu.0).min(row_end);
                }
            }
        }
        at.min(end)
    }

    /// Writes scan header and data with new tables, for edits that need symbols missing from the
    /// original ones.
    pub(crate) fn recode(
        &self,
        frame: &Frame,
        blocks: &mut EditedMcus<'_>,
        out: Vec<u8>,
    ) -> Result<Vec<u8>, Error> {
        recode::scan(frame, &self.header, &self.layout, out, blocks)
    }
}

/// Reads units again. One that follows the last one read costs no search of its start.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    pub(crate) scan: &'a Scan,
    pub(crate) reader: Reader<'a>,
    /// DC coefficients before the next unit.
    pub(crate) previous: [i32; 4],
    /// The unit after the last one read.
    next: usize,
    /// The unit at which the next restart interval starts.
    restart: usize,
}

impl Cursor<'_> {
    /// Goes to a unit that is read next.
    #[inline]
    pub(crate) fn seek(&mut self, unit: usize) {
        let scan = self.scan;
        if unit != self.next || unit == self.restart {
            self.reader = scan.data.reader(scan.starts[unit]);
            self.previous = scan.before(unit);
            let interval = scan.layout.interval;
            self.restart = (unit / interval + 1) * interval;
        }
        self.next = unit + 1;
    }

    /// Decodes the blocks of a unit, the `n`th to `out[place(n)]`.
    #[inline]
    pub(crate) fn read(
        &mut self,
        unit: usize,
        out: &mut [Block],
        place: impl Fn(usize) -> usize,
    ) -> Result<(), Error> {
        self.seek(unit);
        let scan = self.scan;
        for (n, &(part, ..)) in scan.layout.blocks.iter().enumerate() {
            let tables = &scan.tables[part];
            let block = &mut out[place(n)];
            block.clear();
            block::decode(
                &mut self.reader,
                &tables.dc.1,
                &tables.ac.1,
                &mut self.previous[part],
                block,
                |_, _| {},
            )?;
        }
        Ok(())
    }
}
