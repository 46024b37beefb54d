//! All pixels of a gray picture, block by block as they are parsed.

use crate::{block::Block, dct::inverse, headers::Steps, quarter::GrayImage};

/// Builds the picture block by block.
#[derive(Debug, Clone)]
pub(crate) struct WholePicture {
    image: GrayImage,
    steps: Steps,
}

impl WholePicture {
    pub(crate) fn new(width: usize, height: usize, steps: &Steps) -> WholePicture {
        WholePicture {
            image: GrayImage {
                width,
                height,
                levels: vec![0; width * height],
            },
            steps: *steps,
        }
    }

    /// Adds the block at this position, in blocks.
    pub(crate) fn add(&mut self, bx: usize, by: usize, block: &Block) {
        let samples = inverse(block, &self.steps);
        let (left, width) = (8 * bx, self.image.width);
        let rows = self.image.levels.chunks_exact_mut(width).skip(8 * by);
        for (out, row) in rows.zip(samples.chunks_exact(8)) {
            match out.get_mut(left..left + 8) {
                Some(out) => out.copy_from_slice(row),
                None => {
                    let out = out.get_mut(left..).unwrap_or_default();
                    let visible = out.len();
                    out.copy_from_slice(&row[..visible]);
                }
            }
        }
    }

    pub(crate) fn finish(self) -> GrayImage {
        self.image
    }
}
