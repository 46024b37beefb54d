//! A file taken apart: its segments in order, and its scans decoded once.

use std::ops::Range;

use crate::{
    Limits,
    bits::Packed,
    colour::Colour,
    dct::Coefficients,
    error::Error,
    metadata::{self, Orientation},
    progressive::Store,
    quarter::{Grey, Quarter},
    segments::{Frame, ScanHeader, Segment, Steps, Tables, segment},
    sequential::Scan,
};

/// What a file is made of, in order.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    /// A segment; where it stands in the file.
    Segment(u8, Range<usize>),
    /// The next scan; where its header stands.
    Scan(Range<usize>),
}

/// The coefficients, as they are held.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Sequential(Vec<Scan>),
    Progressive(Store),
}

/// All that is known of a file.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) items: Vec<Item>,
    pub(crate) frame: Frame,
    /// The quantization steps of each component.
    pub(crate) steps: Vec<Steps>,
    pub(crate) colour: Colour,
    pub(crate) orientation: Orientation,
    pub(crate) body: Body,
    pub(crate) quarter: Option<Grey>,
    /// True when no block has a colour.
    pub(crate) grey: bool,
    /// What stands after the end of the picture.
    pub(crate) tail: Range<usize>,
}

/// Looks at every block as it is decoded.
struct Watch {
    quarter: Option<Quarter>,
    /// Whether components 1 and 2 are colour differences.
    differences: bool,
    grey: bool,
    dc_steps: Vec<i32>,
}

impl Watch {
    #[inline]
    fn block(&mut self, component: usize, (x, y): (usize, usize), c: &Coefficients, last: usize) {
        if component == 0 {
            if let Some(quarter) = &mut self.quarter {
                quarter.add(x, y, c, last);
            }
        } else if self.grey {
            // A level of colour is less than anybody sees, and what rounding in an encoder leaves.
            self.grey = self.differences
                && last == 0
                && (i32::from(c[0]) * self.dc_steps[component]).abs() <= 8;
        }
    }
}

impl File {
    pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<File, Error> {
        if !bytes.starts_with(&[0xFF, 0xD8]) {
            return Err(Error::NotJpeg);
        }
        let mut at = 2;
        let mut items = Vec::new();
        let mut tables = Tables::default();
        let mut frame: Option<Frame> = None;
        let mut reading: Option<Reading> = None;
        let (mut jfif, mut adobe, mut orientation) = (false, None, 1);
        loop {
            // A file that ends after its last scan is whole but for its end marker.
            if reading.as_ref().is_some_and(Reading::is_complete) && at >= bytes.len() {
                break;
            }
            let (s, next) = segment(bytes, at)?;
            let place = at..next;
            at = next;
            match s.marker {
                0xD9 => break,
                0xC0..=0xC2 => {
                    if frame.is_some() {
                        return Err(Error::Damaged("it has two frames"));
                    }
                    frame = Some(Frame::read(&s, limits)?);
                }
                0xC4 => tables.huffman(s.payload)?,
                0xDB => tables.quantization(s.payload)?,
                0xDD => tables.restart(s.payload)?,
                0xDA => {
                    let frame = frame
                        .as_ref()
                        .ok_or(Error::Damaged("a scan comes before its frame"))?;
                    let reading = match &mut reading {
                        Some(reading) => reading,
                        None => reading
                            .insert(Reading::new(frame, Colour::of(&ids(frame), jfif, adobe))),
                    };
                    let header = ScanHeader::read(s.payload, frame)?;
                    let (packed, used) = Packed::unpack(&bytes[at..])?;
                    at += used;
                    reading.scan(frame, header, &tables, packed, limits)?;
                    items.push(Item::Scan(place));
                    continue;
                }
                0xC3 | 0xC7 | 0xCB | 0xCF => return Err(Error::Unsupported("a lossless JPEG")),
                0xC5 | 0xC6 | 0xCD | 0xCE | 0xDE | 0xDF => {
                    return Err(Error::Unsupported("a hierarchical JPEG"));
                }
                0xC9 | 0xCA | 0xCC => return Err(Error::Unsupported("arithmetic coding")),
                0xDC => return Err(Error::Unsupported("a JPEG that gives its height late")),
                _ => {
                    jfif |= metadata::is_jfif(&s);
                    adobe = adobe.or(metadata::adobe_transform(&s));
                    if let Some(found) = metadata::orientation(&s) {
                        orientation = found;
                    }
                }
            }
            items.push(Item::Segment(s.marker, place));
        }
        let (Some(frame), Some(reading)) = (frame, reading) else {
            return Err(Error::Damaged("it has no picture"));
        };
        if !reading.is_complete() {
            return Err(Error::Damaged("it ends before its last scan"));
        }
        let mut file = reading.finish(frame, items, orientation);
        file.tail = at.min(bytes.len())..bytes.len();
        Ok(file)
    }

