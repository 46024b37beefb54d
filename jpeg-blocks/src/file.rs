//! A parsed file: its segments in order, and its scans, decoded once.

use std::ops::Range;

use crate::{
    Limits,
    bits::ScanBits,
    block::Block,
    color::ColorSpace,
    error::Error,
    headers::{Frame, ScanHeader, Steps, Tables},
    markers::{self, Segment},
    metadata::{self, Orientation},
    progressive::Store,
    quarter::{GrayImage, QuarterScaler, Sums},
    sequential::{Scan, Visitor},
    whole::WholePicture,
};

/// An item of the file, in order.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    /// A segment's marker and its bytes in the file.
    Segment(u8, Range<usize>),
    /// The next scan, with its header's bytes in the file.
    Scan(Range<usize>),
}

/// The coefficients in memory.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Sequential(Vec<Scan>),
    Progressive(Store),
}

/// A parsed file.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) items: Vec<Item>,
    pub(crate) frame: Frame,
    /// Quantization steps of each component.
    pub(crate) steps: Vec<Steps>,
    pub(crate) color_space: ColorSpace,
    pub(crate) orientation: Orientation,
    pub(crate) body: Body,
    /// True for gray and YCbCr with brightness in full resolution.
    pub(crate) has_full_brightness: bool,
    /// The picture at a quarter of its width and height, if it was asked for.
    pub(crate) quarter: Option<GrayImage>,
    /// All pixels, if they were asked for and there is a single component.
    pub(crate) whole: Option<GrayImage>,
    /// True when no block has any color.
    pub(crate) gray: bool,
    /// Bytes after the end of the picture.
    pub(crate) tail: Range<usize>,
}

/// Collects statistics and all pixels, if they are asked for, from every block as it is decoded.
struct BlockObserver {
    whole: Option<WholePicture>,
    /// True when components 1 and 2 are color differences.
    differences: bool,
    gray: bool,
    dc_steps: Vec<i32>,
}

impl Visitor for BlockObserver {
    type Sums = ();

    #[inline]
    fn add(&self, (): &mut (), _k: usize, _value: i32) {}

    #[inline]
    fn block(&mut self, component: usize, (x, y): (usize, usize), block: &Block, (): ()) {
        if component == 0 {
            if let Some(whole) = &mut self.whole {
                whole.add(x, y, block);
            }
        } else if self.gray {
            // One level of color is invisible, and as much as an encoder's rounding may leave.
            self.gray = self.differences
                && block.ac == 0
                && (i32::from(block.c[0]) * self.dc_steps[component]).abs() <= 8;
        }
    }
}

/// Makes the reduced picture as well.
struct Reducer<'a> {
    quarter: &'a mut QuarterScaler,
    observer: &'a mut BlockObserver,
}

impl Visitor for Reducer<'_> {
    type Sums = Sums;

    #[inline(always)]
    fn add(&self, sums: &mut Sums, k: usize, value: i32) {
        self.quarter.sum(sums, k, value);
    }

    #[inline(always)]
    fn block(&mut self, component: usize, place: (usize, usize), block: &Block, sums: Sums) {
        if component == 0 {
            // Padding blocks of the last MCUs lie outside of the picture, and are ignored.
            self.quarter.add(place.0, place.1, block, sums);
        } else {
            self.observer.block(component, place, block, ());
        }
    }
}

impl File {
    pub(crate) fn read(bytes: &[u8], limits: &Limits, whole: bool) -> Result<File, Error> {
        if !bytes.starts_with(&[0xFF, 0xD8]) {
            return Err(Error::NotJpeg);
        }
        let mut at = 2;
        let mut items = Vec::new();
        let mut tables = Tables::default();
        let mut frame: Option<Frame> = None;
        let mut reader: Option<ScanReader> = None;
        let (mut jfif, mut adobe, mut orientation) = (false, None, None);
        loop {
            // Only the end marker is missing from a file that ends after its last scan.
            if reader.as_ref().is_some_and(ScanReader::is_complete) && at >= bytes.len() {
                break;
            }
            let segment = Segment::read(bytes, at)?;
            let place = segment.range.clone();
            at = place.end;
            match segment.marker {
                markers::EOI => break,
                markers::SOF0..=markers::SOF2 => {
                    if frame.is_some() {
                        return Err(Error::Damaged("more than one frame header"));
                    }
                    frame = Some(Frame::read(&segment, limits)?);
                }
                markers::DHT => tables.huffman(segment.payload)?,
                markers::DQT => tables.quantization(segment.payload)?,
                markers::DRI => tables.restart(segment.payload)?,
                markers::SOS => {
                    let frame = frame
                        .as_ref()
                        .ok_or(Error::Damaged("scan before the frame header"))?;
                    let reader = match &mut reader {
                        Some(reader) => reader,
                        None => {
                            let color_space = ColorSpace::detect(&ids(frame), jfif, adobe);
                            reader.insert(ScanReader::new(frame, color_space, whole))
                        }
                    };
                    let header = ScanHeader::read(segment.payload, frame)?;
                    let (data, used) = ScanBits::unstuff(&bytes[at..])?;
                    at += used;
                    reader.scan(frame, header, &tables, data, limits)?;
                    items.push(Item::Scan(place));
                    continue;
                }
                0xC3 | 0xC7 | 0xCB | 0xCF => return Err(Error::Unsupported("a lossless JPEG")),
                0xC5 | 0xC6 | 0xCD | 0xCE | 0xDE | 0xDF => {
                    // SOF5 to SOF7, SOF13, SOF14, DHP and EXP.
                    return Err(Error::Unsupported("a hierarchical JPEG"));
                }
                0xF7 => return Err(Error::Unsupported("JPEG-LS")),
                0xC9 | 0xCA | 0xCC => return Err(Error::Unsupported("arithmetic coding")),
                markers::DNL => return Err(Error::Unsupported("a height in a DNL segment")),
                _ => {
                    jfif |= metadata::is_jfif(&segment);
                    adobe = adobe.or(metadata::adobe_transform(&segment));
                    // The first EXIF segment decides, as in `exif_orientation`.
                    orientation = orientation.or(metadata::orientation(&segment));
                }
            }
            items.push(Item::Segment(segment.marker, place));
        }
        let (Some(frame), Some(reader)) = (frame, reader) else {
            return Err(Error::Damaged("no scan"));
        };
        if !reader.is_complete() {
            return Err(Error::Damaged("missing scans at the end"));
        }
        let mut file = reader.finish(frame, items, orientation.unwrap_or(1));
        file.tail = at.min(bytes.len())..bytes.len();
        Ok(file)
    }

