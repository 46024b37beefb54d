//! Entropy coding of one block in a sequential scan (T.81, F.1.2 and F.2.2).

use crate::{
    bits::{Reader, Writer},
    dct::Coefficients,
    error::Error,
    headers::ZIGZAG,
    huffman::{Decoder, END, Encoder, extend},
};

/// Largest DC coefficient of 8-bit samples, with room for encoders that round up.
const MAX_DC: i32 = 2047;

/// A block's quantized coefficients, with the places of those that are not zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) c: Coefficients,
    /// The bit of each zigzag index from 1 on whose coefficient is not zero.
    pub(crate) ac: u64,
}

impl Block {
    /// A block of mid-gray.
    pub(crate) const GRAY: Block = Block { c: [0; 64], ac: 0 };

    /// Creates a block of a uniform level.
    pub(crate) fn flat(dc: i16) -> Block {
        let mut block = Block::GRAY;
        block.c[0] = dc;
        block
    }

    pub(crate) fn new(c: &Coefficients) -> Block {
        let mut ac = 0;
        for (k, &place) in ZIGZAG.iter().enumerate().skip(1) {
            ac |= u64::from(c[usize::from(place)] != 0) << k;
        }
        Block { c: *c, ac }
    }

    /// Sets all coefficients to zero.
    #[inline]
    pub(crate) fn clear(&mut self) {
        if self.ac < 1 << 8 {
            // The first eight in zigzag order lie in the upper four rows.
            self.c[..32].fill(0);
        } else {
            self.c.fill(0);
        }
        self.ac = 0;
    }

    /// Returns the AC coefficients that are not zero, with their zigzag indices, in order.
    #[inline]
    pub(crate) fn nonzero(&self) -> impl Iterator<Item = (usize, i16)> {
        let mut left = self.ac;
        std::iter::from_fn(move || {
            let k = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            (k < 64).then(|| (k, self.c[usize::from(ZIGZAG[k & 63] & 63)]))
        })
    }
}

/// Decodes a block into `out`, which must be all zeros. Calls `seen` for each AC coefficient but
/// zeros, with its zigzag index, in order.
#[inline(always)]
pub(crate) fn decode(
    reader: &mut Reader<'_>,
    dc: &Decoder,
    ac: &Decoder,
    previous: &mut i32,
    out: &mut Block,
    mut seen: impl FnMut(usize, i32),
) -> Result<(), Error> {
    // A copy stays in registers.
    let mut bits = *reader;
    decode_dc(&mut bits, dc, previous)?;
    out.c[0] = *previous as i16;
    let (mut k, mut nonzero) = (1usize, 0u64);
    while k < 64 {
        bits.fill();
        let (mut value, mut run, length) = ac.value(bits.peek16());
        if length > 0 {
            bits.skip(length);
        } else {
            let (length, symbol) = ac.symbol(bits.peek16())?;
            bits.skip(length);
            let size = u32::from(symbol & 15);
            run = u32::from(symbol >> 4);
            match (run, size) {
                (0, 0) => break,
                (15, 0) if k < 48 => {
                    k += 16;
                    continue;
                }
                (_, 1..=10) => value = extend(bits.take(size), size),
                _ => return Err(Error::Damaged("coefficient out of range")),
            }
        }
        k += run as usize;
        if k > 63 {
            if run == END {
                break;
            }
            return Err(Error::Damaged("too many coefficients in a block"));
        }
        out.c[usize::from(ZIGZAG[k & 63] & 63)] = value as i16;
        nonzero |= 1 << (k & 63);
        seen(k & 63, value);
        k += 1;
    }
    out.ac = nonzero;
    *reader = bits;
    Ok(())
}

/// Decodes a DC coefficient, the difference to the `previous` one.
#[inline(always)]
pub(crate) fn decode_dc(
    bits: &mut Reader<'_>,
    dc: &Decoder,
    previous: &mut i32,
) -> Result<(), Error> {
    bits.fill();
    let (length, size) = dc.symbol(bits.peek16())?;
    bits.skip(length);
    if size > 0 {
        if size > 11 {
            return Err(Error::Damaged("coefficient out of range"));
        }
        *previous += extend(bits.take(u32::from(size)), u32::from(size));
        if previous.abs() > MAX_DC {
            return Err(Error::Damaged("coefficient out of range"));
        }
    }
    Ok(())
}

