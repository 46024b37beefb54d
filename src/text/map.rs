//! The map of a picture: the probabilities of text and of a side marker in each cell.

use crate::{
    error::Error,
    model::tensor::{InputTensor, NamedTensor, named},
    picture::gray::GrayImage,
};

use super::{contract::TextContract, input, tiles::pieces};

/// Runs the model on one input.
pub(super) type Infer<'a> = &'a dyn Fn(&InputTensor) -> Result<Vec<NamedTensor>, Error>;

/// The model's map of a picture.
pub(super) struct Map {
    pub(super) columns: usize,
    /// The side of a cell, in pixels.
    pub(super) stride: usize,
    pub(super) text: Vec<f32>,
    pub(super) marker: Vec<f32>,
}

impl Map {
    /// Returns the map of a picture, searched as it is.
    ///
    /// # Errors
    /// Those of `infer`, and [`Error::Model`] when the map does not fit the contract.
    pub(super) fn of(
        gray: &GrayImage,
        contract: &TextContract,
        infer: Infer<'_>,
    ) -> Result<Map, Error> {
        let stride = contract.output.stride;
        let (columns, rows) = (gray.width.div_ceil(stride), gray.height.div_ceil(stride));
        let mut map = Map {
            columns,
            stride,
            text: vec![0.0; columns * rows],
            marker: vec![0.0; columns * rows],
        };
        for down in pieces(gray.height, contract.input.multiple) {
            for across in pieces(gray.width, contract.input.multiple) {
                let input = input::tensor(gray, &across, &down, contract);
                let outputs = infer(&input)?;
                let origin = (across.start / stride, down.start / stride);
                map.merge(&outputs, &input.dims, origin, contract)?;
            }
        }
        Ok(map)
    }

    /// Merges the map of a piece that begins at the cell `left`, `top`. Where pieces overlap, the
    /// greater value is taken.
    fn merge(
        &mut self,
        outputs: &[NamedTensor],
        input: &[u32],
        (left, top): (usize, usize),
        contract: &TextContract,
    ) -> Result<(), Error> {
        let want = &contract.output;
        let tensor = &named(outputs, &want.name)?.tensor;
        let size = (input[2] as usize, input[3] as usize);
        let (rows, columns) = (size.0 / want.stride, size.1 / want.stride);
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
        let planes = [(&mut self.text, want.text), (&mut self.marker, want.marker)];
        for (cells, class) in planes {
            let plane = &tensor.data[class * rows * columns..][..rows * columns];
            let below = cells.chunks_exact_mut(self.columns).skip(top);
            for (row, found) in below.zip(plane.chunks_exact(columns)) {
                for (cell, value) in row[left..].iter_mut().zip(found) {
                    *cell = cell.max(*value);
                }
            }
        }
        Ok(())
    }
}
