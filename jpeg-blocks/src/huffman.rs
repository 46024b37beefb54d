//! Huffman tables for decoding and encoding, and optimal tables for given symbol counts (T.81,
//! annexes C, F and K).

use crate::error::Error;

/// Number of bits resolved by one table lookup.
const FAST: u32 = 10;

/// Run of the symbol that ends a block: it leads beyond the last coefficient.
pub(crate) const END: u32 = 64;

/// A table as a DHT segment defines it: the number of codes of each length, and the symbols in code
/// order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) counts: [u8; 16],
    pub(crate) symbols: Vec<u8>,
}

impl Spec {
    /// Returns the codes with their lengths in order; fails when they don't fit.
    fn codes(&self) -> Result<Vec<(u16, u8)>, Error> {
        let mut codes = Vec::with_capacity(self.symbols.len());
        let mut code = 0u32;
        for (length, &count) in (1u8..=16).zip(&self.counts) {
            for _ in 0..count {
                if code + 1 >= 1 << length {
                    // T.81 reserves the code of all ones. Some encoders assign it anyway, and
                    // decoders accept it as long as it fits.
                    if code >= 1 << length {
                        return Err(Error::Damaged("too many codes in a Huffman table"));
                    }
                }
                codes.push((code as u16, length));
                code += 1;
            }
            code <<= 1;
        }
        Ok(codes)
    }
}

/// Lookup tables for decoding.
#[derive(Debug, Clone)]
pub(crate) struct Decoder {
    /// Indexed by the next `FAST` bits: code length and symbol, or 0 when the code is longer or
    /// invalid.
    fast: Box<[u16; 1 << FAST]>,
    /// Indexed by the next `FAST` bits: value, run of zeros, and total length of an AC coefficient
    /// whose code and value both fit, or of the end of a block; otherwise 0.
    values: Box<[i32; 1 << FAST]>,
    /// For each length above `FAST`: the end of its codes, and the offset from a code to its
    /// symbol's index.
    limits: [(u32, i32); 17],
    symbols: Vec<u8>,
}

impl Decoder {
    pub(crate) fn new(spec: &Spec) -> Result<Decoder, Error> {
        let codes = spec.codes()?;
        let mut fast = Box::new([0u16; 1 << FAST]);
        for (&(code, length), &symbol) in codes.iter().zip(&spec.symbols) {
            let length = u32::from(length);
            if length <= FAST {
                let first = usize::from(code) << (FAST - length);
                let entry = (length as u16) << 8 | u16::from(symbol);
                fast[first..first + (1 << (FAST - length))].fill(entry);
            }
        }
        let mut values = Box::new([0i32; 1 << FAST]);
        for (bits, value) in values.iter_mut().enumerate() {
            *value = short_value(bits as u32, fast[bits]);
        }
        let mut limits = [(0u32, 0i32); 17];
        let (mut code, mut index) = (0u32, 0i32);
        for (length, &count) in (1usize..=16).zip(&spec.counts) {
            let first = code;
            code += u32::from(count);
            limits[length] = (code, index - first as i32);
            index += i32::from(count);
            code <<= 1;
        }
        Ok(Decoder {
            fast,
            values,
            limits,
            symbols: spec.symbols.clone(),
        })
    }

    /// Decodes the code at the top of 16 `bits`. Returns its length and symbol.
    #[inline]
    pub(crate) fn symbol(&self, bits: u32) -> Result<(u32, u8), Error> {
        let entry = self.fast[(bits >> (16 - FAST)) as usize & ((1 << FAST) - 1)];
        if entry != 0 {
            return Ok((u32::from(entry >> 8), entry as u8));
        }
        self.long(bits)
    }

    #[cold]
    fn long(&self, bits: u32) -> Result<(u32, u8), Error> {
        for length in FAST + 1..=16 {
            let code = bits >> (16 - length);
            let (limit, offset) = self.limits[length as usize];
            if code < limit {
                let index = usize::try_from(code as i32 + offset).ok();
                return index
                    .and_then(|i| self.symbols.get(i))
                    .map(|&symbol| (length, symbol))
                    .ok_or(Error::Damaged("invalid Huffman code"));
            }
        }
        Err(Error::Damaged("invalid Huffman code"))
    }

