//! Frame and scan headers, and tables (T.81, B.2).

use crate::{
    Limits,
    error::Error,
    huffman::Spec,
    markers::{SOF2, Segment},
};

/// Row-major index of each coefficient in zigzag order, the order of the file (T.81, figure A.6).
#[rustfmt::skip]
pub const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// A component of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Component {
    pub(crate) id: u8,
    /// Horizontal sampling factor: width of an MCU in blocks of this component.
    pub(crate) h: usize,
    /// Vertical sampling factor: height of an MCU in blocks of this component.
    pub(crate) v: usize,
    /// Index of the quantization table.
    pub(crate) table: usize,
}

/// Frame header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Marker of the frame: SOF0, SOF1 or SOF2.
    pub(crate) marker: u8,
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
            return Err(Error::Damaged("frame header too short"));
        };
        if precision != 8 {
            return Err(Error::Unsupported("a sample precision of more than 8 bits"));
        }
        let height = usize::from(u16::from_be_bytes([h1, h0]));
        let width = usize::from(u16::from_be_bytes([w1, w0]));
        if height == 0 {
            return Err(Error::Unsupported("a height in a DNL segment"));
        }
        if width == 0 || p.len() != 6 + 3 * usize::from(n) {
            return Err(Error::Damaged("invalid frame header"));
        }
        if width as u64 * height as u64 > limits.max_pixels {
            return Err(Error::TooLarge);
        }
        if !matches!(n, 1 | 3 | 4) {
            return Err(Error::Unsupported(
                "a color space other than gray, three or four components",
            ));
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
        let valid = |c: &Component| (1..=4).contains(&c.h) && (1..=4).contains(&c.v) && c.table < 4;
        let duplicate = |c: &Component| components.iter().filter(|o| o.id == c.id).count() > 1;
        if !components.iter().all(valid) || components.iter().any(duplicate) {
            return Err(Error::Damaged("invalid frame header"));
        }
        if let [only] = components.as_mut_slice() {
            // The blocks of a single component are not interleaved, whatever its sampling factors
            // (T.81, A.2.2).
            (only.h, only.v) = (1, 1);
        }
        let max = |of: fn(&Component) -> usize| components.iter().map(of).max().unwrap_or(1);
        Ok(Frame {
            marker: segment.marker,
            width,
            height,
            h_max: max(|c| c.h),
            v_max: max(|c| c.v),
            components,
        })
    }

    /// Width and height in MCUs.
    pub(crate) fn mcus(&self) -> (usize, usize) {
        (
            self.width.div_ceil(8 * self.h_max),
            self.height.div_ceil(8 * self.v_max),
        )
    }

    /// Width and height of a component in blocks that contain samples of the picture, as in a
    /// non-interleaved scan (T.81, A.2.2).
    pub(crate) fn blocks(&self, c: &Component) -> (usize, usize) {
        (
            (self.width * c.h).div_ceil(self.h_max).div_ceil(8),
            (self.height * c.v).div_ceil(self.v_max).div_ceil(8),
        )
    }

    /// Width and height of a component in blocks, including the padding of the last MCUs.
    pub(crate) fn padded(&self, c: &Component) -> (usize, usize) {
        let (across, down) = self.mcus();
        (across * c.h, down * c.v)
    }
}

/// Quantization steps of a block in row-major order.
pub(crate) type Steps = [u16; 64];

/// Tables in effect at some point of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    pub(crate) steps: [Option<Steps>; 4],
    pub(crate) dc: [Option<Spec>; 4],
    pub(crate) ac: [Option<Spec>; 4],
    /// Restart interval in MCUs; 0 for none.
    pub(crate) restart: usize,
}

