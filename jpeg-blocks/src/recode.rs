//! Encodes a scan's blocks with optimal Huffman tables.

use std::convert::Infallible;

use crate::{
    bits::Writer,
    block::{self, Block, Symbol},
    error::Error,
    headers::{Frame, ScanHeader},
    huffman::{Encoder, Spec, optimal},
    markers,
    scan::Layout,
};

/// Table index of a scan component: the first has its own table, all others share one, as baseline
/// allows only two.
fn slot(part: usize) -> usize {
    usize::from(part > 0)
}

/// The blocks to encode.
pub(crate) trait Blocks {
    /// Returns a block, given its component and its position in it. Scans ask row by row.
    fn block(&mut self, component: usize, place: (usize, usize)) -> Result<&Block, Error>;

    /// Calls `symbol` for each symbol of a unit and returns true, if they are at hand without its
    /// blocks. `unit` is its number and its position, and `previous` has the DC coefficients before
    /// it.
    #[inline(always)]
    fn unit(
        &mut self,
        _unit: (usize, (usize, usize)),
        _previous: &mut [i32; 4],
        _symbol: impl FnMut(usize, Symbol),
    ) -> Result<bool, Error> {
        Ok(false)
    }
}

/// The most symbols that are held in memory. Pictures of ten megapixels have fewer.
const MAX_HELD: usize = 1 << 21;

/// Number of items that are collected before they are counted, held or written. Those of a unit are
/// less than half of them.
const CHUNK: usize = 2048;

/// A part of a scan's data: the bits that follow a symbol, the symbol, and the index of its table,
/// two for each slot. Four bytes.
#[derive(Debug, Clone, Copy)]
struct Item(u32);

impl Item {
    /// The end of a restart interval.
    const RESTART: Item = Item(u32::MAX);

    #[inline]
    fn symbol(slot: usize, s: Symbol) -> Item {
        let table = 2 * slot as u32 + u32::from(s.is_ac);
        Item(table << 24 | u32::from(s.symbol) << 16 | u32::from(s.bits))
    }

    /// Its place among the counts of all tables.
    #[inline]
    fn place(self) -> Option<usize> {
        (self.0 != u32::MAX).then_some((self.0 >> 16) as usize & 0x3FF)
    }
}

/// Appends tables, scan header and data to `out`. The blocks are asked for once, or twice if their
/// symbols are many.
pub(crate) fn scan(
    frame: &Frame,
    header: &ScanHeader,
    layout: &Layout,
    mut out: Vec<u8>,
    blocks: &mut impl Blocks,
) -> Result<Vec<u8>, Error> {
    let slots = if header.parts.len() > 1 { 2 } else { 1 };
    let mut counts = [0u32; 4 * 256];
    let mut held = Vec::new();
    items(header, layout, blocks, |items| {
        for item in items {
            if let Some(place) = item.place() {
                counts[place] += 1;
            }
        }
        if held.len() < MAX_HELD {
            held.extend_from_slice(items);
        }
        Ok(())
    })?;
    let mut codes = [(0, 0); 4 * 256];
    let (counts, _) = counts.as_chunks::<256>();
    for (i, counts) in counts.iter().enumerate().take(2 * slots) {
        let spec = optimal(counts);
        table(&mut out, (i / 2 + 16 * (i % 2)) as u8, &spec);
        codes[256 * i..][..256].copy_from_slice(Encoder::new(&spec)?.codes());
    }
    scan_header(&mut out, frame, header);

    let mut out = Writer::after(out);
    let mut interval = 0u8;
    let mut write = |items: &[Item]| {
        for items in items.split_inclusive(|item| item.place().is_none()) {
            let symbols = items.iter().filter_map(|item| Some((item, item.place()?)));
            let mut is_missing = false;
            out.put_all(symbols.map(|(item, place)| {
                let (code, length) = codes[place];
                is_missing |= length == 0;
                let size = item.0 >> 16 & 15;
                (
                    u32::from(code) << size | item.0 & 0xFFFF,
                    u32::from(length) + size,
                )
            }));
            if is_missing {
                return Err(Error::Damaged("no Huffman code for a coefficient"));
            }
            if items.last().is_some_and(|last| last.place().is_none()) {
                out.pad();
                out.bytes.extend([0xFF, markers::RST0 | interval & 7]);
                interval = interval.wrapping_add(1);
            }
        }
        Ok(())
    };
    if held.len() < MAX_HELD {
        write(&held)?;
    } else {
        drop(held);
        items(header, layout, blocks, &mut write)?;
    }
    out.pad();
    Ok(out.bytes)
}

/// Calls `some` for the parts of the data in order, many at a time.
fn items(
    header: &ScanHeader,
    layout: &Layout,
    blocks: &mut impl Blocks,
    mut some: impl FnMut(&[Item]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut chunk = [Item(0); CHUNK];
    let mut length = 0;
    let mut previous = [0i32; 4];
    let (mut position, mut restart) = ((0, 0), layout.interval);
    for unit in 0..layout.units() {
        if length > CHUNK / 2 {
            some(&chunk[..length])?;
            length = 0;
        }
        let mut item = |item| {
            chunk[length % CHUNK] = item;
            length += 1;
        };
        if unit == restart {
            restart += layout.interval;
            previous = [0; 4];
            item(Item::RESTART);
        }
        let mut symbol = |part, symbol| item(Item::symbol(slot(part), symbol));
        if !blocks.unit((unit, position), &mut previous, &mut symbol)? {
            for &place in &layout.blocks {
                let part = place.0;
                let component = header.parts[part].component;
                let block = blocks.block(component, layout.place(position, place))?;
                let Ok(()) = block::symbols(block, &mut previous[part], |s| {
                    symbol(part, s);
                    Ok::<(), Infallible>(())
                });
            }
        }
        position = layout.after(position);
    }
    some(&chunk[..length])
}

fn table(out: &mut Vec<u8>, id: u8, spec: &Spec) {
    let length = 2 + 1 + 16 + spec.symbols.len() as u16;
    out.extend([0xFF, markers::DHT]);
    out.extend(length.to_be_bytes());
    out.push(id);
    out.extend(spec.counts);
    out.extend(&spec.symbols);
}

fn scan_header(out: &mut Vec<u8>, frame: &Frame, header: &ScanHeader) {
    out.extend([0xFF, markers::SOS]);
    out.extend((6 + 2 * header.parts.len() as u16).to_be_bytes());
    out.push(header.parts.len() as u8);
    for (part, p) in header.parts.iter().enumerate() {
        out.push(frame.components[p.component].id);
        out.push(0x11 * slot(part) as u8);
    }
    out.extend([0, 63, 0]);
}
