//! Entropy coding of one block in a sequential scan (T.81, F.1.2 and F.2.2).

use crate::{
    bits::{Reader, Writer},
    dct::Coefficients,
    error::Error,
    headers::ZIGZAG,
    huffman::{Decoder, Encoder, extend},
};

/// Largest DC coefficient of 8-bit samples, with room for encoders that round up.
const MAX_DC: i32 = 2047;

/// Decodes a block into `out`, which must be all zeros. Returns the zigzag index of its last
/// non-zero coefficient.
#[inline]
pub(crate) fn decode(
    reader: &mut Reader<'_>,
    dc: &Decoder,
    ac: &Decoder,
    previous: &mut i32,
    out: &mut Coefficients,
) -> Result<usize, Error> {
    reader.fill();
    let (length, size) = dc.symbol(reader.peek16())?;
    reader.skip(length);
    if size > 0 {
        if size > 11 {
            return Err(Error::Damaged("coefficient out of range"));
        }
        *previous += extend(reader.take(u32::from(size)), u32::from(size));
        if previous.abs() > MAX_DC {
            return Err(Error::Damaged("coefficient out of range"));
        }
    }
    out[0] = *previous as i16;
    let (mut last, mut k) = (0, 1usize);
    while k < 64 {
        reader.fill();
        let bits = reader.peek16();
        let (mut value, mut run, length) = ac.value(bits);
        if length > 0 {
            reader.skip(length);
        } else {
            let (length, symbol) = ac.symbol(bits)?;
            reader.skip(length);
            let size = u32::from(symbol & 15);
            run = u32::from(symbol >> 4);
            match (run, size) {
                (0, 0) => break,
                (15, 0) if k < 48 => {
                    k += 16;
                    continue;
                }
                (_, 1..=10) => value = extend(reader.take(size), size),
                _ => return Err(Error::Damaged("coefficient out of range")),
            }
        }
        k += run as usize;
        if k > 63 {
            return Err(Error::Damaged("too many coefficients in a block"));
        }
        out[usize::from(ZIGZAG[k & 63])] = value as i16;
        last = k;
        k += 1;
    }
    Ok(last)
}

/// The Huffman table has no code for a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MissingCode;

/// Calls `symbol` for each symbol of a block in order. Its arguments: true for AC, the symbol, the
/// bits that follow it, and their number.
fn symbols<E>(
    c: &Coefficients,
    previous: i32,
    mut symbol: impl FnMut(bool, u8, u32, u32) -> Result<(), E>,
) -> Result<(), E> {
    let (bits, size) = split(i32::from(c[0]) - previous);
    symbol(false, size as u8, bits, size)?;
    let mut run = 0;
    for &place in &ZIGZAG[1..] {
        let value = i32::from(c[usize::from(place)]);
        if value == 0 {
            run += 1;
            continue;
        }
        while run > 15 {
            symbol(true, 0xF0, 0, 0)?;
            run -= 16;
        }
        let (bits, size) = split(value);
        symbol(true, (run << 4) as u8 | size as u8, bits, size)?;
        run = 0;
    }
    if run > 0 {
        symbol(true, 0, 0, 0)?;
    }
    Ok(())
}

/// Returns the additional bits of a value and their number (T.81, F.1.2.1).
fn split(value: i32) -> (u32, u32) {
    let size = 32 - value.unsigned_abs().leading_zeros();
    let bits = if value < 0 { value - 1 } else { value };
    (bits as u32 & ((1 << size) - 1), size)
}

/// Encodes a block.
pub(crate) fn encode(
    c: &Coefficients,
    previous: &mut i32,
    dc: &Encoder,
    ac: &Encoder,
    out: &mut Writer,
) -> Result<(), MissingCode> {
    symbols(c, *previous, |is_ac, symbol, bits, size| {
        let (code, length) = if is_ac { ac } else { dc }
            .code(symbol)
            .ok_or(MissingCode)?;
        out.put(code << size | bits, length + size);
        Ok(())
    })?;
    *previous = i32::from(c[0]);
    Ok(())
}

/// Counts a block's symbols.
pub(crate) fn count(
    c: &Coefficients,
    previous: &mut i32,
    dc: &mut [u32; 256],
    ac: &mut [u32; 256],
) {
    let counted: Result<(), std::convert::Infallible> =
        symbols(c, *previous, |is_ac, symbol, _, _| {
            (if is_ac { &mut *ac } else { &mut *dc })[usize::from(symbol)] += 1;
            Ok(())
        });
    let Ok(()) = counted;
    *previous = i32::from(c[0]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{bits::ScanBits, huffman::optimal};

    proptest! {
        #[test]
        fn decode_returns_encoded_blocks(blocks in prop::collection::vec((-1023i16..1023, prop::collection::vec((0usize..64, -1023i16..1023), 0..64)), 1..9)) {
            let blocks: Vec<Coefficients> = blocks.into_iter().map(|(dc, ac)| {
                let mut c = [0; 64];
                ac.into_iter().for_each(|(place, value)| c[place] = value);
                c[0] = dc;
                c
            }).collect();
            let (mut dc, mut ac) = ([0; 256], [0; 256]);
            let mut previous = 0;
            blocks.iter().for_each(|c| count(c, &mut previous, &mut dc, &mut ac));
            let (dc, ac) = (optimal(&dc), optimal(&ac));
            let mut out = Writer::default();
            let mut previous = 0;
            for c in &blocks {
                encode(c, &mut previous, &Encoder::new(&dc).unwrap(), &Encoder::new(&ac).unwrap(), &mut out).unwrap();
            }
            out.pad();
            let (data, _) = ScanBits::unstuff(&out.bytes).unwrap();
            let mut reader = data.reader(0);
            let mut previous = 0;
            for c in &blocks {
                let mut back = [0; 64];
                decode(&mut reader, &Decoder::new(&dc).unwrap(), &Decoder::new(&ac).unwrap(), &mut previous, &mut back).unwrap();
                prop_assert_eq!(&back[..], &c[..]);
            }
            prop_assert!(reader.position() <= u64::from(data.bit_range(0).1));
        }
    }
}