impl Tables {
    /// Reads a DQT segment.
    pub(crate) fn quantization(&mut self, mut p: &[u8]) -> Result<(), Error> {
        let invalid = Error::Damaged("invalid quantization table");
        while let Some((&head, rest)) = p.split_first() {
            let wide = head >> 4;
            let length = if wide == 0 { 64 } else { 128 };
            let (values, after) = rest.split_at_checked(length).ok_or(invalid)?;
            let mut steps = [0u16; 64];
            for (i, &place) in ZIGZAG.iter().enumerate() {
                steps[usize::from(place)] = if wide == 0 {
                    u16::from(values[i])
                } else {
                    u16::from_be_bytes([values[2 * i], values[2 * i + 1]])
                };
            }
            if wide > 1 || steps.contains(&0) {
                return Err(invalid);
            }
            *self.steps.get_mut(usize::from(head & 15)).ok_or(invalid)? = Some(steps);
            p = after;
        }
        Ok(())
    }

    /// Reads a DHT segment.
    pub(crate) fn huffman(&mut self, mut p: &[u8]) -> Result<(), Error> {
        let invalid = Error::Damaged("invalid Huffman table");
        while let Some((&head, rest)) = p.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or(invalid)?;
            let total = counts.iter().map(|&n| usize::from(n)).sum::<usize>();
            if total > 256 {
                return Err(invalid);
            }
            let (symbols, after) = rest.split_at_checked(total).ok_or(invalid)?;
            let tables = match head >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return Err(invalid),
            };
            *tables.get_mut(usize::from(head & 15)).ok_or(invalid)? = Some(Spec {
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
            return Err(Error::Damaged("invalid restart interval"));
        };
        self.restart = usize::from(u16::from_be_bytes([high, low]));
        Ok(())
    }
}

/// A component's entry in a scan header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// Index of the component in the frame.
    pub(crate) component: usize,
    /// Index of its DC table.
    pub(crate) dc: usize,
    /// Index of its AC table.
    pub(crate) ac: usize,
}

/// Scan header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScanHeader {
    pub(crate) parts: Vec<Part>,
    /// First coefficient of the band, in zigzag order (Ss).
    pub(crate) from: usize,
    /// Last coefficient of the band, in zigzag order (Se).
    pub(crate) to: usize,
    /// Lowest bit sent by earlier scans, or 0 in the first (Ah).
    pub(crate) high: u32,
    /// Lowest bit sent by this scan (Al).
    pub(crate) low: u32,
}

impl ScanHeader {
    pub(crate) fn read(p: &[u8], frame: &Frame) -> Result<ScanHeader, Error> {
        let invalid = Error::Damaged("invalid scan header");
        let (&n, rest) = p.split_first().ok_or(invalid)?;
        let (parts, rest) = rest.split_at_checked(2 * usize::from(n)).ok_or(invalid)?;
        let &[from, to, bits] = rest else {
            return Err(invalid);
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
                .ok_or(invalid)?;
            // Each component may appear once, in the frame's order.
            if header
                .parts
                .last()
                .is_some_and(|last| last.component >= component)
            {
                return Err(invalid);
            }
            let (dc, ac) = (usize::from(part[1] >> 4), usize::from(part[1] & 15));
            if dc > 3 || ac > 3 {
                return Err(invalid);
            }
            header.parts.push(Part { component, dc, ac });
        }
        let blocks: usize = header
            .parts
            .iter()
            .map(|p| frame.components[p.component].h * frame.components[p.component].v)
            .sum();
        if header.parts.is_empty() || (header.parts.len() > 1 && blocks > 10) {
            return Err(invalid);
        }
        let valid = if frame.marker == SOF2 {
            let band = if header.from == 0 {
                header.to == 0
            } else {
                header.parts.len() == 1
            };
            let bits = header.high == 0 || header.high == header.low + 1;
            band && bits && header.from <= header.to && header.to < 64 && header.low < 14
        } else {
            // A sequential scan holds whole blocks whatever the header says, and decoders ignore
            // these fields: some encoders write zeros.
            (header.from, header.to, header.high, header.low) = (0, 63, 0, 0);
            true
        };
        valid.then_some(header).ok_or(invalid)
    }
}
