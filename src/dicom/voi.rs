//! The grayscale transformations of PS3.3, C.11: modality, then values of interest.

use super::{
    attributes as tag,
    element::{DataSet, Value},
};

/// Windows and tables of values of interest. Usual objects have one to three.
pub(crate) const MAX_VOI: usize = 16;

/// A lookup table.
pub(crate) struct Lut {
    first: f64,
    entries: Vec<u16>,
    /// The greatest value of an entry's bits.
    pub(crate) most: f64,
}

impl Lut {
    /// Reads a table; `None` if its descriptor and data don't fit each other.
    fn read(item: &DataSet<'_>, is_signed: bool) -> Option<Lut> {
        let descriptor = item.u16s(tag::LUT_DESCRIPTOR);
        let &[count, first, bits] = &descriptor[..] else {
            return None;
        };
        let count = if count == 0 {
            65536
        } else {
            usize::from(count)
        };
        if !(8..=16).contains(&bits) {
            return None;
        }
        let Value::Bytes(bytes) = &item.get(tag::LUT_DATA)?.value else {
            return None;
        };
        let entries: Vec<u16> = match bytes.len() {
            // Entries of 8 bit may be packed.
            length if bits == 8 && (length == count || length == count + count % 2) => {
                bytes[..count].iter().map(|b| u16::from(*b)).collect()
            }
            length if length >= 2 * count => {
                let mut entries = item.u16s(tag::LUT_DATA);
                entries.truncate(count);
                entries
            }
            _ => return None,
        };
        // In explicit representations the descriptor says itself how its first value is meant.
        let is_signed = match &item.get(tag::LUT_DESCRIPTOR)?.vr {
            b"SS" => true,
            _ => is_signed && first > i16::MAX as u16,
        };
        Some(Lut {
            first: match is_signed {
                true => f64::from(first as i16),
                false => f64::from(first),
            },
            entries,
            most: f64::from(u16::MAX >> (16 - bits)),
        })
    }

    /// Returns it as the item of a sequence, in little endian.
    pub(crate) fn item(&self) -> DataSet<'static> {
        let bits = (self.most as u16).count_ones() as u16;
        let first = self.first as i32 as u16;
        let descriptor = [self.entries.len() as u16, first, bits];
        let vr = if self.first < 0.0 { b"SS" } else { b"US" };
        let mut item = DataSet::new();
        let words = |words: &[u16]| words.iter().flat_map(|w| w.to_le_bytes()).collect();
        item.put_bytes(tag::LUT_DESCRIPTOR, vr, words(&descriptor));
        item.put_bytes(tag::LUT_DATA, b"OW", words(&self.entries));
        item
    }

    fn apply(&self, x: f64) -> f64 {
        let at = (x.round() - self.first).clamp(0.0, (self.entries.len() - 1) as f64);
        f64::from(self.entries[at as usize])
    }
}

/// The modality transformation: stored values to those of the modality.
pub(crate) enum Modality {
    Linear { slope: f64, intercept: f64 },
    Table(Lut),
}

impl Modality {
    pub(crate) fn read(data: &DataSet<'_>, is_signed: bool) -> Modality {
        let table = data.items(tag::MODALITY_LUT).first();
        if let Some(lut) = table.and_then(|item| Lut::read(item, is_signed)) {
            return Modality::Table(lut);
        }
        let number = |tag| data.decimals(tag).first().copied().flatten();
        Modality::Linear {
            slope: number(tag::SLOPE).filter(|s| *s != 0.0).unwrap_or(1.0),
            intercept: number(tag::INTERCEPT).unwrap_or(0.0),
        }
    }

    pub(crate) fn apply(&self, x: f64) -> f64 {
        match self {
            Modality::Linear { slope, intercept } => x * slope + intercept,
            Modality::Table(lut) => lut.apply(x),
        }
    }

    /// Reports whether it changes nothing.
    pub(crate) fn is_identity(&self) -> bool {
        matches!(self, Modality::Linear { slope, intercept } if *slope == 1.0 && *intercept == 0.0)
    }
}

/// The function of a window (PS3.3, C.11.2.1.2 and C.11.2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Linear,
    LinearExact,
    Sigmoid,
}

impl Function {
    /// Returns the standard's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Function::Linear => "LINEAR",
            Function::LinearExact => "LINEAR_EXACT",
            Function::Sigmoid => "SIGMOID",
        }
    }
}

/// A transformation of values of interest, to 0 to 1.
pub(crate) enum Voi {
    Window {
        center: f64,
        width: f64,
        function: Function,
    },
    Table(Lut),
    /// Two values, which become 0 and 1.
    Range(f64, f64),
}

impl Voi {
    /// Reads all transformations of an object, tables first: a viewer may take any, and takes the
    /// first by default. Those that can't be applied are left out.
    pub(crate) fn read(data: &DataSet<'_>, is_signed: bool) -> Vec<Voi> {
        let tables = data.items(tag::VOI_LUT).iter();
        let tables = tables.filter_map(|item| Lut::read(item, is_signed).map(Voi::Table));
        let named = data.text(tag::VOI_FUNCTION).unwrap_or_default();
        let function = [Function::LinearExact, Function::Sigmoid]
            .into_iter()
            .find(|function| function.name() == named)
            .unwrap_or(Function::Linear);
        let centers = data.decimals(tag::WINDOW_CENTER);
        let windows = centers.into_iter().zip(data.decimals(tag::WINDOW_WIDTH));
        let windows = windows.filter_map(|window| {
            let (center, width) = (window.0?, window.1?);
            let is_sound = match function {
                Function::Linear => width >= 1.0,
                Function::LinearExact | Function::Sigmoid => width > 0.0,
            };
            is_sound.then_some(Voi::Window {
                center,
                width,
                function,
            })
        });
        tables.chain(windows).collect()
    }

    pub(crate) fn apply(&self, x: f64) -> f64 {
        match self {
            Voi::Window {
                center: c,
                width: w,
                function,
            } => match function {
                Function::Linear => {
                    let (c, w) = (c - 0.5, w - 1.0);
                    if x <= c - w / 2.0 {
                        0.0
                    } else if x > c + w / 2.0 {
                        1.0
                    } else {
                        (x - c) / w + 0.5
                    }
                }
                Function::LinearExact => ((x - c) / w + 0.5).clamp(0.0, 1.0),
                Function::Sigmoid => 1.0 / (1.0 + (-4.0 * (x - c) / w).exp()),
            },
            Voi::Table(lut) => lut.apply(x) / lut.most,
            Voi::Range(low, high) if high > low => ((x - low) / (high - low)).clamp(0.0, 1.0),
            Voi::Range(..) => 0.0,
        }
    }
}
