//! Encodes a scan's blocks with optimal Huffman tables.

use crate::{
    bits::Writer,
    block::{self, Block, MissingCode, Symbol},
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
}

/// The most symbols that are held in memory, six bytes each. Pictures of ten megapixels have fewer.
const MAX_HELD: usize = 1 << 21;

/// A part of a scan's data.
#[derive(Debug, Clone, Copy)]
enum Item {
    /// A symbol, and the index of its tables.
    Symbol(u8, Symbol),
    /// The end of a restart interval.
    Restart,
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
    let mut counts = vec![[[0u32; 256]; 2]; slots];
    let mut held = Vec::new();
    items(header, layout, blocks, |item| {
        if let Item::Symbol(slot, s) = item {
            counts[usize::from(slot)][usize::from(s.is_ac)][usize::from(s.symbol)] += 1;
        }
        if held.len() < MAX_HELD {
            held.push(item);
        }
        Ok(())
    })?;
    let mut encoders = Vec::new();
    for (id, [dc, ac]) in counts.iter().enumerate() {
        let (dc, ac) = (optimal(dc), optimal(ac));
        table(&mut out, id as u8, &dc);
        table(&mut out, 0x10 | id as u8, &ac);
        encoders.push([Encoder::new(&dc)?, Encoder::new(&ac)?]);
    }
    scan_header(&mut out, frame, header);

    let mut out = Writer::after(out);
    let mut interval = 0u8;
    let mut write = |item| {
        match item {
            Item::Symbol(slot, s) => s
                .write(&encoders[usize::from(slot)][usize::from(s.is_ac)], &mut out)
                .map_err(|MissingCode| Error::Damaged("no Huffman code for a coefficient"))?,
            Item::Restart => {
                out.pad();
                out.bytes.extend([0xFF, markers::RST0 | interval & 7]);
                interval = interval.wrapping_add(1);
            }
        }
        Ok(())
    };
    if held.len() < MAX_HELD {
        held.into_iter().try_for_each(write)?;
    } else {
        drop(held);
        items(header, layout, blocks, &mut write)?;
    }
    out.pad();
    Ok(out.bytes)
}

/// Calls `item` for each part of the data, in order.
fn items(
    header: &ScanHeader,
    layout: &Layout,
    blocks: &mut impl Blocks,
    mut item: impl FnMut(Item) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut previous = [0i32; 4];
    let (mut position, mut restart) = ((0, 0), layout.interval);
    for unit in 0..layout.units() {
        if unit == restart {
            restart += layout.interval;
            previous = [0; 4];
            item(Item::Restart)?;
        }
        for &place in &layout.blocks {
            let part = place.0;
            let component = header.parts[part].component;
            let block = blocks.block(component, layout.place(position, place))?;
            block::symbols(block, &mut previous[part], |symbol| {
                item(Item::Symbol(slot(part) as u8, symbol))
            })?;
        }
        position = layout.after(position);
    }
    Ok(())
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
