//! The integer discrete cosine transform, computed as libjpeg's `islow` does, so that pixels match
//! it bit for bit.
//!
//! The algorithm is Loeffler, Ligtenberg and Moschytz's (ICASSP 1989): eleven multiplications for
//! eight values.

use crate::headers::Steps;

/// A block's quantized coefficients in row-major order.
pub(crate) type Coefficients = [i16; 64];

const BITS: i32 = 13;
const PASS1: i32 = 2;

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

fn descale(x: i32, n: i32) -> i32 {
    x.wrapping_add(1 << (n - 1)) >> n
}

fn times(a: i32, b: i32) -> i32 {
    // A damaged file can hold values that no picture has. They wrap, as in libjpeg.
    a.wrapping_mul(b)
}

/// Inverse transform of eight values; the result is scaled up by 8 and 2^BITS.
fn inverse_8(c: [i32; 8]) -> [i32; 8] {
    let add = i32::wrapping_add;
    let sub = i32::wrapping_sub;
    let z1 = times(add(c[2], c[6]), F_0_541);
    let t2 = add(z1, times(c[6], -F_1_847));
    let t3 = add(z1, times(c[2], F_0_765));
    let t0 = add(c[0], c[4]).wrapping_shl(BITS as u32);
    let t1 = sub(c[0], c[4]).wrapping_shl(BITS as u32);
    let (t10, t13, t11, t12) = (add(t0, t3), sub(t0, t3), add(t1, t2), sub(t1, t2));

    let (t0, t1, t2, t3) = (c[7], c[5], c[3], c[1]);
    let (z1, z2, z3, z4) = (add(t0, t3), add(t1, t2), add(t0, t2), add(t1, t3));
    let z5 = times(add(z3, z4), F_1_175);
    let (z1, z2) = (times(z1, -F_0_899), times(z2, -F_2_562));
    let z3 = add(times(z3, -F_1_961), z5);
    let z4 = add(times(z4, -F_0_390), z5);
    let t0 = add(times(t0, F_0_298), add(z1, z3));
    let t1 = add(times(t1, F_2_053), add(z2, z4));
    let t2 = add(times(t2, F_3_072), add(z2, z3));
    let t3 = add(times(t3, F_1_501), add(z1, z4));
    [
        add(t10, t3),
        add(t11, t2),
        add(t12, t1),
        add(t13, t0),
        sub(t13, t0),
        sub(t12, t1),
        sub(t11, t2),
        sub(t10, t3),
    ]
}

/// Dequantizes and transforms a block to its 64 samples.
pub(crate) fn inverse(c: &Coefficients, steps: &Steps) -> [u8; 64] {
    let value = |i: usize| i32::from(c[i]).wrapping_mul(i32::from(steps[i]));
    let mut work = [0i32; 64];
    for x in 0..8 {
        if c[8 + x] | c[16 + x] | c[24 + x] | c[32 + x] | c[40 + x] | c[48 + x] | c[56 + x] == 0 {
            let flat = value(x).wrapping_shl(PASS1 as u32);
            (0..8).for_each(|y| work[8 * y + x] = flat);
            continue;
        }
        let column = inverse_8(std::array::from_fn(|y| value(8 * y + x)));
        for (y, v) in column.into_iter().enumerate() {
            work[8 * y + x] = descale(v, BITS - PASS1);
        }
    }
    let mut samples = [0u8; 64];
    for (row, out) in work.chunks_exact(8).zip(samples.chunks_exact_mut(8)) {
        let row = inverse_8(std::array::from_fn(|x| row[x]));
        for (v, out) in row.into_iter().zip(out) {
            *out = (descale(v, BITS + PASS1 + 3).wrapping_add(128)).clamp(0, 255) as u8;
        }
    }
    samples
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
            for (ours, exact) in inverse(&c, &steps).iter().zip(reference_inverse(&c, &steps)) {
                prop_assert!((f64::from(*ours) - exact.clamp(0.0, 255.0)).abs() < 0.75);
            }
        }

        #[test]
        fn round_trip_with_steps_of_one_is_lossless_to_one_level(samples in prop::collection::vec(any::<u8>(), 64)) {
            let samples: [u8; 64] = samples.try_into().unwrap();
            let back = inverse(&forward(&samples, &[1; 64]), &[1; 64]);
            for (a, b) in samples.iter().zip(back) {
                prop_assert!(a.abs_diff(b) <= 1);
            }
        }
    }
}
