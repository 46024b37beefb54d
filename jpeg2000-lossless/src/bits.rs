//! Bits of packet headers (B.10.1): after a byte 0xFF the highest bit is 0.

/// Writes bits, the highest first.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
    current: u8,
    /// Bits that the current byte has.
    used: u32,
}

impl Writer {
    pub(crate) fn bit(&mut self, bit: bool) {
        self.current = self.current << 1 | u8::from(bit);
        self.used += 1;
        if self.used == 8 {
            self.bytes.push(self.current);
            // A bit that is not used.
            self.used = u32::from(self.current == 0xFF);
            self.current = 0;
        }
    }

    /// Writes the lowest bits of a number.
    pub(crate) fn bits(&mut self, number: u32, count: u32) {
        (0..count)
            .rev()
            .for_each(|at| self.bit(number >> at & 1 == 1));
    }

    /// Fills the last byte with zeros; a header doesn't end with 0xFF.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        while self.used > 0 {
            self.bit(false);
        }
        self.bytes
    }
}
