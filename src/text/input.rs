//! The text model's input tensor.

use std::ops::Range;

use crate::{
    model::tensor::{Elements, InputTensor},
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
    let mut levels = Vec::with_capacity(width * height);
    for y in 0..height {
        let row = (down.start + mirrored(y, down.len())) * gray.width;
        let row = &gray.levels[row..][across.clone()];
        levels.extend_from_slice(row);
        levels.extend((row.len()..width).map(|x| row[mirrored(x, row.len())]));
    }
    let values = levels
        .iter()
        .map(|&level| f32::from(level) * input.scale + input.offset);
    InputTensor {
        dims: vec![1, 1, height as u32, width as u32],
        data: Elements::collect(input.element_type, values),
    }
}

/// Maps a place beyond the end of a side of this length back onto it, mirrored at both ends, again
/// and again.
pub(super) fn mirrored(at: usize, length: usize) -> usize {
    let at = at % (2 * length);
    at.min(2 * length - 1 - at)
}
