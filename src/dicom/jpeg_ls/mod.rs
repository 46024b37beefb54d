//! JPEG-LS (ITU-T T.87) of one component: contexts and prediction, which both directions share.

mod bits;
mod decode;
mod encode;
mod lines;
#[cfg(test)]
mod tests;

pub(crate) use decode::decode;
pub(crate) use encode::encode;

/// Contexts of regular samples, and the two of samples that end a run.
const CONTEXTS: usize = 367;
const RUN_CONTEXT: usize = 365;
/// Lengths of runs, as powers of two.
const RUN_LENGTHS: [u8; 32] = [
    0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13,
    14, 15,
];

/// Limit on the samples after which statistics are halved; everybody uses 64. It bounds the sums.
const MAX_RESET: i32 = 4096;

/// Coding parameters (T.87, C.2.4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Params {
    most: i32,
    near: i32,
    thresholds: [i32; 3],
    reset: i32,
    /// Number of different errors.
    range: i32,
    /// Bits of an error.
    error_bits: u32,
    /// Most bits of a code.
    limit: u32,
}

impl Params {
    /// Returns the parameters; those that are zero have their defaults. `None` if they are outside
    /// their ranges.
    fn new(most: i32, near: i32, thresholds: [i32; 3], reset: i32) -> Option<Params> {
        if !(1..=0xFFFF).contains(&most) || !(0..=255.min(most / 2)).contains(&near) {
            return None;
        }
        let defaults = default_thresholds(most, near);
        let mut chosen = thresholds;
        for (chosen, default) in chosen.iter_mut().zip(defaults) {
            if *chosen == 0 {
                *chosen = default;
            }
        }
        let [low, middle, high] = chosen;
        let reset = if reset == 0 { 64 } else { reset };
        let is_sound = near < low && low <= middle && middle <= high && high <= most;
        if !is_sound || !(3..=MAX_RESET).contains(&reset) {
            return None;
        }
        let bits = |values: i32| i32::BITS - (values - 1).leading_zeros();
        let range = (most + 2 * near) / (2 * near + 1) + 1;
        let sample_bits = bits(most + 1).max(2);
        Some(Params {
            most,
            near,
            thresholds: chosen,
            reset,
            range,
            error_bits: bits(range),
            limit: 2 * (sample_bits + sample_bits.max(8)),
        })
    }

    /// Quantizes a gradient to -4 to 4.
    fn quantized(&self, gradient: i32) -> i32 {
        let [low, middle, high] = self.thresholds;
        let size = gradient.abs();
        let level = if size >= high {
            4
        } else if size >= middle {
            3
        } else if size >= low {
            2
        } else {
            i32::from(size > self.near)
        };
        level * gradient.signum()
    }

    /// Returns the sample that an error after a prediction means.
    fn restored(&self, predicted: i32, error: i32) -> i32 {
        let step = 2 * self.near + 1;
        let mut sample = predicted + error * step;
        if sample < -self.near {
            sample += self.range * step;
        } else if sample > self.most + self.near {
            sample -= self.range * step;
        }
        sample.clamp(0, self.most)
    }
}

fn default_thresholds(most: i32, near: i32) -> [i32; 3] {
    let clamp = |value: i32, low: i32| {
        if value > most || value < low {
            low
        } else {
            value
        }
    };
    let [low, middle, high] = match most {
        128.. => {
            let factor = (most.min(4095) + 128) / 256;
            let basic = [factor + 2, 4 * factor + 3, 17 * factor + 4];
            [
                basic[0] + 3 * near,
                basic[1] + 5 * near,
                basic[2] + 7 * near,
            ]
        }
        _ => {
            let factor = 256 / (most + 1);
            [
                2.max(3 / factor + 3 * near),
                3.max(7 / factor + 5 * near),
                4.max(21 / factor + 7 * near),
            ]
        }
    };
    let low = clamp(low, near + 1);
    let middle = clamp(middle, low);
    [low, middle, clamp(high, middle)]
}

