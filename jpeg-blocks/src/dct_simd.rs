//! The inverse transform in vectors of WebAssembly's SIMD: four lines at once.

use std::arch::wasm32::*;

use crate::{
    dct::Coefficients,
    dct::{BITS, Number, PASS1, inverse_8},
    headers::Steps,
};

/// Four numbers.
#[derive(Debug, Clone, Copy)]
struct Lanes(v128);

/// Dequantizes and transforms a block to its 64 samples.
pub(crate) fn inverse(c: &Coefficients, steps: &Steps) -> [u8; 64] {
    let (c, _) = c.as_chunks::<8>();
    let (steps, _) = steps.as_chunks::<8>();
    let products: [[Lanes; 2]; 8] = std::array::from_fn(|y| Lanes::products(&c[y], &steps[y]));
    let columns = [0, 1].map(|half| {
        let work = inverse_8(&products.map(|row| row[half]));
        work.map(|v| v.descaled(BITS - PASS1))
    });
    let rows = transposed(columns);
    samples(rows.map(|half| inverse_8(&half).map(|v| v.descaled(BITS + PASS1 + 3))))
}

/// Exchanges the rows and columns of eight by eight numbers; `halves[h][i]` holds places `4 * h` to
/// `4 * h + 3` of line `i`.
#[inline(always)]
fn transposed([left, right]: [[Lanes; 8]; 2]) -> [[Lanes; 8]; 2] {
    let quad = |from: &[Lanes; 8], at: usize| {
        Lanes::transposed([from[at], from[at + 1], from[at + 2], from[at + 3]])
    };
    let joined = |a: [Lanes; 4], b: [Lanes; 4]| [a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]];
    [0, 4].map(|at| joined(quad(&left, at), quad(&right, at)))
}

impl Lanes {
    /// The products of eight coefficients with their steps.
    #[inline(always)]
    fn products(c: &[i16; 8], steps: &[u16; 8]) -> [Lanes; 2] {
        let c = i16x8(c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]);
        let s = steps;
        let s = u16x8(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]);
        let low = i32x4_mul(i32x4_extend_low_i16x8(c), u32x4_extend_low_u16x8(s));
        let high = i32x4_mul(i32x4_extend_high_i16x8(c), u32x4_extend_high_u16x8(s));
        [Lanes(low), Lanes(high)]
    }
}

impl Number for Lanes {
    #[inline(always)]
    fn plus(self, other: Lanes) -> Lanes {
        Lanes(i32x4_add(self.0, other.0))
    }

    #[inline(always)]
    fn minus(self, other: Lanes) -> Lanes {
        Lanes(i32x4_sub(self.0, other.0))
    }

    #[inline(always)]
    fn times(self, factor: i32) -> Lanes {
        Lanes(i32x4_mul(self.0, i32x4_splat(factor)))
    }

    #[inline(always)]
    fn shifted(self, n: u32) -> Lanes {
        Lanes(i32x4_shl(self.0, n))
    }
}

impl Lanes {
    /// Divides by `1 << n`, rounded to nearest.
    #[inline(always)]
    fn descaled(self, n: u32) -> Lanes {
        Lanes(i32x4_shr(i32x4_add(self.0, i32x4_splat(1 << (n - 1))), n))
    }

    #[inline(always)]
    fn transposed([a, b, c, d]: [Lanes; 4]) -> [Lanes; 4] {
        let (ac, bd) = (
            i32x4_shuffle::<0, 4, 1, 5>(a.0, c.0),
            i32x4_shuffle::<0, 4, 1, 5>(b.0, d.0),
        );
        let (ac_high, bd_high) = (
            i32x4_shuffle::<2, 6, 3, 7>(a.0, c.0),
            i32x4_shuffle::<2, 6, 3, 7>(b.0, d.0),
        );
        [
            Lanes(i32x4_shuffle::<0, 4, 1, 5>(ac, bd)),
            Lanes(i32x4_shuffle::<2, 6, 3, 7>(ac, bd)),
            Lanes(i32x4_shuffle::<0, 4, 1, 5>(ac_high, bd_high)),
            Lanes(i32x4_shuffle::<2, 6, 3, 7>(ac_high, bd_high)),
        ]
    }
}

/// Returns the samples whose columns these are, less 128, clamped.
#[inline(always)]
fn samples([upper, lower]: [[Lanes; 8]; 2]) -> [u8; 64] {
    let gray = i16x8_splat(128);
    let column = |x: usize| i16x8_add(i16x8_narrow_i32x4(upper[x].0, lower[x].0), gray);
    let two = |x: usize| u8x16_narrow_i16x8(column(x), column(x + 1));
    let low = i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>;
    let high = i8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>;
    let four = |x: usize| {
        let (a, b) = (two(x), two(x + 2));
        let (even, odd) = (low(a, b), high(a, b));
        (low(even, odd), high(even, odd))
    };
    let ((a, c), (b, d)) = (four(0), four(4));
    let rows = [
        i32x4_shuffle::<0, 4, 1, 5>(a, b),
        i32x4_shuffle::<2, 6, 3, 7>(a, b),
        i32x4_shuffle::<0, 4, 1, 5>(c, d),
        i32x4_shuffle::<2, 6, 3, 7>(c, d),
    ];
    let mut out = [0; 64];
    for (out, two) in out.chunks_exact_mut(16).zip(rows) {
        out[..8].copy_from_slice(&u64x2_extract_lane::<0>(two).to_le_bytes());
        out[8..].copy_from_slice(&u64x2_extract_lane::<1>(two).to_le_bytes());
    }
    out
}
