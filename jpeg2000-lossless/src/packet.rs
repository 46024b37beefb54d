//! Packets: the code blocks of one precinct of a resolution level (B.9 and B.10).

use crate::{
    bands::{Band, Resolution},
    bits::Writer,
    block::{Coded, Coder, SIDE},
    tag_tree::TagTree,
};

/// Guard bits (E.1): the wavelet's coefficients never need more than the subband's bits and these.
pub(crate) const GUARD: u8 = 2;

/// Bits of a code block's first length (B.10.7.1).
const LENGTH: u32 = 3;

/// Encodes a resolution level and writes its packets.
pub(crate) fn write(
    picture: &[i32],
    width: usize,
    resolution: &Resolution,
    bits: u8,
    coder: &mut Coder,
    out: &mut Vec<u8>,
) {
    let side = resolution.precinct;
    let most = |of: fn(&Band) -> usize| resolution.bands.iter().map(of).max().unwrap_or(0);
    for top in (0..most(|band| band.height)).step_by(side) {
        for left in (0..most(|band| band.width)).step_by(side) {
            // One bit says that the packet isn't empty.
            let mut header = Writer::default();
            header.bit(true);
            let mut body: Vec<u8> = Vec::new();
            for band in &resolution.bands {
                let columns = (left..band.width.min(left + side)).step_by(SIDE);
                let rows = (top..band.height.min(top + side)).step_by(SIDE);
                let blocks: Vec<Coded> = rows
                    .flat_map(|y| columns.clone().map(move |x| (x, y)))
                    .map(|place| coder.encode(picture, width, band, place))
                    .collect();
                let planes = bits + band.kind.gain() + GUARD - 1;
                describe(&blocks, columns.len(), planes, &mut header);
                blocks.iter().for_each(|block| body.extend(&block.bytes));
            }
            out.extend(header.finish());
            out.extend(body);
        }
    }
}

/// Writes the part of a packet header that is about one subband's blocks.
fn describe(blocks: &[Coded], columns: usize, planes: u8, header: &mut Writer) {
    if blocks.is_empty() {
        return;
    }
    let included = blocks.iter().map(|block| u32::from(block.planes == 0));
    let mut included = TagTree::new(columns, included);
    let missing = blocks.iter().map(|block| u32::from(planes - block.planes));
    let mut missing = TagTree::new(columns, missing);
    for (at, block) in blocks.iter().enumerate() {
        let (column, row) = (at % columns, at / columns);
        included.write(column, row, 1, header);
        if block.planes > 0 {
            missing.write(column, row, u32::MAX, header);
            passes(block.passes(), header);
            length(block, header);
        }
    }
}

/// Writes the number of coding passes (table B.4).
fn passes(count: u32, header: &mut Writer) {
    match count {
        ..=1 => header.bits(0, 1),
        2 => header.bits(0b10, 2),
        3..=5 => header.bits(0b1100 + count - 3, 4),
        6..=36 => header.bits((0b1111 << 5) + count - 6, 9),
        _ => header.bits((0b1_1111_1111 << 7) + count - 37, 16),
    }
}

/// Writes the number of bytes, after the number of bits that it needs (B.10.7.1).
fn length(block: &Coded, header: &mut Writer) {
    let bytes = block.bytes.len() as u32;
    let needed = bytes.checked_ilog2().map_or(0, |highest| highest + 1);
    let given = LENGTH + block.passes().ilog2();
    let more = needed.saturating_sub(given);
    (0..more).for_each(|_| header.bit(true));
    header.bit(false);
    header.bits(bytes, given + more);
}
