//! Progressive scans (T.81, annex G): the coefficients come in parts, and are all held until the last part is there.

use crate::{
    bits::{Packed, Reader},
    dct::Coefficients,
    error::Error,
    huffman::{Decoder, extend},
    scan::Layout,
    segments::{Frame, ScanHeader, Tables, ZIGZAG},
};

/// All coefficients of a picture.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    planes: Vec<Held>,
}

#[derive(Debug, Clone)]
struct Held {
    across: usize,
    blocks: Vec<Coefficients>,
    /// For each coefficient: the lowest bit that has come, and none before the first scan of it.
    known: [Option<u32>; 64],
}

impl Store {
    /// Nothing yet.
    pub(crate) fn new(frame: &Frame) -> Store {
        let plane = |c| {
            let (across, down) = frame.padded(c);
            Held {
                across,
                blocks: vec![[0; 64]; across * down],
                known: [None; 64],
            }
        };
        Store {
            planes: frame.components.iter().map(plane).collect(),
        }
    }

    /// A block by its place in its component.
    pub(crate) fn block(&self, component: usize, (x, y): (usize, usize)) -> &Coefficients {
        let plane = &self.planes[component];
        &plane.blocks[y * plane.across + x]
    }

    /// True when every coefficient has come down to its last bit.
    pub(crate) fn is_complete(&self) -> bool {
        self.planes
            .iter()
            .all(|p| p.known.iter().all(|&known| known == Some(0)))
    }

    /// Takes one scan in.
    pub(crate) fn read(
        &mut self,
        frame: &Frame,
        header: &ScanHeader,
        tables: &Tables,
        packed: &Packed,
    ) -> Result<(), Error> {
        self.note(header)?;
        let layout = Layout::new(frame, header, tables.restart);
        layout.check(packed.intervals())?;
        let missing = Error::Damaged("a Huffman table is missing");
        let mut decoders = Vec::new();
        for part in &header.parts {
            // Later bits of DC coefficients come without codes.
            let spec = match (header.from, header.high) {
                (0, 0) => Some(tables.dc[part.dc].as_ref().ok_or(missing)?),
                (0, _) => None,
                _ => Some(tables.ac[part.ac].as_ref().ok_or(missing)?),
            };
            decoders.push(spec.map(Decoder::new).transpose()?);
        }
        for interval in 0..layout.intervals() {
            let (from, to) = packed.span(interval);
            let mut state = State {
                reader: packed.reader(from),
                previous: [0; 4],
                skip: 0,
            };
            let first = interval * layout.interval;
            for unit in first..(first + layout.interval).min(layout.units()) {
                for &place in &layout.blocks {
                    let (x, y) = layout.place(unit, place);
                    let plane = &mut self.planes[header.parts[place.0].component];
                    let c = &mut plane.blocks[y * plane.across + x];
                    state.block(header, place.0, decoders[place.0].as_ref(), c)?;
                }
                if state.reader.position() > u64::from(to) {
                    return Err(Error::Damaged("a scan ends too early"));
                }
            }
            if state.reader.position() + 8 <= u64::from(to) || state.skip > 0 {
                return Err(Error::Damaged("a scan has more data than blocks"));
            }
        }
        Ok(())
    }

    /// Notes which bits come, and refuses those that come twice or before earlier ones.
    fn note(&mut self, header: &ScanHeader) -> Result<(), Error> {
        let wrong = Error::Damaged("its scans are out of order");
        for part in &header.parts {
            let known = &mut self.planes[part.component].known;
            if header.from > 0 && known[0].is_none() {
                return Err(wrong);
            }
            for known in &mut known[header.from..=header.to] {
                let expected = if header.high == 0 {
                    None
                } else {
                    Some(header.high)
                };
                if *known != expected {
                    return Err(wrong);
                }
                *known = Some(header.low);
            }
        }
        Ok(())
    }
}

struct State<'a> {
    reader: Reader<'a>,
    previous: [i32; 4],
    /// How many blocks more end where they begin.
    skip: u32,
}

impl State<'_> {
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
            (_, _, Some(decoder)) => self.more_ac(header, decoder, c),
            _ => Err(Error::Damaged("a Huffman table is missing")),
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
            return Err(Error::Damaged("a coefficient is out of range"));
        }
        let previous = &mut self.previous[part];
        if size > 0 {
            *previous += extend(self.reader.take(size), size);
        }
        let value = *previous << low;
        if previous.abs() > 2047 || value.abs() > 2047 {
            return Err(Error::Damaged("a coefficient is out of range"));
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
        if self.skip > 0 {
            self.skip -= 1;
            return Ok(());
        }
        let mut k = header.from;
        while k <= header.to {
            let symbol = self.symbol(decoder)?;
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            match (run, size) {
                (15, 0) => k += 16,
                (_, 0) => {
                    self.skip = self.end_of_band(run) - 1;
                    return Ok(());
                }
                (_, 1..=10) => {
                    k += run as usize;
                    if k > header.to {
                        return Err(Error::Damaged("a block has too many coefficients"));
                    }
                    let value = extend(self.reader.take(size), size) << header.low;
                    if value.abs() > 1023 {
                        return Err(Error::Damaged("a coefficient is out of range"));
                    }
                    c[usize::from(ZIGZAG[k])] = value as i16;
                    k += 1;
                }
                _ => return Err(Error::Damaged("a coefficient is out of range")),
            }
        }
        Ok(())
    }

    /// How many blocks, this one with them, have nothing more in this band.
    fn end_of_band(&mut self, run: u32) -> u32 {
        if run == 0 {
            return 1;
        }
        self.reader.fill();
        (1 << run) + self.reader.take(run)
    }

    fn more_ac(
        &mut self,
        header: &ScanHeader,
        decoder: &Decoder,
        c: &mut Coefficients,
    ) -> Result<(), Error> {
        let bit = 1i16 << header.low;
        let mut k = header.from;
        if self.skip == 0 {
            while k <= header.to {
                let symbol = self.symbol(decoder)?;
                let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
                let mut new = 0;
                match (run, size) {
                    (_, 0) if run < 15 => {
                        self.skip = self.end_of_band(run);
                        break;
                    }
                    (15, 0) => {}
                    (_, 1) => new = if self.reader.bit() { bit } else { -bit },
                    _ => return Err(Error::Damaged("a coefficient is out of range")),
                }
                // The run counts coefficients that are still zero; those that are not get their next bit in passing.
                let mut zeros = run;
                while k <= header.to {
                    let value = &mut c[usize::from(ZIGZAG[k])];
                    if *value != 0 {
                        refine(&mut self.reader, value, bit);
                    } else if zeros == 0 {
                        *value = new;
                        break;
                    } else {
                        zeros -= 1;
                    }
                    k += 1;
                }
                if k > header.to && new != 0 {
                    return Err(Error::Damaged("a block has too many coefficients"));
                }
                k += 1;
            }
        }
        if self.skip > 0 {
            for &place in ZIGZAG.get(k..=header.to).unwrap_or_default() {
                let value = &mut c[usize::from(place)];
                if *value != 0 {
                    refine(&mut self.reader, value, bit);
                }
            }
            self.skip -= 1;
        }
        Ok(())
    }
}

fn refine(reader: &mut Reader<'_>, value: &mut i16, bit: i16) {
    if reader.bit() && *value & bit == 0 {
        *value += if *value > 0 { bit } else { -bit };
    }
}
