//! Stored samples to the picture that a viewer shows, and to others in which text may be visible.
//!
//! The order is the standard's (PS3.3, C.11 and PS3.4, N.2): modality, values of interest,
//! presentation. All of it is a table of at most 65,536 levels, applied to each sample.

use super::{
    attributes as tag,
    element::DataSet,
    frame::Frame,
    refused,
    voi::{MAX_VOI, Modality, Voi},
};
use crate::{error::Error, picture::gray::GrayImage};

/// Differences of levels up to this show nothing more.
const INVISIBLE: u8 = 4;

/// Levels of all stored values.
pub(crate) struct Table(Vec<u8>);

/// The tables of an object.
pub(crate) struct Tables {
    /// As a viewer shows it.
    pub(crate) shown: Table,
    /// Others in which text may be visible: at every other window and table, at full range, and
    /// inverted.
    pub(crate) others: Vec<Table>,
    /// The modality transformation.
    pub(crate) modality: Modality,
    /// The transformation of values of interest that is shown.
    pub(crate) voi: Voi,
    /// High values are shown dark.
    pub(crate) is_inverse: bool,
}

impl Tables {
    /// Reads the transformations of an object.
    ///
    /// # Errors
    /// [`Error::NotAnImage`] for one with more than usual.
    pub(crate) fn read(data: &DataSet<'_>, frame: &Frame) -> Result<Tables, Error> {
        let shape = &frame.shape;
        if !data.items(tag::PRESENTATION_LUT).is_empty() {
            return Err(refused(
                "a DICOM object with a Presentation LUT Sequence; export it with a Presentation LUT Shape",
            ));
        }
        let modality = Modality::read(data, shape.is_signed);
        let ends = [shape.lowest(), shape.mask() & !shape.lowest()];
        let has_negative = |bits| modality.apply(f64::from(shape.number(bits))) < 0.0;
        let transformations = Voi::read(data, ends.into_iter().any(has_negative));
        if transformations.len() > MAX_VOI {
            return Err(refused(format!(
                "a DICOM object with more than {MAX_VOI} windows; export it with one"
            )));
        }
        let is_padding = padding(data, frame);
        let inverse =
            shape.is_inverse || data.text(tag::PRESENTATION_SHAPE).as_deref() == Some("INVERSE");
        let table = |voi: &Voi, inverse: bool, hides: &dyn Fn(i32) -> bool| {
            let level = |sample: u16| {
                let number = shape.number(sample);
                if hides(number) {
                    return 0;
                }
                let share = voi.apply(modality.apply(f64::from(number)));
                let share = if inverse { 1.0 - share } else { share };
                (share * 255.0).round().clamp(0.0, 255.0) as u8
            };
            Table((0..=shape.mask()).map(level).collect())
        };
        let shows_all = |_: i32| false;
        let mut seen = vec![false; usize::from(shape.mask()) + 1];
        frame
            .samples
            .iter()
            .for_each(|sample| seen[usize::from(*sample)] = true);
        let used = |hides: &dyn Fn(i32) -> bool| {
            let values = (0..=shape.mask()).filter(|s| seen[usize::from(*s)]);
            let values = values.map(|s| shape.number(s)).filter(|n| !hides(*n));
            let values = values.map(|n| modality.apply(f64::from(n)));
            let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), v| {
                (low.min(v), high.max(v))
            });
            Voi::Range(low, high)
        };
        let is_ready = shape.stored == 8 && !shape.is_signed && modality.is_identity();
        // Samples of 8 bit without a window are levels already.
        let without = || match is_ready {
            true => Voi::Range(0.0, 255.0),
            false => used(&is_padding),
        };
        let shown = match transformations.first() {
            Some(first) => table(first, inverse, &is_padding),
            None => table(&without(), inverse, &is_padding),
        };
        let full = used(&shows_all);
        let mut others: Vec<Table> = Vec::new();
        let more = transformations
            .iter()
            .map(|voi| table(voi, inverse, &shows_all));
        let more = more.chain([
            table(&full, inverse, &shows_all),
            table(&full, !inverse, &shows_all),
        ]);
        for table in more {
            let mut known = std::iter::once(&shown).chain(&others);
            if !known.any(|known| table.is_like(known, &seen)) {
                others.push(table);
            }
        }
        let voi = without();
        let voi = transformations.into_iter().next().unwrap_or(voi);
        Ok(Tables {
            shown,
            others,
            modality,
            voi,
            is_inverse: inverse,
        })
    }
}

impl Table {
    /// Reports whether two tables differ so little, at the samples that are there, that they show
    /// the same.
    fn is_like(&self, other: &Table, seen: &[bool]) -> bool {
        let pairs = self.0.iter().zip(&other.0).zip(seen);
        let mut differences = pairs
            .filter(|(_, seen)| **seen)
            .map(|((a, b), _)| a.abs_diff(*b));
        differences.all(|difference| difference <= INVISIBLE)
    }

    /// Applies it to a frame.
    pub(crate) fn apply(&self, frame: &Frame) -> GrayImage {
        GrayImage {
            width: frame.shape.width as usize,
            height: frame.shape.height as usize,
            levels: frame
                .samples
                .iter()
                .map(|sample| self.0[usize::from(*sample)])
                .collect(),
        }
    }
}

/// Returns the test for values that fill the picture outside the exposed field (PS3.3,
/// C.7.5.1.1.2): they are shown black.
fn padding(data: &DataSet<'_>, frame: &Frame) -> impl Fn(i32) -> bool {
    let value = |tag| {
        let bits = data.u16(tag)?;
        Some(frame.shape.number(bits & frame.shape.mask()))
    };
    let range = value(tag::PADDING).map(|padding| {
        let limit = value(tag::PADDING_LIMIT).unwrap_or(padding);
        (padding.min(limit), padding.max(limit))
    });
    move |number| range.is_some_and(|(low, high)| (low..=high).contains(&number))
}
