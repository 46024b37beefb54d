//! Bits of a scan: after a byte of ones, the next byte has only seven (T.87, A.1).

/// A reader of bits.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    buffer: u64,
    filled: u32,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader {
            bytes,
            at: 0,
            buffer: 0,
            filled: 0,
        }
    }

    fn fill(&mut self) {
        while self.filled <= 48 {
            let Some(&byte) = self.bytes.get(self.at) else {
                return;
            };
            let is_stuffed = self.at > 0 && self.bytes[self.at - 1] == 0xFF;
            // A marker ends the scan.
            if is_stuffed && byte >= 0x80 {
                return;
            }
            let bits = if is_stuffed { 7 } else { 8 };
            self.buffer = self.buffer << bits | u64::from(byte);
            self.filled += bits;
            self.at += 1;
        }
    }

    /// Reads bits, 32 at most.
    pub(super) fn bits(&mut self, count: u32) -> Option<u32> {
        if self.filled < count {
            self.fill();
        }
        self.filled = self.filled.checked_sub(count)?;
        Some((self.buffer >> self.filled & ((1u64 << count) - 1)) as u32)
    }

    /// Reads a code of T.87, A.5.3.
    pub(super) fn golomb(&mut self, k: u32, limit: u32, error_bits: u32) -> Option<i32> {
        let most = limit - error_bits - 1;
        let mut zeros = 0;
        while self.bits(1)? == 0 {
            zeros += 1;
            if zeros > most {
                return None;
            }
        }
        let value = match zeros < most {
            true => zeros.checked_shl(k)? | self.bits(k)?,
            false => self.bits(error_bits)? + 1,
        };
        // Twice as much as any error, so that sums of what a damaged stream holds stay in range.
        (value <= 1 << 18).then_some(value as i32)
    }
}

/// A writer of bits.
#[derive(Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    buffer: u64,
    filled: u32,
}

impl Writer {
    /// Writes bits, 32 at most.
    pub(super) fn bits(&mut self, value: u32, count: u32) {
        self.buffer = self.buffer << count | u64::from(value);
        self.filled += count;
        loop {
            let bits = if self.bytes.last() == Some(&0xFF) {
                7
            } else {
                8
            };
            if self.filled < bits {
                return;
            }
            self.filled -= bits;
            let byte = self.buffer >> self.filled & ((1 << bits) - 1);
            self.bytes.push(byte as u8);
        }
    }

    /// Writes a code of T.87, A.5.3.
    pub(super) fn golomb(&mut self, value: i32, k: u32, limit: u32, error_bits: u32) {
        let most = limit - error_bits - 1;
        let value = value.unsigned_abs();
        let zeros = value >> k;
        let (zeros, rest, bits) = match zeros < most {
            true => (zeros, value & ((1 << k) - 1), k),
            false => (most, value - 1, error_bits),
        };
        self.bits(0, zeros / 2);
        self.bits(0, zeros - zeros / 2);
        self.bits(1, 1);
        self.bits(rest, bits);
    }

    /// Returns the bytes, the last filled up with zeros. No scan ends with a byte of ones, whose
    /// stuffed bit would follow.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let bits = if self.bytes.last() == Some(&0xFF) {
            7
        } else {
            8
        };
        if self.filled > 0 {
            self.bits(0, bits - self.filled);
        }
        if self.bytes.last() == Some(&0xFF) {
            self.bytes.push(0);
        }
        self.bytes
    }
}
