//! Tag trees (B.10.2): a grid of numbers, coded with the smallest of each four, of each four of
//! these, and so on.

use crate::bits::Writer;

#[derive(Debug, Clone, Copy)]
struct Node {
    value: u32,
    /// The number is known to be at least this.
    low: u32,
    is_known: bool,
}

/// A grid of numbers with its coarser grids.
#[derive(Debug)]
pub(crate) struct TagTree {
    /// Width and nodes of each grid, the finest first.
    grids: Vec<(usize, Vec<Node>)>,
}

impl TagTree {
    /// Makes the tree of a grid of so many columns, which has a number at least.
    pub(crate) fn new(width: usize, values: impl Iterator<Item = u32>) -> TagTree {
        let node = |value| Node {
            value,
            low: 0,
            is_known: false,
        };
        let mut grids = vec![(width, values.map(node).collect::<Vec<_>>())];
        while let Some((width, nodes)) = grids.last()
            && nodes.len() > 1
        {
            let (columns, rows) = (width.div_ceil(2), nodes.len().div_ceil(*width).div_ceil(2));
            let mut coarser = vec![node(u32::MAX); columns * rows];
            for (at, fine) in nodes.iter().enumerate() {
                let above = &mut coarser[at / width / 2 * columns + at % width / 2];
                above.value = above.value.min(fine.value);
            }
            grids.push((columns, coarser));
        }
        TagTree { grids }
    }

    /// Writes whether the number at a position is below `end`, and which it is if so.
    pub(crate) fn write(&mut self, column: usize, row: usize, end: u32, out: &mut Writer) {
        let mut low = 0;
        for (level, (width, nodes)) in self.grids.iter_mut().enumerate().rev() {
            let node = &mut nodes[(row >> level) * *width + (column >> level)];
            low = low.max(node.low);
            while low < end.min(node.value) {
                out.bit(false);
                low += 1;
            }
            if low < end && !node.is_known {
                out.bit(true);
                node.is_known = true;
            }
            node.low = low;
        }
    }
}
