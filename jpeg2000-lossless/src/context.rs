//! Contexts of a coefficient, by what is known of its eight neighbors (D.3).

use crate::bands::Kind;

/// The neighbors that are significant.
pub(crate) const NORTH_WEST: u16 = 1;
pub(crate) const NORTH: u16 = 1 << 1;
pub(crate) const NORTH_EAST: u16 = 1 << 2;
pub(crate) const WEST: u16 = 1 << 3;
pub(crate) const EAST: u16 = 1 << 4;
pub(crate) const SOUTH_WEST: u16 = 1 << 5;
pub(crate) const SOUTH: u16 = 1 << 6;
pub(crate) const SOUTH_EAST: u16 = 1 << 7;
pub(crate) const NEIGHBORS: u16 = 0xFF;
/// The neighbors of these four that are significant and negative.
pub(crate) const NORTH_SIGN: u16 = NORTH << 8;
pub(crate) const WEST_SIGN: u16 = WEST << 8;
pub(crate) const EAST_SIGN: u16 = EAST << 8;
pub(crate) const SOUTH_SIGN: u16 = SOUTH << 8;

/// Number of contexts (table D.7).
pub(crate) const CONTEXTS: usize = 19;
/// Context of a coefficient without a significant neighbor.
pub(crate) const ZERO: u8 = 0;
const SIGN: u8 = 9;
const REFINEMENT: u8 = 14;
/// Context of four coefficients without a significant neighbor.
pub(crate) const RUN: u8 = 17;
/// Context of equally probable symbols.
pub(crate) const UNIFORM: u8 = 18;

/// Contexts of significance by the eight neighbors (table D.1).
pub(crate) type Significance = [u8; 256];

/// Returns the contexts of significance in a kind of subband.
pub(crate) fn significance(kind: Kind) -> &'static Significance {
    static ROWS: Significance = tabulate(Kind::LowHigh);
    static COLUMNS: Significance = tabulate(Kind::HighLow);
    static DIAGONALS: Significance = tabulate(Kind::HighHigh);
    match kind {
        Kind::LowLow | Kind::LowHigh => &ROWS,
        Kind::HighLow => &COLUMNS,
        Kind::HighHigh => &DIAGONALS,
    }
}

const fn tabulate(kind: Kind) -> Significance {
    let mut table = [0; 256];
    let mut flags = 0;
    while flags < 256 {
        let (rows, columns) = (count(flags, WEST | EAST), count(flags, NORTH | SOUTH));
        let corners = NORTH_WEST | NORTH_EAST | SOUTH_WEST | SOUTH_EAST;
        let diagonals = count(flags, corners);
        table[flags as usize] = match kind {
            Kind::LowLow | Kind::LowHigh => along(rows, columns, diagonals),
            Kind::HighLow => along(columns, rows, diagonals),
            Kind::HighHigh => across(diagonals, rows + columns),
        };
        flags += 1;
    }
    table
}

const fn count(flags: u16, mask: u16) -> u32 {
    (flags & mask).count_ones()
}

const fn along(along: u32, across: u32, diagonals: u32) -> u8 {
    match (along, across, diagonals) {
        (2, _, _) => 8,
        (1, 1.., _) => 7,
        (1, 0, 1..) => 6,
        (1, 0, 0) => 5,
        (_, 2, _) => 4,
        (_, 1, _) => 3,
        (_, _, 2..) => 2,
        (_, _, 1) => 1,
        _ => ZERO,
    }
}

const fn across(diagonals: u32, others: u32) -> u8 {
    match (diagonals, others) {
        (3.., _) => 8,
        (2, 1..) => 7,
        (2, 0) => 6,
        (1, 2..) => 5,
        (1, 1) => 4,
        (1, 0) => 3,
        (_, 2..) => 2,
        (_, 1) => 1,
        _ => ZERO,
    }
}

/// Returns the context of a sign, and the sign that is expected, 1 for minus (tables D.2 and D.3).
pub(crate) fn sign(flags: u16) -> (u8, u8) {
    let of = |near: u16| match (flags & near != 0, flags & (near << 8) != 0) {
        (false, _) => 0i8,
        (true, false) => 1,
        (true, true) => -1,
    };
    let rows = (of(WEST) + of(EAST)).signum();
    let columns = (of(NORTH) + of(SOUTH)).signum();
    let weight = 3 * rows + columns;
    (SIGN + weight.unsigned_abs(), u8::from(weight < 0))
}

/// Returns the context of a further bit of a coefficient (table D.4).
pub(crate) fn refinement(flags: u16, is_first: bool) -> u8 {
    match (is_first, flags & NEIGHBORS) {
        (false, _) => REFINEMENT + 2,
        (true, 0) => REFINEMENT,
        (true, _) => REFINEMENT + 1,
    }
}
