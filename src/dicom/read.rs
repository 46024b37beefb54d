//! Bytes to data sets, within limits: no length is believed before the bytes are there, and depth
//! and number of elements are bounded.

use std::borrow::Cow;

use crate::error::Error;

use super::{
    cursor::{Cursor, ends},
    damaged, dictionary,
    element::{DataSet, Element, Value, Vr},
    refused,
};

/// Sequences in sequences.
const MAX_DEPTH: usize = 16;
/// Elements of a file, those in sequences included. Usual objects have a few hundred.
const MAX_ELEMENTS: usize = 50_000;
const UNDEFINED: u32 = u32::MAX;
const ITEM: u32 = 0xFFFE_E000;
const ITEM_END: u32 = 0xFFFE_E00D;
const SEQUENCE_END: u32 = 0xFFFE_E0DD;
const TRAILING_PADDING: u32 = 0xFFFC_FFFC;

/// Value representations with a length of four bytes.
const LONG: [&Vr; 13] = [
    b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV",
];
/// Value representations with a length of two bytes.
const SHORT: [&Vr; 21] = [
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN",
    b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US",
];

/// Reports whether the representation has a length of four bytes after two reserved ones.
pub(crate) fn is_long(vr: &Vr) -> bool {
    LONG.contains(&vr)
}

/// The encoding of a data set.
#[derive(Clone, Copy)]
pub(crate) struct Encoding {
    pub(crate) is_explicit: bool,
    pub(crate) is_big: bool,
}

/// A position in a file.
pub(crate) struct Reader<'a> {
    cursor: Cursor<'a>,
    elements: usize,
}

