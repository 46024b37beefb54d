//! The symbols of blocks that stay as they are, read without their values.

use crate::{
    bits::Reader,
    block::{self, Symbol},
    error::Error,
    huffman::{Copier, Decoder},
    sequential::{Cursor, Scan},
};

/// Reads the symbols of units.
#[derive(Debug)]
pub(crate) struct Symbols<'a> {
    cursor: Cursor<'a>,
    /// A table for each scan component.
    copiers: Vec<Copier>,
}

impl<'a> Symbols<'a> {
    pub(crate) fn new(scan: &'a Scan) -> Symbols<'a> {
        let copiers = scan.tables.iter().map(|t| Copier::new(&t.ac.1));
        Symbols {
            cursor: scan.cursor(),
            copiers: copiers.collect(),
        }
    }

    /// Returns the MCU of a unit, given its position.
    #[inline]
    pub(crate) fn mcu(&self, (x, y): (usize, usize)) -> (usize, usize) {
        match self.cursor.scan.layout.per_mcu {
            // Dividing for each unit would cost more than reading it.
            (1, 1) => (x, y),
            (h, v) => (x / h, y / v),
        }
    }

    /// Calls `symbol` for each symbol of a unit in order, with its scan component. `written` has
    /// the DC coefficients before the unit where it is written.
    #[inline]
    pub(crate) fn read(
        &mut self,
        unit: usize,
        written: &mut [i32; 4],
        mut symbol: impl FnMut(usize, Symbol),
    ) -> Result<(), Error> {
        self.cursor.seek(unit);
        let scan = self.cursor.scan;
        for &(part, ..) in &scan.layout.blocks {
            let tables = &scan.tables[part];
            copy(
                &mut self.cursor.reader,
                &tables.dc.1,
                (&tables.ac.1, &self.copiers[part]),
                &mut self.cursor.previous[part],
                &mut written[part],
                |s| symbol(part, s),
            )?;
        }
        Ok(())
    }
}

/// Calls `symbol` for each symbol of the next block in order, as [`block::symbols`] does for a
/// decoded one. `previous` is the DC coefficient before it where it is read, and `written` that
/// where it is written.
#[inline(always)]
fn copy(
    reader: &mut Reader<'_>,
    dc: &Decoder,
    (ac, copier): (&Decoder, &Copier),
    previous: &mut i32,
    written: &mut i32,
    mut symbol: impl FnMut(Symbol),
) -> Result<(), Error> {
    let mut bits = *reader;
    block::decode_dc(&mut bits, dc, previous)?;
    symbol(Symbol::new(false, 0, *previous - *written));
    *written = *previous;
    // Runs of sixteen zeros count only if a coefficient follows.
    let (mut k, mut long_runs) = (1, 0);
    while k < 64 {
        bits.fill();
        let (length, mut code, mut value) = copier.symbol(bits.peek16());
        if length > 0 {
            bits.skip(length);
            if code == 0 {
                break;
            }
        } else {
            let (length, symbol) = ac.symbol(bits.peek16())?;
            bits.skip(length);
            code = symbol;
            match (code >> 4, u32::from(code & 15)) {
                (0, 0) => break,
                (15, 0) if k < 48 => {
                    k += 16;
                    long_runs += 1;
                    continue;
                }
                (_, size @ 1..=10) => value = bits.take(size) as u16,
                _ => return Err(Error::Damaged("coefficient out of range")),
            }
        }
        k += usize::from(code >> 4) + 1;
        if k > 64 {
            return Err(Error::Damaged("too many coefficients in a block"));
        }
        while long_runs > 0 {
            symbol(Symbol::new(true, 15, 0));
            long_runs -= 1;
        }
        symbol(Symbol {
            is_ac: true,
            symbol: code,
            bits: value,
        });
    }
    if k - 16 * long_runs < 64 {
        symbol(Symbol::new(true, 0, 0));
    }
    *reader = bits;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bits::{ScanBits, Writer},
        block::Block,
        huffman::{Encoder, Spec},
    };

    /// A table with a code of four bits for each of these symbols.
    fn table(symbols: &[u8]) -> Spec {
        let mut counts = [0; 16];
        counts[3] = symbols.len() as u8;
        Spec {
            counts,
            symbols: symbols.to_vec(),
        }
    }

    /// Returns the symbols of a block that is written with these AC symbols, first as they are
    /// copied and then as those of the decoded block.
    fn both(ac: &[(u8, u16)]) -> [Vec<Symbol>; 2] {
        let (dc_table, ac_table) = (table(&[0, 3]), table(&[0x00, 0xF0, 0x01, 0x52, 0x7A, 0xE1]));
        let encoder = Encoder::new(&ac_table).unwrap();
        let mut out = Writer::default();
        out.put(1, 4);
        out.put(0b101, 3);
        for &(symbol, bits) in ac {
            let symbol = Symbol {
                is_ac: true,
                symbol,
                bits,
            };
            symbol.write(&encoder, &mut out).unwrap();
        }
        out.pad();
        let (data, _) = ScanBits::unstuff(&out.bytes).unwrap();
        let (dc, ac) = (
            Decoder::new(&dc_table).unwrap(),
            Decoder::new(&ac_table).unwrap(),
        );
        let (mut copied, mut decoded) = (Vec::new(), Vec::new());
        let (mut previous, mut written) = (40, 43);
        copy(
            &mut data.reader(0),
            &dc,
            (&ac, &Copier::new(&ac)),
            &mut previous,
            &mut written,
            |symbol| copied.push(symbol),
        )
        .unwrap();
        assert_eq!((previous, written), (45, 45));
        let mut block = Block::GRAY;
        let (reader, mut previous) = (&mut data.reader(0), 40);
        block::decode(reader, &dc, &ac, &mut previous, &mut block, |_, _| {}).unwrap();
        block::symbols(&block, &mut 43, |symbol| {
            decoded.push(symbol);
            Ok::<(), ()>(())
        })
        .unwrap();
        [copied, decoded]
    }

    #[test]
    fn copied_symbols_are_those_of_the_decoded_block() {
        let ones = [(0x01, 1); 63];
        for ac in [
            &[(0, 0)][..],
            &[(0x52, 3), (0x01, 0), (0, 0)],
            // A run of zeros that needs two symbols.
            &[(0x01, 1), (0xF0, 0), (0xF0, 0), (0x52, 2), (0, 0)],
            // Longer than one look-up.
            &[(0x7A, 0x2AA), (0xE1, 0), (0, 0)],
            // Zeros before the end of the block count for nothing.
            &[(0xF0, 0), (0, 0)],
            &[(0x01, 1), (0xF0, 0), (0xF0, 0), (0xF0, 0), (0, 0)],
            // The last coefficient needs no end.
            &[(0xF0, 0), (0xF0, 0), (0xF0, 0), (0xE1, 1)],
            &ones,
        ] {
            let [copied, decoded] = both(ac);
            assert_eq!(copied, decoded, "{ac:x?}");
        }
    }
}