/// Statistics of a context.
#[derive(Debug, Clone, Copy)]
struct Context {
    /// Sum of the errors' sizes.
    size: i32,
    /// Sum of the errors; of a run's end, the number of negative ones.
    bias: i32,
    /// Correction of the prediction.
    correction: i32,
    count: i32,
}

impl Context {
    /// Returns the parameter of the Golomb code for errors of this size.
    fn golomb(&self, size: i32) -> u32 {
        let mut k = 0;
        while self.count << k < size {
            k += 1;
        }
        k
    }

    /// Reports whether small errors are rather negative, which swaps their codes.
    fn is_negative(&self, k: u32, near: i32) -> bool {
        k == 0 && near == 0 && 2 * self.bias <= -self.count
    }

    fn update(&mut self, error: i32, params: &Params) {
        self.bias += error * (2 * params.near + 1);
        self.size += error.abs();
        if self.count == params.reset {
            self.size >>= 1;
            self.bias >>= 1;
            self.count >>= 1;
        }
        self.count += 1;
        if self.bias <= -self.count {
            self.bias = (self.bias + self.count).max(1 - self.count);
            self.correction = (self.correction - 1).max(-128);
        } else if self.bias > 0 {
            self.bias = (self.bias - self.count).min(0);
            self.correction = (self.correction + 1).min(127);
        }
    }

    fn update_run(&mut self, error: i32, mapped: i32, kind: i32, params: &Params) {
        self.bias += i32::from(error < 0);
        self.size += (mapped + 1 - kind) >> 1;
        if self.count == params.reset {
            self.size >>= 1;
            self.count >>= 1;
            self.bias >>= 1;
        }
        self.count += 1;
    }
}

/// State of a scan.
struct State {
    params: Params,
    contexts: [Context; CONTEXTS],
    run_index: usize,
}

/// A regular sample: its context, the sign of its error, and its prediction.
struct Regular {
    context: usize,
    sign: i32,
    predicted: i32,
}

impl State {
    fn new(params: Params) -> State {
        let context = Context {
            size: 2.max((params.range + 32) / 64),
            bias: 0,
            correction: 0,
            count: 1,
        };
        State {
            params,
            contexts: [context; CONTEXTS],
            run_index: 0,
        }
    }

    /// Returns the context of a sample; `None` if a run begins there.
    fn regular(&self, near: lines::Near) -> Option<Regular> {
        let params = &self.params;
        let [a, b, c, d] = [near.left, near.above, near.above_left, near.above_right];
        let gradients = [d - b, b - c, c - a];
        if gradients
            .iter()
            .all(|gradient| gradient.abs() <= params.near)
        {
            return None;
        }
        let [q1, q2, q3] = gradients.map(|gradient| params.quantized(gradient));
        let number = 81 * q1 + 9 * q2 + q3;
        let (context, sign) = (number.unsigned_abs() as usize, number.signum());
        let predicted = match c {
            _ if c >= a.max(b) => a.min(b),
            _ if c <= a.min(b) => a.max(b),
            _ => a + b - c,
        };
        let corrected = predicted + sign * self.contexts[context].correction;
        Some(Regular {
            context,
            sign,
            predicted: corrected.clamp(0, params.most),
        })
    }

    /// Returns what codes the sample that ends a run: its kind, context, sign, prediction, and the
    /// parameter of its code.
    fn run_end(&self, near: lines::Near) -> RunEnd {
        let (a, b) = (near.left, near.above);
        let kind = i32::from((a - b).abs() <= self.params.near);
        let context = RUN_CONTEXT + kind as usize;
        let found = &self.contexts[context];
        let size = found.size + kind * (found.count >> 1);
        RunEnd {
            kind,
            context,
            sign: if kind == 0 && a > b { -1 } else { 1 },
            predicted: if kind == 1 { a } else { b },
            k: found.golomb(size),
            limit: self.params.limit - u32::from(RUN_LENGTHS[self.run_index]) - 1,
        }
    }
}

/// The coding of the sample that ends a run.
struct RunEnd {
    kind: i32,
    context: usize,
    sign: i32,
    predicted: i32,
    k: u32,
    limit: u32,
}