    /// Decodes a whole short AC coefficient at the top of 16 `bits`. Returns its value, run and
    /// length; the length is 0 when it is not short enough.
    #[inline]
    pub(crate) fn value(&self, bits: u32) -> (i32, u32, u32) {
        let entry = self.values[(bits >> (16 - FAST)) as usize & ((1 << FAST) - 1)];
        (entry >> 16, (entry >> 8) as u32 & 0xFF, entry as u32 & 0xFF)
    }
}

/// Lookup table for copying AC coefficients without their values. Indexed by the next `FAST` bits:
/// total length, symbol, and the bits that follow its code, of a coefficient that fits or of a
/// block's end; otherwise 0.
#[derive(Debug, Clone)]
pub(crate) struct Copier(Box<[u32; 1 << FAST]>);

impl Copier {
    pub(crate) fn new(decoder: &Decoder) -> Copier {
        let mut table = Box::new([0u32; 1 << FAST]);
        for ((bits, to), &entry) in (0..).zip(table.iter_mut()).zip(&*decoder.fast) {
            let (length, symbol) = (u32::from(entry >> 8), u32::from(entry as u8));
            let size = symbol & 15;
            let is_value = symbol == 0 || size > 0;
            if length > 0 && length + size <= FAST && is_value {
                let raw = bits >> (FAST - length - size) & ((1 << size) - 1);
                *to = (length + size) << 24 | symbol << 16 | raw;
            }
        }
        Copier(table)
    }

    /// Returns a coefficient's total length, its symbol and the bits that follow at the top of 16
    /// `bits`; the length is 0 when it is not short enough.
    #[inline]
    pub(crate) fn symbol(&self, bits: u32) -> (u32, u8, u16) {
        let entry = self.0[(bits >> (16 - FAST)) as usize & ((1 << FAST) - 1)];
        (entry >> 24, (entry >> 16) as u8, entry as u16)
    }
}

fn short_value(bits: u32, entry: u16) -> i32 {
    let (length, symbol) = (u32::from(entry >> 8), u32::from(entry as u8));
    let (run, size) = (symbol >> 4, symbol & 15);
    if length > 0 && symbol == 0 {
        return (END << 8 | length) as i32;
    }
    if length == 0 || size == 0 || length + size > FAST {
        return 0;
    }
    let raw = (bits >> (FAST - length - size)) & ((1 << size) - 1);
    extend(raw, size) << 16 | (run << 8 | (length + size)) as i32
}

/// Converts `size` additional bits, 1 to 16, to the value they encode (T.81, figure F.12).
#[inline]
pub(crate) fn extend(raw: u32, size: u32) -> i32 {
    let raw = raw as i32;
    if raw < 1 << (size - 1) {
        raw + 1 - (1 << size)
    } else {
        raw
    }
}

/// Code and length of each symbol, for encoding; the length is 0 for symbols without a code.
#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    codes: [(u16, u8); 256],
}

impl Encoder {
    pub(crate) fn new(spec: &Spec) -> Result<Encoder, Error> {
        let mut codes = [(0, 0); 256];
        for (&symbol, code) in spec.symbols.iter().zip(spec.codes()?) {
            codes[usize::from(symbol)] = code;
        }
        Ok(Encoder { codes })
    }

    /// Returns the code and length of each symbol; the length is 0 for symbols without a code.
    pub(crate) fn codes(&self) -> &[(u16, u8); 256] {
        &self.codes
    }

    /// Returns the code and length of a symbol, or `None` when the table has no code for it.
    #[inline]
    pub(crate) fn code(&self, symbol: u8) -> Option<(u32, u32)> {
        let (code, length) = self.codes[usize::from(symbol)];
        (length > 0).then_some((u32::from(code), u32::from(length)))
    }
}

