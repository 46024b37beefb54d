//! The integer discrete cosine transform, computed as libjpeg's `islow` does, so that pixels match
//! it bit for bit.
//!
//! The algorithm is Loeffler, Ligtenberg and Moschytz's (ICASSP 1989): eleven multiplications for
//! eight values.

use crate::{block::Block, headers::Steps};

/// A block's quantized coefficients in row-major order.
pub(crate) type Coefficients = [i16; 64];

pub(crate) const BITS: u32 = 13;
pub(crate) const PASS1: u32 = 2;

const F_0_298: i32 = 2446;
const F_0_390: i32 = 3196;
const F_0_541: i32 = 4433;
const F_0_765: i32 = 6270;
const F_0_899: i32 = 7373;
const F_1_175: i32 = 9633;
const F_1_501: i32 = 12299;
const F_1_847: i32 = 15137;
const F_1_961: i32 = 16069;
const F_2_053: i32 = 16819;
const F_2_562: i32 = 20995;
const F_3_072: i32 = 25172;

fn descale(x: i32, n: u32) -> i32 {
    x.wrapping_add(1 << (n - 1)) >> n
}

/// A number of the inverse transform, or several side by side. Values that no picture has, as a
/// damaged file can hold them, wrap as in libjpeg.
pub(crate) trait Number: Copy {
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, factor: i32) -> Self;
    fn shifted(self, n: u32) -> Self;
}

