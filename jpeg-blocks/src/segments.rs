//! The file as a list of segments, and what the headers say (T.81, annex B).

use crate::{Limits, error::Error, huffman::Spec};

/// The row-major place of each coefficient in the order of the file (T.81, figure A.6).
#[rustfmt::skip]
pub(crate) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// One segment: its marker, and what follows the length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'a> {
    pub(crate) marker: u8,
    pub(crate) payload: &'a [u8],
}

/// Reads the segment at `at`; gives back where the next one starts.
pub(crate) fn segment(bytes: &[u8], at: usize) -> Result<(Segment<'_>, usize), Error> {
    let ends = Error::Damaged("it ends before its end marker");
    if *bytes.get(at).ok_or(ends)? != 0xFF {
        return Err(Error::Damaged("there is no marker where one must be"));
    }
    // Any number of 0xFF may stand before a marker.
    let fill = bytes[at..].iter().take_while(|&&b| b == 0xFF).count();
    let start = at + fill;
    let marker = *bytes.get(start).ok_or(ends)?;
    if marker == 0xD9 {
        let payload = &[];
        return Ok((Segment { marker, payload }, start + 1));
    }
    if matches!(marker, 0 | 1 | 0xD0..=0xD8) {
        return Err(Error::Damaged("there is no marker where one must be"));
    }
    let length = bytes.get(start + 1..start + 3).ok_or(ends)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    let payload = bytes.get(start + 3..start + 1 + length).ok_or(ends)?;
    Ok((Segment { marker, payload }, start + 1 + length))
}

/// One component of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Component {
    pub(crate) id: u8,
    /// Blocks of one MCU across and down.
    pub(crate) h: usize,
    pub(crate) v: usize,
    pub(crate) table: usize,
}

/// The frame header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// 0xC0 baseline, 0xC1 extended sequential, 0xC2 progressive.
    pub(crate) kind: u8,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) components: Vec<Component>,
    pub(crate) h_max: usize,
    pub(crate) v_max: usize,
}

impl Frame {
    pub(crate) fn read(segment: &Segment<'_>, limits: &Limits) -> Result<Frame, Error> {
        let p = segment.payload;
        let [precision, h1, h0, w1, w0, n, ..] = *p else {
            return Err(Error::Damaged("its frame header is too short"));
        };
        if precision != 8 {
            return Err(Error::Unsupported("a JPEG of more than 8 bits"));
        }
        let height = usize::from(u16::from_be_bytes([h1, h0]));
        let width = usize::from(u16::from_be_bytes([w1, w0]));
        if height == 0 {
            return Err(Error::Unsupported("a JPEG that gives its height late"));
        }
        if width == 0 || p.len() != 6 + 3 * usize::from(n) {
            return Err(Error::Damaged("its frame header is wrong"));
        }
        if width as u64 * height as u64 > limits.max_pixels {
            return Err(Error::TooLarge);
        }
        if !matches!(n, 1 | 3 | 4) {
            return Err(Error::Unsupported("a JPEG of an unknown colour space"));
        }
        let mut components: Vec<Component> = p[6..]
            .chunks_exact(3)
            .map(|c| Component {
                id: c[0],
                h: usize::from(c[1] >> 4),
                v: usize::from(c[1] & 15),
                table: usize::from(c[2]),
            })
            .collect();
        let sound = |c: &Component| (1..=4).contains(&c.h) && (1..=4).contains(&c.v) && c.table < 4;
        let twice = |c: &Component| components.iter().filter(|o| o.id == c.id).count() > 1;
        if !components.iter().all(sound) || components.iter().any(twice) {
            return Err(Error::Damaged("its frame header is wrong"));
        }
        if let [only] = components.as_mut_slice() {
            // A single component has blocks in plain order, whatever its factors (T.81, A.2.2).
            (only.h, only.v) = (1, 1);
        }
        let most = |of: fn(&Component) -> usize| components.iter().map(of).max().unwrap_or(1);
        Ok(Frame {
            kind: segment.marker,
            width,
            height,
            h_max: most(|c| c.h),
            v_max: most(|c| c.v),
            components,
        })
    }

    /// MCUs across and down.
    pub(crate) fn mcus(&self) -> (usize, usize) {
        (
            self.width.div_ceil(8 * self.h_max),
            self.height.div_ceil(8 * self.v_max),
        )
    }

    /// Blocks of a component across and down that hold samples of the picture: what a scan of it alone has (T.81, A.2.2).
    pub(crate) fn blocks(&self, c: &Component) -> (usize, usize) {
        (
            (self.width * c.h).div_ceil(self.h_max).div_ceil(8),
            (self.height * c.v).div_ceil(self.v_max).div_ceil(8),
        )
    }

    /// Blocks of a component across and down with those that fill the last MCUs up.
    pub(crate) fn padded(&self, c: &Component) -> (usize, usize) {
        let (across, down) = self.mcus();
        (across * c.h, down * c.v)
    }
}

