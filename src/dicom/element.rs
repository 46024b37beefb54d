//! Data sets in memory: elements whose values are the file's bytes.
//!
//! Nothing here implements `Debug`: a value may be a patient's name.

use std::borrow::Cow;

use super::decimal;

/// A value representation, two capital letters.
pub(crate) type Vr = [u8; 2];

/// A value.
#[derive(Clone)]
pub(crate) enum Value<'a> {
    /// Bytes in the byte order of the data set.
    Bytes(Cow<'a, [u8]>),
    /// The items of a sequence.
    Items(Vec<DataSet<'a>>),
    /// Encapsulated pixel data: the items after the basic offset table.
    Fragments(Vec<Cow<'a, [u8]>>),
}

/// An attribute and its value.
#[derive(Clone)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u32,
    pub(crate) vr: Vr,
    pub(crate) value: Value<'a>,
}

/// Elements in ascending order of their tags, each tag once.
#[derive(Clone)]
pub(crate) struct DataSet<'a> {
    elements: Vec<Element<'a>>,
    /// The most significant byte of a number comes first.
    pub(crate) is_big: bool,
}

impl<'a> DataSet<'a> {
    /// Returns an empty data set in little endian.
    pub(crate) fn new() -> DataSet<'a> {
        DataSet {
            elements: Vec::new(),
            is_big: false,
        }
    }

    /// Sorts elements that were read; `None` if a tag is there twice.
    pub(crate) fn sorted(mut elements: Vec<Element<'a>>, is_big: bool) -> Option<DataSet<'a>> {
        if !elements.is_sorted_by_key(|e| e.tag) {
            elements.sort_by_key(|e| e.tag);
        }
        let is_unique = elements.windows(2).all(|pair| pair[0].tag < pair[1].tag);
        is_unique.then_some(DataSet { elements, is_big })
    }

    pub(crate) fn elements(&self) -> &[Element<'a>] {
        &self.elements
    }

    pub(crate) fn into_elements(self) -> Vec<Element<'a>> {
        self.elements
    }

    pub(crate) fn get(&self, tag: u32) -> Option<&Element<'a>> {
        let at = self.elements.binary_search_by_key(&tag, |e| e.tag).ok()?;
        self.elements.get(at)
    }

    /// Puts an element in its place, over one of the same tag.
    pub(crate) fn put(&mut self, element: Element<'a>) {
        match self.elements.binary_search_by_key(&element.tag, |e| e.tag) {
            Ok(at) => self.elements[at] = element,
            Err(at) => self.elements.insert(at, element),
        }
    }

    /// Puts a text, padded to an even length.
    pub(crate) fn put_text(&mut self, tag: u32, vr: &Vr, text: &str) {
        let mut bytes = text.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(if vr == b"UI" { 0 } else { b' ' });
        }
        self.put(Element {
            tag,
            vr: *vr,
            value: Value::Bytes(bytes.into()),
        });
    }

    /// Puts bytes.
    pub(crate) fn put_bytes(&mut self, tag: u32, vr: &Vr, bytes: Vec<u8>) {
        self.put(Element {
            tag,
            vr: *vr,
            value: Value::Bytes(bytes.into()),
        });
    }

    /// Puts 16 bit numbers.
    pub(crate) fn put_u16(&mut self, tag: u32, values: &[u16]) {
        let is_big = self.is_big;
        let bytes = values.iter().flat_map(|v| match is_big {
            true => v.to_be_bytes(),
            false => v.to_le_bytes(),
        });
        self.put(Element {
            tag,
            vr: *b"US",
            value: Value::Bytes(bytes.collect()),
        });
    }

    /// Puts a sequence.
    pub(crate) fn put_items(&mut self, tag: u32, items: Vec<DataSet<'a>>) {
        self.put(Element {
            tag,
            vr: *b"SQ",
            value: Value::Items(items),
        });
    }

    /// Returns the bytes of a value; `None` for a sequence.
    pub(crate) fn bytes(&self, tag: u32) -> Option<&[u8]> {
        match &self.get(tag)?.value {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Returns the items of a sequence; none if there is no sequence.
    pub(crate) fn items(&self, tag: u32) -> &[DataSet<'a>] {
        match self.get(tag).map(|e| &e.value) {
            Some(Value::Items(items)) => items,
            _ => &[],
        }
    }

    /// Returns the values of a text without padding; none for an empty one. Bytes that are not
    /// ASCII become `?`: no text that is compared here has any.
    pub(crate) fn texts(&self, tag: u32) -> Vec<String> {
        let Some(bytes) = self.bytes(tag).filter(|b| !b.is_empty()) else {
            return Vec::new();
        };
        let ascii = |b: &u8| if b.is_ascii() { char::from(*b) } else { '?' };
        let text: String = bytes.iter().map(ascii).collect();
        let plain = |value: &str| value.trim_matches([' ', '\0']).to_owned();
        text.split('\\').map(plain).collect()
    }

    /// Returns the first value of a text that is not empty.
    pub(crate) fn text(&self, tag: u32) -> Option<String> {
        self.texts(tag).into_iter().next().filter(|t| !t.is_empty())
    }

    /// Returns the decimal numbers of a text; `None` for those that are no numbers.
    pub(crate) fn decimals(&self, tag: u32) -> Vec<Option<f64>> {
        self.texts(tag).iter().map(|t| decimal::parse(t)).collect()
    }

    /// Returns 16 bit numbers.
    pub(crate) fn u16s(&self, tag: u32) -> Vec<u16> {
        let (pairs, _) = self.bytes(tag).unwrap_or_default().as_chunks();
        pairs.iter().map(|pair| self.word(*pair)).collect()
    }

    /// Returns the first of 16 bit numbers.
    pub(crate) fn u16(&self, tag: u32) -> Option<u16> {
        let pair = self.bytes(tag)?.first_chunk()?;
        Some(self.word(*pair))
    }

    fn word(&self, pair: [u8; 2]) -> u16 {
        match self.is_big {
            true => u16::from_be_bytes(pair),
            false => u16::from_le_bytes(pair),
        }
    }
}
