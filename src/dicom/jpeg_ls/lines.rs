//! Two lines of samples, the one above and the current one, with the samples beyond their ends.

/// The samples around one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Near {
    pub(super) left: i32,
    pub(super) above: i32,
    pub(super) above_left: i32,
    pub(super) above_right: i32,
}

pub(super) struct Lines {
    above: Vec<i32>,
    current: Vec<i32>,
}

impl Lines {
    /// Returns lines of zeros, which are above the first line.
    pub(super) fn new(width: usize) -> Lines {
        Lines {
            above: vec![0; width + 2],
            current: vec![0; width + 2],
        }
    }

    /// Begins the next line.
    pub(super) fn advance(&mut self) {
        std::mem::swap(&mut self.above, &mut self.current);
        let last = self.above.len() - 1;
        self.above[last] = self.above[last - 1];
        self.current[0] = self.above[1];
    }

    pub(super) fn near(&self, x: usize) -> Near {
        Near {
            left: self.current[x],
            above: self.above[x + 1],
            above_left: self.above[x],
            above_right: self.above[x + 2],
        }
    }

    pub(super) fn put(&mut self, x: usize, sample: i32) {
        self.current[x + 1] = sample;
    }

    /// Returns the samples of the current line.
    pub(super) fn samples(&self) -> &[i32] {
        &self.current[1..self.current.len() - 1]
    }
}
