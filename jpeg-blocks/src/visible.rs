//! Writing only the visible content of a file.
//!
//! A file has room for more than its picture: in tables that no scan uses, in codes that no block
//! needs, in the numbers of its components, and in the samples of the last blocks that lie beyond
//! the picture's edge. Files that look the same are written as the same bytes here.

use crate::{
    block::{Block, Symbol},
    copied::Symbols,
    dct::{forward, inverse},
    edit::Edits,
    edited::EditedMcus,
    error::Error,
    file::{Body, File},
    headers::{Component, Frame},
    markers, metadata,
    recode::Blocks,
    sequential::Scan,
    write::{is_one_scan, sequential},
};

/// Rounds in which the visible samples of a block are fitted; most blocks need one.
const ROUNDS: usize = 8;

/// Writes the file with `edits`.
pub(crate) fn write(file: &File, edits: &Edits<'_>) -> Result<Vec<u8>, Error> {
    let mut frame = file.frame.clone();
    for (component, id) in frame.components.iter_mut().zip(1..) {
        component.id = id;
    }
    let mut out = vec![0xFF, markers::SOI];
    out.extend(metadata::color_header(file.color_space));
    if file.orientation != 1 {
        out.extend(metadata::orientation_only(file.orientation));
    }
    let mut blocks = Visible {
        file,
        edited: EditedMcus::new(file, edits),
        symbols: only_scan(file).map(Symbols::new),
    };
    let mut out = sequential(&frame, &file.steps, out, &mut blocks)?;
    out.extend([0xFF, markers::EOI]);
    Ok(out)
}

/// Returns the scan of a file whose units are those of the written one.
fn only_scan(file: &File) -> Option<&Scan> {
    let Body::Sequential(scans) = &file.body else {
        return None;
    };
    let [scan] = scans.as_slice() else {
        return None;
    };
    let parts = scan.header.parts.iter().map(|part| part.component);
    let is_one = is_one_scan(&file.frame) && parts.eq(0..file.frame.components.len());
    is_one.then_some(scan)
}

/// The blocks of the written file.
struct Visible<'a> {
    file: &'a File,
    edited: EditedMcus<'a>,
    /// The symbols of units that stay as they are.
    symbols: Option<Symbols<'a>>,
}

impl Blocks for Visible<'_> {
    #[inline]
    fn block(&mut self, component: usize, place: (usize, usize)) -> Result<&Block, Error> {
        let frame = &self.file.frame;
        if self.edited.read(component, place)? && !self.edited.is_uniform() {
            let at = self.edited.at();
            for (i, (c, steps)) in frame.components.iter().zip(&self.file.steps).enumerate() {
                replicate_edge(self.edited.blocks(i), c, visible(frame, c, at), steps);
            }
        }
        Ok(self.edited.block(component, place))
    }

    #[inline(always)]
    fn unit(
        &mut self,
        (unit, position): (usize, (usize, usize)),
        previous: &mut [i32; 4],
        symbol: impl FnMut(usize, Symbol),
    ) -> Result<bool, Error> {
        let Some(symbols) = &mut self.symbols else {
            return Ok(false);
        };
        let frame = &self.file.frame;
        let at = symbols.mcu(position);
        let ends = (8 * frame.h_max * (at.0 + 1), 8 * frame.v_max * (at.1 + 1));
        let is_cut = ends.0 > frame.width || ends.1 > frame.height;
        if is_cut || self.edited.is_edited(at) {
            return Ok(false);
        }
        symbols.read(unit, previous, symbol)?;
        Ok(true)
    }
}

/// Returns the width and height of the visible samples of a component in an MCU.
fn visible(frame: &Frame, c: &Component, (x, y): (usize, usize)) -> (usize, usize) {
    let width = (frame.width * c.h).div_ceil(frame.h_max) - 8 * c.h * x;
    let height = (frame.height * c.v).div_ceil(frame.v_max) - 8 * c.v * y;
    (width.min(8 * c.h), height.min(8 * c.v))
}

/// Replaces the hidden samples in the blocks of one component by the nearest visible one.
fn replicate_edge(
    blocks: &mut [Block],
    c: &Component,
    (width, height): (usize, usize),
    steps: &[u16; 64],
) {
    if (width, height) == (8 * c.h, 8 * c.v) {
        return;
    }
    let samples: Vec<[u8; 64]> = blocks.iter().map(|block| inverse(block, steps)).collect();
    let sample = |x: usize, y: usize| {
        let (x, y) = (x.min(width - 1), y.min(height - 1));
        samples[y / 8 * c.h + x / 8][y % 8 * 8 + x % 8]
    };
    for (n, block) in blocks.iter_mut().enumerate() {
        let (left, top) = (n % c.h * 8, n / c.h * 8);
        if left + 8 > width || top + 8 > height {
            let wanted = std::array::from_fn(|i| sample(left + i % 8, top + i / 8));
            let shown = (
                width.saturating_sub(left).min(8),
                height.saturating_sub(top).min(8),
            );
            *block = fit(&wanted, shown, steps);
        }
    }
}

/// Quantizes a block so that its visible samples come close to the wanted ones.
///
/// The result depends on the wanted samples only. Rounding of the coefficients spreads over all
/// samples, so the hidden ones, which nobody sees, are moved to where rounding put them; that never
/// makes the visible ones worse.
fn fit(wanted: &[u8; 64], (width, height): (usize, usize), steps: &[u16; 64]) -> Block {
    let is_visible = |i: usize| i % 8 < width && i / 8 < height;
    let worst = |made: &[u8; 64]| {
        let visible = (0..64).filter(|&i| is_visible(i));
        visible
            .map(|i| made[i].abs_diff(wanted[i]))
            .max()
            .unwrap_or(0)
    };
    let mut best = Block::new(&forward(wanted, steps));
    let mut made = inverse(&best, steps);
    let mut least = worst(&made);
    for _ in 1..ROUNDS {
        if least == 0 {
            break;
        }
        let next: [u8; 64] =
            std::array::from_fn(|i| if is_visible(i) { wanted[i] } else { made[i] });
        let block = Block::new(&forward(&next, steps));
        made = inverse(&block, steps);
        if worst(&made) < least {
            (best, least) = (block, worst(&made));
        }
    }
    best
}
