//! Huffman tables (T.81, annexes C, F and K): to decode with, to encode with, and the best ones for given counts.

use crate::error::Error;

/// Bits that are looked up at once.
const FAST: u32 = 10;

/// A table as a DHT segment gives it: how many codes there are of each length, and the symbols in order of their codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) counts: [u8; 16],
    pub(crate) symbols: Vec<u8>,
}

impl Spec {
    /// The codes with their lengths, in order. Codes of all ones are not allowed, and there is room for all.
    fn codes(&self) -> Result<Vec<(u16, u8)>, Error> {
        let mut codes = Vec::with_capacity(self.symbols.len());
        let mut code = 0u32;
        for (length, &count) in (1u8..=16).zip(&self.counts) {
            for _ in 0..count {
                if code + 1 >= 1 << length {
                    // Some encoders do give the code of all ones away; no decoder minds, as long as it fits.
                    if code >= 1 << length {
                        return Err(Error::Damaged("a Huffman table has too many codes"));
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

/// What is decoded with.
#[derive(Debug, Clone)]
pub(crate) struct Decoder {
    /// For the next FAST bits: the code's length and symbol, or 0 where it is longer or there is none.
    fast: Vec<u16>,
    /// For the next FAST bits of an AC code whose value is among them too: value, run of zeros, bits of both; or 0.
    values: Vec<i32>,
    /// For each length above FAST: the first code of the next length, and where its symbols are.
    limits: [(u32, i32); 17],
    symbols: Vec<u8>,
}

impl Decoder {
    pub(crate) fn new(spec: &Spec) -> Result<Decoder, Error> {
        let codes = spec.codes()?;
        let mut fast = vec![0u16; 1 << FAST];
        for (&(code, length), &symbol) in codes.iter().zip(&spec.symbols) {
            let length = u32::from(length);
            if length <= FAST {
                let first = usize::from(code) << (FAST - length);
                let entry = (length as u16) << 8 | u16::from(symbol);
                fast[first..first + (1 << (FAST - length))].fill(entry);
            }
        }
        let values = (0u32..1 << FAST)
            .map(|bits| value_of(bits, fast[bits as usize]))
            .collect();
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

    /// The length and symbol of the code at the top of `bits`, 16 of them.
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
                    .ok_or(Error::Damaged("a code that is in no table"));
            }
        }
        Err(Error::Damaged("a code that is in no table"))
    }

    /// Value, run and bits of a whole AC coefficient at the top of `bits`, 16 of them, where it is short; bits are 0 where not.
    #[inline]
    pub(crate) fn value(&self, bits: u32) -> (i32, u32, u32) {
        let entry = self.values[(bits >> (16 - FAST)) as usize & ((1 << FAST) - 1)];
        (entry >> 16, (entry >> 8) as u32 & 0xFF, entry as u32 & 0xFF)
    }
}

fn value_of(bits: u32, entry: u16) -> i32 {
    let (length, symbol) = (u32::from(entry >> 8), u32::from(entry as u8));
    let (run, size) = (symbol >> 4, symbol & 15);
    if length == 0 || size == 0 || length + size > FAST {
        return 0;
    }
    let raw = (bits >> (FAST - length - size)) & ((1 << size) - 1);
    extend(raw, size) << 16 | (run << 8 | (length + size)) as i32
}

/// The value that `size` bits stand for (T.81, F.12); `size` is 1 to 16.
#[inline]
pub(crate) fn extend(raw: u32, size: u32) -> i32 {
    let raw = raw as i32;
    if raw < 1 << (size - 1) {
        raw + 1 - (1 << size)
    } else {
        raw
    }
}

/// What is encoded with: code and length of each symbol; length 0 where it has none.
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

    /// Code and length of a symbol; none where the table lacks it.
    #[inline]
    pub(crate) fn code(&self, symbol: u8) -> Option<(u32, u32)> {
        let (code, length) = self.codes[usize::from(symbol)];
        (length > 0).then_some((u32::from(code), u32::from(length)))
    }
}

/// The best table for these counts of symbols (T.81, K.2). Where nothing was counted there is still one code.
pub(crate) fn best(counts: &[u32; 256]) -> Spec {
    // The last entry reserves the code of all ones.
    let mut frequency: Vec<u64> = counts.iter().map(|&n| u64::from(n)).collect();
    frequency.push(1);
    let mut size = [0usize; 257];
    let mut next: [Option<usize>; 257] = [None; 257];
    loop {
        let least = |skip: Option<usize>, frequency: &[u64]| {
            (0..257)
                .filter(|&i| frequency[i] > 0 && Some(i) != skip)
                // Of equals the later, as the standard has it.
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
    // Codes longer than sixteen bits are made shorter in pairs (figure K.3).
    for i in (17..lengths.len()).rev() {
        while lengths[i] > 0 {
            let j = (1..i - 1).rev().find(|&j| lengths[j] > 0).unwrap_or(1);
            lengths[i] -= 2;
            lengths[i - 1] += 1;
            lengths[j + 1] += 2;
            lengths[j] -= 1;
        }
    }
    // The reserved code goes: it is one of the longest.
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
        fn the_best_table_has_a_code_for_all_that_was_counted(counts in prop::collection::vec(prop_oneof![Just(0u32), 0..9u32, 0..4_000_000u32], 256)) {
            let counts: [u32; 256] = counts.try_into().unwrap();
            let spec = best(&counts);
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
    fn extension_is_the_standards() {
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
    fn more_codes_than_fit_are_refused() {
        let mut spec = Spec {
            counts: [0; 16],
            symbols: vec![1, 2, 3],
        };
        spec.counts[0] = 3;
        assert!(Decoder::new(&spec).is_err());
    }
}
