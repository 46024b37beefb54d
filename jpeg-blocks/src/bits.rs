//! Bits of a scan, in and out, and the bytes they are packed in.

use crate::error::Error;

/// What is read beyond the end is zero; whoever reads checks afterwards that it did not.
const BEYOND: usize = 8;

/// The bits of one scan without stuffed bytes, in one run for each restart interval.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    /// The bytes of all intervals, and BEYOND zeros.
    bytes: Vec<u8>,
    /// Where each interval ends, in bytes.
    ends: Vec<u32>,
}

impl Packed {
    /// Takes a scan's data from the start of `data` to the next marker that is no restart marker. Gives back how many bytes it was.
    pub(crate) fn unpack(data: &[u8]) -> Result<(Packed, usize), Error> {
        let mut bytes = Vec::with_capacity(data.len() + BEYOND);
        let mut ends = Vec::new();
        let mut at = 0;
        loop {
            let rest = data.get(at..).unwrap_or_default();
            let plain = memchr::memchr(0xFF, rest).unwrap_or(rest.len());
            bytes.extend_from_slice(&rest[..plain]);
            at += plain;
            // Any number of 0xFF may stand before a marker; before a stuffed zero there is just the one.
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
                        return Err(Error::Damaged("a restart marker is out of order"));
                    }
                    ends.push(end(bytes.len())?);
                    at += fill + 1;
                }
                _ => break,
            }
        }
        ends.push(end(bytes.len())?);
        bytes.extend([0; BEYOND]);
        Ok((Packed { bytes, ends }, at))
    }

    /// How many intervals there are.
    pub(crate) fn intervals(&self) -> usize {
        self.ends.len()
    }

    /// First and last bit of an interval.
    pub(crate) fn span(&self, interval: usize) -> (u32, u32) {
        let start = if interval == 0 {
            0
        } else {
            self.ends[interval - 1]
        };
        (8 * start, 8 * self.ends[interval])
    }

    /// A reader at this bit.
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
    // Bits are counted in 32 bits.
    u32::try_from(length)
        .ok()
        .filter(|&l| l < u32::MAX / 8 - 64)
        .ok_or(Error::TooLarge)
}

/// Reads bits from the front.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, at the top.
    held: u64,
    count: u32,
}

impl Reader<'_> {
    /// Makes at least 32 bits ready.
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

    /// The next sixteen bits, of those that are ready.
    #[inline]
    pub(crate) fn peek16(&self) -> u32 {
        (self.held >> 48) as u32
    }

    /// Leaves out `n` bits that are ready.
    #[inline]
    pub(crate) fn skip(&mut self, n: u32) {
        self.held <<= n;
        self.count -= n;
    }

    /// `n` bits that are ready, 1 to 16.
    #[inline]
    pub(crate) fn take(&mut self, n: u32) -> u32 {
        let bits = (self.held >> (64 - n)) as u32;
        self.skip(n);
        bits
    }

    /// One bit, made ready if need be.
    #[inline]
    pub(crate) fn bit(&mut self) -> bool {
        if self.count == 0 {
            self.fill();
        }
        self.take(1) == 1
    }

    /// Which bit comes next, from the start of the scan.
    #[inline]
    pub(crate) fn position(&self) -> u64 {
        8 * self.at as u64 - u64::from(self.count)
    }
}

/// Writes bits and stuffs what looks like a marker.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
    held: u64,
    count: u32,
}

impl Writer {
    /// Goes on after these bytes.
    pub(crate) fn after(bytes: Vec<u8>) -> Writer {
        Writer {
            bytes,
            held: 0,
            count: 0,
        }
    }

    /// The low `n` bits, at most 32.
    #[inline]
    pub(crate) fn put(&mut self, bits: u32, n: u32) {
        self.held = self.held << n | u64::from(bits);
        self.count += n;
        if self.count >= 32 {
            self.count -= 32;
            let word = ((self.held >> self.count) as u32).to_be_bytes();
            if word.contains(&0xFF) {
                for byte in word {
                    self.bytes.push(byte);
                    if byte == 0xFF {
                        self.bytes.push(0);
                    }
                }
            } else {
                self.bytes.extend_from_slice(&word);
            }
        }
    }

    /// Fills the last byte up with ones.
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
        fn what_is_written_is_read(bits in prop::collection::vec((any::<u16>(), 1u32..=16), 0..200)) {
            let mut writer = Writer::default();
            for &(value, n) in &bits {
                writer.put(u32::from(value) & ((1 << n) - 1), n);
            }
            writer.pad();
            let mut bytes = writer.bytes;
            bytes.extend([0xFF, 0xD9]);
            let (packed, used) = Packed::unpack(&bytes).unwrap();
            prop_assert_eq!(used, bytes.len() - 2);
            let mut reader = packed.reader(0);
            let mut copied = Writer::default();
            let mut at = 0;
            for &(value, n) in &bits {
                reader.fill();
                prop_assert_eq!(reader.take(n), u32::from(value) & ((1 << n) - 1));
                packed.copy(at, at + n, &mut copied);
                at += n;
                prop_assert_eq!(reader.position(), u64::from(at));
            }
            copied.pad();
            prop_assert_eq!(&copied.bytes[..], &bytes[..bytes.len() - 2]);
        }
    }

    #[test]
    fn restart_markers_part_the_intervals_and_keep_their_order() {
        let (packed, used) =
            Packed::unpack(&[1, 0xFF, 0, 0xFF, 0xFF, 0xD0, 2, 0xFF, 0xD1, 0xFF, 0xDA]).unwrap();
        assert_eq!((packed.intervals(), used), (3, 9));
        assert_eq!(
            [packed.span(0), packed.span(1), packed.span(2)],
            [(0, 16), (16, 24), (24, 24)]
        );
        assert!(Packed::unpack(&[1, 0xFF, 0xD1, 2]).is_err());
    }
}
