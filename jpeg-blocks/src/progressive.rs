//! Progressive scans (T.81, annex G). Coefficients arrive over several scans and are all held in
//! memory.

use crate::{
    bits::{Reader, ScanBits},
    block::Block,
    dct::Coefficients,
    error::Error,
    headers::{Frame, ScanHeader, Tables, ZIGZAG},
    huffman::{Decoder, extend},
    scan::Layout,
    sequential::Visitor,
};

/// All coefficients of a picture, refined scan by scan.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    planes: Vec<Plane>,
}

#[derive(Debug, Clone)]
struct Plane {
    across: usize,
    blocks: Vec<Coefficients>,
    /// For each coefficient: the lowest bit received, or `None` before its first scan.
    received: [Option<u32>; 64],
}

impl Store {
    /// Creates a store with all coefficients zero and none received.
    pub(crate) fn new(frame: &Frame) -> Store {
        let plane = |c| {
            let (across, down) = frame.padded(c);
            Plane {
                across,
                blocks: vec![[0; 64]; across * down],
                received: [None; 64],
            }
        };
        Store {
            planes: frame.components.iter().map(plane).collect(),
        }
    }

    /// Returns a block, given its position in its component.
    pub(crate) fn block(&self, component: usize, (x, y): (usize, usize)) -> &Coefficients {
        let plane = &self.planes[component];
        &plane.blocks[y * plane.across + x]
    }

    /// Shows every block to a visitor.
    pub(crate) fn visit<V: Visitor>(&self, frame: &Frame, visitor: &mut V) {
        for (i, component) in frame.components.iter().enumerate() {
            let (across, down) = frame.blocks(component);
            for place in (0..down).flat_map(|y| (0..across).map(move |x| (x, y))) {
                let block = Block::new(self.block(i, place));
                let mut sums = V::Sums::default();
                for (k, value) in block.nonzero() {
                    visitor.add(&mut sums, k, i32::from(value));
                }
                visitor.block(i, place, &block, sums);
            }
        }
    }

    /// Reports whether every coefficient has been received down to its last bit.
    pub(crate) fn is_complete(&self) -> bool {
        self.planes
            .iter()
            .all(|p| p.received.iter().all(|&received| received == Some(0)))
    }

    /// Decodes one scan.
    pub(crate) fn read(
        &mut self,
        frame: &Frame,
        header: &ScanHeader,
        tables: &Tables,
        data: &ScanBits,
    ) -> Result<(), Error> {
        self.record_bits(header)?;
        let layout = Layout::new(frame, header, tables.restart);
        layout.check(data.intervals())?;
        let missing = Error::Damaged("Huffman table missing");
        let mut decoders = Vec::new();
        for part in &header.parts {
            // Refinement scans of DC coefficients have no Huffman codes.
            let spec = match (header.from, header.high) {
                (0, 0) => Some(tables.dc[part.dc].as_ref().ok_or(missing)?),
                (0, _) => None,
                _ => Some(tables.ac[part.ac].as_ref().ok_or(missing)?),
            };
            decoders.push(spec.map(Decoder::new).transpose()?);
        }
        for interval in 0..layout.intervals() {
            let (from, to) = data.bit_range(interval);
            let mut decoder = IntervalDecoder {
                reader: data.reader(from),
                previous: [0; 4],
                eob_run: 0,
            };
            let first = interval * layout.interval;
            for unit in first..(first + layout.interval).min(layout.units()) {
                let position = layout.position(unit);
                for &place in &layout.blocks {
                    let (x, y) = layout.place(position, place);
                    let plane = &mut self.planes[header.parts[place.0].component];
                    let c = &mut plane.blocks[y * plane.across + x];
                    decoder.block(header, place.0, decoders[place.0].as_ref(), c)?;
                }
                if decoder.reader.position() > u64::from(to) {
                    return Err(Error::Damaged("scan data too short"));
                }
            }
            if !data.ends_at(decoder.reader.position(), interval) || decoder.eob_run > 0 {
                return Err(Error::Damaged("scan data too long"));
            }
        }
        Ok(())
    }

    /// Records the bits that a scan sends; rejects bits sent twice or before the ones above them.
    fn record_bits(&mut self, header: &ScanHeader) -> Result<(), Error> {
        let wrong = Error::Damaged("scans out of order");
        for part in &header.parts {
            let received = &mut self.planes[part.component].received;
            if header.from > 0 && received[0].is_none() {
                return Err(wrong);
            }
            for received in &mut received[header.from..=header.to] {
                let expected = if header.high == 0 {
                    None
                } else {
                    Some(header.high)
                };
                if *received != expected {
                    return Err(wrong);
                }
                *received = Some(header.low);
            }
        }
        Ok(())
    }
}

/// Decoder state of one restart interval.
struct IntervalDecoder<'a> {
    reader: Reader<'a>,
    previous: [i32; 4],
    /// End-of-band run (EOBRUN): number of following blocks with no further coefficients in the
    /// band.
    eob_run: u32,
}