/// End of a data set.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// The end of the bytes, at this position.
    At(usize),
    /// A delimiter.
    Delimiter,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Reader<'a> {
        Reader {
            cursor: Cursor { bytes, at },
            elements: 0,
        }
    }

    /// Returns the position.
    pub(crate) fn position(&self) -> usize {
        self.cursor.at
    }

    /// Reads the file's meta information: the elements of group 2, always explicit and little
    /// endian.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub(crate) fn meta(&mut self) -> Result<DataSet<'a>, Error> {
        let encoding = Encoding {
            is_explicit: true,
            is_big: false,
        };
        let mut elements = Vec::new();
        while self.cursor.bytes.get(self.cursor.at..self.cursor.at + 2) == Some(&[2, 0]) {
            elements.push(self.element(encoding, 0)?);
        }
        DataSet::sorted(elements, false).ok_or_else(|| damaged("an attribute is there twice"))
    }

    /// Reads a data set up to the end of the bytes. Padding after it is dropped.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a faulty one, [`Error::NotAnImage`] for one that is too complex.
    pub(crate) fn data_set(&mut self, encoding: Encoding) -> Result<DataSet<'a>, Error> {
        let end = End::At(self.cursor.bytes.len());
        self.elements_until(end, encoding, 0)
    }

    fn elements_until(
        &mut self,
        end: End,
        encoding: Encoding,
        depth: usize,
    ) -> Result<DataSet<'a>, Error> {
        if depth > MAX_DEPTH {
            return Err(refused(format!(
                "a DICOM file with sequences nested more than {MAX_DEPTH} deep; export it again"
            )));
        }
        let mut elements = Vec::new();
        loop {
            if let End::At(end) = end {
                let rest = self
                    .cursor
                    .bytes
                    .get(self.cursor.at..end)
                    .unwrap_or_default();
                if rest.iter().all(|b| *b == 0) {
                    self.cursor.at = end;
                    break;
                }
            } else if self.cursor.peek_tag(encoding.is_big)? == ITEM_END {
                self.delimiter(encoding.is_big)?;
                break;
            }
            let element = self.element(encoding, depth)?;
            if let End::At(end) = end
                && self.cursor.at > end
            {
                return Err(damaged("an element reaches beyond its item"));
            }
            // Group lengths are optional, and no longer right once an element is changed.
            if element.tag & 0xFFFF != 0 && element.tag != TRAILING_PADDING {
                elements.push(element);
            }
        }
        DataSet::sorted(elements, encoding.is_big)
            .ok_or_else(|| damaged("an attribute is there twice"))
    }

    fn element(&mut self, encoding: Encoding, depth: usize) -> Result<Element<'a>, Error> {
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            return Err(refused(format!(
                "a DICOM file with more than {MAX_ELEMENTS} elements; export it again"
            )));
        }
        let tag = self.cursor.tag(encoding.is_big)?;
        if tag >> 16 == 0xFFFE {
            return Err(damaged("an item is outside a sequence"));
        }
        let (vr, length) = if encoding.is_explicit {
            let vr: Vr = *self.cursor.take(2)?.first_chunk().ok_or_else(ends)?;
            match vr {
                _ if LONG.contains(&&vr) => {
                    self.cursor.take(2)?;
                    (vr, self.cursor.u32(encoding.is_big)?)
                }
                _ if SHORT.contains(&&vr) => (vr, u32::from(self.cursor.u16(encoding.is_big)?)),
                _ => return Err(damaged("an unknown value representation")),
            }
        } else {
            let length = self.cursor.u32(encoding.is_big)?;
            let vr = match dictionary::vr(tag) {
                // An undefined length elsewhere makes it a sequence.
                _ if length == UNDEFINED => *b"SQ",
                Some(vr) => vr,
                None if is_private_creator(tag) => *b"LO",
                None => *b"UN",
            };
            (vr, length)
        };
        // A sequence of unknown representation is in implicit little endian (PS3.5, 6.2.2).
        let is_unknown = vr == *b"UN";
        let known = is_unknown.then(|| dictionary::vr(tag)).flatten();
        let is_sequence =
            vr == *b"SQ" || is_unknown && (length == UNDEFINED || known == Some(*b"SQ"));
        if is_sequence {
            let inner = match is_unknown {
                true => Encoding {
                    is_explicit: false,
                    is_big: false,
                },
                false => encoding,
            };
            return Ok(Element {
                tag,
                vr: *b"SQ",
                value: Value::Items(self.items(length, inner, depth)?),
            });
        }
        let value = match length {
            UNDEFINED if vr == *b"OB" || vr == *b"OW" => Value::Fragments(self.fragments()?),
            UNDEFINED => return Err(damaged("a value without a length")),
            length => Value::Bytes(Cow::Borrowed(self.cursor.take(length as usize)?)),
        };
        Ok(Element { tag, vr, value })
    }

    fn items(
        &mut self,
        length: u32,
        encoding: Encoding,
        depth: usize,
    ) -> Result<Vec<DataSet<'a>>, Error> {
        let end = match length {
            UNDEFINED => None,
            length => Some(self.cursor.end_of(length)?),
        };
        let mut items = Vec::new();
        while end.is_none_or(|end| self.cursor.at < end) {
            let tag = self.cursor.tag(encoding.is_big)?;
            let length = self.cursor.u32(encoding.is_big)?;
            match tag {
                SEQUENCE_END if end.is_none() => return Ok(items),
                ITEM if length == UNDEFINED => {
                    items.push(self.elements_until(End::Delimiter, encoding, depth + 1)?);
                }
                ITEM => {
                    let end = End::At(self.cursor.end_of(length)?);
                    items.push(self.elements_until(end, encoding, depth + 1)?);
                }
                _ => return Err(damaged("a sequence holds something other than items")),
            }
            self.elements += 1;
            if self.elements > MAX_ELEMENTS {
                return Err(refused(format!(
                    "a DICOM file with more than {MAX_ELEMENTS} items; export it again"
                )));
            }
        }
        match end {
            Some(end) if self.cursor.at != end => {
                Err(damaged("an item reaches beyond its sequence"))
            }
            _ => Ok(items),
        }
    }

    /// Reads encapsulated pixel data, and drops the basic offset table.
    fn fragments(&mut self) -> Result<Vec<Cow<'a, [u8]>>, Error> {
        let mut fragments = Vec::new();
        loop {
            let tag = self.cursor.tag(false)?;
            let length = self.cursor.u32(false)?;
            match tag {
                SEQUENCE_END => break,
                ITEM if length != UNDEFINED => {
                    fragments.push(self.cursor.take(length as usize)?.into())
                }
                _ => return Err(damaged("pixel data holds something other than fragments")),
            }
            if fragments.len() > MAX_ELEMENTS {
                return Err(damaged("pixel data has too many fragments"));
            }
        }
        if fragments.is_empty() {
            return Err(damaged("pixel data has no offset table"));
        }
        fragments.remove(0);
        Ok(fragments)
    }

    fn delimiter(&mut self, is_big: bool) -> Result<(), Error> {
        self.cursor.tag(is_big)?;
        self.cursor.u32(is_big).map(|_| ())
    }
}

/// Reports whether the element reserves a block of private ones.
pub(crate) fn is_private_creator(tag: u32) -> bool {
    (tag >> 16) % 2 == 1 && (0x10..=0xFF).contains(&(tag & 0xFFFF))
}
