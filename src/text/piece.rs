//! The model's map of one piece of a picture, and the same map after a part of it was covered.

use std::ops::Range;

use crate::{
    error::Error,
    model::tensor::{NamedTensor, named},
    picture::{boxes::Rect, gray::GrayImage},
};

use super::{
    contract::TextContract,
    input,
    map::Infer,
    tiles::pieces,
    windows::{Window, windows},
};

/// The map of one piece, with the cells of its padding.
#[derive(Clone)]
pub(super) struct Piece {
    pub(super) across: Range<usize>,
    pub(super) down: Range<usize>,
    pub(super) columns: usize,
    pub(super) text: Vec<f32>,
    pub(super) marker: Vec<f32>,
}

impl Piece {
    /// Runs the model on every piece of a picture.
    ///
    /// # Errors
    /// Those of `infer`, and [`Error::Model`] when the map does not fit the contract.
    pub(super) fn all(
        gray: &GrayImage,
        contract: &TextContract,
        infer: Infer<'_>,
    ) -> Result<Vec<Piece>, Error> {
        places(gray, contract)
            .map(|(across, down)| Piece::of(gray, across, down, contract, infer))
            .collect()
    }

    /// Returns the maps of the pieces of a picture that differs only in some rectangles from the
    /// one that `before` are maps of, and the parts of it on which the model was run again.
    /// Elsewhere its probabilities are the former ones.
    ///
    /// # Errors
    /// As [`Piece::all`].
    pub(super) fn all_again(
        before: &[Piece],
        changed: &[Rect],
        gray: &GrayImage,
        contract: &TextContract,
        infer: Infer<'_>,
    ) -> Result<(Vec<Piece>, Vec<Rect>), Error> {
        let mut again = Vec::new();
        let mut all = Vec::with_capacity(before.len());
        let mut known = before.iter();
        for (across, down) in places(gray, contract) {
            let former = known
                .next()
                .filter(|piece| (&piece.across, &piece.down) == (&across, &down));
            let windows = former.zip(contract.field).and_then(|(_, field)| {
                windows(&across, &down, changed, field, contract.input.multiple)
            });
            let (Some(former), Some(windows)) = (former, windows) else {
                all.push(Piece::of(gray, across, down, contract, infer)?);
                continue;
            };
            let mut piece = former.clone();
            for window in windows {
                let (across, down) = (window.across.clone(), window.down.clone());
                let part = Piece::of(gray, across, down, contract, infer)?;
                piece.take(&part, &window, contract.output.stride);
                again.push(window.rect());
            }
            all.push(piece);
        }
        Ok((all, again))
    }

    fn of(
        gray: &GrayImage,
        across: Range<usize>,
        down: Range<usize>,
        contract: &TextContract,
        infer: Infer<'_>,
    ) -> Result<Piece, Error> {
        let input = input::tensor(gray, &across, &down, contract);
        let outputs = infer(&input)?;
        let columns = input.dims[3] as usize / contract.output.stride;
        let (text, marker) = classes(&outputs, &input.dims, contract)?;
        Ok(Piece {
            across,
            down,
            columns,
            text,
            marker,
        })
    }

    /// Takes over the cells that a window shows.
    fn take(&mut self, part: &Piece, window: &Window, stride: usize) {
        for (columns, rows) in window.shown.iter().map(|shown| shown.cells(stride)) {
            for row in rows {
                let own = (row - self.down.start / stride) * self.columns;
                let other = (row - part.down.start / stride) * part.columns;
                let at = |piece: &Piece, from: usize| {
                    let left = piece.across.start / stride;
                    from + columns.start - left..from + columns.end - left
                };
                let (to, from) = (at(self, own), at(part, other));
                self.text[to.clone()].copy_from_slice(&part.text[from.clone()]);
                self.marker[to].copy_from_slice(&part.marker[from]);
            }
        }
    }
}

/// Returns the places of the pieces of a picture, across and down.
fn places(
    gray: &GrayImage,
    contract: &TextContract,
) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let multiple = contract.input.multiple;
    let columns = pieces(gray.width, multiple);
    pieces(gray.height, multiple)
        .into_iter()
        .flat_map(move |down| {
            columns
                .clone()
                .into_iter()
                .map(move |at| (at, down.clone()))
        })
}

/// Returns the probabilities of text and of a side marker on an input of these dimensions.
fn classes(
    outputs: &[NamedTensor],
    input: &[u32],
    contract: &TextContract,
) -> Result<(Vec<f32>, Vec<f32>), Error> {
    let want = &contract.output;
    let tensor = &named(outputs, &want.name)?.tensor;
    let size = (input[2] as usize, input[3] as usize);
    let cells = (size.0 / want.stride) * (size.1 / want.stride);
    let values = || tensor.dims.iter().map(|n| *n as usize).product::<usize>();
    if !(want.fits(&tensor.dims, size) && tensor.data.len() == values()) {
        return Err(Error::Model(format!(
            "output `{}` is {:?} for an input of {input:?}, which does not fit the contract's `output`",
            want.name, tensor.dims
        )));
    }
    // NaN would be under every threshold.
    if !tensor.data.iter().all(|v| (-0.01..=1.01).contains(v)) {
        return Err(Error::Model(format!(
            "output `{}` has values that are not probabilities",
            want.name
        )));
    }
    let class = |class: usize| tensor.data[class * cells..][..cells].to_vec();
    Ok((class(want.text), class(want.marker)))
}
