//! Code blocks to bits, a bit plane at a time from the highest on, in three passes each (annex D).

use crate::{
    bands::Band,
    context::{
        EAST, EAST_SIGN, NEIGHBORS, NORTH, NORTH_EAST, NORTH_SIGN, NORTH_WEST, RUN, SOUTH,
        SOUTH_EAST, SOUTH_SIGN, SOUTH_WEST, Significance, UNIFORM, WEST, WEST_SIGN, refinement,
        sign, significance,
    },
    mq::Encoder,
};

/// Side of a code block.
pub(crate) const SIDE: usize = 64;
/// Rows that are coded together, column by column (D.1).
const STRIPE: usize = 4;

/// Flags of a coefficient, besides those of [`crate::context`]: a bit of it other than 0 was coded.
const SIGNIFICANT: u16 = 1 << 10;
/// It was coded in this bit plane.
const VISITED: u16 = 1 << 13;
/// More than one bit of it was coded.
const REFINED: u16 = 1 << 15;

/// A code block as bits.
#[derive(Debug, Default)]
pub(crate) struct Coded {
    pub(crate) bytes: Vec<u8>,
    /// Bit planes, from the highest that isn't empty on.
    pub(crate) planes: u8,
}

impl Coded {
    /// Returns the number of coding passes: the first bit plane has the cleanup pass only.
    pub(crate) fn passes(&self) -> u32 {
        (3 * u32::from(self.planes)).saturating_sub(2)
    }
}

/// The state of a code block, kept for the next one.
#[derive(Default)]
pub(crate) struct Coder {
    width: usize,
    height: usize,
    coefficients: Vec<i32>,
    /// Flags, with a frame of one coefficient around the block.
    flags: Vec<u16>,
}

impl Coder {
    /// Encodes the block of a subband whose first coefficient is at `(left, top)`.
    pub(crate) fn encode(
        &mut self,
        picture: &[i32],
        stride: usize,
        band: &Band,
        (left, top): (usize, usize),
    ) -> Coded {
        self.width = SIDE.min(band.width - left);
        self.height = SIDE.min(band.height - top);
        self.coefficients.clear();
        for y in top..top + self.height {
            let row = (band.y + y * band.step) * stride;
            let from = row + band.x + left * band.step;
            let row = picture[from..row + stride].iter().step_by(band.step);
            self.coefficients.extend(row.take(self.width));
        }
        self.flags.clear();
        self.flags.resize((self.width + 2) * (self.height + 2), 0);
        let all = self
            .coefficients
            .iter()
            .fold(0, |all, c| all | c.unsigned_abs());
        let planes = all.checked_ilog2().map_or(0, |highest| highest + 1);
        if planes == 0 {
            return Coded::default();
        }
        let table = significance(band.kind);
        let mut mq = Encoder::new();
        for plane in (0..planes).rev() {
            if plane + 1 < planes {
                self.propagate(plane, table, &mut mq);
                self.refine(plane, &mut mq);
            }
            self.clean_up(plane, table, &mut mq);
        }
        Coded {
            bytes: mq.finish(),
            planes: planes as u8,
        }
    }

    /// Runs over the columns of each stripe: positions of coefficient and flags, and the rows.
    fn columns(&self) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let (width, height) = (self.width, self.height);
        (0..height).step_by(STRIPE).flat_map(move |y| {
            let rows = STRIPE.min(height - y);
            (0..width).map(move |x| (y * width + x, (y + 1) * (width + 2) + x + 1, rows))
        })
    }

    /// Significance propagation (D.3.1): coefficients with a significant neighbor.
    fn propagate(&mut self, plane: u32, table: &Significance, mq: &mut Encoder) {
        for (mut at, mut flag, rows) in self.columns() {
            for _ in 0..rows {
                let flags = self.flags[flag];
                if flags & SIGNIFICANT == 0 && flags & NEIGHBORS != 0 {
                    self.flags[flag] |= VISITED;
                    self.significance(at, flag, plane, table, mq);
                }
                at += self.width;
                flag += self.width + 2;
            }
        }
    }

    /// Magnitude refinement (D.3.3): coefficients that were significant before.
    fn refine(&mut self, plane: u32, mq: &mut Encoder) {
        for (mut at, mut flag, rows) in self.columns() {
            for _ in 0..rows {
                let flags = self.flags[flag];
                if flags & (SIGNIFICANT | VISITED) == SIGNIFICANT {
                    let context = refinement(flags, flags & REFINED == 0);
                    mq.encode(context, self.bit(at, plane));
                    self.flags[flag] |= REFINED;
                }
                at += self.width;
                flag += self.width + 2;
            }
        }
    }

    /// Cleanup (D.3.4): all others, four at once if none has a significant neighbor.
    fn clean_up(&mut self, plane: u32, table: &Significance, mq: &mut Encoder) {
        let (width, stride) = (self.width, self.width + 2);
        for (at, flag, rows) in self.columns() {
            let mut from = 0;
            if rows == STRIPE
                && (0..STRIPE).all(|row| {
                    self.flags[flag + row * stride] & (NEIGHBORS | SIGNIFICANT | VISITED) == 0
                })
            {
                let first = (0..STRIPE).find(|row| self.bit(at + row * width, plane) == 1);
                mq.encode(RUN, u8::from(first.is_some()));
                let Some(first) = first else { continue };
                mq.encode(UNIFORM, (first >> 1) as u8);
                mq.encode(UNIFORM, (first & 1) as u8);
                self.become_significant(at + first * width, flag + first * stride, mq);
                from = first + 1;
            }
            for row in from..rows {
                let (at, flag) = (at + row * width, flag + row * stride);
                if self.flags[flag] & (SIGNIFICANT | VISITED) == 0 {
                    self.significance(at, flag, plane, table, mq);
                }
                self.flags[flag] &= !VISITED;
            }
        }
    }

    fn bit(&self, at: usize, plane: u32) -> u8 {
        (self.coefficients[at].unsigned_abs() >> plane & 1) as u8
    }

    #[inline(always)]
    fn significance(
        &mut self,
        at: usize,
        flag: usize,
        plane: u32,
        table: &Significance,
        mq: &mut Encoder,
    ) {
        let bit = self.bit(at, plane);
        mq.encode(table[usize::from(self.flags[flag] & NEIGHBORS)], bit);
        if bit == 1 {
            self.become_significant(at, flag, mq);
        }
    }

    /// Encodes the sign (D.3.2), and tells the neighbors.
    fn become_significant(&mut self, at: usize, flag: usize, mq: &mut Encoder) {
        let is_negative = self.coefficients[at] < 0;
        let (context, expected) = sign(self.flags[flag]);
        mq.encode(context, u8::from(is_negative) ^ expected);
        let stride = self.width + 2;
        let with = |near: u16, sign: u16| if is_negative { near | sign } else { near };
        let flags = &mut self.flags;
        flags[flag] |= SIGNIFICANT;
        flags[flag - stride - 1] |= SOUTH_EAST;
        flags[flag - stride] |= with(SOUTH, SOUTH_SIGN);
        flags[flag - stride + 1] |= SOUTH_WEST;
        flags[flag - 1] |= with(EAST, EAST_SIGN);
        flags[flag + 1] |= with(WEST, WEST_SIGN);
        flags[flag + stride - 1] |= NORTH_EAST;
        flags[flag + stride] |= with(NORTH, NORTH_SIGN);
        flags[flag + stride + 1] |= NORTH_WEST;
    }
}