/// Builds the optimal table for these symbol counts (T.81, K.2). It has at least one code, even
/// when nothing was counted.
pub(crate) fn optimal(counts: &[u32; 256]) -> Spec {
    // The last entry reserves the code of all ones.
    let mut frequency: Vec<u64> = counts.iter().map(|&n| u64::from(n)).collect();
    frequency.push(1);
    let mut size = [0usize; 257];
    let mut next: [Option<usize>; 257] = [None; 257];
    loop {
        let least = |skip: Option<usize>, frequency: &[u64]| {
            (0..257)
                .filter(|&i| frequency[i] > 0 && Some(i) != skip)
                // The standard picks the later one of equals.
                .min_by_key(|&i| (frequency[i], std::cmp::Reverse(i)))
        };
        let Some(a) = least(None, &frequency) else {
            break;
        };
        let Some(b) = least(Some(a), &frequency) else {
            break;
        };
        frequency[a] += frequency[b];
        frequency[b] = 0;
        let mut at = a;
        size[at] += 1;
        while let Some(n) = next[at] {
            at = n;
            size[at] += 1;
        }
        next[at] = Some(b);
        at = b;
        size[at] += 1;
        while let Some(n) = next[at] {
            at = n;
            size[at] += 1;
        }
    }
    let mut lengths = [0u32; 258];
    size.iter()
        .filter(|&&s| s > 0)
        .for_each(|&s| lengths[s] += 1);
    // Shorten codes of more than sixteen bits in pairs (figure K.3).
    for i in (17..lengths.len()).rev() {
        while lengths[i] > 0 {
            let j = (1..i - 1).rev().find(|&j| lengths[j] > 0).unwrap_or(1);
            lengths[i] -= 2;
            lengths[i - 1] += 1;
            lengths[j + 1] += 2;
            lengths[j] -= 1;
        }
    }
    // Drop the reserved code, which is one of the longest.
    if let Some(longest) = (1..=16).rev().find(|&i| lengths[i] > 0) {
        lengths[longest] -= 1;
    }
    let mut symbols: Vec<u8> = (0..=255u8).filter(|&s| size[usize::from(s)] > 0).collect();
    symbols.sort_by_key(|&s| size[usize::from(s)]);
    let mut spec = Spec {
        counts: [0; 16],
        symbols,
    };
    for (count, &n) in spec.counts.iter_mut().zip(&lengths[1..]) {
        *count = n as u8;
    }
    if spec.symbols.is_empty() {
        spec.counts[0] = 1;
        spec.symbols.push(0);
    }
    spec
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn optimal_table_has_a_code_for_every_counted_symbol(counts in prop::collection::vec(prop_oneof![Just(0u32), 0..9u32, 0..4_000_000u32], 256)) {
            let counts: [u32; 256] = counts.try_into().unwrap();
            let spec = optimal(&counts);
            prop_assert_eq!(spec.counts.iter().map(|&n| usize::from(n)).sum::<usize>(), spec.symbols.len());
            let encoder = Encoder::new(&spec).unwrap();
            let decoder = Decoder::new(&spec).unwrap();
            for symbol in 0..=255u8 {
                if counts[usize::from(symbol)] > 0 {
                    let (code, length) = encoder.code(symbol).unwrap();
                    prop_assert_eq!(decoder.symbol(code << (16 - length)).unwrap(), (length, symbol));
                    prop_assert!(code + 1 < 1 << length, "all ones");
                }
            }
        }
    }

    #[test]
    fn extend_matches_the_standard() {
        for (raw, size, value) in [
            (0, 1, -1),
            (1, 1, 1),
            (0, 3, -7),
            (3, 3, -4),
            (4, 3, 4),
            (7, 3, 7),
        ] {
            assert_eq!(extend(raw, size), value);
        }
    }

    #[test]
    fn decoder_rejects_more_codes_than_fit() {
        let mut spec = Spec {
            counts: [0; 16],
            symbols: vec![1, 2, 3],
        };
        spec.counts[0] = 3;
        assert!(Decoder::new(&spec).is_err());
    }
}