    /// The colour profile of the file.
    pub(crate) fn icc(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        metadata::icc(self.items.iter().filter_map(|item| match item {
            Item::Segment(_, place) => segment(bytes, place.start).ok().map(|(s, _)| s),
            Item::Scan(_) => None,
        }))
    }
}

fn ids(frame: &Frame) -> Vec<u8> {
    frame.components.iter().map(|c| c.id).collect()
}

/// A file's scans as they come.
struct Reading {
    colour: Colour,
    steps: Vec<Option<Steps>>,
    scans: Vec<Scan>,
    store: Option<Store>,
    watch: Watch,
    scan_count: usize,
}

impl Reading {
    fn new(frame: &Frame, colour: Colour) -> Reading {
        Reading {
            colour,
            steps: vec![None; frame.components.len()],
            scans: Vec::new(),
            store: (frame.kind == 0xC2).then(|| Store::new(frame)),
            watch: Watch {
                quarter: None,
                differences: colour == Colour::YCbCr,
                grey: true,
                dc_steps: vec![0; frame.components.len()],
            },
            scan_count: 0,
        }
    }

    fn scan(
        &mut self,
        frame: &Frame,
        header: ScanHeader,
        tables: &Tables,
        packed: Packed,
        limits: &Limits,
    ) -> Result<(), Error> {
        self.scan_count += 1;
        if self.scan_count > limits.max_scans {
            return Err(Error::Damaged("it has more scans than allowed"));
        }
        for part in &header.parts {
            let i = part.component;
            if self.steps[i].is_some() {
                if self.store.is_none() {
                    return Err(Error::Damaged("a component comes twice"));
                }
                continue;
            }
            let steps = tables.steps[frame.components[i].table]
                .ok_or(Error::Damaged("a quantization table is missing"))?;
            self.steps[i] = Some(steps);
            self.watch.dc_steps[i] = i32::from(steps[0]);
            let whole =
                frame.components[i].h == frame.h_max && frame.components[i].v == frame.v_max;
            if i == 0 && whole && matches!(self.colour, Colour::Grey | Colour::YCbCr) {
                self.watch.quarter = Some(Quarter::new(frame.width, frame.height, &steps));
            }
        }
        match &mut self.store {
            Some(store) => store.read(frame, &header, tables, &packed),
            None => {
                let watch = &mut self.watch;
                // Blocks that only fill the last MCU up lie beside the picture; `Quarter` leaves them out.
                let visit = |component, place, c: &_, last| watch.block(component, place, c, last);
                self.scans
                    .push(Scan::read(frame, header, tables, packed, visit)?);
                Ok(())
            }
        }
    }

    /// True when every coefficient has come.
    fn is_complete(&self) -> bool {
        match &self.store {
            Some(store) => store.is_complete(),
            None => self.steps.iter().all(Option::is_some),
        }
    }

    fn finish(mut self, frame: Frame, items: Vec<Item>, orientation: Orientation) -> File {
        if let Some(store) = &self.store {
            for (i, component) in frame.components.iter().enumerate() {
                let (across, down) = frame.blocks(component);
                for y in 0..down {
                    (0..across).for_each(|x| {
                        let c = store.block(i, (x, y));
                        self.watch.block(i, (x, y), c, last(c));
                    });
                }
            }
        }
        File {
            items,
            steps: self.steps.into_iter().flatten().collect(),
            colour: self.colour,
            orientation,
            quarter: self.watch.quarter.map(Quarter::finish),
            grey: self.colour == Colour::Grey || self.watch.grey && self.watch.differences,
            body: match self.store {
                Some(store) => Body::Progressive(store),
                None => Body::Sequential(self.scans),
            },
            frame,
            tail: 0..0,
        }
    }
}

/// The place of a block's last coefficient in the order of the file.
fn last(c: &Coefficients) -> usize {
    crate::segments::ZIGZAG
        .iter()
        .rposition(|&place| c[usize::from(place)] != 0)
        .unwrap_or(0)
}

/// Reads the payload of a segment again.
pub(crate) fn payload<'a>(bytes: &'a [u8], place: &Range<usize>) -> Result<Segment<'a>, Error> {
    segment(bytes, place.start).map(|(s, _)| s)
}
