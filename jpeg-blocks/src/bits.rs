//! Reading and writing the entropy-coded bits of a scan, with byte stuffing (T.81, F.1.2.3).

use crate::error::Error;

/// Zero bytes after the data. Readers may run into them, so callers check the position afterwards.
const PADDING: usize = 8;

/// The entropy-coded data of one scan with byte stuffing removed, one run of bits per restart
/// interval.
#[derive(Debug, Clone)]
pub(crate) struct ScanBits {
    /// The bytes of all intervals, followed by `PADDING` zeros.
    bytes: Vec<u8>,
    /// End offset of each interval, in bytes.
    ends: Vec<u32>,
}

impl ScanBits {
    /// Reads a scan's data from the start of `data` to the next marker other than a restart marker.
    /// Returns the data and its length in the file.
    pub(crate) fn unstuff(data: &[u8]) -> Result<(ScanBits, usize), Error> {
        let mut bytes = Vec::with_capacity(data.len() + PADDING);
        let mut ends = Vec::new();
        let mut at = 0;
        loop {
            let rest = data.get(at..).unwrap_or_default();
            let plain = memchr::memchr(0xFF, rest).unwrap_or(rest.len());
            bytes.extend_from_slice(&rest[..plain]);
            at += plain;
            // Any number of 0xFF fill bytes may precede a marker, but exactly one a stuffed zero.
            let fill = data[at.min(data.len())..]
                .iter()
                .take_while(|&&b| b == 0xFF)
                .count();
            match data.get(at + fill) {
                Some(0) if fill == 1 => {
                    bytes.push(0xFF);
                    at += 2;
                }
                Some(&marker @ 0xD0..=0xD7) if fill > 0 => {
                    if usize::from(marker & 7) != ends.len() % 8 {
                        return Err(Error::Damaged("restart marker out of order"));
                    }
                    ends.push(end(bytes.len())?);
                    at += fill + 1;
                }
                _ => break,
            }
        }
        ends.push(end(bytes.len())?);
        bytes.extend([0; PADDING]);
        Ok((ScanBits { bytes, ends }, at))
    }

    /// Number of restart intervals.
    pub(crate) fn intervals(&self) -> usize {
        self.ends.len()
    }

    /// Start and end of an interval, in bits.
    pub(crate) fn bit_range(&self, interval: usize) -> (u32, u32) {
        let start = if interval == 0 {
            0
        } else {
            self.ends[interval - 1]
        };
        (8 * start, 8 * self.ends[interval])
    }

    /// Reports whether data ends in an interval's last byte at this bit. Some encoders write zero
    /// bytes between the end of the last interval and the next marker.
    pub(crate) fn ends_at(&self, bit: u64, interval: usize) -> bool {
        let (_, to) = self.bit_range(interval);
        let rest = bit.div_ceil(8) as usize..(to / 8) as usize;
        let is_last = interval + 1 == self.intervals();
        rest.is_empty()
            || is_last
                && self
                    .bytes
                    .get(rest)
                    .is_some_and(|rest| rest.iter().all(|&b| b == 0))
    }

    /// Returns a reader positioned at this bit.
    #[inline]
    pub(crate) fn reader(&self, bit: u32) -> Reader<'_> {
        let mut reader = Reader {
            bytes: &self.bytes,
            at: (bit / 8) as usize,
            held: 0,
            count: 0,
        };
        reader.fill();
        reader.skip(bit % 8);
        reader
    }

    /// Copies the bits from `from` to `to`.
    pub(crate) fn copy(&self, from: u32, to: u32, out: &mut Writer) {
        let mut reader = self.reader(from);
        let mut left = to.saturating_sub(from);
        while left > 0 {
            let n = left.min(32);
            reader.fill();
            out.put((reader.held >> (64 - n)) as u32, n);
            reader.skip(n);
            left -= n;
        }
    }
}

fn end(length: usize) -> Result<u32, Error> {
    // Bit positions are stored in 32 bits.
    u32::try_from(length)
        .ok()
        .filter(|&l| l < u32::MAX / 8 - 64)
        .ok_or(Error::TooLarge)
}

/// Reads bits, most significant first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Buffered bits, left-aligned.
    held: u64,
    count: u32,
}