    /// Returns the file's color profile.
    pub(crate) fn icc(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        metadata::icc(self.items.iter().filter_map(|item| match item {
            Item::Segment(_, place) => Segment::read(bytes, place.start).ok(),
            Item::Scan(_) => None,
        }))
    }
}

fn ids(frame: &Frame) -> Vec<u8> {
    frame.components.iter().map(|c| c.id).collect()
}

/// State while the scans of a file are read.
struct ScanReader {
    color_space: ColorSpace,
    steps: Vec<Option<Steps>>,
    scans: Vec<Scan>,
    store: Option<Store>,
    observer: BlockObserver,
    quarter: Option<QuarterScaler>,
    scan_count: usize,
    /// All pixels are asked for, not the reduced picture.
    whole: bool,
}

impl ScanReader {
    fn new(frame: &Frame, color_space: ColorSpace, whole: bool) -> ScanReader {
        ScanReader {
            color_space,
            steps: vec![None; frame.components.len()],
            scans: Vec::new(),
            store: (frame.marker == markers::SOF2).then(|| Store::new(frame)),
            quarter: None,
            observer: BlockObserver {
                whole: None,
                differences: color_space == ColorSpace::YCbCr,
                gray: true,
                dc_steps: vec![0; frame.components.len()],
            },
            scan_count: 0,
            whole,
        }
    }

    fn has_full_brightness(&self, frame: &Frame) -> bool {
        let first = &frame.components[0];
        (first.h, first.v) == (frame.h_max, frame.v_max)
            && matches!(self.color_space, ColorSpace::Gray | ColorSpace::YCbCr)
    }

    fn scan(
        &mut self,
        frame: &Frame,
        header: ScanHeader,
        tables: &Tables,
        data: ScanBits,
        limits: &Limits,
    ) -> Result<(), Error> {
        self.scan_count += 1;
        if self.scan_count > limits.max_scans {
            return Err(Error::Damaged("more scans than allowed"));
        }
        for part in &header.parts {
            let i = part.component;
            if self.steps[i].is_some() {
                if self.store.is_none() {
                    return Err(Error::Damaged("duplicate component"));
                }
                continue;
            }
            let steps = tables.steps[frame.components[i].table]
                .ok_or(Error::Damaged("quantization table missing"))?;
            self.steps[i] = Some(steps);
            self.observer.dc_steps[i] = i32::from(steps[0]);
            if i > 0 || !self.has_full_brightness(frame) {
                continue;
            }
            let (width, height) = (frame.width, frame.height);
            if !self.whole {
                self.quarter = Some(QuarterScaler::new(width, height, &steps));
            } else if self.color_space == ColorSpace::Gray {
                self.observer.whole = Some(WholePicture::new(width, height, &steps));
            }
        }
        match &mut self.store {
            Some(store) => store.read(frame, &header, tables, &data),
            None => {
                let observer = &mut self.observer;
                self.scans.push(match &mut self.quarter {
                    Some(quarter) => {
                        let mut reducer = Reducer { quarter, observer };
                        Scan::read(frame, header, tables, data, &mut reducer)?
                    }
                    None => Scan::read(frame, header, tables, data, observer)?,
                });
                Ok(())
            }
        }
    }

    /// Reports whether every coefficient has been received.
    fn is_complete(&self) -> bool {
        match &self.store {
            Some(store) => store.is_complete(),
            None => self.steps.iter().all(Option::is_some),
        }
    }

    fn finish(mut self, frame: Frame, items: Vec<Item>, orientation: Orientation) -> File {
        if let Some(store) = &self.store {
            let observer = &mut self.observer;
            match &mut self.quarter {
                Some(quarter) => store.visit(&frame, &mut Reducer { quarter, observer }),
                None => store.visit(&frame, observer),
            }
        }
        File {
            has_full_brightness: self.has_full_brightness(&frame),
            items,
            steps: self.steps.into_iter().flatten().collect(),
            color_space: self.color_space,
            orientation,
            quarter: self.quarter.map(QuarterScaler::finish),
            whole: self.observer.whole.map(WholePicture::finish),
            gray: self.color_space == ColorSpace::Gray
                || self.observer.gray && self.observer.differences,
            body: match self.store {
                Some(store) => Body::Progressive(store),
                None => Body::Sequential(self.scans),
            },
            frame,
            tail: 0..0,
        }
    }
}
