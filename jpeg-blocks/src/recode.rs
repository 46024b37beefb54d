//! Encodes a scan's blocks with optimal Huffman tables.

use crate::{
    bits::Writer,
    block::{self, MissingCode},
    dct::Coefficients,
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

/// Appends tables, scan header and data to `out`. Calls `blocks` twice for the blocks of each unit.
pub(crate) fn scan(
    frame: &Frame,
    header: &ScanHeader,
    layout: &Layout,
    mut out: Vec<u8>,
    mut blocks: impl FnMut(usize, &mut Vec<Coefficients>) -> Result<(), Error>,
) -> Result<Vec<u8>, Error> {
    let slots = if header.parts.len() > 1 { 2 } else { 1 };
    let mut counts = vec![([0u32; 256], [0u32; 256]); slots];
    let mut unit_blocks = Vec::new();
    let mut previous = [0i32; 4];
    for unit in 0..layout.units() {
        if unit % layout.interval == 0 {
            previous = [0; 4];
        }
        blocks(unit, &mut unit_blocks)?;
        for (&(part, ..), c) in layout.blocks.iter().zip(&unit_blocks) {
            let (dc, ac) = &mut counts[slot(part)];
            block::count(c, &mut previous[part], dc, ac);
        }
    }
    let mut encoders = Vec::new();
    for (id, (dc, ac)) in counts.iter().enumerate() {
        let (dc, ac) = (optimal(dc), optimal(ac));
        table(&mut out, id as u8, &dc);
        table(&mut out, 0x10 | id as u8, &ac);
        encoders.push((Encoder::new(&dc)?, Encoder::new(&ac)?));
    }
    scan_header(&mut out, frame, header);

    let mut out = Writer::after(out);
    for unit in 0..layout.units() {
        if unit % layout.interval == 0 {
            previous = [0; 4];
            if unit > 0 {
                let interval = unit / layout.interval;
                out.pad();
                out.bytes
                    .extend([0xFF, markers::RST0 | (interval as u8).wrapping_sub(1) & 7]);
            }
        }
        blocks(unit, &mut unit_blocks)?;
        for (&(part, ..), c) in layout.blocks.iter().zip(&unit_blocks) {
            let (dc, ac) = &encoders[slot(part)];
            block::encode(c, &mut previous[part], dc, ac, &mut out)
                .map_err(|MissingCode| Error::Damaged("no Huffman code for a coefficient"))?;
        }
    }
    out.pad();
    Ok(out.bytes)
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