impl Reader<'_> {
    /// Buffers at least 32 bits.
    #[inline]
    pub(crate) fn fill(&mut self) {
        if self.count <= 32 {
            let word = match self.bytes.get(self.at..self.at + 4) {
                Some(b) => u32::from_be_bytes([b[0], b[1], b[2], b[3]]),
                None => 0,
            };
            self.held |= u64::from(word) << (32 - self.count);
            self.at += 4;
            self.count += 32;
        }
    }

    /// Returns the next sixteen buffered bits without consuming them.
    #[inline]
    pub(crate) fn peek16(&self) -> u32 {
        (self.held >> 48) as u32
    }

    /// Consumes `n` buffered bits.
    #[inline]
    pub(crate) fn skip(&mut self, n: u32) {
        self.held <<= n;
        self.count -= n;
    }

    /// Consumes and returns `n` buffered bits, 1 to 16.
    #[inline]
    pub(crate) fn take(&mut self, n: u32) -> u32 {
        let bits = (self.held >> (64 - n)) as u32;
        self.skip(n);
        bits
    }

    /// Consumes and returns one bit, refilling the buffer when it is empty.
    #[inline]
    pub(crate) fn bit(&mut self) -> bool {
        if self.count == 0 {
            self.fill();
        }
        self.take(1) == 1
    }

    /// Position of the next bit, from the start of the scan.
    #[inline]
    pub(crate) fn position(&self) -> u64 {
        8 * self.at as u64 - u64::from(self.count)
    }
}

/// Writes bits, stuffing a zero after each 0xFF so that no data looks like a marker.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
    held: u64,
    count: u32,
}

impl Writer {
    /// Creates a writer that appends to these bytes.
    pub(crate) fn after(bytes: Vec<u8>) -> Writer {
        Writer {
            bytes,
            held: 0,
            count: 0,
        }
    }

    /// Writes the low `n` bits, at most 32.
    #[inline]
    pub(crate) fn put(&mut self, bits: u32, n: u32) {
        self.put_all([(bits, n)].into_iter());
    }

    /// Writes the low `n` bits of each, at most 32.
    #[inline(always)]
    pub(crate) fn put_all(&mut self, all: impl Iterator<Item = (u32, u32)>) {
        // Copies stay in registers.
        let (mut held, mut count) = (self.held, self.count);
        for (bits, n) in all {
            held = held << n | u64::from(bits);
            count += n;
            if count >= 32 {
                count -= 32;
                let word = (held >> count) as u32;
                // The top bit of each byte that is 0xFF, and perhaps of others beside such a one.
                let full = word & (!word).wrapping_sub(0x0101_0101) & 0x8080_8080;
                let word = word.to_be_bytes();
                if full != 0 {
                    self.stuffed(word);
                } else {
                    self.bytes.extend_from_slice(&word);
                }
            }
        }
        (self.held, self.count) = (held, count);
    }

    #[inline(never)]
    fn stuffed(&mut self, word: [u8; 4]) {
        for byte in word {
            self.bytes.push(byte);
            if byte == 0xFF {
                self.bytes.push(0);
            }
        }
    }

    /// Pads the last byte with ones.
    pub(crate) fn pad(&mut self) {
        if !self.count.is_multiple_of(8) {
            let n = 8 - self.count % 8;
            self.put((1 << n) - 1, n);
        }
        while self.count > 0 {
            self.count -= 8;
            let byte = (self.held >> self.count) as u8;
            self.bytes.push(byte);
            if byte == 0xFF {
                self.bytes.push(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn reader_returns_written_bits(bits in prop::collection::vec((any::<u16>(), 1u32..=16), 0..200)) {
            let mut writer = Writer::default();
            for &(value, n) in &bits {
                writer.put(u32::from(value) & ((1 << n) - 1), n);
            }
            writer.pad();
            let mut bytes = writer.bytes;
            bytes.extend([0xFF, 0xD9]);
            let (data, used) = ScanBits::unstuff(&bytes).unwrap();
            prop_assert_eq!(used, bytes.len() - 2);
            let mut reader = data.reader(0);
            let mut copied = Writer::default();
            let mut at = 0;
            for &(value, n) in &bits {
                reader.fill();
                prop_assert_eq!(reader.take(n), u32::from(value) & ((1 << n) - 1));
                data.copy(at, at + n, &mut copied);
                at += n;
                prop_assert_eq!(reader.position(), u64::from(at));
            }
            copied.pad();
            prop_assert_eq!(&copied.bytes[..], &bytes[..bytes.len() - 2]);
        }
    }

    #[test]
    fn restart_markers_separate_intervals_and_must_be_in_order() {
        let (data, used) =
            ScanBits::unstuff(&[1, 0xFF, 0, 0xFF, 0xFF, 0xD0, 2, 0xFF, 0xD1, 0xFF, 0xDA]).unwrap();
        assert_eq!((data.intervals(), used), (3, 9));
        assert_eq!(
            [data.bit_range(0), data.bit_range(1), data.bit_range(2)],
            [(0, 16), (16, 24), (24, 24)]
        );
        assert!(ScanBits::unstuff(&[1, 0xFF, 0xD1, 2]).is_err());
    }
}