/// The Huffman table has no code for a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MissingCode;

/// A symbol of a block with the bits that follow its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub(crate) is_ac: bool,
    pub(crate) symbol: u8,
    pub(crate) bits: u16,
}

impl Symbol {
    pub(crate) fn new(is_ac: bool, run: usize, value: i32) -> Symbol {
        let (bits, size) = split(value);
        Symbol {
            is_ac,
            symbol: (run << 4) as u8 | size as u8,
            bits: bits as u16,
        }
    }

    /// Writes it with its code in this table.
    #[inline]
    pub(crate) fn write(self, encoder: &Encoder, out: &mut Writer) -> Result<(), MissingCode> {
        let (code, length) = encoder.code(self.symbol).ok_or(MissingCode)?;
        let size = u32::from(self.symbol & 15);
        out.put(code << size | u32::from(self.bits), length + size);
        Ok(())
    }
}

/// Calls `symbol` for each symbol of a block in order.
#[inline]
pub(crate) fn symbols<E>(
    block: &Block,
    previous: &mut i32,
    mut symbol: impl FnMut(Symbol) -> Result<(), E>,
) -> Result<(), E> {
    let dc = i32::from(block.c[0]);
    symbol(Symbol::new(false, 0, dc - *previous))?;
    *previous = dc;
    let mut before = 0;
    for (k, value) in block.nonzero() {
        let mut run = k - before - 1;
        while run > 15 {
            symbol(Symbol::new(true, 15, 0))?;
            run -= 16;
        }
        symbol(Symbol::new(true, run, i32::from(value)))?;
        before = k;
    }
    if before < 63 {
        symbol(Symbol::new(true, 0, 0))?;
    }
    Ok(())
}

/// Returns the additional bits of a value and their number (T.81, F.1.2.1).
fn split(value: i32) -> (u32, u32) {
    let size = 32 - value.unsigned_abs().leading_zeros();
    let bits = if value < 0 { value - 1 } else { value };
    (bits as u32 & ((1 << size) - 1), size)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{bits::ScanBits, huffman::optimal};

    proptest! {
        #[test]
        fn decode_returns_encoded_blocks(blocks in prop::collection::vec((-1023i16..1023, prop::collection::vec((0usize..64, -1023i16..1023), 0..64)), 1..9)) {
            let blocks: Vec<Block> = blocks.into_iter().map(|(dc, ac)| {
                let mut c = [0; 64];
                ac.into_iter().for_each(|(place, value)| c[place] = value);
                c[0] = dc;
                Block::new(&c)
            }).collect();
            let (mut dc, mut ac) = ([0; 256], [0; 256]);
            let mut previous = 0;
            for block in &blocks {
                let counted: Result<(), ()> = symbols(block, &mut previous, |s| {
                    (if s.is_ac { &mut ac } else { &mut dc })[usize::from(s.symbol)] += 1;
                    Ok(())
                });
                counted.unwrap();
            }
            let (dc, ac) = (optimal(&dc), optimal(&ac));
            let mut out = Writer::default();
            let mut previous = 0;
            for c in &blocks {
                symbols(c, &mut previous, |s| {
                    let table = if s.is_ac { &ac } else { &dc };
                    s.write(&Encoder::new(table).unwrap(), &mut out)
                })
                .unwrap();
            }
            out.pad();
            let (data, _) = ScanBits::unstuff(&out.bytes).unwrap();
            let mut reader = data.reader(0);
            let mut previous = 0;
            for c in &blocks {
                let mut back = Block::GRAY;
                decode(&mut reader, &Decoder::new(&dc).unwrap(), &Decoder::new(&ac).unwrap(), &mut previous, &mut back, |_, _| {}).unwrap();
                prop_assert_eq!(&back, c);
                back.clear();
                prop_assert_eq!(&back, &Block::GRAY);
            }
            prop_assert!(reader.position() <= u64::from(data.bit_range(0).1));
        }
    }
}