impl Number for i32 {
    #[inline(always)]
    fn plus(self, other: i32) -> i32 {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn minus(self, other: i32) -> i32 {
        self.wrapping_sub(other)
    }

    #[inline(always)]
    fn times(self, factor: i32) -> i32 {
        self.wrapping_mul(factor)
    }

    #[inline(always)]
    fn shifted(self, n: u32) -> i32 {
        self.wrapping_shl(n)
    }
}

/// Inverse transform of eight values; the result is scaled up by 8 and 2^BITS.
#[inline(always)]
pub(crate) fn inverse_8<N: Number>(c: &[N; 8]) -> [N; 8] {
    let z1 = c[2].plus(c[6]).times(F_0_541);
    let t2 = z1.plus(c[6].times(-F_1_847));
    let t3 = z1.plus(c[2].times(F_0_765));
    let t0 = c[0].plus(c[4]).shifted(BITS);
    let t1 = c[0].minus(c[4]).shifted(BITS);
    let (t10, t13, t11, t12) = (t0.plus(t3), t0.minus(t3), t1.plus(t2), t1.minus(t2));

    let (t0, t1, t2, t3) = (c[7], c[5], c[3], c[1]);
    let (z1, z2, z3, z4) = (t0.plus(t3), t1.plus(t2), t0.plus(t2), t1.plus(t3));
    let z5 = z3.plus(z4).times(F_1_175);
    let (z1, z2) = (z1.times(-F_0_899), z2.times(-F_2_562));
    let z3 = z3.times(-F_1_961).plus(z5);
    let z4 = z4.times(-F_0_390).plus(z5);
    let t0 = t0.times(F_0_298).plus(z1.plus(z3));
    let t1 = t1.times(F_2_053).plus(z2.plus(z4));
    let t2 = t2.times(F_3_072).plus(z2.plus(z3));
    let t3 = t3.times(F_1_501).plus(z1.plus(z4));
    [
        t10.plus(t3),
        t11.plus(t2),
        t12.plus(t1),
        t13.plus(t0),
        t13.minus(t0),
        t12.minus(t1),
        t11.minus(t2),
        t10.minus(t3),
    ]
}

/// Dequantizes and transforms a block to its 64 samples.
pub(crate) fn inverse(block: &Block, steps: &Steps) -> [u8; 64] {
    if block.ac == 0 {
        let flat = i32::from(block.c[0]).times(i32::from(steps[0]));
        return [sample(flat.shifted(PASS1 + BITS)); 64];
    }
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    if steps[..8].iter().all(|&step| step <= 128) {
        // The shortcut for flat columns, which is missing there, then makes no difference.
        return crate::dct_simd::inverse(&block.c, steps);
    }
    scalar(&block.c, steps)
}

fn scalar(c: &Coefficients, steps: &Steps) -> [u8; 64] {
    let value = |i: usize| i32::from(c[i]).times(i32::from(steps[i]));
    let mut work = [0i32; 64];
    for x in 0..8 {
        if c[8 + x] | c[16 + x] | c[24 + x] | c[32 + x] | c[40 + x] | c[48 + x] | c[56 + x] == 0 {
            let flat = value(x).shifted(PASS1);
            (0..8).for_each(|y| work[8 * y + x] = flat);
            continue;
        }
        let column = inverse_8(&std::array::from_fn(|y| value(8 * y + x)));
        for (y, v) in column.into_iter().enumerate() {
            work[8 * y + x] = descale(v, BITS - PASS1);
        }
    }
    let mut samples = [0u8; 64];
    let (rows, _) = work.as_chunks::<8>();
    for (row, out) in rows.iter().zip(samples.chunks_exact_mut(8)) {
        for (v, out) in inverse_8(row).into_iter().zip(out) {
            *out = sample(v);
        }
    }
    samples
}

/// Scales a value of the second pass to a sample.
fn sample(v: i32) -> u8 {
    (descale(v, BITS + PASS1 + 3).wrapping_add(128)).clamp(0, 255) as u8
}

/// Forward transform of eight values. All results but the first and fifth are scaled up by 2^BITS.
fn forward_8(d: [i32; 8]) -> [i32; 8] {
    let (t0, t7) = (d[0] + d[7], d[0] - d[7]);
    let (t1, t6) = (d[1] + d[6], d[1] - d[6]);
    let (t2, t5) = (d[2] + d[5], d[2] - d[5]);
    let (t3, t4) = (d[3] + d[4], d[3] - d[4]);
    let (t10, t13, t11, t12) = (t0 + t3, t0 - t3, t1 + t2, t1 - t2);
    let z1 = (t12 + t13) * F_0_541;
    let (two, six) = (z1 + t13 * F_0_765, z1 - t12 * F_1_847);
    let (z1, z2, z3, z4) = (t4 + t7, t5 + t6, t4 + t6, t5 + t7);
    let z5 = (z3 + z4) * F_1_175;
    let (z1, z2) = (-z1 * F_0_899, -z2 * F_2_562);
    let (z3, z4) = (z5 - z3 * F_1_961, z5 - z4 * F_0_390);
    [
        t10 + t11,
        t7 * F_1_501 + z1 + z4,
        two,
        t6 * F_3_072 + z2 + z3,
        t10 - t11,
        t5 * F_2_053 + z2 + z4,
        six,
        t4 * F_0_298 + z1 + z3,
    ]
}

/// Transforms a block of samples and quantizes each coefficient to the nearest step.
pub(crate) fn forward(samples: &[u8; 64], steps: &Steps) -> Coefficients {
    let mut work = [0i32; 64];
    for (row, out) in samples.chunks_exact(8).zip(work.chunks_exact_mut(8)) {
        let line = forward_8(std::array::from_fn(|x| i32::from(row[x]) - 128));
        for (x, (v, out)) in line.into_iter().zip(out).enumerate() {
            *out = if x % 4 == 0 {
                v << PASS1
            } else {
                descale(v, BITS - PASS1)
            };
        }
    }
    let mut c = [0i16; 64];
    for x in 0..8 {
        let column = forward_8(std::array::from_fn(|y| work[8 * y + x]));
        for (y, v) in column.into_iter().enumerate() {
            let v = if y % 4 == 0 {
                descale(v, PASS1)
            } else {
                descale(v, BITS + PASS1)
            };
            // The transform's results are eight times the standard's.
            let step = 8 * i32::from(steps[8 * y + x]);
            let rounded = (v.abs() + step / 2) / step;
            c[8 * y + x] = (rounded * v.signum()) as i16;
        }
    }
    c
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The inverse transform as T.81 A.3.3 defines it.
    fn reference_inverse(c: &Coefficients, steps: &Steps) -> [f64; 64] {
        std::array::from_fn(|i| {
            let (x, y) = ((i % 8) as f64, (i / 8) as f64);
            let mut sum = 128.0;
            for (k, (&c, &q)) in c.iter().zip(steps).enumerate() {
                let (u, v) = ((k % 8) as f64, (k / 8) as f64);
                let scale = |f: f64| if f == 0.0 { 0.5f64.sqrt() } else { 1.0 };
                let wave =
                    |at: f64, f: f64| ((2.0 * at + 1.0) * f * std::f64::consts::PI / 16.0).cos();
                sum += 0.25
                    * scale(u)
                    * scale(v)
                    * f64::from(c)
                    * f64::from(q)
                    * wave(x, u)
                    * wave(y, v);
            }
            sum
        })
    }

    proptest! {
        #[test]
        fn inverse_matches_the_standard(c in prop::collection::vec(-6i16..6, 64), q in 1u16..40) {
            let c: Coefficients = c.try_into().unwrap();
            let steps = [q; 64];
            for (ours, exact) in inverse(&Block::new(&c), &steps).iter().zip(reference_inverse(&c, &steps)) {
                prop_assert!((f64::from(*ours) - exact.clamp(0.0, 255.0)).abs() < 0.75);
            }
        }

        #[test]
        fn round_trip_with_steps_of_one_is_lossless_to_one_level(samples in prop::collection::vec(any::<u8>(), 64)) {
            let samples: [u8; 64] = samples.try_into().unwrap();
            let back = inverse(&Block::new(&forward(&samples, &[1; 64])), &[1; 64]);
            for (a, b) in samples.iter().zip(back) {
                prop_assert!(a.abs_diff(b) <= 1);
            }
        }
    }
}
