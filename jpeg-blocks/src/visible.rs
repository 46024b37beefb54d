//! Writing only the visible content of a file.
//!
//! A file has room for more than its picture: in tables that no scan uses, in codes that no block
//! needs, in the numbers of its components, and in the samples of the last blocks that lie beyond
//! the picture's edge. Files that look the same are written as the same bytes here.

use crate::{
    dct::{Coefficients, forward, inverse},
    edit::{Content, Edits},
    error::Error,
    file::File,
    headers::{Component, Frame},
    markers, metadata,
    pixels::Mcu,
    write::sequential,
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
    let mut mcus = Mcus {
        file,
        edits,
        at: None,
        mcu: Vec::new(),
    };
    let mut out = sequential(&frame, &file.steps, out, |component, place| {
        mcus.block(component, place)
    })?;
    out.extend([0xFF, markers::EOI]);
    Ok(out)
}

/// The blocks of the written file, with the latest MCU in memory.
struct Mcus<'a> {
    file: &'a File,
    edits: &'a Edits<'a>,
    at: Option<(usize, usize)>,
    mcu: Mcu,
}

impl Mcus<'_> {
    fn block(&mut self, component: usize, (x, y): (usize, usize)) -> Result<Coefficients, Error> {
        let c = self.file.frame.components[component];
        let at = (x / c.h, y / c.v);
        if self.at != Some(at) {
            self.mcu = self.read(at)?;
            self.at = Some(at);
        }
        Ok(self.mcu[component][(y % c.v) * c.h + x % c.h])
    }

    fn read(&self, (x, y): (usize, usize)) -> Result<Mcu, Error> {
        let frame = &self.file.frame;
        let edit = self.edits.at((x, y));
        let mut mcu = match edit {
            None => self.file.mcu(x, y)?,
            Some(edit) => {
                let blocks = |(i, c): (usize, &Component)| {
                    (0..c.h * c.v)
                        .map(|n| edit.block(i, (x * c.h + n % c.h, y * c.v + n / c.h)))
                        .collect()
                };
                frame.components.iter().enumerate().map(blocks).collect()
            }
        };
        // A uniform color has nothing to hide.
        if !edit.is_some_and(|edit| matches!(edit.content, Content::Constant(_))) {
            let planes = mcu.iter_mut().zip(&frame.components).zip(&self.file.steps);
            for ((blocks, c), steps) in planes {
                replicate_edge(blocks, c, visible(frame, c, (x, y)), steps);
            }
        }
        Ok(mcu)
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
    blocks: &mut [Coefficients],
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
fn fit(wanted: &[u8; 64], (width, height): (usize, usize), steps: &[u16; 64]) -> Coefficients {
    let is_visible = |i: usize| i % 8 < width && i / 8 < height;
    let worst = |made: &[u8; 64]| {
        let visible = (0..64).filter(|&i| is_visible(i));
        visible
            .map(|i| made[i].abs_diff(wanted[i]))
            .max()
            .unwrap_or(0)
    };
    let mut best = forward(wanted, steps);
    let mut made = inverse(&best, steps);
    let mut least = worst(&made);
    for _ in 1..ROUNDS {
        if least == 0 {
            break;
        }
        let next: [u8; 64] =
            std::array::from_fn(|i| if is_visible(i) { wanted[i] } else { made[i] });
        let block = forward(&next, steps);
        made = inverse(&block, steps);
        if worst(&made) < least {
            (best, least) = (block, worst(&made));
        }
    }
    best
}
