//! The text model's input tensor.

use std::ops::Range;

use crate::{
    model::tensor::{ElementType, Elements, InputTensor},
    picture::gray::GrayImage,
};

use super::contract::TextContract;

/// Returns a piece of a picture as the model wants it, mirrored at its right and bottom to fill up
/// the multiple: repeating its last pixels would make stripes, which look like writing.
pub(super) fn tensor(
    gray: &GrayImage,
    across: &Range<usize>,
    down: &Range<usize>,
    contract: &TextContract,
) -> InputTensor {
    let input = &contract.input;
    let width = across.len().next_multiple_of(input.multiple);
    let height = down.len().next_multiple_of(input.multiple);
    let rows = (0..height).map(|y| {
        let row = (down.start + mirrored(y, down.len())) * gray.width;
        &gray.levels[row..][across.clone()]
    });
    let size = (width, height);
    let value = |level: u8| f32::from(level) * input.scale + input.offset;
    let whole = || Elements::collect(input.element_type, (0..=u8::MAX).map(value));
    let data = match input.element_type {
        ElementType::F32 => Elements::F32(filled(rows, size, |row, out| {
            out.extend(row.iter().map(|&level| value(level)));
        })),
        // The model takes the levels as they are.
        ElementType::U8 if whole() == Elements::U8((0..=u8::MAX).collect()) => {
            Elements::U8(filled(rows, size, |row, out| out.extend_from_slice(row)))
        }
        ty => {
            let levels = filled(rows, size, |row, out| out.extend_from_slice(row));
            Elements::collect(ty, levels.into_iter().map(value))
        }
    };
    InputTensor {
        dims: vec![1, 1, height as u32, width as u32],
        data,
    }
}

/// Fills a tensor of this width and height with rows of levels, mirrored at their end; `write`
/// appends the elements of levels.
fn filled<'g, T>(
    rows: impl Iterator<Item = &'g [u8]>,
    (width, height): (usize, usize),
    write: impl Fn(&[u8], &mut Vec<T>),
) -> Vec<T> {
    let mut elements = Vec::with_capacity(width * height);
    let mut beyond = Vec::new();
    for row in rows {
        write(row, &mut elements);
        beyond.clear();
        beyond.extend((row.len()..width).map(|x| row[mirrored(x, row.len())]));
        write(&beyond, &mut elements);
    }
    elements
}

/// Maps a place beyond the end of a side of this length back onto it, mirrored at both ends, again
/// and again.
fn mirrored(at: usize, length: usize) -> usize {
    let at = at % (2 * length);
    at.min(2 * length - 1 - at)
}