/// Quantization steps in row-major order.
pub(crate) type Steps = [u16; 64];

/// The tables as they stand at some place in the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    pub(crate) steps: [Option<Steps>; 4],
    pub(crate) dc: [Option<Spec>; 4],
    pub(crate) ac: [Option<Spec>; 4],
    /// MCUs of a restart interval; 0 for none.
    pub(crate) restart: usize,
}

impl Tables {
    /// Reads a DQT segment.
    pub(crate) fn quantization(&mut self, mut p: &[u8]) -> Result<(), Error> {
        let wrong = Error::Damaged("a quantization table is wrong");
        while let Some((&head, rest)) = p.split_first() {
            let wide = head >> 4;
            let length = if wide == 0 { 64 } else { 128 };
            let (values, after) = rest.split_at_checked(length).ok_or(wrong)?;
            let mut steps = [0u16; 64];
            for (i, &place) in ZIGZAG.iter().enumerate() {
                steps[usize::from(place)] = if wide == 0 {
                    u16::from(values[i])
                } else {
                    u16::from_be_bytes([values[2 * i], values[2 * i + 1]])
                };
            }
            if wide > 1 || steps.contains(&0) {
                return Err(wrong);
            }
            *self.steps.get_mut(usize::from(head & 15)).ok_or(wrong)? = Some(steps);
            p = after;
        }
        Ok(())
    }

    /// Reads a DHT segment.
    pub(crate) fn huffman(&mut self, mut p: &[u8]) -> Result<(), Error> {
        let wrong = Error::Damaged("a Huffman table is wrong");
        while let Some((&head, rest)) = p.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or(wrong)?;
            let total = counts.iter().map(|&n| usize::from(n)).sum::<usize>();
            if total > 256 {
                return Err(wrong);
            }
            let (symbols, after) = rest.split_at_checked(total).ok_or(wrong)?;
            let tables = match head >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return Err(wrong),
            };
            *tables.get_mut(usize::from(head & 15)).ok_or(wrong)? = Some(Spec {
                counts: *counts,
                symbols: symbols.to_vec(),
            });
            p = after;
        }
        Ok(())
    }

    /// Reads a DRI segment.
    pub(crate) fn restart(&mut self, p: &[u8]) -> Result<(), Error> {
        let &[high, low] = p else {
            return Err(Error::Damaged("its restart interval is wrong"));
        };
        self.restart = usize::from(u16::from_be_bytes([high, low]));
        Ok(())
    }
}

/// One component's part in a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// Which component of the frame.
    pub(crate) component: usize,
    pub(crate) dc: usize,
    pub(crate) ac: usize,
}

/// A scan header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScanHeader {
    pub(crate) parts: Vec<Part>,
    /// First and last coefficient.
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Bit that was sent before, and the one of this scan.
    pub(crate) high: u32,
    pub(crate) low: u32,
}

impl ScanHeader {
    pub(crate) fn read(p: &[u8], frame: &Frame) -> Result<ScanHeader, Error> {
        let wrong = Error::Damaged("a scan header is wrong");
        let (&n, rest) = p.split_first().ok_or(wrong)?;
        let (parts, rest) = rest.split_at_checked(2 * usize::from(n)).ok_or(wrong)?;
        let &[from, to, bits] = rest else {
            return Err(wrong);
        };
        let mut header = ScanHeader {
            parts: Vec::new(),
            from: usize::from(from),
            to: usize::from(to),
            high: u32::from(bits >> 4),
            low: u32::from(bits & 15),
        };
        for part in parts.chunks_exact(2) {
            let component = frame
                .components
                .iter()
                .position(|c| c.id == part[0])
                .ok_or(wrong)?;
            // They come in the frame's order, each once.
            if header
                .parts
                .last()
                .is_some_and(|last| last.component >= component)
            {
                return Err(wrong);
            }
            let (dc, ac) = (usize::from(part[1] >> 4), usize::from(part[1] & 15));
            if dc > 3 || ac > 3 {
                return Err(wrong);
            }
            header.parts.push(Part { component, dc, ac });
        }
        let blocks: usize = header
            .parts
            .iter()
            .map(|p| frame.components[p.component].h * frame.components[p.component].v)
            .sum();
        if header.parts.is_empty() || (header.parts.len() > 1 && blocks > 10) {
            return Err(wrong);
        }
        let sound = if frame.kind == 0xC2 {
            let band = if header.from == 0 {
                header.to == 0
            } else {
                header.parts.len() == 1
            };
            let bits = header.high == 0 || header.high == header.low + 1;
            band && bits && header.from <= header.to && header.to < 64 && header.low < 14
        } else {
            (header.from, header.to, header.high, header.low) == (0, 63, 0, 0)
        };
        sound.then_some(header).ok_or(wrong)
    }
}
