//! The map of a picture: for each cell how likely it is text and how likely a mark, and what hangs together on it.

use crate::{
    error::Error,
    model::doubt::named,
    model::predict::{NamedTensor, Tensor},
    picture::boxes::Rect,
    picture::resize::Grey,
};

use super::{
    contract::TextContract,
    tiles::{factors, pieces},
};

/// What the model says of a picture at one size.
pub struct Map {
    columns: usize,
    /// Of a cell, in pixels of the whole picture.
    cell: usize,
    /// Of the whole picture, in pixels.
    size: (usize, usize),
    text: Vec<f32>,
    mark: Vec<f32>,
}

/// Cells that hang together.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Where, in pixels of the whole picture.
    pub rect: Rect,
    /// How much of it is a mark, 0 to 1: the mean over its cells.
    pub mark: f32,
}

/// The maps of a picture, one for each size at which it is searched.
///
/// # Errors
/// What `infer` returns, and [`Error::Model`] when the map is not what the contract says.
pub fn maps(
    grey: &Grey,
    contract: &TextContract,
    infer: &dyn Fn(&Tensor) -> Result<Vec<NamedTensor>, Error>,
) -> Result<Vec<Map>, Error> {
    factors(grey.width.max(grey.height), contract.longest)
        .into_iter()
        .map(|factor| Map::of(grey, factor, contract, infer))
        .collect()
}

impl Map {
    fn of(
        whole: &Grey,
        factor: usize,
        contract: &TextContract,
        infer: &dyn Fn(&Tensor) -> Result<Vec<NamedTensor>, Error>,
    ) -> Result<Map, Error> {
        let grey = whole.reduced(factor);
        let stride = contract.output.stride;
        let (columns, rows) = (grey.width.div_ceil(stride), grey.height.div_ceil(stride));
        let mut map = Map {
            columns,
            cell: factor * stride,
            size: (whole.width, whole.height),
            text: vec![0.0; columns * rows],
            mark: vec![0.0; columns * rows],
        };
        for down in pieces(grey.height, contract.input.multiple) {
            for across in pieces(grey.width, contract.input.multiple) {
                let input = tensor(
                    &grey,
                    (across.start, across.end),
                    (down.start, down.end),
                    contract,
                );
                let output = infer(&input)?;
                map.take(
                    &output,
                    &input.dims,
                    (across.start / stride, down.start / stride),
                    contract,
                )?;
            }
        }
        Ok(map)
    }

    /// Takes in the map of a piece that begins at this cell. Where pieces overlap the greater value counts.
    fn take(
        &mut self,
        outputs: &[NamedTensor],
        input: &[u32],
        (left, top): (usize, usize),
        contract: &TextContract,
    ) -> Result<(), Error> {
        let want = &contract.output;
        let tensor = &named(outputs, &want.name)?.tensor;
        let (rows, columns) = (
            input[2] as usize / want.stride,
            input[3] as usize / want.stride,
        );
        let classes = tensor.dims.get(1).map_or(0, |n| *n as usize);
        let fits = tensor.dims == [1, classes as u32, rows as u32, columns as u32]
            && tensor.data.len() == classes * rows * columns
            && classes > want.text.max(want.mark);
        if !fits {
            return Err(Error::Model(format!(
                "output `{}` is {:?} for an input of {input:?}; its contract says otherwise",
                want.name, tensor.dims
            )));
        }
        // What is not a number would be under every threshold.
        if !tensor.data.iter().all(|v| (-0.01..=1.01).contains(v)) {
            return Err(Error::Model(format!(
                "output `{}` holds no probabilities",
                want.name
            )));
        }
        let planes = [(&mut self.text, want.text), (&mut self.mark, want.mark)];
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

    /// Pixels of a cell.
    pub fn cell(&self) -> u32 {
        self.cell as u32
    }

    fn on(&self, cell: usize) -> f32 {
        self.text[cell] + self.mark[cell]
    }

    /// Cells that are text or mark from `faint` on and hang together, also over corners, with one that is from `sure` on. Only cells
    /// whose centre passes `counts` are looked at.
    pub fn components(
        &self,
        faint: f32,
        sure: f32,
        counts: impl Fn(u32, u32) -> bool,
    ) -> Vec<Component> {
        let middle = |at: usize| (at * self.cell + self.cell / 2) as u32;
        let mut open: Vec<bool> = (0..self.text.len())
            .map(|i| {
                self.on(i) >= faint && counts(middle(i % self.columns), middle(i / self.columns))
            })
            .collect();
        let mut found = Vec::new();
        for start in 0..open.len() {
            let cells = self.flood(start, &mut open);
            if cells.iter().any(|&cell| self.on(cell) >= sure) {
                found.push(self.component(&cells));
            }
        }
        found
    }

    /// The open cells that hang together with this one; they are closed then.
    fn flood(&self, start: usize, open: &mut [bool]) -> Vec<usize> {
        let mut cells = Vec::new();
        if std::mem::take(&mut open[start]) {
            cells.push(start);
        }
        let mut next = 0;
        while let Some(&cell) = cells.get(next) {
            next += 1;
            let (x, y) = (cell % self.columns, cell / self.columns);
            for row in y.saturating_sub(1)..=y + 1 {
                for column in x.saturating_sub(1)..=(x + 1).min(self.columns - 1) {
                    let at = row * self.columns + column;
                    if open.get_mut(at).is_some_and(std::mem::take) {
                        cells.push(at);
                    }
                }
            }
        }
        cells
    }

    fn component(&self, cells: &[usize]) -> Component {
        let bounds = |places: &dyn Fn(usize) -> usize, side: usize| {
            let first = cells.iter().map(|&c| places(c)).min().unwrap_or(0);
            let last = cells.iter().map(|&c| places(c)).max().unwrap_or(0);
            let (start, end) = (first * self.cell, ((last + 1) * self.cell).min(side));
            (start as u32, (end - start) as u32)
        };
        let (x, width) = bounds(&|c| c % self.columns, self.size.0);
        let (y, height) = bounds(&|c| c / self.columns, self.size.1);
        let shares = cells.iter().map(|&c| self.mark[c] / self.on(c));
        Component {
            rect: Rect {
                x,
                y,
                width,
                height,
            },
            mark: shares.sum::<f32>() / cells.len() as f32,
        }
    }
}

/// Where a place is found on a side of this length that is mirrored at its ends, again and again.
fn mirrored(at: usize, length: usize) -> usize {
    let at = at % (2 * length);
    at.min(2 * length - 1 - at)
}

/// A piece of a picture as the model wants it, mirrored at its right and bottom to fill up the multiple: its last pixels alone would be
/// stripes there, which look like writing.
fn tensor(
    grey: &Grey,
    (left, right): (usize, usize),
    (top, bottom): (usize, usize),
    contract: &TextContract,
) -> Tensor {
    let input = &contract.input;
    let width = (right - left).next_multiple_of(input.multiple);
    let height = (bottom - top).next_multiple_of(input.multiple);
    let mut data = Vec::with_capacity(width * height);
    let value = |level: u8| f32::from(level) * input.scale + input.offset;
    for y in 0..height {
        let row = &grey.levels[(top + mirrored(y, bottom - top)) * grey.width..][left..right];
        data.extend(row.iter().map(|&level| value(level)));
        data.extend((row.len()..width).map(|x| value(row[mirrored(x, row.len())])));
    }
    Tensor {
        dims: vec![1, 1, height as u32, width as u32],
        data,
    }
}
