//! The map of a picture: the probabilities of text and of a side marker in each cell.

use crate::{
    error::Error,
    model::tensor::{InputTensor, NamedTensor},
    picture::gray::GrayImage,
};

use super::{contract::TextContract, piece::Piece};

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
        let pieces = Piece::all(gray, contract, infer)?;
        Ok(Map::joined(&pieces, gray, contract.output.stride))
    }

    /// Joins the maps of the pieces of a picture. Where they overlap, the greater value is taken.
    pub(super) fn joined(pieces: &[Piece], gray: &GrayImage, stride: usize) -> Map {
        let (columns, rows) = (gray.width.div_ceil(stride), gray.height.div_ceil(stride));
        let mut map = Map {
            columns,
            stride,
            text: vec![0.0; columns * rows],
            marker: vec![0.0; columns * rows],
        };
        for piece in pieces {
            let (left, top) = (piece.across.start / stride, piece.down.start / stride);
            for (cells, found) in [
                (&mut map.text, &piece.text),
                (&mut map.marker, &piece.marker),
            ] {
                let below = cells.chunks_exact_mut(columns).skip(top);
                for (row, found) in below.zip(found.chunks_exact(piece.columns)) {
                    for (cell, value) in row[left..].iter_mut().zip(found) {
                        *cell = cell.max(*value);
                    }
                }
            }
        }
        map
    }
}