impl IntervalDecoder<'_> {
    fn block(
        &mut self,
        header: &ScanHeader,
        part: usize,
        decoder: Option<&Decoder>,
        c: &mut Coefficients,
    ) -> Result<(), Error> {
        match (header.from, header.high, decoder) {
            (0, 0, Some(decoder)) => self.first_dc(header.low, part, decoder, c),
            (0, _, _) => {
                self.reader.fill();
                c[0] |= i16::from(self.reader.bit()) << header.low;
                Ok(())
            }
            (_, 0, Some(decoder)) => self.first_ac(header, decoder, c),
            (_, _, Some(decoder)) => self.refine_ac(header, decoder, c),
            _ => Err(Error::Damaged("Huffman table missing")),
        }
    }

    fn symbol(&mut self, decoder: &Decoder) -> Result<u8, Error> {
        self.reader.fill();
        let (length, symbol) = decoder.symbol(self.reader.peek16())?;
        self.reader.skip(length);
        Ok(symbol)
    }

    fn first_dc(
        &mut self,
        low: u32,
        part: usize,
        decoder: &Decoder,
        c: &mut Coefficients,
    ) -> Result<(), Error> {
        let size = u32::from(self.symbol(decoder)?);
        if size > 11 {
            return Err(Error::Damaged("coefficient out of range"));
        }
        let previous = &mut self.previous[part];
        if size > 0 {
            *previous += extend(self.reader.take(size), size);
        }
        let value = *previous << low;
        if previous.abs() > 2047 || value.abs() > 2047 {
            return Err(Error::Damaged("coefficient out of range"));
        }
        c[0] = value as i16;
        Ok(())
    }

    fn first_ac(
        &mut self,
        header: &ScanHeader,
        decoder: &Decoder,
        c: &mut Coefficients,
    ) -> Result<(), Error> {
        if self.eob_run > 0 {
            self.eob_run -= 1;
            return Ok(());
        }
        let mut k = header.from;
        while k <= header.to {
            let symbol = self.symbol(decoder)?;
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            match (run, size) {
                (15, 0) => k += 16,
                (_, 0) => {
                    self.eob_run = self.end_of_band(run) - 1;
                    return Ok(());
                }
                (_, 1..=10) => {
                    k += run as usize;
                    if k > header.to {
                        return Err(Error::Damaged("too many coefficients in a block"));
                    }
                    let value = extend(self.reader.take(size), size) << header.low;
                    if value.abs() > 1023 {
                        return Err(Error::Damaged("coefficient out of range"));
                    }
                    c[usize::from(ZIGZAG[k])] = value as i16;
                    k += 1;
                }
                _ => return Err(Error::Damaged("coefficient out of range")),
            }
        }
        Ok(())
    }

    /// Reads the length of an end-of-band run, including the current block.
    fn end_of_band(&mut self, run: u32) -> u32 {
        if run == 0 {
            return 1;
        }
        self.reader.fill();
        (1 << run) + self.reader.take(run)
    }

    fn refine_ac(
        &mut self,
        header: &ScanHeader,
        decoder: &Decoder,
        c: &mut Coefficients,
    ) -> Result<(), Error> {
        let bit = 1i16 << header.low;
        let mut k = header.from;
        if self.eob_run == 0 {
            while k <= header.to {
                let symbol = self.symbol(decoder)?;
                let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
                let mut new = 0;
                match (run, size) {
                    (_, 0) if run < 15 => {
                        self.eob_run = self.end_of_band(run);
                        break;
                    }
                    (15, 0) => {}
                    (_, 1) => new = if self.reader.bit() { bit } else { -bit },
                    _ => return Err(Error::Damaged("coefficient out of range")),
                }
                // The run counts coefficients that are still zero. Non-zero ones in between are
                // refined.
                let mut zeros = run;
                while k <= header.to {
                    let value = &mut c[usize::from(ZIGZAG[k])];
                    if *value != 0 {
                        refine_coefficient(&mut self.reader, value, bit);
                    } else if zeros == 0 {
                        *value = new;
                        break;
                    } else {
                        zeros -= 1;
                    }
                    k += 1;
                }
                if k > header.to && new != 0 {
                    return Err(Error::Damaged("too many coefficients in a block"));
                }
                k += 1;
            }
        }
        if self.eob_run > 0 {
            for &place in ZIGZAG.get(k..=header.to).unwrap_or_default() {
                let value = &mut c[usize::from(place)];
                if *value != 0 {
                    refine_coefficient(&mut self.reader, value, bit);
                }
            }
            self.eob_run -= 1;
        }
        Ok(())
    }
}

fn refine_coefficient(reader: &mut Reader<'_>, value: &mut i16, bit: i16) {
    if reader.bit() && *value & bit == 0 {
        *value += if *value > 0 { bit } else { -bit };
    }
}
